"""`hub demo`: an invented council at work."""

import sys
import time
from pathlib import Path
from typing import Any

import click


@click.command(name="demo")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".hub/demo"),
    show_default=True,
    help="Where everything is; made anew each time.",
)
@click.option(
    "--requests", type=click.IntRange(1, 20_000), default=200, show_default=True, help="How many requests are made."
)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="Another seed, other citizens and another course of events."
)
@click.option(
    "--within",
    "within_s",
    type=click.FloatRange(1),
    default=300.0,
    show_default=True,
    help="Seconds until it gives up.",
)
@click.option("--kill", is_flag=True, help="Kill a random process with SIGKILL every few seconds.")
@click.option(
    "--kill-every", "kill_every_s", type=click.FloatRange(0.5), default=5.0, show_default=True, help="How few."
)
@click.option("--stay", is_flag=True, help="Keep the pages up at the end, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Write the summary as JSON to stdout, all else to stderr.")
@click.option("--plain", is_flag=True, help="Plain lines, as when the output is no terminal.")
def command(**given: Any) -> None:
    """See it work: an invented council, three simulated legacy systems, and requests from invented citizens.

    Ends with "all 200 cases finished" and exit code 0, or says which are not and what each waits for. Ctrl-C leaves nothing running.
    """
    began = time.monotonic()
    from hub.demo.run import Options, run  # noqa: PLC0415 - loading is part of what somebody waits for, and is counted

    sys.exit(run(Options(**given), began))
