"""A seeded adversary: which fault strikes whom next, and when. The same seed, the same faults."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What is done to a process, or to the wire before it."""

    KILL = "kill"
    """SIGKILL; started again at once."""
    FREEZE = "freeze"
    """SIGSTOP for a while, then SIGCONT: a zombie that believes it still owns what it had."""
    STOP = "stop"
    """SIGTERM, as a deployment does; started again when it has ended."""
    CUT = "cut"
    """Nothing arrives for a while, and nobody is told; then every connection ends."""
    SLOW = "slow"
    """Latency and jitter for a while."""


# There is no strike against the clock: the wall clock is the machine's, and a test must not put that wrong for everybody on it.
WORKER = {("worker", Fault.KILL): 16.0, ("worker", Fault.FREEZE): 2.0, ("worker", Fault.STOP): 2.0}
BROKER = {("broker", Fault.KILL): 1.0, ("broker", Fault.FREEZE): 1.0}
WIRE = {("wire", Fault.CUT): 1.0, ("wire", Fault.SLOW): 1.0}


@dataclass(frozen=True)
class Strike:
    """One fault.

    Attributes:
        target: whom it strikes.
        after_s: quiet time before it.
        lasts_s: of a fault that passes.
    """

    target: str
    fault: Fault
    after_s: float
    lasts_s: float

    def __str__(self) -> str:
        return f"{self.target} {self.fault}"


class Nemesis:
    """Endless strikes.

    Args:
        seed: of the choice.
        weights: how often each target is struck by each fault, beside the others.
        quiet_s: shortest and longest time between two.
    """

    def __init__(
        self, seed: int, weights: Mapping[tuple[str, Fault], float], quiet_s: tuple[float, float] = (0.5, 3.0)
    ) -> None:
        self._chance, self._weights, self._quiet_s = random.Random(f"nemesis|{seed}"), dict(weights), quiet_s

    def next(self) -> Strike:
        """The next strike."""
        target, fault = self._chance.choices(tuple(self._weights), weights=tuple(self._weights.values()))[0]
        return Strike(target, fault, self._chance.uniform(*self._quiet_s), self._chance.uniform(1.0, 8.0))
