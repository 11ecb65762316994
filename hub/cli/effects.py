"""`hub effects`: instructions of which nobody knows whether their departments have them, and saying what somebody found who asked."""

import json
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console

from hub.broker.cluster import bootstrap
from hub.cli.listing import listing, plain
from hub.cli.person import person
from hub.edge.kafka import Sender
from hub.edge.messages import Outgoing
from hub.errors import ConfigurationError, RestartMe
from hub.intake.bodies import NewSettlement, read_plain
from hub.intake.door import settlement
from hub.intake.problems import Refusal
from hub.memory.reading import CaseReader, MemoryAway
from hub.routing.case import Case, TaskView
from hub.routing.heard import UncertainHeard
from hub.settings import HubSettings, load
from schemas.effects import EffectSettled, Found
from schemas.envelope import output_id
from schemas.topics import CASE_EVENTS

_MOST = 1_000
_SHOWN = 12
"""Letters of an effect key in a list; any beginning that is no other's will do as an ID."""

_Doubt = tuple[Case, TaskView, UncertainHeard]


@click.group(name="effects")
def command() -> None:
    """List, show and settle what was sent to a department's system and may or may not have arrived."""


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="For machines")
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List the instructions that somebody has to ask about, the longest first."""
    doubts = _doubts(load(ctx.obj))
    if as_json:
        click.echo(json.dumps([_facts(doubt) for doubt in doubts]))
        return
    if not doubts:
        click.echo("Nobody has to ask: it is known of every instruction whether its department has it.")
        return
    table = listing("id", "case", "task", "ask", "sent", "what is known")
    for case, view, doubt in doubts:
        sent = f"{doubt.at.astimezone(UTC):%d %b %H:%M} UTC"
        table.add_row(doubt.effect.hex[:_SHOWN], case.reference, view.name, view.department, sent, doubt.evidence)
    Console().print(table)


@command.command()
@click.argument("identifier", metavar="ID")
@click.pass_context
def show(ctx: click.Context, identifier: str) -> None:
    """Show one: what was sent where and when, and what is known of it."""
    for name, value in _facts(_doubt(load(ctx.obj), identifier)).items():
        click.echo(f"{name + ':':<12}{plain(value)}")


@command.command()
@click.argument("identifier", metavar="ID")
@click.option("--applied", "found", flag_value=Found.APPLIED.value, help="They have it")
@click.option(
    "--not-applied", "found", flag_value=Found.NOT_APPLIED.value, help="They have nothing of it: ask them again"
)
@click.option("--reference", default="", help="With --applied: what they call it")
@click.option("--by", help="Who asked; you, where left out")
@click.pass_context
def settle(ctx: click.Context, identifier: str, found: str | None, reference: str, by: str | None) -> None:
    """Say what somebody found who asked the department: the case goes on from there."""
    if found is None:
        raise click.UsageError("Say --applied or --not-applied.")
    settings = load(ctx.obj)
    case, view, doubt = _doubt(settings, identifier)
    now = datetime.now(UTC)
    body: dict[str, Any] = {"task": view.name, "found": found, "reference": reference, "by": by or person()}
    try:
        data = settlement(case, read_plain(NewSettlement, body, now))
    except Refusal as refusal:
        faults = " ".join(f"{fault.pointer.removeprefix('/')}: {fault.detail}" for fault in refusal.faults)
        raise ConfigurationError(faults or refusal.detail) from None
    event = EffectSettled(
        id=output_id(doubt.effect, f"settled|{found}|{data.reference}|{data.by}"),
        source=f"/{settings.council.code}/effects",
        time=now,
        correlationid=case.reference,
        causationid=doubt.effect,
        partitionkey=case.reference,
        council=settings.council.code,
        effectiveat=now,
        dataclassification=EffectSettled.classification,
        data=data,
    )
    sender = Sender(settings.kafka, bootstrap(settings), "effects")
    try:
        sender.send([Outgoing.event(CASE_EVENTS.name, event.partitionkey, event.encode())])
    finally:
        sender.close()
    click.echo(f"Noted for case {case.reference}, which goes on in a moment.")


def _doubts(settings: HubSettings) -> list[_Doubt]:
    """Every one, the longest first.

    Raises:
        RestartMe: the worker's memory cannot be read.
    """
    reader = CaseReader(settings.database_url(settings.worker.memory))
    try:
        cases = reader.cases_in_doubt(_MOST)
    except MemoryAway as error:
        raise RestartMe(str(error)) from error
    finally:
        reader.close()
    found = [(case, view, doubt) for case in cases for view, doubt in case.uncertain]
    return sorted(found, key=lambda each: each[2].at)


def _doubt(settings: HubSettings, identifier: str) -> _Doubt:
    """The one whose effect key begins so.

    Raises:
        ConfigurationError: none does, or several do.
    """
    begins = identifier.replace("-", "").lower()
    found = [each for each in _doubts(settings) if begins and each[2].effect.hex.startswith(begins)]
    if len(found) != 1:
        how = "Several begin" if found else "No unknown effect begins"
        raise ConfigurationError(f"{how} with {identifier}. `hub effects list` shows those there are.")
    return found[0]


def _facts(of: _Doubt) -> dict[str, str]:
    case, view, doubt = of
    return {
        "id": doubt.effect.hex,
        "case": case.reference,
        "task": view.name,
        "ask": str(view.department),
        "connector": doubt.connector,
        "asked": doubt.asked,
        "sent": doubt.at.isoformat(timespec="seconds"),
        "known": doubt.evidence,
    }
