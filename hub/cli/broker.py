"""`hub broker`: a local Apache Kafka, started and stopped."""

import time
from pathlib import Path

import click

from hub.broker import jars, java, nodes, startup
from hub.broker.cluster import find
from hub.settings import BrokerSettings, load_if_any, no_two_nodes

_STATES = {
    (True, True): "answers",
    (True, False): "starting, or stuck",
    (False, True): "answers, run by another program",
    (False, False): "stopped",
}


def _one_or_three(_: click.Context, __: click.Parameter, count: int | None) -> int | None:
    try:
        return None if count is None else no_two_nodes(count)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.group(name="broker")
@click.option("--folder", type=click.Path(path_type=Path), help="Its folder (default: broker.folder of the settings).")
@click.pass_context
def command(ctx: click.Context, folder: Path | None) -> None:
    """Run a local Apache Kafka: one node or three, on loopback, in one folder."""
    ctx.obj = _settings(ctx.obj, folder)


@command.command()
@click.option("--nodes", "count", type=int, callback=_one_or_three, help="1, or 3 to try what a cluster does.")
@click.option("--new-ports", is_flag=True, help="Take other ports than last time.")
@click.pass_obj
def start(settings: BrokerSettings, count: int | None, new_ports: bool) -> None:
    """Start what is not running, and return when all of it answers."""
    runtime = java.choose()
    wanted = count or (settings.nodes if find(settings.folder) is None else None)
    began = time.monotonic()
    cluster = nodes.start(settings.folder, wanted, new_ports=new_ports, runtime=runtime)
    took = time.monotonic() - began
    for state in nodes.status(settings.folder):
        click.echo(_line(state))
    click.echo(f"\n{runtime.kafka} on Java {runtime.java.version} ({runtime.java.origin}) answers after {took:.1f} s.")
    click.echo(f"Bootstrap address: {cluster.bootstrap}")
    click.echo("\nThe hub of this folder finds it by itself. For any other, put into its settings file:\n")
    click.echo(f'  [kafka]\n  bootstrap = "{cluster.bootstrap}"')


@command.command()
@click.option("--within", default=nodes.STOP_WITHIN_S, show_default=True, help="Seconds after which a node is killed.")
@click.pass_obj
def stop(settings: BrokerSettings, within: float) -> None:
    """Stop every node in order; data and ports stay."""
    killed = nodes.stop(settings.folder, within)
    for node in killed:
        click.echo(
            f"node {node.number} did not end within {within:.0f} s and was killed; what it had acknowledged is kept."
        )
    click.echo("Stopped." if find(settings.folder) else f"There is no broker in {settings.folder}.")


@command.command()
@click.pass_context
def status(ctx: click.Context) -> None:
    """Show every node; exit 1 unless all of them answer."""
    states = nodes.status(ctx.obj.folder)
    for state in states:
        click.echo(_line(state))
    if not states:
        click.echo(f"There is no broker in {ctx.obj.folder}. `hub broker start` makes one.")
    if not states or not all(state.answers for state in states):
        ctx.exit(1)


@command.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def reset(settings: BrokerSettings, yes: bool) -> None:
    """Stop the broker and delete it with all its topics."""
    if find(settings.folder) is None:
        click.echo(f"There is no broker in {settings.folder}.")
        return
    if not yes:
        click.confirm(f"Delete the broker in {settings.folder} with everything on its topics?", abort=True)
    nodes.reset(settings.folder)
    click.echo("Deleted.")


@command.command()
def install() -> None:
    """Fetch Kafka, checked against the lock; without a network from then on."""
    click.echo(f"Apache Kafka {jars.KAFKA_VERSION}, checked: {jars.install()}")


@command.command()
def warm() -> None:
    """Make the start-up cache, once: about 15 s now, 3 s less at every start."""
    runtime = java.choose()
    if runtime.cache is None:
        click.echo("No start-up cache is kept for JAVA_HOME or KAFKA_HOME.")
    elif not runtime.cache.exists():
        click.echo("Preparing a faster start of Kafka: once, some 15 s; to interrupt it does no harm.")
        startup.make_cache(runtime, runtime.cache)


def _settings(file: Path | None, folder: Path | None) -> BrokerSettings:
    """The broker's settings, its folder absolute; without a settings file the defaults, counted from here."""
    if folder is not None:
        return BrokerSettings(folder=folder.absolute())
    settings = load_if_any(file)
    if settings is None:
        return BrokerSettings(folder=BrokerSettings().folder.absolute())
    return BrokerSettings(folder=settings.path(settings.broker.folder), nodes=settings.broker.nodes)


def _line(state: nodes.NodeState) -> str:
    words = _STATES[state.pid is not None, state.answers]
    pid = f", process {state.pid}" if state.pid else ""
    return f"node {state.node.number}  127.0.0.1:{state.node.port}  {words}{pid}, log {state.log}"
