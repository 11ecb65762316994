"""How the parts of a connector's process are: well, waiting for a legacy system, or stopped for a person; said once when it changes."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from threading import Lock
from typing import Any

import structlog

from hub.health.http import Health


class Mood(StrEnum):
    """What can be the matter."""

    STARTING = "starting"
    WELL = "well"
    AWAY = "away"
    """The legacy system does not answer; it is asked again and again."""
    HELD = "held"
    """An extract differs too much from the one before; nothing of it is said until a person lets it go, or another takes its place."""
    BROKEN = "broken"
    """A promise is broken; tried again after a long while, but a person should look."""


@dataclass(frozen=True)
class Condition:
    """How one part is."""

    mood: Mood
    since: datetime
    why: str = ""


class Conditions:
    """The conditions of all parts; may be shared by threads.

    Args:
        parts: names, such as works-orders and tasks.
        log: for the line when something goes and the line when it returns.
        clock: now, with a zone.
    """

    def __init__(
        self, parts: list[str], log: Any = None, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._clock, self._lock = clock, Lock()
        self._log = log or structlog.get_logger()
        self._now = {part: Condition(Mood.STARTING, clock()) for part in parts}

    def started(self, part: str) -> None:
        """The part has begun to work, which says nothing of one that has been ill since."""
        with self._lock:
            if self._now[part].mood is Mood.STARTING:
                self._now[part] = Condition(Mood.WELL, self._clock())

    def well(self, part: str) -> None:
        """The part works."""
        before = self._set(part, Mood.WELL, "")
        if before.mood in {Mood.AWAY, Mood.HELD, Mood.BROKEN}:
            away_s = round((self._clock() - before.since).total_seconds(), 1)
            self._log.info("works again", part=part, outcome="returned", away_s=away_s)

    def away(self, part: str, why: str) -> None:
        """The legacy system does not answer."""
        if self._set(part, Mood.AWAY, why).mood is not Mood.AWAY:
            self._log.warning("the legacy system is away; waiting for it", part=part, outcome="away", reason=why)

    def held(self, part: str, why: str) -> None:
        """What was read is not said before a person has looked at it."""
        if self._set(part, Mood.HELD, why).mood is not Mood.HELD:
            self._log.error("an extract is held; a person should look", part=part, outcome="held", reason=why)

    def broken(self, part: str, why: str) -> None:
        """A promise is broken."""
        if self._set(part, Mood.BROKEN, why).mood is not Mood.BROKEN:
            self._log.error("stopped; a person should look", part=part, outcome="broken", reason=why)

    def all(self) -> dict[str, Condition]:
        """Every part's condition."""
        with self._lock:
            return dict(self._now)

    def ready(self) -> Health:
        """Whether everything works; else what does not, since when and why."""
        ill = {part: condition for part, condition in self.all().items() if condition.mood is not Mood.WELL}
        if not ill:
            return Health(ok=True, reason="everything works")
        words = [f"{part} {it.mood} since {it.since:%H:%M:%S} UTC: {it.why}".rstrip(": ") for part, it in ill.items()]
        return Health(ok=False, reason="; ".join(words))

    def _set(self, part: str, mood: Mood, why: str) -> Condition:
        with self._lock:
            before = self._now[part]
            since = before.since if before.mood is mood else self._clock()
            self._now[part] = Condition(mood, since, why)
            return before


class Backoff:
    """How long to wait before the next attempt: doubles up to `longest_s`, with jitter so that connectors do not march in step."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s, self._longest_s = first_s, longest_s
        self._next_s = first_s

    def next(self) -> float:
        """Seconds to wait now."""
        wait_s, self._next_s = self._next_s, min(self._next_s * 2, self._longest_s)
        return wait_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret

    def reset(self) -> None:
        """It worked: the next wait is a short one again."""
        self._next_s = self._first_s
