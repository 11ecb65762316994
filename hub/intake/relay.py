"""The relay: sends what the outbox holds to Kafka, in order, and forgets it only when Kafka has acknowledged it.

A row sent but not marked before a crash is sent again with the same event id, which every consumer ignores the second time.
"""

from collections.abc import Callable
from contextlib import ExitStack
from threading import Event, Thread
from time import monotonic, time
from typing import Protocol

import structlog

from hub.intake.outbox import Outbox, Waiting
from schemas.topics import CASE_EVENTS

_log = structlog.get_logger()
_SHARE = 500
_LOOK_EVERY_S = 1.0
"""How often to look even when nothing new was said to be there: rows of another web process that has gone."""
_RETRY_S = (0.5, 1.0, 2.0, 5.0)
_KEEP_MS = 90 * 24 * 3600 * 1000
"""For how long a key is remembered after its event was sent: 90 days."""
_FORGET_EVERY_S = 3600.0


class Sender(Protocol):
    """What the relay needs of a producer: `send` gives a function that waits for the acknowledgement."""

    def send(self, topic: str, key: str, value: bytes) -> Callable[[], None]:
        """Hand over one record; call the result to wait until it is acknowledged.

        Raises:
            HubError: from either, when Kafka does not take it.
        """

    def close(self) -> None:
        """Let go of the connection."""


class Relay:
    """Sends the outbox's rows from a thread of its own.

    Args:
        outbox: what to send.
        connect: makes a sender; raises HubError while Kafka cannot be reached.
    """

    def __init__(self, outbox: Outbox, connect: Callable[[], Sender]) -> None:
        self._outbox = outbox
        self._connect = connect
        self._stop = Event()
        self._thread = Thread(target=self._run, name="relay", daemon=True)
        self._forget_at = monotonic()
        self.reaches_kafka = False
        """Whether the last thing sent was acknowledged, or a connection could be made."""

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
                with ExitStack() as stack:
                    sender = self._connect()
                    stack.callback(sender.close)
                    while not self._stop.is_set():
                        self._send_all(sender)
                        self._back(failures)
                        failures = 0
                        self._outbox.arrived.wait(_LOOK_EVERY_S)
                        self._outbox.arrived.clear()
            except Exception as error:  # noqa: BLE001 - whatever it is, what was accepted must still be sent
                self._gone(error, failures)
                failures += 1
                self._stop.wait(_RETRY_S[min(failures, len(_RETRY_S)) - 1])

    def _send_all(self, sender: Sender) -> None:
        """Send until nothing is left; what was acknowledged is marked even when something else was not."""
        while waiting := self._outbox.unsent(_SHARE):
            sent: list[int] = []
            try:
                for row, acknowledged in [(row, _send(sender, row)) for row in waiting]:
                    acknowledged()
                    sent.append(row.seq)
            finally:
                self._outbox.sent(sent, _now_ms())
            if self._stop.is_set():
                return
        if monotonic() >= self._forget_at:
            self._outbox.forget(_now_ms() - _KEEP_MS)
            self._forget_at = monotonic() + _FORGET_EVERY_S

    def _gone(self, error: Exception, failures: int) -> None:
        self.reaches_kafka = False
        if failures == 0 and not self._stop.is_set():
            _log.warning("requests are accepted and wait: they cannot be sent to Kafka", exc_info=error)

    def _back(self, failures: int) -> None:
        self.reaches_kafka = True
        if failures:
            _log.info("Kafka is back; what waited was sent", attempts=failures)


def _send(sender: Sender, row: Waiting) -> Callable[[], None]:
    return sender.send(CASE_EVENTS.name, row.reference, row.event.encode())


def _now_ms() -> int:
    return int(time() * 1000)
