"""The job that every Python contestant does: the hub's own `route`, one event or many at a time, told by the environment where all is.

Whatever a contestant is built on, it decides by the same code: what differs is how it reads, sends and remembers.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from hub.edge.messages import Outgoing
from hub.memory.prepare import prepare
from hub.memory.store import Partition
from hub.routing.records import Record
from hub.routing.share import Share, route
from hub.routing.step import World
from hub.routing.world import load_world
from hub.settings import load
from schemas.topics import CASE_EVENTS, CASE_UPDATES, TASKS

SOURCE = CASE_EVENTS.name
OUTPUTS = (*(topic.name for topic in TASKS.values()), CASE_UPDATES.name, CASE_EVENTS.dead_letters)
_ANY_NUMBER = 1_000_000_000
"""Of records that may be set aside: the brake is the worker's, and no contestant has one."""


class Input(NamedTuple):
    """One record of `case-events`; `route` asks for no more. A library whose own records read like it needs none."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int = 0


@dataclass(frozen=True)
class Job:
    """What a contestant is told.

    Attributes:
        kafka: address of the brokers.
        group: consumer group; no other run has it.
        work: an empty folder for whatever it keeps.
        partitions: of every topic.
        world: what `step` looks up.
    """

    kafka: str
    group: str
    work: Path
    partitions: int
    world: World

    @classmethod
    def told(cls) -> Self:
        """As the environment has it."""
        told = os.environ
        return cls(
            kafka=told["BENCH_KAFKA"],
            group=told["BENCH_GROUP"],
            work=Path(told["BENCH_WORK"]),
            partitions=int(told["BENCH_PARTITIONS"]),
            world=load_world(load(Path(told["BENCH_SETTINGS"]))),
        )

    def share(
        self,
        partition: int,
        records: Sequence[Record],
        bodies: Mapping[str, str],
        *,
        old: int | None = None,
        lying: Mapping[str, Sequence[int]] | None = None,
    ) -> Share:
        """What records of one partition come to, given their cases as stored."""
        place = Partition(SOURCE, partition)
        start = records[0].offset if old is None else old
        return route(
            place,
            start,
            records,
            bodies,
            world=self.world,
            partitions=self.partitions,
            lying=lying or {},
            room=_ANY_NUMBER,
        )

    def one(self, partition: int, record: Record, body: bytes | None) -> tuple[bytes | None, list[Outgoing]]:
        """The case as it now stands, and what to send, after one event; for those who keep a case by its key.

        Args:
            partition: where the record stands.
            record: the event.
            body: its case as kept after the last event; None for a new one.
        """
        case = (record.key or b"").decode()
        share = self.share(partition, [record], {} if body is None else {case: body.decode()})
        sends = [record for records in share.outgoing.values() for record in records]
        row = share.rows.get(case)
        return (body if row is None else row.body.encode()), sends


class Ledger:
    """Cases, timeline, deadlines and progress in the hub's own tables, for those who work by the batch.

    Args:
        job: what is to be done.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._store = prepare(os.environ["BENCH_STORE"], job.group)

    def positions(self, begins: Mapping[int, int]) -> dict[int, int]:
        """Where to read on in each partition; one never read before begins at the offset given."""
        found = self._store.positions({Partition(SOURCE, number): offset for number, offset in begins.items()})
        return {partition.number: offset for partition, offset in found.items()}

    def decide(self, taken: Mapping[int, Sequence[Record]]) -> Iterator[Share]:
        """What every partition's records come to, one after the other; records applied before are left out.

        Args:
            taken: records by partition, in order; of each, `positions` has been asked.
        """
        cases = {record.key.decode() for records in taken.values() for record in records if record.key}
        known = self._store.snapshot([Partition(SOURCE, number) for number in taken], cases)
        for number, records in taken.items():
            old = known.positions[Partition(SOURCE, number)]
            if fresh := [record for record in records if record.offset >= old]:
                yield self._job.share(number, fresh, known.bodies, old=old, lying=known.parked)

    def keep(self, shares: Sequence[Share]) -> None:
        """Write it all in one transaction.

        Raises:
            SystemExit: somebody else has moved a partition meanwhile.
        """
        if len(self._store.apply([share.advance() for share in shares])) < len(shares):
            raise SystemExit("Another process works on the same group.")
