"""The open dead letters, kept by a process that shows them often: each look reads only what has come since the last.

A look that is fresh enough is not repeated, and of many that ask at once one reads. What is kept are the open letters without their bodies
and, in a few bytes each, the markers; neither is read again before somebody opens a letter.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from threading import Lock

from hub.dead_letters.reading import Letter, OpenLetters
from hub.edge.messages import Incoming
from hub.errors import HubError, RestartMe

FRESH_S = 3.0
"""A look that is no older is not repeated; nor is one that failed."""

_PATIENCE_S = 5.0

ReadFrom = Callable[[Mapping[tuple[str, int], int]], Iterable[Incoming]]


class Watch:
    """Watches the dead-letter topics. May be shared by threads.

    Args:
        read: every record from these offsets on (by topic and partition; from the first where none is given) to the last there is.
        clock: seconds that only grow.
    """

    def __init__(self, read: ReadFrom, clock: Callable[[], float] = time.monotonic) -> None:
        self._read, self._clock, self._lock = read, clock, Lock()
        self._open = OpenLetters()
        self._next: dict[tuple[str, int], int] = {}
        self._looked_at = float("-inf")
        self._failed: HubError | None = None
        self._letters: list[Letter] = []

    def letters(self) -> list[Letter]:
        """The open letters, in the order in which their records first stood; at most `FRESH_S` old.

        Raises:
            HubError: the last look failed; why.
        """
        # A look at a Kafka that is away lasts: nobody else's thread is held up for it.
        if not self._lock.acquire(timeout=_PATIENCE_S):
            raise RestartMe(
                "The dead letters are being read just now, and Kafka takes its time. Try again in a minute."
            )
        try:
            if self._clock() - self._looked_at >= FRESH_S:
                self._look()
            if self._failed is not None:
                raise self._failed
            return self._letters
        finally:
            self._lock.release()

    def look_again(self) -> None:
        """Something was done about letters: what is kept is not fresh any more."""
        with self._lock:
            self._looked_at = float("-inf")

    def _look(self) -> None:
        self._failed = None
        try:
            for record in self._read(self._next):
                place = record.place
                self._open.add(record)
                self._next[place.topic, place.partition] = place.offset + 1
            self._letters = self._open.all()
        except HubError as error:
            self._failed = error
        finally:
            self._looked_at = self._clock()
