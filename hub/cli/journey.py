"""`hub journey check | draw | simulate`: what a service manager does with a journey file. Needs no broker."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hub.errors import ConfigurationError
from hub.intake.bodies import in_words
from hub.journeys import holidays
from hub.journeys.clocks import LONDON, Anchor, Due, calendar_for, parse_due
from hub.journeys.draw import mermaid, svg
from hub.journeys.load import file_named, files_of, load_file, load_files
from hub.journeys.model import Journey, Journeys
from hub.pages.dates import day_and_time, plural
from hub.routing.simulate import MOST_LINES, Answers, simulate
from hub.routing.step import World
from hub.settings import load_if_any
from schemas.facts import Facts, kind_of
from schemas.identifiers import GridReference
from schemas.times import FIRST_YEAR, LAST_YEAR

_NATIONS = ("england-and-wales", "scotland", "northern-ireland")
_ENDS_SOON = timedelta(days=365)


@click.group()
def command() -> None:
    """Check, draw and simulate journeys.

    A journey is named by its file, or by its name for one that the hub knows: hospital-discharge.
    """


@command.command()
@click.argument("files", nargs=-1)
@click.pass_obj
def check(settings: Path | None, files: tuple[str, ...]) -> None:
    """Check journey files word by word; without FILES, every journey the hub would load."""
    known = _files(settings)
    for journey in load_files([file_named(file, known) for file in files] if files else known):
        departments = len({task.department for task in journey.tasks})
        click.echo(
            f"{journey.name} version {journey.version}: {plural(len(journey.tasks), 'task')}, {plural(departments, 'department')}: good"
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
@click.pass_obj
def draw(settings: Path | None, file: str, picture: Path | None) -> None:
    """Draw a journey: Mermaid text on the screen, or an SVG file."""
    journey = load_file(file_named(file, _files(settings)))
    if picture is None:
        click.echo(mermaid(journey), nl=False)
        return
    try:
        picture.write_text(svg(journey), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{picture}: cannot be written: {error.strerror}. Name a file in a folder that exists and that you may write to."
        ) from error
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
@click.pass_obj
def run(
    settings: Path | None,
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
    from hub.pages.timeline import as_it_happens  # noqa: PLC0415 - as said above

    journey = load_file(file_named(file, _files(settings)))
    begin = _start(start)
    world = World(
        Journeys((journey,)), calendar_for(nation, holidays.published(holidays.SHIPPED)), source="/simulation"
    )
    said = dict(_pair(text, "--fact") for text in facts)
    for name in said:
        _known(f"fact in a request of {journey.name}", name, [*journey.requires, *journey.may_carry], "--fact")
    found: dict[str, dict[str, Any]] = {}
    for answer in answers:
        task, name, value = _answer(answer, journey)
        found.setdefault(task, {})[name] = value
    behave = Answers(
        facts={task: _facts(values, "--answer") for task, values in found.items()},
        takes=dict(_clock(text, journey) for text in takes),
        refused=frozenset(_task(name, journey, "--refuses") for name in refused),
    )
    case, happened = simulate(journey, world, begin, _facts(said, "--fact"), behave)
    # The title of a journey may hold what rich takes for mark-up.
    table = Table(title=escape(f"{journey.title}, from {day_and_time(begin, begin)}"), title_justify="left")
    for heading in ("When", "What", "More"):
        table.add_column(heading)
    for line in as_it_happens(case, happened, journey, begin):
        table.add_row(escape(line.when), escape(line.what), escape(line.detail))
    Console().print(table)
    if len(happened) >= MOST_LINES:
        click.echo(f"It goes on; {MOST_LINES} lines are enough to see that something asks for itself again and again.")
    missing = [name for name in journey.requires if name not in case.heard.facts]
    if missing:
        click.echo(f"A real request must also say: {', '.join(missing)}.")


def _files(settings: Path | None) -> list[Path]:
    """Files of every journey the hub would load; settings that merely stand here and cannot be used are told and passed over."""
    try:
        return files_of(load_if_any(settings))
    except ConfigurationError as error:
        if settings is not None:
            raise
        click.echo(f"Only the journeys that come with the hub are known here. {error}", err=True)
        return files_of(None)


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


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} reads like name=value.", param_hint=option)
    return name.strip(), value.strip()


def _known(what: str, word: str, known: Collection[str], option: str) -> str:
    if word not in known:
        near = get_close_matches(word, known, n=1)
        hint = f"did you mean {near[0]!r}? There" if near else "there"
        there = f"{hint} are: {', '.join(sorted(known))}." if known else "there is none."
        raise click.BadParameter(f"no {what} {word!r}; {there}", param_hint=option)
    return word


def _task(name: str, journey: Journey, option: str) -> str:
    return _known(f"task of {journey.name}", name, journey.by_name, option)


def _answer(text: str, journey: Journey) -> tuple[str, str, str]:
    """Task, fact and value of an answer."""
    place, value = _pair(text, "--answer")
    task, dot, name = place.partition(".")
    if not dot:
        raise click.BadParameter(f"{text!r} reads like check-home.steps_at_door=3.", param_hint="--answer")
    answers = journey.by_name[_task(task, journey, "--answer")].answers
    return task, _known(f"answer of {task}", name, answers, "--answer"), value


def _clock(text: str, journey: Journey) -> tuple[str, Due]:
    name, value = _pair(text, "--takes")
    try:
        due = parse_due(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r}: {error}.", param_hint="--takes") from error
    if due.anchor is not Anchor.START:
        raise click.BadParameter(f"{value!r} is no length of time: 3 working days.", param_hint="--takes")
    return _task(name, journey, "--takes"), due


def _facts(values: dict[str, Any], option: str) -> Facts:
    given = {name: value.split(",") if kind_of(name) is GridReference else value for name, value in values.items()}
    try:
        return Facts.model_validate(given)
    except ValidationError as error:
        wrong = " ".join(
            f"{item['loc'][0]}: {in_words(item)}" for item in error.errors(include_input=False, include_url=False)
        )
        raise click.BadParameter(wrong, param_hint=option) from None
