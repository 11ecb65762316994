"""`hub dead-letters`: look through records that could not be understood, and send them again once the reason is mended."""

import json
import sys
from collections.abc import Callable, Sequence
from typing import IO, Any

import click
from rich.console import Console

from hub.broker.cluster import bootstrap
from hub.cli.listing import listing, plain
from hub.cli.person import person
from hub.dead_letters import telling
from hub.dead_letters.answers import Afterwards
from hub.dead_letters.desk import PATIENCE_S, WHY_LIMIT, Desk, one_of
from hub.dead_letters.plan import Plan, Stays, free, to_discard, to_fix, to_replay
from hub.dead_letters.reading import Letter, masked
from hub.edge.messages import Outgoing
from hub.errors import ConfigurationError
from hub.settings import HubSettings, load
from schemas.topics import CASE_EVENTS, UnreadableEvent

_PARTLY_DONE = 2
"""Exit code where not all was sent, or what was sent died again."""


def _short(_ctx: click.Context, _parameter: click.Parameter, why: str | None) -> str | None:
    """A reason as it is kept."""
    if why is not None and not 0 < len(why.strip()) <= WHY_LIMIT:
        raise click.BadParameter(f"A reason has 1 to {WHY_LIMIT} characters.")
    return why


@click.group(name="dead-letters")
def command() -> None:
    """List, show, replay, fix and discard records that could not be understood."""


@command.command(name="list")
@click.option("--topic", help="Only those about this topic")
@click.option("--code", help="Only those with this reason code; `parked` are those that only wait for another")
@click.option("--json", "as_json", is_flag=True, help="For machines")
@click.pass_context
def list_(ctx: click.Context, topic: str | None, code: str | None, as_json: bool) -> None:
    """List the records that nobody has settled, with the reason of each."""
    desk = _desk(load(ctx.obj))
    every = desk.letters(topic)
    letters, can_go_on = _filtered(every, code), {letter.id for letter in free(every)}
    if as_json:
        facts = [_facts(letter, is_free=letter.id in can_go_on) for letter in letters]
        click.echo(json.dumps(facts))
        return
    if not letters:
        click.echo(plain(telling.none(every or desk.letters())))
        return
    table = listing("id", "since", "code", "reason", "by", "tried")
    for letter in letters:
        table.add_row(
            letter.id,
            f"{letter.at:%d %b %H:%M} UTC",
            letter.code,
            telling.reason(letter, is_free=letter.id in can_go_on),
            letter.component,
            str(letter.attempt),
        )
    Console().print(table)


@command.command()
@click.argument("identifier", metavar="ID")
@click.option(
    "--reveal",
    is_flag=True,
    help="Print the record itself. It may be about a person: for stewards only. Who looked, at what and why is kept on the audit topic",
)
@click.option("--why", callback=_short, help="With --reveal: the reason")
@click.pass_context
def show(ctx: click.Context, identifier: str, reveal: bool, why: str | None) -> None:
    """Show one record: why it was set aside, and its fields without what they say."""
    if reveal and not why:
        raise click.UsageError("Say --why: who looked at which record and for what reason is kept.")
    desk = _desk(load(ctx.obj))
    letters = desk.letters(identifier.partition("/")[0])
    letter = one_of(letters, identifier)
    shown: bytes | str = masked(letter, desk.body(letter))
    if reveal and why:
        shown = desk.reveal(letter, person(), why, "command") or b""
    for name, value in _facts(letter, is_free=letter in free(letters)).items():
        click.echo(f"{name + ':':<12}{plain(str(value))}")
    click.echo()
    if isinstance(shown, bytes) and sys.stdout.isatty():
        shown = plain(shown.decode("utf-8", "backslashreplace"), keep="\n\t")
    click.echo(shown)


_WAIT = click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0),
    default=PATIENCE_S,
    show_default=True,
    help="Seconds without an answer after which nobody waits for the worker to take what was sent; "
    "what comes for its cases until then goes too",
)


def _choosing(function: Callable[..., None]) -> Callable[..., None]:
    """The arguments by which one or many letters are named."""
    for decorate in (
        click.option("--dry-run", is_flag=True, help="Say what would be done, do nothing"),
        _WAIT,
        click.option("--code", help="With --all: only those with this reason code"),
        click.option("--topic", help="With --all: only those about this topic"),
        click.option("--all", "everything", is_flag=True, help="Every open one, or those of --topic and --code"),
        click.argument("identifiers", metavar="[ID]...", nargs=-1),
        click.pass_context,
    ):
        function = decorate(function)
    return function


@command.command()
@_choosing
def replay(
    ctx: click.Context,
    identifiers: tuple[str, ...],
    *,
    everything: bool,
    topic: str | None,
    code: str | None,
    wait_s: float,
    dry_run: bool,
) -> None:
    """Send records to their topics again, in their first order. Mend the reason before, or they die again.

    What waits for one of them (code `parked`) goes with it, behind it; so does what comes for its case meanwhile.
    """
    desk = _desk(load(ctx.obj), wait_s)
    letters, chosen = _chosen(desk, identifiers, everything=everything, topic=topic, code=code)
    plan = to_replay(letters, chosen, by_name=not everything)
    _say(plan, None if dry_run else desk.carry_out(plan, person()))


