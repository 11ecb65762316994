"""Ends a process that looks alive and does nothing.

Its loop is dead, a rebalance or a stop does not end, records wait unapplied, or Kafka does not let it in any more. It runs in a thread of
its own, so that nothing it watches can stop it. `Judge` decides, `Watchdog` looks and acts.
"""

import threading
import time
from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Look:
    """What the loop says of itself at one moment.

    Attributes:
        is_rebalancing: whether the group is being rearranged.
        waiting: next offset to apply of each partition in which records wait; partitions that are read up are left out.
        refused: why Kafka does not let this process work; empty where it does. Only a fresh process reads its settings again.
    """

    is_rebalancing: bool = False
    waiting: Mapping[str, int] = field(default_factory=dict)
    refused: str = ""


class Judge:
    """Since when everything moves.

    Args:
        stuck_after_s: how long nothing may move.
        stop_within_s: how long a stop may take.
        now: seconds of a clock that only grows, as in every call.
    """

    def __init__(self, stuck_after_s: float, stop_within_s: float, now: float | None = None) -> None:
        now = time.monotonic() if now is None else now
        self._stuck_after_s = stuck_after_s
        self._stop_within_s = stop_within_s
        self._beat = now
        self._settled = now
        self._stop_asked: float | None = None
        self._waiting: dict[str, tuple[int, float]] = {}
        self._refused = ""

    def look(self, now: float, look: Look) -> None:
        """Note what the loop says; that it says anything shows that it lives."""
        self._beat, self._refused = now, look.refused
        if not look.is_rebalancing:
            self._settled = now
        self._waiting = {
            partition: self._waiting[partition]
            if self._waiting.get(partition, (-1, 0.0))[0] == offset
            else (offset, now)
            for partition, offset in look.waiting.items()
        }

    def stop_asked(self, now: float) -> None:
        """Note that the process was asked to stop; the first time counts."""
        self._stop_asked = self._stop_asked if self._stop_asked is not None else now

    def silent_s(self, now: float) -> float:
        """How long ago the loop last said anything."""
        return now - self._beat

    def verdict(self, now: float) -> str | None:
        """Why the process must end; None while it may go on."""
        if self._stop_asked is not None:
            return self._over(now, self._stop_asked, self._stop_within_s, "The stop did not finish")
        stuck = [
            self._refused,
            self._over(now, self._beat, self._stuck_after_s, "The event loop did not answer"),
            self._over(now, self._settled, self._stuck_after_s, "The rebalance did not end"),
            *(
                self._over(now, since, self._stuck_after_s, f"Records wait in {partition} and none was applied")
                for partition, (_, since) in self._waiting.items()
            ),
        ]
        return next((reason for reason in stuck if reason), None)

    def _over(self, now: float, since: float, limit_s: float, what: str) -> str | None:
        return f"{what} for {now - since:.0f} s." if now - since > limit_s else None


class Watchdog:
    """Looks every second, from a thread of its own.

    Args:
        judge: decides.
        loop: gives the loop to look into, or None while there is none yet.
        look: called in that loop.
        is_stopping: called in the watchdog's thread.
        end: ends the process with a reason; called in the watchdog's thread.
    """

    def __init__(
        self,
        judge: Judge,
        *,
        loop: Callable[[], AbstractEventLoop | None],
        look: Callable[[], Look],
        is_stopping: Callable[[], bool],
        end: Callable[[str], object],
    ) -> None:
        self._judge = judge
        self._loop = loop
        self._look = look
        self._is_stopping = is_stopping
        self._end = end
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._over.set()

    def silent_s(self) -> float:
        """How long ago the loop last answered."""
        return self._judge.silent_s(time.monotonic())

    def _watch(self) -> None:
        while not self._over.wait(1.0):
            if self._is_stopping():
                self._judge.stop_asked(time.monotonic())
            loop = self._loop()
            # A loop that is closed is past every look; the stop's deadline still holds.
            if loop is not None and not loop.is_closed():
                loop.call_soon_threadsafe(self._answer)
            if reason := self._judge.verdict(time.monotonic()):
                self._end(reason)
                return

    def _answer(self) -> None:
        self._judge.look(time.monotonic(), self._look())
