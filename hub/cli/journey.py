"""`hub journey check | draw | simulate`: what a service manager does with a journey file. Needs no broker."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from hub.errors import ConfigurationError
from hub.journeys import holidays
from hub.journeys.clocks import LONDON, Anchor, Due, calendar_for, parse_due
from hub.journeys.draw import mermaid, svg
from hub.journeys.load import SHIPPED, load_file, load_journeys
from hub.journeys.model import Journey, Journeys
from hub.journeys.source import JourneyError
from hub.routing.simulate import Answers, simulate
from hub.routing.step import World
from hub.settings import load
from schemas.facts import Facts
from schemas.times import FIRST_YEAR, LAST_YEAR

_NATIONS = ("england-and-wales", "scotland", "northern-ireland")
_ENDS_SOON = timedelta(days=365)


@click.group()
def command() -> None:
    """Check, draw and simulate journeys.

    A journey is named by its file, or by its name for one that comes with the hub: hospital-discharge.
    """


@command.command()
@click.argument("files", nargs=-1)
@click.pass_obj
def check(settings: Path | None, files: tuple[str, ...]) -> None:
    """Check journey files word by word; without FILES, every journey the hub would load."""
    journeys = [_journey(file) for file in files] if files else list(_all(settings))
    for journey in journeys:
        departments = len({task.department for task in journey.tasks})
        click.echo(
            f"{journey.name} version {journey.version}: {len(journey.tasks)} tasks, {departments} departments: good"
        )
    for nation, days in holidays.published(holidays.SHIPPED).items():
        until = calendar_for(nation, {nation: days}).known_until
        if until - datetime.now(tz=LONDON).date() < _ENDS_SOON:
            click.echo(
                f"Bank holidays of {nation} are known until {until:%d %B %Y}: save GOV.UK's newer file and name it in the settings."
            )


@command.command()
@click.argument("file")
@click.option(
    "--svg", "picture", type=click.Path(path_type=Path, dir_okay=False), help="Write an SVG picture here instead"
)
def draw(file: str, picture: Path | None) -> None:
    """Draw a journey: Mermaid text on the screen, or an SVG file."""
    journey = _journey(file)
    if picture is None:
        click.echo(mermaid(journey), nl=False)
        return
    picture.write_text(svg(journey), encoding="utf-8")
    click.echo(f"Drawn: {picture}")


@command.command(name="simulate")
@click.argument("file")
@click.option("--start", help='When the request comes in, local time: "2026-11-03 09:00" (default: now)')
@click.option("--fact", "facts", multiple=True, help="A fact of the request: mobility=wheelchair. Again for each.")
@click.option(
    "--answer", "answers", multiple=True, help="What a task finds out: check-home.steps_at_door=3. Again for each."
)
@click.option(
    "--takes",
    "takes",
    multiple=True,
    help='How long a task takes: "fit-ramp=3 working days" (else 1 working day). Again for each.',
)
@click.option("--refuses", "refused", multiple=True, help="A task that its department refuses. Again for each.")
@click.option(
    "--nation", type=click.Choice(_NATIONS), default=_NATIONS[0], show_default=True, help="Whose bank holidays count"
)
def run(
    file: str,
    *,
    start: str | None,
    facts: tuple[str, ...],
    answers: tuple[str, ...],
    takes: tuple[str, ...],
    refused: tuple[str, ...],
    nation: str,
) -> None:
    """A table of what would happen when, given a start, facts, and how the departments answer."""
    # The words of the case page; imported here because the other two sub-commands do without them.
    from hub.pages.dates import day_and_time  # noqa: PLC0415 - as said above
    from hub.pages.timeline import lines  # noqa: PLC0415 - as said above

    journey = _journey(file)
    begin = _start(start)
    world = World(
        Journeys((journey,)), calendar_for(nation, holidays.published(holidays.SHIPPED)), source="/simulation"
    )
    found: dict[str, dict[str, Any]] = {}
    for answer in answers:
        (task, name), value = _task_and_fact(answer, journey), answer.partition("=")[2]
        found.setdefault(task, {})[name] = value
    behave = Answers(
        facts={task: _facts(values) for task, values in found.items()},
        takes=dict(_clock(text, journey) for text in takes),
        refused=frozenset(_task(name, journey) for name in refused),
    )
    case, happened = simulate(journey, world, begin, _facts(dict(_pair(text) for text in facts)), behave)
    table = Table(title=f"{journey.title}, from {day_and_time(begin, begin)}", title_justify="left")
    for heading in ("When", "What", "More"):
        table.add_column(heading)
    for line in reversed(lines(case, happened, journey, happened[-1].at)):
        table.add_row(line.when, line.what, line.detail)
    Console().print(table)
    missing = [name for name in journey.requires if name not in case.heard.facts]
    if missing:
        click.echo(f"A real request must also say: {', '.join(missing)}.")


def _all(settings: Path | None) -> Iterable[Journey]:
    """What the hub would load: with a settings file the council's own too, else those that come with the hub."""
    try:
        return load_journeys(load(settings))
    except JourneyError:
        raise
    except ConfigurationError:
        if settings is not None:
            raise
        return [load_file(file) for file in sorted(SHIPPED.glob("*.yaml"))]


def _journey(file: str) -> Journey:
    """A journey by its file, or by the name of one that comes with the hub."""
    versions = sorted(SHIPPED.glob(f"{file}.v*.yaml")) if "/" not in file else []
    return load_file(versions[-1] if versions else Path(file))


def _start(text: str | None) -> datetime:
    if text is None:
        return datetime.now(tz=UTC).astimezone(LONDON).replace(second=0, microsecond=0)
    try:
        begin = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(
            f'{text!r} is no time. It reads like "2026-11-03 09:00".', param_hint="--start"
        ) from error
    if not FIRST_YEAR <= begin.year <= LAST_YEAR:
        raise click.BadParameter(f"the year lies outside {FIRST_YEAR} to {LAST_YEAR}.", param_hint="--start")
    return begin if begin.tzinfo else begin.replace(tzinfo=LONDON)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} reads like name=value.")
    return name.strip(), value.strip()


def _task(name: str, journey: Journey) -> str:
    if name not in journey.by_name:
        raise click.BadParameter(f"{journey.name} has no task {name!r}. There are: {', '.join(journey.by_name)}.")
    return name


def _task_and_fact(text: str, journey: Journey) -> tuple[str, str]:
    task, dot, name = _pair(text)[0].partition(".")
    if not dot:
        raise click.BadParameter(f"{text!r} reads like check-home.steps_at_door=3.", param_hint="--answer")
    return _task(task, journey), name


def _clock(text: str, journey: Journey) -> tuple[str, Due]:
    name, value = _pair(text)
    try:
        due = parse_due(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r}: {error}.", param_hint="--takes") from error
    if due.anchor is not Anchor.START:
        raise click.BadParameter(f"{value!r} is no length of time: 3 working days.", param_hint="--takes")
    return _task(name, journey), due


def _facts(values: dict[str, Any]) -> Facts:
    unknown = sorted(set(values) - set(Facts.model_fields))
    if unknown:
        raise click.BadParameter(f"no fact {', '.join(unknown)}. There are: {', '.join(sorted(Facts.model_fields))}.")
    try:
        return Facts.model_validate(values)
    except ValidationError as error:
        wrong = "; ".join(
            f"{item['loc'][0]}: {item['msg']}" for item in error.errors(include_input=False, include_url=False)
        )
        raise click.BadParameter(wrong) from None
