"""What comes of records that were sent again, as their reader tells it on the dead-letter topic. Pure.

A record that comes while an earlier one of its case is on its way is set aside behind it, and nothing would ever send it. So whoever sends
records looks on until each has been answered, and sends what has become free: nothing comes to lie there after the last answer, for
letters and answers about one case stand in one partition, in the order of what they tell.

Only the worker answers; a sink says nothing of what it took. What comes to lie before one stays free until somebody sends it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from hub.dead_letters.batches import Unsent
from hub.dead_letters.parking import FIRST, WAITING
from hub.dead_letters.plan import Step, free
from hub.dead_letters.reading import Lane, Letter, OpenLetters, letter_in
from hub.edge.messages import Incoming, Place
from schemas.topics import CASE_EVENTS

ANSWERED = CASE_EVENTS
"""The topic whose reader answers."""


_BECAME = {"replayed": "sent again"}
"""Outcomes for which people have other words."""


@dataclass(frozen=True)
class Afterwards:
    """What has come of an act.

    Attributes:
        went: how many records had come meanwhile, and were sent behind.
        unheard: how many that were sent nobody has answered yet.
        stuck: letters that were free, and lie here again as parked: what they wait for has no letter any more.
        died: new letters of what was sent and died again.
        unsent: what was to be done and was not, and why.
        settled: what of it is not open any more, and what became of it in words; empty where it lies here under another id.
    """

    went: int = 0
    unheard: int = 0
    stuck: tuple[Letter, ...] = ()
    died: tuple[Letter, ...] = ()
    unsent: tuple[tuple[Step, Unsent], ...] = ()
    settled: tuple[tuple[Letter, str], ...] = ()

    @property
    def is_partly_done(self) -> bool:
        """Whether somebody has to look again: not all was sent, or what was sent died again."""
        return bool(self.died or self.unsent)


class Answers:
    """Follows the cases of what is sent.

    Args:
        lying: what lies on the dead-letter topics before anything is sent.

    Attributes:
        applied: how many of what was sent were applied.
        died: new letters of what was sent and died again.
    """

    def __init__(self, lying: Iterable[Incoming]) -> None:
        self._open = OpenLetters()
        self._lanes: set[Lane] = set()
        self._sent: set[str] = set()
        self._unheard: set[str] = set()
        self._became: dict[str, str] = {}
        self._went = 0
        self.applied = 0
        self.died: list[Letter] = []
        for record in lying:
            self.hear(record)

    @property
    def are_complete(self) -> bool:
        """Whether everything that was sent has been answered."""
        return not self._unheard

    @property
    def unheard(self) -> int:
        """How many of what was sent nobody has answered yet."""
        return len(self._unheard)

    def expect(self, first: Place, lane: Lane | None) -> None:
        """A record is about to be sent again, or to be said to be discarded.

        Args:
            first: where it first stood.
            lane: what stands in line with it, if anything does.
        """
        if lane is not None:
            self._lanes.add(lane)
        self._sent.add(str(first))
        self._unheard.add(str(first))

    def hear(self, record: Incoming) -> None:
        """One more record of the dead-letter topic."""
        self._open.add(record)
        origin = record.header("settles")
        if origin is None:
            # A letter about it: it died again, or was parked again.
            letter = letter_in(record)
            if self._is_answered(str(letter.first)) and letter.code not in WAITING:
                self.died.append(letter)
            return
        outcome, by = record.header("outcome") or "settled", record.header("by")
        about = record.header(FIRST) or origin
        self._became[about] = f"{_BECAME.get(outcome, outcome)}{f' by {by}' if by else ''}"
        if outcome == "applied" and self._is_answered(about):
            self.applied += 1

    def _is_answered(self, first: str) -> bool:
        """Whether this is the first answer about a record that was sent."""
        if first not in self._unheard:
            return False
        self._unheard.remove(first)
        return True

    def is_open(self, letter: Letter) -> bool:
        """Whether nobody has settled a letter, as far as is heard."""
        return self._open.holds(letter)

    def became(self, letter: Letter) -> str:
        """What became of a letter that is not open any more, and by whom; empty where its record lies here under another id."""
        return "" if self._open.holds(letter, anew=True) else self._became.get(letter.about, "")

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
        return Afterwards(self._went, self.unheard, tuple(stuck), tuple(self.died))

    def _free(self) -> list[Letter]:
        return [letter for letter in free(self._open.all()) if letter.lane in self._lanes]
