"""Which records of a case wait for one that died, and when they may follow it. Pure: the worker and the sinks ask for every record.

A record that lies among the dead letters is known by where it first stood. All records of a case stand in one partition, so their first
offsets are their order. A record waits as long as an earlier one of its case lies there, and then lies there too, under the code `parked`.
It carries its first place in a header wherever it is sent again, so whatever the order in which people replay, it is applied in its own.

The worker and each sink forget one that is applied, or that a person discarded. When none is left, the case flows again. A record that
comes while an earlier one is on its way again is set aside behind it all the same: once nothing before it lies here any more it is free
(`hub.dead_letters.plan.free`), and whoever had the earlier one replayed sends it too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hub.edge.messages import Place
from schemas.references import InvalidReference, parse_case_reference

PARKED = "parked"
"""The code of a dead letter that waits for another."""
WAITS_FOR_EARLIER = "waits-for-earlier"
"""The code of an instruction that waits for an earlier one of its task, as its connector's ledger has it."""
WAITING = frozenset({PARKED, WAITS_FOR_EARLIER})
"""The codes of what only waits: that is no try of it, and no reason for anybody to stop."""
FIRST = "first"
"""The header in which a replayed record, and a letter about one, says where it first stood."""


def place_in(text: str) -> Place | None:
    """The place that a text names: case-events/3/17; None where it names none."""
    topic, _, rest = text.partition("/")
    partition, _, offset = rest.partition("/")
    numbered = _is_number(partition) and _is_number(offset)
    return Place(topic, int(partition), int(offset)) if topic and numbered else None


def first_offset(headers: Iterable[tuple[str, bytes | None]], topic: str, partition: int, offset: int) -> int:
    """Where a record first stood in its partition: what it says of itself, if that can be so, or where it stands."""
    for name, value in headers:
        if name == FIRST:
            said = place_in((value or b"").decode("ascii", "replace"))
            if said and (said.topic, said.partition) == (topic, partition) and said.offset < offset:
                return said.offset
    return offset


def reason(topic: str, partition: int, first: int) -> str:
    """Why a record waits, in words.

    Args:
        topic: of both.
        partition: of both.
        first: offset at which the record that it waits for first stood.
    """
    return (
        f"It came while {Place(topic, partition, first)}, an earlier record of its case, lay here, and waits for that one. "
        "Replay, fix or discard that; then this one can go on."
    )


@dataclass
class Parking:
    """What lies among the dead letters of some cases, in one partition of a topic.

    Attributes:
        lying: first offsets by case.
        parked: those that were added since, with the moment (milliseconds since 1970) at which each record was sent.
        settled: those that were taken away since.
    """

    lying: dict[str, set[int]] = field(default_factory=dict)
    parked: dict[tuple[str, int], int] = field(default_factory=dict)
    settled: set[tuple[str, int]] = field(default_factory=set)

    @classmethod
    def of(cls, lying: Mapping[str, Iterable[int]]) -> "Parking":
        """As it was stored."""
        return cls({case: set(offsets) for case, offsets in lying.items()})

    def waits_for(self, case: str | None, first: int) -> int | None:
        """The first of the records that one has to wait for; None where it may be applied.

        Args:
            case: its case; None where it can have none.
            first: where it first stood.
        """
        earliest = min(self.lying.get(case or "") or (first,))
        return earliest if earliest < first else None

    def park(self, case: str, first: int, at_ms: int) -> None:
        """A record lies among the dead letters."""
        if first not in self.lying.setdefault(case, set()):
            self.lying[case].add(first)
            self.parked[case, first] = at_ms
            self.settled.discard((case, first))

    def settle(self, case: str, first: int) -> None:
        """A record is applied or discarded: nothing waits for it any more."""
        if first in self.lying.get(case, ()):
            self.lying[case].remove(first)
            self.settled.add((case, first))
            self.parked.pop((case, first), None)

    def kept(self) -> None:
        """What has changed is written down: from here on count what changes next."""
        self.parked.clear()
        self.settled.clear()


def case_in(key: bytes | None) -> str | None:
    """The case that a record's key names; None where it names none, and nothing can wait for the record."""
    try:
        text = (key or b"").decode()
        return text if parse_case_reference(text) == text else None
    except (UnicodeDecodeError, InvalidReference):
        return None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 18