@command.command()
@_choosing
@click.option(
    "--case",
    help="For records whose letters are gone, named by their places TOPIC/PARTITION/OFFSET: the case that waits for them",
)
@click.option(
    "--why", required=True, callback=_short, help="The reason, for whoever asks later; nothing about a person"
)
def discard(
    ctx: click.Context,
    identifiers: tuple[str, ...],
    *,
    everything: bool,
    topic: str | None,
    code: str | None,
    case: str | None,
    wait_s: float,
    dry_run: bool,
    why: str,
) -> None:
    """Settle records that nobody will mend. They stay on the dead-letter topic for its time, with who discarded them and why.

    Their cases are told, and go on: what waits for one of them (code `parked`) is replayed.
    """
    desk = _desk(load(ctx.obj), wait_s)
    if case is not None:
        if everything or topic or code:
            raise click.UsageError("With --case: name the places, without --all, --topic and --code.")
        _discard_lost(desk, identifiers, case, why, dry_run=dry_run)
        return
    letters, chosen = _chosen(desk, identifiers, everything=everything, topic=topic, code=code)
    plan = to_discard(letters, chosen)
    _say(plan, None if dry_run else desk.carry_out(plan, person(), why))


def _discard_lost(desk: Desk, places: tuple[str, ...], case: str, why: str, *, dry_run: bool) -> None:
    """Let a case go on without records whose letters are gone."""
    if not places:
        raise click.UsageError("With --case: name the places of the records that it waits for.")
    if dry_run:
        raise click.UsageError("With --case there is nothing to look at first: the records are gone.")
    came = []
    for place in places:
        came.append(desk.discard_lost(place, case, person(), why))
        click.echo(f"{place} was discarded")
        _say_afterwards(came[-1])
    _end(*came)


@command.command()
@click.argument("identifier", metavar="ID")
@click.argument("corrected", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Say whether the record would be taken, send nothing")
@_WAIT
@click.pass_context
def fix(ctx: click.Context, identifier: str, corrected: IO[bytes], *, wait_s: float, dry_run: bool) -> None:
    """Send a corrected record in the place of one that died: `show --reveal` it, mend it in a file, give the file (- for stdin).

    It is read as its topic's reader would read it, and put to the journeys; one that would die again is refused with the reason. Keep its
    id, so that it counts once. What waits for it (code `parked`) goes with it, behind it.
    """
    settings = load(ctx.obj)
    desk = _desk(settings, wait_s)
    letters = desk.letters(identifier.partition("/")[0])
    letter = one_of(letters, identifier)
    try:
        record = letter.corrected(corrected.read())
    except UnreadableEvent as error:
        raise ConfigurationError(f"Not sent, for it would die again. {error}") from None
    except LookupError:
        raise ConfigurationError(
            f"{identifier} is a record of a legacy system: mend it there, or in the settings of its connector, and restart that."
        ) from None
    if why := _would_die_of(record, settings):
        raise ConfigurationError(f"Not sent, for it would die again. {why}")
    plan = to_fix(letters, letter)
    _say(plan, None if dry_run else desk.carry_out(plan, person(), corrected=record))


def _chosen(
    desk: Desk, identifiers: tuple[str, ...], *, everything: bool, topic: str | None, code: str | None
) -> tuple[list[Letter], list[Letter]]:
    """All open letters, and those that were named or that a filter leaves."""
    if bool(identifiers) == everything:
        raise click.UsageError("Name the records, or say --all.")
    if identifiers and (topic or code):
        raise click.UsageError("--topic and --code go with --all: say that, or name the records alone.")
    letters = desk.letters(topic)
    chosen = _filtered(letters, code) if everything else [one_of(letters, identifier) for identifier in identifiers]
    if not chosen:
        click.echo(plain(telling.none(letters or desk.letters())))
    return letters, chosen


def _filtered(letters: Sequence[Letter], code: str | None) -> list[Letter]:
    return [letter for letter in letters if code in {None, letter.code}]


def _say(plan: Plan, after: Afterwards | None) -> None:
    """What is done, or would be, what stays and why, and what has come of it; nothing has of a dry run."""
    for step in plan.without([step for step, _ in after.unsent] if after else ()).steps:
        click.echo(f"{step.letter.id} {telling.done(step, is_done=after is not None)}")
    kept: dict[str, int] = {}
    for letter, why in plan.stay:
        if why is Stays.LEGACY:
            kept[letter.component] = kept.get(letter.component, 0) + 1
        else:
            click.echo(plain(f"{letter.id} {telling.stays(letter, why)}"))
    for component, number in kept.items():
        name = plain(component)
        click.echo(
            f"{number} of {name} are kept by the connector, which tries them again whenever it starts: "
            f"mend [connectors.{name}] and restart it."
        )
    if after is not None:
        _say_afterwards(after)
        _end(after)


def _say_afterwards(after: Afterwards) -> None:
    for words in telling.afterwards(after):
        click.echo(plain(words))


def _end(*came: Afterwards) -> None:
    """End with 2 where somebody has to look again."""
    if any(after.is_partly_done for after in came):
        raise SystemExit(_PARTLY_DONE)


def _would_die_of(record: Outgoing, settings: HubSettings) -> str | None:
    """What the worker would say against a record; None where nothing, and where another reads its topic: that has read it already."""
    if record.topic != CASE_EVENTS.name:
        return None
    from hub.routing.share import would_die_of  # noqa: PLC0415 - the worker's own: the other commands need none of it
    from hub.routing.world import load_world  # noqa: PLC0415 - as above

    return would_die_of(record.key or b"", record.value or b"", load_world(settings), settings.kafka.partitions)


def _desk(settings: HubSettings, wait_s: float = 0) -> Desk:
    return Desk(
        settings.kafka, bootstrap(settings), settings.council.code, settings.dead_letters.at_most_per_minute, wait_s
    )


def _facts(letter: Letter, *, is_free: bool) -> dict[str, Any]:
    return {
        "id": letter.id,
        "since": letter.at.isoformat(timespec="seconds"),
        "code": letter.code,
        "reason": telling.reason(letter, is_free=is_free),
        "can go on": is_free,
        "by": letter.component,
        "tried": letter.attempt,
        "from": letter.origin,
        "case": letter.case,
    }
