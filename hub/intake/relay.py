"""The relay: sends what the outbox holds to Kafka, in order, and forgets it only when Kafka has acknowledged it.

Rows sent but not marked before a crash are sent again with the same event ids, which every consumer ignores the second time.
"""

from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from threading import Event, Thread
from time import monotonic, time
from typing import Protocol

import structlog

from hub.edge.messages import Outgoing
from hub.errors import HubError
from hub.failpoints import Failpoint, reach
from hub.intake.outbox import Outbox, OutboxUnavailable
from schemas.topics import CASE_EVENTS

_log = structlog.get_logger()
_SHARE = 500
_LOOK_EVERY_S = 1.0
"""How often to look even when nothing new was said to be there: rows of another web process that has gone."""
_RETRY_S = (0.5, 1.0, 2.0, 5.0)
_KEEP_MS = 90 * 24 * 3600 * 1000
"""For how long a key is remembered after its event was sent: 90 days."""
_FORGET_EVERY_S = 3600.0


class Sends(Protocol):
    """What the relay needs of a producer: `hub.edge.kafka.Sender`."""

    def send(self, records: Sequence[Outgoing]) -> object:
        """Send records and return when all are acknowledged.

        Raises:
            RestartMe: one was not.
        """

    def close(self) -> None:
        """Let go of the connection."""


class Relay:
    """Sends the outbox's rows from a thread of its own.

    Args:
        outbox: what to send.
        connect: makes a sender; raises HubError while Kafka cannot be reached.
    """

    def __init__(self, outbox: Outbox, connect: Callable[[], Sends]) -> None:
        self._outbox = outbox
        self._connect = connect
        self._stop = Event()
        self._thread = Thread(target=self._run, name="relay", daemon=True)
        self._forget_at = monotonic()
        self._unmarked: list[int] = []
        """Acknowledged, and not yet marked so: an outbox that cannot be written must not be sent again and again."""
        self.reaches_kafka = False
        """Whether a connection could be made and whatever was sent since was acknowledged."""
        self.trouble = "Kafka has not answered yet."
        """Why it could not send, and what to do, while `reaches_kafka` is false."""

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self, within_s: float = 5.0) -> None:
        """Stop after what is being sent; what is left stays in the outbox for the next start."""
        self._stop.set()
        self._outbox.arrived.set()
        if self._thread.is_alive():
            self._thread.join(within_s)

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                with closing(self._connect()) as sender:
                    while not self._stop.is_set():
                        # The outbox says for itself that its database fails: Kafka has nothing to do with it.
                        with suppress(OutboxUnavailable):
                            self._send_all(sender)
                        self._back(failures)
                        failures = 0
                        self._outbox.arrived.wait(_LOOK_EVERY_S)
                        self._outbox.arrived.clear()
            except Exception as error:  # noqa: BLE001 - whatever it is, what was accepted must still be sent
                self._gone(error, failures)
                failures += 1
                self._stop.wait(_RETRY_S[min(failures, len(_RETRY_S)) - 1])

    def _send_all(self, sender: Sends) -> None:
        """Send until nothing is left, or the process stops."""
        self._mark()
        while not self._stop.is_set() and (waiting := self._outbox.unsent(_SHARE)):
            sender.send([Outgoing.event(CASE_EVENTS.name, row.reference, row.event.encode()) for row in waiting])
            self._unmarked = [row.seq for row in waiting]
            reach(Failpoint.RELAY_ACKNOWLEDGED)
            self._mark()
        if monotonic() >= self._forget_at:
            self._outbox.forget(_now_ms() - _KEEP_MS)
            self._forget_at = monotonic() + _FORGET_EVERY_S

    def _mark(self) -> None:
        self._outbox.sent(self._unmarked, _now_ms())
        self._unmarked = []

    def _gone(self, error: Exception, failures: int) -> None:
        self.reaches_kafka = False
        self.trouble = str(error) if isinstance(error, HubError) else f"sending failed ({type(error).__name__})."
        if failures == 0 and not self._stop.is_set():
            _log.warning("requests are accepted and kept: they cannot be sent to Kafka", exc_info=error)

    def _back(self, failures: int) -> None:
        self.reaches_kafka = True
        if failures:
            _log.info("Kafka answers again; what was kept is sent", attempts=failures)


def _now_ms() -> int:
    return int(time() * 1000)
