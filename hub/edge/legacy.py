"""The legacy system as a sink has it: its connector, how long it is waited for, and what it answered."""

import time
from collections.abc import Callable
from typing import Any

from connectors.sdk.contract import Receipt, SinkConnector
from connectors.sdk.errors import ConnectorError, ContractBroken, RetryLater
from hub.edge.condition import Conditions
from hub.edge.reach import Reach
from hub.edge.source_runner import BROKEN_FOR_S

_MAKE_AGAIN_S = 1.0
"""Until a connector that reaches for its system as it is made is made again."""


class LegacySystem:
    """One thread's legacy system, with the patience that it takes.

    Args:
        reach: its connector.
        conditions: where it is said how the system is.
        part: under which name.
        wait: waits so many seconds with what is in hand; ends with an exception of its own where the process stops.
    """

    def __init__(
        self, reach: Reach[SinkConnector[Any]], conditions: Conditions, part: str, wait: Callable[[float], None]
    ) -> None:
        self._reach, self._conditions, self._part, self._wait = reach, conditions, part, wait

    def connector(self) -> SinkConnector[Any]:
        """The connector, once it can be made; nothing has been written by one that cannot."""
        while True:
            try:
                return self._reach.connector()
            except RetryLater as error:
                self.away(str(error), _MAKE_AGAIN_S)
            except ContractBroken as error:
                self.rest(str(error))

    def let_go(self, error: Exception) -> None:
        """Throw the connector away after an error of it; whatever is not of the kit's is a defect, and logged."""
        if not isinstance(error, ConnectorError):
            self._reach.failed(error)
        self._reach.let_go()

    def well(self) -> None:
        """It has answered, or nothing is waited for any more."""
        self._conditions.well(self._part)

    def away(self, why: str, wait_s: float) -> None:
        """Wait a while for a system that does not answer."""
        self._conditions.away(self._part, why)
        self._wait(wait_s)

    def rest(self, why: str) -> None:
        """Wait a long while, for a person should look."""
        self._conditions.broken(self._part, why)
        self._reach.let_go()
        self._wait(BROKEN_FOR_S)


def receipt_of(answer: object) -> Receipt:
    """What a connector answered, if it is a receipt.

    Raises:
        TypeError: it is not.
        ValueError: it is one that the ledger cannot keep.
    """
    if not isinstance(answer, Receipt):
        raise TypeError(f"a {type(answer).__name__} instead of a receipt")
    # Made anew, for its class may be the connector's own, which need not check anything.
    return Receipt(status=answer.status, reference=answer.reference, reason=answer.reason)


def now_ms() -> int:
    """The present, as the ledger has it."""
    return round(time.time() * 1000)
