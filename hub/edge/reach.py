"""One thread's way to its legacy system: a connector, made when it is needed, and again after it broke a promise.

What a connector raises on purpose is one of the kit's errors. Anything else is a defect of it, whatever its kind, and ends no more than
what it was about. Its own words may hold a record, so only its kind is told.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

import structlog

from connectors.sdk.contract import Connector
from connectors.sdk.errors import ConfigurationError, ContractBroken, RetryLater

C = TypeVar("C", bound=Connector[Any])

ON_PURPOSE = (RetryLater, ContractBroken, ConfigurationError)
"""What a connector may say of its legacy system or of itself, whatever it was asked."""


class Reach(Generic[C]):
    """The connector of one thread.

    Args:
        connect: makes it; called in the thread that uses it.
        who: the connector's name, for the log.
    """

    def __init__(self, connect: Callable[[], C], who: str) -> None:
        self._connect = connect
        self._made: C | None = None
        self._log = structlog.get_logger().bind(connector=who)

    def connector(self) -> C:
        """The connector.

        Raises:
            ContractBroken: it cannot be made.
        """
        if self._made is None:
            try:
                self._made = self._connect()
            except ON_PURPOSE:
                raise
            except Exception as error:
                raise self.broken(error, "start") from error
        return self._made

    def broken(self, defect: Exception, where: str) -> ContractBroken:
        """A defect of the connector as a broken promise; logged.

        Args:
            defect: what its code raised.
            where: in what, such as "read".
        """
        self.failed(defect)
        return ContractBroken(f"{type(defect).__name__} in the connector's {where}; this is a defect of the connector.")

    def failed(self, defect: Exception) -> None:
        """Log a defect of the connector."""
        self._log.error("the connector failed", outcome="defect", exc_info=defect)

    def let_go(self) -> None:
        """Close the connector; the next one is made anew. Never raises."""
        made, self._made = self._made, None
        if made is not None:
            with suppress(Exception):
                made.close()
