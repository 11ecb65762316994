"""`hub web`: the pages and the API."""

import signal
from pathlib import Path

import click
import structlog
import uvicorn

from hub import logs
from hub.errors import ConfigurationError
from hub.pages.app import build_app
from hub.settings import load


@click.command(name="web")
@click.pass_obj
def command(file: Path | None) -> None:
    """Run the pages and the API, until asked to stop (Ctrl-C or SIGTERM)."""
    settings = load(file)
    logs.configure(settings.logs.level, "web")
    host, port = settings.web.host, settings.web.port
    config = uvicorn.Config(
        build_app(settings),
        host=host,
        port=port,
        loop="uvloop",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    try:
        socket = config.bind_socket()
    except SystemExit:
        raise ConfigurationError(
            f"Cannot listen on {host}:{port}. Choose another web.port in {settings.file}, or end the process that has it."
        ) from None
    structlog.get_logger().info("web listens", address=f"http://{host}:{socket.getsockname()[1]}")
    for asked_to_stop in (signal.SIGTERM, signal.SIGINT):
        # uvicorn stops in order, then raises the signal again: to be asked to stop is no failure, so nothing must follow.
        signal.signal(asked_to_stop, lambda *_: None)
    uvicorn.Server(config).run(sockets=[socket])
