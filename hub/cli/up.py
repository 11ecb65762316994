"""`hub up`: every process of a settings file on this machine, under one supervisor."""

import sys

import click
from rich.console import Console
from rich.table import Table

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
        from hub.edge.process import choose  # noqa: PLC0415 - `hub up` itself never loads a connector

        for name in settings.connectors:
            choose(settings, name)
        running.check(wanted, settings)
        _show(wanted, settings, console)
        return
    running.run(settings, wanted, _screen(wanted, settings, console, as_json=as_json, plain=plain), outlet)


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
