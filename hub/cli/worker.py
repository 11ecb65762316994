"""`hub worker`: the worker that routes cases."""

import signal
import sys

import click

from hub.errors import EXIT_OK
from hub.settings import load


@click.command(name="worker")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Run the worker that routes cases, until it is asked to stop."""
    # Until Faust listens for it itself: a worker that is told to stop while it starts was asked to, and has not failed.
    signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit(EXIT_OK))
    settings = load(ctx.obj)
    # Before Faust is imported: it takes the loop that is there.
    import uvloop  # noqa: PLC0415 - as said

    uvloop.install()
    from hub.routing.launcher import run  # noqa: PLC0415 - as said

    sys.exit(run(settings))
