"""`hub connector`: run, check and list connectors; simulate their legacy systems."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Event as Signal
from typing import Any

import click
from pydantic import ValidationError
from rich.console import Console

from connectors.sdk.errors import ConfigurationError as ConnectorConfigurationError
from connectors.sdk.errors import ConnectorError
from connectors.sdk.settings import nearest, problems
from connectors.sdk.simulation import BackOffice, Citizen
from hub.cli.listing import listing
from hub.edge import registry
from hub.errors import ConfigurationError
from hub.settings import load, load_if_any


@click.group(name="connector")
def command() -> None:
    """Run, check and list connectors; simulate their legacy systems."""


@command.command()
@click.argument("name")
@click.pass_context
def run(ctx: click.Context, name: str) -> None:
    """Run one connector of the settings file until it is told to stop."""
    from hub.edge.process import run_connector  # noqa: PLC0415 - kafka-python and SQLAlchemy: a simulator needs neither

    run_connector(load(ctx.obj), name)


@command.command()
@click.argument("name")
@click.pass_context
def check(ctx: click.Context, name: str) -> None:
    """Reach one connector's legacy system and come back; says what to mend. Needs no Kafka."""
    from hub.edge.choice import choose  # noqa: PLC0415 - as above

    chosen = choose(load(ctx.obj), name)
    connector = chosen.connect()
    try:
        connector.check()
    except ConnectorConfigurationError as error:
        raise ConfigurationError(f"[connectors.{name}] {error}") from error
    except ConnectorError as error:
        raise click.ClickException(f"{name}: {error}") from error
    finally:
        connector.close()
    click.echo(f"{chosen.manifest.title}: reached, and as it should be.")


@command.command()
@click.argument("name")
@click.argument("dataset")
@click.argument("extract", type=int)
@click.pass_context
def release(ctx: click.Context, name: str, dataset: str, extract: int) -> None:
    """Let a full extract go that is held because it differs too much from the one before: you have looked, and it is right.

    EXTRACT is its number, in the command that the feed's page shows. Another one that is held by now is not let go.
    """
    from hub.edge.choice import choose  # noqa: PLC0415 - as above
    from hub.edge.engine import open_engine  # noqa: PLC0415 - as above
    from hub.edge.extracts import Extracts  # noqa: PLC0415 - as above
    from hub.edge.memory import EdgeMemory  # noqa: PLC0415 - as above

    settings = load(ctx.obj)
    chosen = choose(settings, name)
    if dataset not in chosen.manifest.reads:
        raise ConfigurationError(f"{name} reads no dataset {dataset}; {nearest(dataset, list(chosen.manifest.reads))}")
    engine = open_engine(settings.database_url(chosen.process.memory), name)
    try:
        EdgeMemory(engine, name)  # makes what tables are missing
        memory = Extracts(engine, name, dataset)
        released = memory.release(extract)
        held = memory.held()
    finally:
        engine.dispose()
    if released is None:
        now = f"Extract {held.id} is: {held.why}" if held else "None is."
        raise click.ClickException(f"Extract {extract} of {name} {dataset} is not held; nothing was released. {now}")
    click.echo(
        f"{released.name} ({released.rows:,} rows) is released; {name} says what is new in it when it looks next."
    )


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="For machines")
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List the connectors that are installed, and which of them the settings file uses."""
    settings = load_if_any(ctx.obj)
    used: dict[str, list[str]] = {}
    for table_name, process in settings.connectors.items() if settings else ():
        used.setdefault(process.connector, []).append(table_name)
    rows = [_facts(name, used.get(name, [])) for name in registry.names()]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    table = listing("name", "title", "department", "reads", "takes", "used as")
    for row in rows:
        table.add_row(
            row["name"],
            row["title"],
            row["department"],
            ", ".join(row["reads"]),
            ", ".join(row["tasks"]),
            ", ".join(row["tables"]) or "-",
        )
    Console().print(table)


def _facts(name: str, tables: list[str]) -> dict[str, Any]:
    try:
        _, manifest = registry.connector_named(name)
    except ConfigurationError as error:
        return {
            "name": name,
            "title": f"cannot be used: {error}",
            "department": "",
            "reads": [],
            "tasks": [],
            "tables": tables,
        }
    return {
        "name": name,
        "title": manifest.title,
        "department": str(manifest.department),
        "reads": list(manifest.reads),
        "tasks": [str(work) for work in manifest.tasks],
        "tables": tables,
    }


@command.command()
@click.argument("name")
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), required=True, help="Everything it keeps is there"
)
@click.option(
    "--citizens",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Invented citizens, one JSON object a line",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Loopback port, where it listens on one; 0 takes a free one",
)
@click.option("--seed", type=int, default=1, help="Another seed, another course of events")
@click.option("--accept-s", type=float, help="Mean seconds until work is accepted")
@click.option("--work-s", type=float, help="Mean seconds from acceptance to the end")
@click.option("--reject-share", type=float, help="Share of work that is refused")
@click.option("--stall-share", type=float, help="Share of work that lies about for a while")
@click.option("--stall-s", type=float, help="How much longer it then takes")
def simulate(name: str, folder: Path, citizens: Path | None, port: int, **habits: Any) -> None:
    """Serve a simulated legacy system until it is told to stop.

    Prints one line of JSON once it answers: {"ready": true, "name": ..., "settings": {...}}, the settings being what stands under
    [connectors.<name>] to reach it.
    """
    simulator_type = registry.simulator_named(name)
    try:
        office = BackOffice(**{habit: value for habit, value in habits.items() if value is not None})
    except ValidationError as error:
        raise ConfigurationError(problems("The back office", BackOffice, error)) from None
    simulator = simulator_type(folder, office, port)
    if citizens is not None:
        simulator.seed(_citizens(citizens))
    stop = Signal()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    def ready() -> None:
        line = {"ready": True, "name": name, "settings": dict(simulator.connector_settings())}
        click.echo(json.dumps(line, default=str))

    simulator.serve(ready, stop)


def _citizens(file: Path) -> Iterator[Citizen]:
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield Citizen.model_validate_json(line)
            except ValidationError as error:
                raise ConfigurationError(problems(f"{file}, line {number}", Citizen, error)) from None
