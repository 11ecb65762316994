"""`hub up`: every process of a settings file on this machine, under one supervisor."""

import sys
from collections.abc import Callable
from functools import partial

import click
from rich.console import Console
from rich.table import Table

from hub.errors import ConfigurationError
from hub.settings import HubSettings, load
from hub.supervisor import run as running
from hub.supervisor.outlet import Outlet
from hub.supervisor.plan import Plan, plan
from hub.supervisor.screen import JsonLines, Plain, Screen, Terminal


@click.command(name="up")
@click.option("--check", is_flag=True, help="Check the settings and show what would run; start nothing.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object for every change of state, nothing else.")
@click.option("--plain", is_flag=True, help="Plain lines, as when the output is no terminal.")
@click.pass_context
def command(ctx: click.Context, check: bool, as_json: bool, plain: bool) -> None:
    """Run every process of a settings file on this machine: broker (if local), worker, web and each connector.

    What ends is started again. Ctrl-C or SIGTERM stops everything in order, a second one at once. All that the processes say is
    in .hub/hub.log beside the settings file, and as JSON in .hub/hub.ndjson.
    """
    settings = load(ctx.obj)
    wanted = plan(settings)
    outlet = Outlet(sys.stdout)
    console = outlet.console()
    if check:
        _refuse_what_cannot_run(wanted, settings)
        _show(wanted, settings, console)
        return
    running.run(settings, wanted, _screen(wanted, settings, console, as_json=as_json, plain=plain), outlet)


def _refuse_what_cannot_run(wanted: Plan, settings: HubSettings) -> None:
    """Look at everything by which a process would be refused when it starts, without starting it.

    Raises:
        ConfigurationError: all that was found.
    """
    # `hub up` itself loads none of these; each process loads its own.
    from hub.database import read_url  # noqa: PLC0415 - as said
    from hub.edge.choice import choose  # noqa: PLC0415 - as said
    from hub.routing.world import load_world  # noqa: PLC0415 - as said

    memories = {"worker": settings.worker.memory, "web": settings.web.memory} | {
        f"connectors.{name}": each.memory for name, each in settings.connectors.items()
    }
    looks: list[Callable[[], object]] = [
        *(partial(read_url, settings.database_url(memory), f"{of}.memory.url") for of, memory in memories.items()),
        partial(load_world, settings),
        *(partial(choose, settings, name) for name in settings.connectors),
        partial(running.check, wanted, settings),
    ]
    found = []
    for look in looks:
        try:
            look()
        except ConfigurationError as error:
            found.append(str(error))
    if found:
        raise ConfigurationError("\n".join(found))


def _screen(wanted: Plan, settings: HubSettings, console: Console, *, as_json: bool, plain: bool) -> Screen:
    if as_json:
        return JsonLines(console.file, wanted.services)
    if plain or not console.is_terminal:
        return Plain(console, wanted.services)
    log = running.state_folder(settings) / "hub.log"
    return Terminal(
        console, wanted.services, f"\n{settings.council.name}. Log: {log}. Ctrl-C stops everything in order."
    )


def _show(wanted: Plan, settings: HubSettings, console: Console) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("process")
    table.add_column("starts after")
    table.add_column("where")
    for service in wanted.services:
        table.add_row(service.name, ", ".join(service.needs) or "at once", service.address or "")
    console.print(f"{settings.file} is in order. `hub up` would run:\n", highlight=False)
    console.print(table)
