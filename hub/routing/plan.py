"""What a round does with what was fetched: which records are taken, which partitions are read again, which wait. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from hub.memory.store import Partition
from hub.routing.records import Fetch, Record


@dataclass(frozen=True)
class Hole:
    """Offsets that Kafka passed over: those of the marks that transactions leave, or of records that were lost on the way to here."""

    position: int
    """The first."""
    until: int
    """The one behind the last."""


@dataclass
class Plan:
    """A round's work.

    Attributes:
        take: records to apply, from the position on, with that position; none where there is only a hole to leave behind.
        again: partitions whose position is taken from the database again, with the reason.
        hold: partitions whose last outputs are not acknowledged yet; what was fetched of them is dropped and read later.
        holes: those seen for the first time, which are read again.
        over: those that were read again and are there again. Only Kafka's log can still say that something was in them.
    """

    take: dict[Partition, tuple[int, Sequence[Record]]] = field(default_factory=dict)
    again: dict[Partition, str] = field(default_factory=dict)
    hold: list[Partition] = field(default_factory=list)
    holes: dict[Partition, Hole] = field(default_factory=dict)
    over: dict[Partition, Hole] = field(default_factory=dict)


def plan_round(
    fetch: Fetch, positions: Mapping[Partition, int], under_way: Collection[Partition], holes: Mapping[Partition, Hole]
) -> Plan:
    """Plan a round.

    Args:
        fetch: what was fetched.
        positions: next offset to apply of each partition.
        under_way: partitions whose last outputs are not acknowledged yet.
        holes: what each partition was last read again for.
    """
    plan = Plan()
    for partition in dict.fromkeys([*fetch.records, *fetch.passed]):
        fetched, position = fetch.records.get(partition, ()), positions.get(partition)
        follows = fetched[0].offset if fetched else fetch.passed.get(partition, 0)
        if partition in under_way:
            plan.hold.append(partition)
        elif position is None:
            plan.again[partition] = "unknown-position"
        elif follows > position:
            hole = Hole(position, follows)
            if holes.get(partition) == hole:
                plan.over[partition] = hole
                plan.take[partition] = position, fetched
            else:
                plan.holes[partition] = hole
                plan.again[partition] = "hole"
        elif taken := [record for record in fetched if record.offset >= position]:
            plan.take[partition] = position, taken
    return plan
