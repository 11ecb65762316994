"""Whether what came out is what had to come: an oracle that knows the story and reads the topics, and imports nothing of any contestant."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson

from tests.bench.ground import Place, Seen


@dataclass(frozen=True)
class Verdict:
    """What was wrong with the outputs of a run; nothing where all is nought.

    Attributes:
        seen: how many outputs came.
        missing: did not come, and had to.
        doubled: came more than once.
        foreign: came, and follow from no event of the story.
        unfinished: cases of which nobody was told at last that they are finished.
    """

    seen: int
    missing: int
    doubled: int
    foreign: int
    unfinished: int

    @property
    def right(self) -> bool:
        """Whether nothing was wrong."""
        return not (self.missing or self.doubled or self.foreign or self.unfinished)


@dataclass
class Oracle:
    """What must come of a story.

    Attributes:
        events: how many events it has.
        wanted: ids of all outputs, in their order in each partition.
        finishes: keys of the cases that end in it.
        told_on: the topic whose last event of a case says how it stands; empty where none does.
    """

    told_on: str = ""
    events: int = 0
    wanted: dict[Place, list[str]] = field(default_factory=lambda: defaultdict(list), repr=False)
    finishes: set[bytes] = field(default_factory=set, repr=False)

    def expect(self, partition: int, outputs: Iterable[tuple[str, object]], ends: bytes | None = None) -> None:
        """Expect what follows from one more event.

        Args:
            partition: where the event stands; its outputs go to the partition of the same number.
            outputs: topic and id of each.
            ends: key of its case, if that ends with it.
        """
        self.events += 1
        for topic, output in outputs:
            self.wanted[topic, partition].append(str(output))
        if ends is not None:
            self.finishes.add(ends)

    @property
    def outputs(self) -> int:
        """How many outputs must come."""
        return sum(map(len, self.wanted.values()))

    def judge(self, records: Iterable[Seen], *, whole: bool) -> Verdict:
        """Judge a run by its records.

        Args:
            records: all that came, in order in each partition.
            whole: whether the run went to the end; of one that was stopped before, what came must be what had to come first.
        """
        seen: dict[Place, Counter[str]] = defaultdict(Counter)
        last: dict[bytes, str] = {}
        for record in records:
            event = orjson.loads(record.value)
            seen[record.place][event["id"]] += 1
            if record.place[0] == self.told_on:
                last[record.key] = event["data"]["status"]
        missing = doubled = foreign = 0
        for place in {*self.wanted, *seen}:
            wanted, found = self.wanted.get(place, []), seen.get(place, Counter())
            doubled += found.total() - len(found)
            foreign += len(found.keys() - set(wanted))
            missing += len(set(wanted if whole else wanted[: len(found)]) - found.keys())
        unfinished = sum(last.get(case) != "finished" for case in self.finishes) if whole else 0
        return Verdict(sum(found.total() for found in seen.values()), missing, doubled, foreign, unfinished)
