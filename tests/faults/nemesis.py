"""A seeded adversary: which fault strikes a process next, and when. The same seed, the same faults."""

import random
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What is done to a process."""

    KILL = "kill"
    """SIGKILL; started again at once."""
    FREEZE = "freeze"
    """SIGSTOP for a while, then SIGCONT: a zombie that believes it still owns what it had."""
    STOP = "stop"
    """SIGTERM, as a deployment does; started again when it has ended."""


@dataclass(frozen=True)
class Strike:
    """One fault.

    Attributes:
        after_s: quiet time before it.
        lasts_s: of a freeze.
    """

    fault: Fault
    after_s: float
    lasts_s: float


class Nemesis:
    """Endless strikes.

    Args:
        seed: of the choice.
        quiet_s: shortest and longest time between two.
    """

    def __init__(self, seed: int, quiet_s: tuple[float, float] = (1.0, 5.0)) -> None:
        self._chance, self._quiet_s = random.Random(f"nemesis|{seed}"), quiet_s

    def next(self) -> Strike:
        """The next strike."""
        fault = self._chance.choices(tuple(Fault), weights=(8, 1, 1))[0]
        return Strike(fault, self._chance.uniform(*self._quiet_s), self._chance.uniform(1.0, 8.0))
