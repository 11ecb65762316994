"""`hub dead-letters`: look through records that could not be understood, and send them again once the reason is mended."""

import getpass
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import click
from rich.console import Console

from hub.broker.cluster import bootstrap
from hub.cli.listing import listing
from hub.dead_letters.desk import Desk
from hub.dead_letters.reading import Letter, masked
from hub.errors import ConfigurationError
from hub.settings import load
from schemas.topics import UnreadableEvent


@click.group(name="dead-letters")
def command() -> None:
    """List, show, replay, fix and discard records that could not be understood."""


@command.command(name="list")
@click.option("--topic", help="Only those about this topic")
@click.option("--code", help="Only those with this reason code")
@click.option("--json", "as_json", is_flag=True, help="For machines")
@click.pass_context
def list_(ctx: click.Context, topic: str | None, code: str | None, as_json: bool) -> None:
    """List the records that nobody has settled, with the reason of each."""
    letters = _desk(ctx).letters(topic, code)
    if as_json:
        click.echo(json.dumps([_facts(letter) for letter in letters], ensure_ascii=False))
        return
    if not letters:
        click.echo("No dead letters.")
        return
    table = listing("id", "since", "code", "reason", "by", "tried")
    for letter in letters:
        table.add_row(
            letter.id, f"{letter.at:%d %b %H:%M} UTC", letter.code, letter.reason, letter.component, str(letter.attempt)
        )
    Console().print(table)


@command.command()
@click.argument("identifier", metavar="ID")
@click.option(
    "--reveal",
    is_flag=True,
    help="Print the record itself. It may be about a person: for stewards only, and who looked at which is kept in .hub/revealed.ndjson",
)
@click.pass_context
def show(ctx: click.Context, identifier: str, reveal: bool) -> None:
    """Show one record: why it was set aside, and its fields without what they say."""
    settings = load(ctx.obj)
    letter = Desk(settings.kafka, bootstrap(settings)).letter(identifier)
    if reveal:
        _note_reveal(settings.path(Path(".hub") / "revealed.ndjson"), letter)
    for name, value in _facts(letter).items():
        click.echo(f"{name + ':':<12}{value}")
    click.echo()
    if reveal:
        click.echo(letter.value or b"")
    else:
        click.echo(masked(letter.value))


def _choosing(function: Callable[..., None]) -> Callable[..., None]:
    """The arguments by which one or many letters are named."""
    for decorate in (
        click.option("--dry-run", is_flag=True, help="Say what would be done, do nothing"),
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
    dry_run: bool,
) -> None:
    """Send records to their topics again, in their first order. Mend the reason before, or they die again."""
    desk, letters = _chosen(ctx, identifiers, everything=everything, topic=topic, code=code)
    letters, worn_out = _parted(letters, lambda letter: everything and letter.is_worn_out)
    sent = [letter for letter in letters if letter.source] if dry_run else desk.replay(letters)
    for letter in sent:
        click.echo(f"{letter.id} {'would go' if dry_run else 'went'} to {letter.source.topic if letter.source else ''}")
    for letter in worn_out:
        click.echo(
            f"{letter.id} has died {letter.attempt} times and stays. Fix it, discard it, or replay it by its id."
        )
    _say_kept(letters)


@command.command()
@_choosing
@click.option("--why", required=True, help="The reason, for whoever asks later; nothing about a person")
def discard(
    ctx: click.Context,
    identifiers: tuple[str, ...],
    *,
    everything: bool,
    topic: str | None,
    code: str | None,
    dry_run: bool,
    why: str,
) -> None:
    """Settle records that nobody will mend. They stay on the dead-letter topic for its time, with who discarded them and why."""
    desk, letters = _chosen(ctx, identifiers, everything=everything, topic=topic, code=code)
    gone, stays = _parted(letters, lambda letter: letter.is_instruction)
    if not dry_run:
        desk.discard(gone, getpass.getuser(), why)
    for letter in gone:
        click.echo(f"{letter.id} {'would be' if dry_run else 'is'} discarded")
    for letter in stays:
        click.echo(
            f"{letter.id} is an instruction that its case waits for, and stays. Mend its reason and replay it, or withdraw the request."
        )


@command.command()
@click.argument("identifier", metavar="ID")
@click.argument("corrected", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Say whether the record would be taken, send nothing")
@click.pass_context
def fix(ctx: click.Context, identifier: str, corrected: IO[bytes], *, dry_run: bool) -> None:
    """Send a corrected record in the place of one that died: `show --reveal` it, mend it in a file, give the file (- for stdin).

    It is read as its topic's reader would; one that would die again is refused with the reason. Keep its id, so that it counts once.
    """
    desk = _desk(ctx)
    letter = desk.letter(identifier)
    try:
        record = letter.corrected(corrected.read())
    except UnreadableEvent as error:
        raise ConfigurationError(f"Not sent, for it would die again. {error}") from None
    except LookupError:
        raise ConfigurationError(
            f"{identifier} is a record of a legacy system: mend it there, or in the settings of its connector, and restart that."
        ) from None
    if not dry_run:
        desk.fix(letter, record, getpass.getuser())
    click.echo(
        f"The corrected record {'would go' if dry_run else 'went'} to {record.topic} in the place of {letter.id}"
    )


def _parted(letters: list[Letter], stay: Callable[[Letter], bool]) -> tuple[list[Letter], list[Letter]]:
    """Those something is done about, and those that stay, each in its order."""
    go, stays = list[Letter](), list[Letter]()
    for letter in letters:
        (stays if stay(letter) else go).append(letter)
    return go, stays


def _chosen(
    ctx: click.Context, identifiers: tuple[str, ...], *, everything: bool, topic: str | None, code: str | None
) -> tuple[Desk, list[Letter]]:
    """The letters that were named, or all of a filter."""
    if bool(identifiers) == everything:
        raise click.UsageError("Name the records, or say --all.")
    desk = _desk(ctx)
    letters = desk.letters(topic, code) if everything else [desk.letter(identifier) for identifier in identifiers]
    if not letters:
        click.echo("No dead letters.")
    return desk, letters


def _note_reveal(file: Path, letter: Letter) -> None:
    """Leave a trace of who looked at which record, before it is shown; no trace, no look."""
    line = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "who": getpass.getuser(), "id": letter.id}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as trace:
            trace.write(json.dumps(line) + "\n")
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be written ({error.strerror}), so nothing is revealed. Ask whoever runs the hub for the right to."
        ) from error


def _say_kept(letters: Sequence[Letter]) -> None:
    """Records of a legacy system are not sent from here."""
    kept: dict[str, int] = {}
    for letter in letters:
        if letter.source is None:
            kept[letter.component] = kept.get(letter.component, 0) + 1
    for component, number in kept.items():
        click.echo(
            f"{number} of {component} are kept by the connector, which tries them again whenever it starts: "
            f"mend [connectors.{component}] and restart it."
        )


def _desk(ctx: click.Context) -> Desk:
    settings = load(ctx.obj)
    return Desk(settings.kafka, bootstrap(settings))


def _facts(letter: Letter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "since": letter.at.isoformat(timespec="seconds"),
        "code": letter.code,
        "reason": letter.reason,
        "by": letter.component,
        "tried": letter.attempt,
        "from": letter.origin,
    }
