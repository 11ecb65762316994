"""How many records may be set aside within a minute.

Past it the consumer stops where it is: a bad release must not empty a topic into the dead letters.
Letters that merely wait for another (`parked`) are not counted: their case has been stopped already. What was counted is kept in the
memory of whoever counts, so that a process that is started again and again sets no more aside than one that runs.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock

WINDOW_S = 60.0


@dataclass(frozen=True)
class Counted:
    """How many records were set aside at a moment, seconds since 1970 to the millisecond."""

    at: float
    number: int


class Rate:
    """Counts what is set aside. May be shared by threads.

    Args:
        at_most: within a minute.
        clock: seconds since 1970; a restart must not change what it counts from.
    """

    def __init__(self, at_most: int, clock: Callable[[], float] = time.time) -> None:
        self.at_most = at_most
        self._clock, self._lock = clock, Lock()
        self._counted: deque[Counted] = deque()

    def remember(self, counted: Iterable[Counted]) -> None:
        """What was set aside before this process began, or by whoever had these partitions before."""
        with self._lock:
            # What is of the future was counted by a clock that was wrong: it must not stop anybody until then.
            now = self._clock()
            known = {*self._counted, *(each for each in counted if each.at <= now)}
            self._counted = deque(sorted(known, key=lambda each: each.at))

    def room(self) -> int:
        """How many more may be set aside now."""
        with self._lock:
            return max(0, self.at_most - self._within())

    def count(self, number: int) -> Counted | None:
        """So many are set aside; what is to be kept of it, None where there is nothing."""
        if number == 0:
            return None
        with self._lock:
            counted = Counted(round(self._clock(), 3), number)
            self._counted.append(counted)
            return counted

    def wait_s(self) -> float:
        """How long until there is room; 0 where there is."""
        with self._lock:
            over = self._within() - self.at_most
            if over < 0:
                return 0.0
            for counted in self._counted:
                over -= counted.number
                if over < 0:
                    return max(0.0, counted.at + WINDOW_S - self._clock())
            return 0.0

    def why(self, code: str) -> str:
        """Why nothing more is set aside, and what to do, in sentences.

        Args:
            code: of the record that would have been next.
        """
        return (
            f"{self.at_most} records were set aside within a minute, and the next would be too ({code}). Nothing more is, and nothing "
            "behind it is read, until the minute is over. If a new release, a journey or a connector's settings did this, put the old one "
            "back; see `hub dead-letters list`. dead_letters.at_most_per_minute in the settings is the limit."
        )

    def _within(self) -> int:
        since = self._clock() - WINDOW_S
        while self._counted and self._counted[0].at <= since:
            self._counted.popleft()
        return sum(counted.number for counted in self._counted)
