"""`hub`: one command for everything. Each sub-command is a module of `hub.cli`, imported only when it is called."""

import sys
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path

import click

from hub.errors import EXIT_CONFIGURATION, EXIT_RESTART, ConfigurationError, HubError

COMMANDS = {
    "up": "Run every process of a settings file on this machine",
    "demo": "See it work: an invented council, three simulated legacy systems, 200 requests",
    "worker": "Run the worker that routes cases",
    "web": "Run the pages and the API",
    "connector": "Run, check and list connectors",
    "feeds": "Say how every feed is: silent, away, held, or as it should be",
    "journey": "Check, draw and simulate journeys",
    "topics": "Plan and make the topics",
    "broker": "Run a local Apache Kafka",
    "dead-letters": "List, show and replay records that could not be understood",
    "bench": "Measure how fast the worker is here, on topics of its own",
    "effects": "List, show and settle what may or may not have reached a department",
}


class _Lazy(click.Group):
    """Imports a command's module when the command is named, so that `hub broker` never waits for Faust."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"hub.cli.{cmd_name.replace('-', '_')}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--settings", type=click.Path(path_type=Path), help="Settings file (default: HUB_SETTINGS, else hub.toml)"
)
@click.pass_context
def hub(ctx: click.Context, settings: Path | None) -> None:
    """Joins a council's line-of-business systems: one request, one case, one answer."""
    ctx.obj = settings


def main() -> None:
    """Entry point of the console script; turns the hub's own errors into a sentence and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a letter shows ? for it
    try:
        hub(prog_name="hub")
    except ConfigurationError as error:
        click.echo(f"hub: {error}", err=True)
        sys.exit(EXIT_CONFIGURATION)
    except HubError as error:
        click.echo(f"hub: {error}", err=True)
        sys.exit(EXIT_RESTART)


if __name__ == "__main__":
    main()
