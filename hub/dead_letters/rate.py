"""How many records may be set aside within a minute.

Past it the consumer stops where it is: a bad release must not empty a topic into the dead letters. From then on one record a minute is
let through to see whether it still dies, and there is the full room again once a minute of that has passed in which none did: else a topic
would be emptied all the same, a minute's worth at a time. One that dies then counts as many as fill the room, so that what was counted
within `KEPT_S` tells it all, to whoever starts next too.

Letters that merely wait for another (`parked`) are not counted: their case has been stopped already. What was counted is kept in the
memory of whoever counts, so that a process that is started again and again sets no more aside than one that runs.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock

WINDOW_S = 60.0
KEPT_S = 3 * WINDOW_S
"""What was counted is of use for so long: a minute full of dead records, the minute of standing still, and that of trying."""
_ROUNDED_S = 0.001
"""A moment that is rounded to the millisecond may lie so far ahead of the clock."""


@dataclass(frozen=True)
class Counted:
    """How many records were set aside at a moment.

    Attributes:
        at: seconds since 1970, to the millisecond.
        number: so many; as many as fill the room, for one that was let through to see whether it dies.
        part: the partition that counted them, where a memory keeps several apart.
    """

    at: float
    number: int
    part: str = ""


class Rate:
    """Counts what is set aside. May be shared by threads.

    Args:
        at_most: within a minute.
        clock: seconds since 1970; a restart must not change what it counts from.
    """

    def __init__(self, at_most: int, clock: Callable[[], float] = time.time) -> None:
        self.at_most = at_most
        self._clock, self._lock = clock, Lock()
        self._counted: Counter[tuple[float, str]] = Counter()
        """How many, by moment and partition."""

    def remember(self, counted: Iterable[Counted]) -> None:
        """What was set aside before this process began, or by whoever had these partitions before."""
        said: Counter[tuple[float, str]] = Counter()
        for each in counted:
            said[each.at, each.part] += each.number
        with self._lock:
            self._counted |= said  # the greater of both: what this process counted itself is among what it hears of

    def room(self) -> int:
        """How many more may be set aside now."""
        with self._lock:
            if self._is_tried():
                return 0 if self._wait_s() else 1
            return self.at_most - self._within()

    def count(self, number: int, part: str = "") -> Counted | None:
        """So many are set aside, of one partition; what is to be kept of it, None where there is nothing."""
        if number == 0:
            return None
        with self._lock:
            fills = max(number, self.at_most) if self._is_tried() else number
            counted = Counted(round(self._clock(), 3), fills, part)
            self._counted[counted.at, part] += counted.number
            return counted

    def wait_s(self) -> float:
        """How long until there is room; 0 where there is."""
        with self._lock:
            return self._wait_s() if self._is_tried() else 0.0

    def why(self, code: str) -> str:
        """Why nothing more is set aside, and what to do, in sentences.

        Args:
            code: of the record that would have been next.
        """
        return (
            f"{self.at_most} records were set aside within a minute, and the next would be too ({code}). Nothing more is, and nothing "
            "behind it is read, until the minute is over; then one record a minute is tried, and all goes on once a minute of that "
            "has passed in which none was set aside. If a new release, a journey or a connector's settings did this, put the old one back; "
            "see `hub dead-letters list`. dead_letters.at_most_per_minute in the settings is the limit."
        )

    def _is_tried(self) -> bool:
        """Whether the limit was reached, and no minute has passed since in which records were tried and none died."""
        self._prune()
        tried_since, total, minute = self._clock() - 2 * WINDOW_S, 0, deque[tuple[float, int]]()
        for (at, _), number in sorted(self._counted.items()):
            minute.append((at, number))
            total += number
            while minute[0][0] <= at - WINDOW_S:
                total -= minute.popleft()[1]
            if total >= self.at_most and at > tried_since:
                return True
        return False

    def _wait_s(self) -> float:
        """How long until a minute has passed since the last one died."""
        return max(0.0, max(at for at, _ in self._counted) + WINDOW_S - self._clock())

    def _within(self) -> int:
        """How many were set aside in the minute before now."""
        since = self._clock() - WINDOW_S
        return sum(number for (at, _), number in self._counted.items() if at > since)

    def _prune(self) -> None:
        # What is of the future was counted by a clock that was wrong, or has been set back since: it must not stop anybody until then.
        now = self._clock()
        self._counted = Counter(
            {
                (at, part): number
                for (at, part), number in self._counted.items()
                if now - KEPT_S < at <= now + _ROUNDED_S
            }
        )
