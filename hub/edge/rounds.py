"""How a sink parts what it has read into rounds: instructions that are begun, applied and ended together. Pure.

What makes a sink slow is being sure: an intention, a write and an outcome are a commit each, and each waits for a disk. A round pays for
that once. It changes no order: it is of instructions that came one behind the other, no two of them of one case, and whatever else came
between them (what cannot be read, what waits for it, what is another's) ends the round before it.

A system that takes its time gets small rounds, down to one, for what a round holds is in nobody's hands but this process's until it ends.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from hub.edge.messages import Incoming
from schemas.envelope import Event
from schemas.topics import UnreadableEvent


@dataclass(frozen=True)
class Turn:
    """One record of the topic, and what it says, or why that cannot be read."""

    record: Incoming
    said: Event | UnreadableEvent

    @property
    def case(self) -> str | None:
        """Whose it is; None where that cannot be read."""
        return None if isinstance(self.said, UnreadableEvent) else self.said.partitionkey


def rounds(
    turns: Iterable[Turn], is_alone: Callable[[Turn], bool], at_most: Callable[[], int]
) -> Iterator[Sequence[Turn]]:
    """What came, in its order, parted into rounds.

    Args:
        turns: one by one, in the order in which they stand.
        is_alone: whether one is no instruction to be applied now. Asked of each once all before it have been given away, or are in the
            round that is gathered, so the answer may depend on what became of them.
        at_most: instructions that the next round may have; asked as it begins.
    """
    together: list[Turn] = []
    room = 0
    for turn in turns:
        alone = is_alone(turn)
        if together and (alone or len(together) >= room or any(turn.case == other.case for other in together)):
            yield together
            # What became of those may have changed what this one is.
            together, alone = [], is_alone(turn)
        if not together:
            room = at_most()
        together.append(turn)
        if alone:
            yield together
            together = []
    if together:
        yield together


class Pace:
    """How many instructions a round may have, by how long the last ones took. Few at first: nobody knows yet how fast the system is.

    Args:
        at_most: no more than so many, however fast the system is.
        lasts_s: how long a round is to last at most.
    """

    def __init__(self, at_most: int, lasts_s: float) -> None:
        self._at_most, self._lasts_s = at_most, lasts_s
        self.room = min(at_most, _FIRST)

    def took(self, number: int, took_s: float) -> None:
        """A round of so many took so long: one that was full and quick makes room for more, one that lasted too long for less."""
        if took_s > self._lasts_s:
            self.room = max(1, min(self.room, int(number * self._lasts_s / took_s)))
        elif number >= self.room and took_s < self._lasts_s / 2:
            self.room = min(self._at_most, 2 * self.room)


_FIRST = 4
