"""How the worker ends when it must not go on: at once, without Faust's own shutdown, which would acknowledge what was never applied."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import structlog

from hub.errors import EXIT_CONFIGURATION, EXIT_RESTART, ConfigurationError, HubError


def end_process(reason: str, error: BaseException | None = None) -> NoReturn:
    """Log why and leave: exit 78 when a person must edit something, else 75, start me again.

    Args:
        reason: in words that hold nothing personal.
        error: what led to it.
    """
    code = EXIT_CONFIGURATION if isinstance(error, ConfigurationError) else EXIT_RESTART
    structlog.get_logger().critical(reason, exit_code=code, exc_info=error)
    os._exit(code)


@contextmanager
def ends_process(what: str, unless: Callable[[], bool]) -> Iterator[None]:
    """Let no exception out of the block but a cancellation.

    Args:
        what: what went wrong, should anything.
        unless: whether the process is stopping anyhow; then the exception is logged and left at that.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - Faust would take any of them for "done"
        if unless():
            structlog.get_logger().warning(f"{what} while stopping", exc_info=error)
        else:
            end_process(f"{what}: {error}" if isinstance(error, HubError) else what, error)
