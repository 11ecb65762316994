"""What many measurements come to: the middle one, the spread, and how long most of them had to wait. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self
from uuid import UUID


def percentile(ordered: Sequence[float], share: float) -> float:
    """The least value that so large a share of the values does not exceed (nearest rank).

    Args:
        ordered: the values, the smallest first; at least one.
        share: from 0 to 1.
    """
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True)
class Spread:
    """A figure that was measured several times."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """The spread of values; at least one."""
        found = sorted(values)
        return cls(median(found), found[0], found[-1])


@dataclass(frozen=True)
class Waits:
    """How long things had to wait, in milliseconds."""

    number: int
    p50: float
    p95: float
    p99: float
    most: float

    @classmethod
    def of(cls, waits_ms: Iterable[float]) -> Self:
        """Of all of them.

        Raises:
            ValueError: nothing waited.
        """
        ordered = sorted(waits_ms)
        if not ordered:
            raise ValueError("nothing was measured: nothing came out of what went in")
        p50, p95, p99 = (percentile(ordered, share) for share in (0.5, 0.95, 0.99))
        return cls(len(ordered), p50, p95, p99, ordered[-1])


def waits_ms(asked: Mapping[UUID, float], came: Iterable[tuple[UUID, float]]) -> list[float]:
    """How long each output took, of those whose cause is known.

    Args:
        asked: when each cause came, in milliseconds.
        came: the cause of each output, and when that came, by the same clock.
    """
    return [at - asked[cause] for cause, at in came if cause in asked]
