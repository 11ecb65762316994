"""What comes of records that were sent again, as their reader tells it on the dead-letter topic. Pure.

A record that comes while an earlier one of its case is on its way is set aside behind it, and nothing would ever send it. So whoever sends
records looks on until each has been answered, and sends what has become free: nothing comes to lie there after the last answer, for
letters and answers about one case stand in one partition, in the order of what they tell.

Only the worker answers; a sink says nothing of what it took. What comes to lie before one stays free until somebody sends it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from hub.dead_letters.parking import FIRST
from hub.dead_letters.plan import free
from hub.dead_letters.reading import Lane, Letter, OpenLetters, letter_in
from hub.edge.messages import Incoming, Place
from schemas.topics import CASE_EVENTS

ANSWERED = CASE_EVENTS
"""The topic whose reader answers."""


@dataclass(frozen=True)
class Afterwards:
    """What has come of an act.

    Attributes:
        went: how many records had come meanwhile, and were sent behind.
        unheard: how many that were sent nobody has answered yet.
        stuck: letters that were free, and lie here again as parked: what they wait for has no letter any more.
    """

    went: int = 0
    unheard: int = 0
    stuck: tuple[Letter, ...] = ()


class Answers:
    """Follows the cases of what is sent.

    Args:
        lying: what lies on the dead-letter topic before anything is sent.
    """

    def __init__(self, lying: Iterable[Incoming]) -> None:
        self._open = OpenLetters()
        for record in lying:
            self._open.add(record)
        self._lanes: set[Lane] = set()
        self._sent: set[str] = set()
        self._unheard: set[str] = set()
        self._went = 0

    @property
    def are_complete(self) -> bool:
        """Whether everything that was sent has been answered."""
        return not self._unheard

    def expect(self, first: Place, lane: Lane) -> None:
        """A record is about to be sent again, or to be said to be discarded.

        Args:
            first: where it first stood.
            lane: what stands in line with it.
        """
        self._lanes.add(lane)
        self._sent.add(str(first))
        self._unheard.add(str(first))

    def hear(self, record: Incoming) -> None:
        """One more record of the dead-letter topic."""
        self._open.add(record)
        if record.header("settles") is None:
            # A letter about it: it died again, or was parked again.
            self._unheard.discard(str(letter_in(record).first))
        elif record.header("outcome") == "applied":
            self._unheard.discard(record.header(FIRST) or "")

    def next(self) -> list[Letter]:
        """What can go on now in the lines of what was sent; each once, so nothing goes round."""
        return [letter for letter in self._free() if str(letter.first) not in self._sent]

    def go(self, letters: Iterable[Letter]) -> None:
        """These are about to be sent."""
        for letter in letters:
            if letter.first is not None and letter.lane is not None:
                self.expect(letter.first, letter.lane)
                self._went += 1

    def afterwards(self) -> Afterwards:
        """What has come of it by now."""
        stuck = [letter for letter in self._free() if str(letter.first) in self._sent - self._unheard]
        return Afterwards(self._went, len(self._unheard), tuple(stuck))

    def _free(self) -> list[Letter]:
        return [letter for letter in free(self._open.all()) if letter.lane in self._lanes]
