"""What a round does with what was fetched: which records are taken, which partitions are read again, which wait. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from hub.memory.store import Partition
from hub.routing.records import Record


@dataclass
class Plan:
    """A round's work.

    Attributes:
        take: records to apply, from the position on, with that position.
        again: partitions whose position is taken from the database again, with the reason.
        hold: partitions whose last outputs are not acknowledged yet; what was fetched of them is dropped and read later.
    """

    take: dict[Partition, tuple[int, Sequence[Record]]] = field(default_factory=dict)
    again: dict[Partition, str] = field(default_factory=dict)
    hold: list[Partition] = field(default_factory=list)


def plan_round(
    records: Mapping[Partition, Sequence[Record]],
    positions: Mapping[Partition, int],
    under_way: Collection[Partition],
) -> Plan:
    """Plan a round.

    Args:
        records: what was fetched, in order of offsets.
        positions: next offset to apply of each partition.
        under_way: partitions whose last outputs are not acknowledged yet.
    """
    plan = Plan()
    for partition, fetched in records.items():
        position = positions.get(partition)
        if partition in under_way:
            plan.hold.append(partition)
        elif position is None:
            plan.again[partition] = "unknown-position"
        elif fetched and fetched[0].offset > position:
            plan.again[partition] = "hole"
        elif taken := [record for record in fetched if record.offset >= position]:
            plan.take[partition] = position, taken
    return plan
