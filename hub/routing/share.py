"""What one partition's records of a round come to: decoded, put to `step`, encoded, one by one. No I/O; the round sends and writes it.

A record that cannot be used becomes a dead letter. The later ones of its case wait for it there (`hub.dead_letters.parking`); those of
other cases go on. Nothing of a record counts unless all of it works. Where no more may be set aside for now, the share ends before it.
"""

import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from aiokafka.partitioner import murmur2

from hub.dead_letters import parking
from hub.dead_letters.letter import attempts_before, dead_letter, settled
from hub.dead_letters.parking import PARKED, Parking, case_in, first_offset
from hub.dead_letters.rate import Counted
from hub.edge.messages import Outgoing, Place
from hub.failpoints import Failpoint, reach
from hub.memory.store import Advance, CaseRow, DeadlineRow, ParkedRow, Partition
from hub.routing.case import Case
from hub.routing.records import Record
from hub.routing.step import Decision, NotForThisHub, World, step
from hub.routing.stored import UnreadableCase
from schemas.cases import RecordDiscarded
from schemas.envelope import Event
from schemas.topics import CASE_EVENTS, UnreadableEvent

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
COMPONENT = "worker"


@dataclass(frozen=True)
class Defect:
    """A record on which the hub itself failed: where it stands, and where in the code it happened."""

    offset: int
    error: str
    place: str


@dataclass
class Share:
    """One partition's part of a round.

    Attributes:
        partition: which.
        old, new: next offset to apply, before and after.
        cases: the cases that changed, with their rows.
        timeline: reference and entry, in order.
        deadlines: of each case whose deadlines changed, all that are open.
        outgoing: records to send, by topic, in order; they go to the partition of the same number.
        outcomes: how many events of each type were applied, changed nothing or were set aside.
        set_aside: how many records became dead letters, by code.
        defects: those of them that are the hub's own fault.
        parking: what lies among the dead letters of its cases.
        stopped_for: code of the record before which it ends, for nothing more may be set aside; empty where it does not.
        counted: how many were set aside, once they are counted.
    """

    partition: Partition
    old: int
    new: int
    cases: dict[str, Case] = field(default_factory=dict)
    rows: dict[str, CaseRow] = field(default_factory=dict)
    timeline: list[tuple[str, str]] = field(default_factory=list)
    deadlines: dict[str, list[DeadlineRow]] = field(default_factory=dict)
    outgoing: dict[str, list[Outgoing]] = field(default_factory=dict)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    set_aside: Counter[str] = field(default_factory=Counter)
    defects: list[Defect] = field(default_factory=list)
    parking: Parking = field(default_factory=Parking)
    stopped_for: str = ""
    counted: Counted | None = None

    @property
    def died(self) -> int:
        """How many records were set aside for what they are, and not for another that they wait for."""
        return self.set_aside.total() - self.set_aside[PARKED]

    def send(self, records: Iterable[Outgoing]) -> None:
        """Add records to those of their topics."""
        for record in records:
            self.outgoing.setdefault(record.topic, []).append(record)

    def advance(self) -> Advance:
        """What is to be written."""
        parked = [ParkedRow(case, first, at_ms) for (case, first), at_ms in self.parking.parked.items()]
        return Advance(
            self.partition,
            self.old,
            self.new,
            list(self.rows.values()),
            self.timeline,
            self.deadlines,
            parked=parked,
            settled=self.parking.settled,
            counted=self.counted,
        )


@dataclass(frozen=True)
class _Death:
    """Why a record is set aside."""

    code: str
    reason: str
    defect: Defect | None = None


def route(
    partition: Partition,
    old: int,
    records: Sequence[Record],
    bodies: Mapping[str, str],
    *,
    world: World,
    partitions: int,
    lying: Mapping[str, Iterable[int]],
    room: int,
) -> Share:
    """Route the records of one partition.

    Args:
        partition: where they stand.
        old: next offset to apply; the first record's is not below it.
        records: in order, at least one.
        bodies: cases as stored, by reference.
        world: what `step` looks up.
        partitions: of every hub topic.
        lying: first offsets of the records of these cases that lie among the dead letters.
        room: how many more records may be set aside; those that wait for another are not counted.

    Raises:
        MemoryError: as it says; a fresh process has some.
    """
    share = Share(partition, old, records[-1].offset + 1, parking=Parking.of(lying))

    def apply(record: Record) -> Event:
        return _apply(share, record, bodies, world, partitions)

    for record in records:
        first = first_offset(record.headers, *partition, record.offset)
        death = _route_one(share, record, first, apply, partitions)
        if death is None:
            continue
        if death.code != PARKED and share.died >= room:
            share.new, share.stopped_for = record.offset, death.code
            break
        _set_aside(share, record, first, death, partitions)
    return share


class _Tried(NamedTuple):
    """A record that stands nowhere yet."""

    key: bytes
    value: bytes
    offset: int = 0
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int = 0


def would_die_of(key: bytes, value: bytes, world: World, partitions: int) -> str | None:
    """Why the worker would set a record aside that a case begins with; None where it would not.

    Args:
        key: of the record.
        value: of the record.
        world: what `step` looks up.
        partitions: of every hub topic.
    """
    number = partition_of(key.decode(errors="replace"), partitions)
    share = Share(Partition(CASE_EVENTS.name, number), 0, 1)
    death = _route_one(
        share, _Tried(key, value), 0, lambda tried: _apply(share, tried, {}, world, partitions), partitions
    )
    return death.reason if death else None


def _route_one(
    share: Share, record: Record, first: int, apply: Callable[[Record], Event], partitions: int
) -> _Death | None:
    """Route one record; why it has to be set aside, None where it need not be."""
    try:
        reach(Failpoint.WORKER_ROUTED)
        waits_for = share.parking.waits_for(_in_line(share, record, partitions), first)
        if waits_for is not None and not _is_discard(record):
            return _Death(PARKED, parking.reason(*share.partition, waits_for))
        event = apply(record)
    except (UnreadableEvent, NotForThisHub, UnreadableCase) as error:
        return _Death(error.code, str(error))
    except MemoryError:
        raise  # the process has none left; the record is not to blame
    except Exception as error:  # noqa: BLE001 - whatever one record does to us, the ones behind it go on
        defect = Defect(record.offset, type(error).__qualname__, place_of(error))
        return _Death(
            "defect",
            f"The hub failed on this record: {defect.error} in {defect.place}. Report it; replay when it is mended.",
            defect,
        )
    share.parking.settle(event.partitionkey, first)
    if first != record.offset:
        # Said by whoever applied it, too: a letter about it that a crash wrote late must not look as if nobody had settled it.
        origin = str(Place(*share.partition, record.offset))
        headers = settled(origin, "applied", COMPONENT, first=str(Place(*share.partition, first)))
        share.send([Outgoing(CASE_EVENTS.dead_letters, record.key, None, headers)])
    return None


def _is_discard(record: Record) -> bool:
    """Whether a record says that another one of its case was discarded; that waits for nobody, for it says nothing of the case."""
    try:
        return isinstance(CASE_EVENTS.decode(record.value, record.key), RecordDiscarded)
    except UnreadableEvent:
        return False


def _apply(share: Share, record: Record, bodies: Mapping[str, str], world: World, partitions: int) -> Event:
    """Put the event of a record to `step`, and keep what follows."""
    event = CASE_EVENTS.decode(record.value, record.key)
    if event.correlationid != event.partitionkey:
        raise UnreadableEvent("wrong-key", f"{CASE_EVENTS.name}: the record's key and partitionkey are not its case.")
    if partition_of(event.partitionkey, partitions) != share.partition.number:
        raise UnreadableEvent(
            "wrong-partition",
            f"{CASE_EVENTS.name}: the record's key belongs in another partition, where the other events of its case are. "
            "Its producer must partition as Kafka's Java client does (murmur2). Replay puts it right.",
        )
    before = share.cases.get(event.partitionkey)
    if before is None and (body := bodies.get(event.partitionkey)) is not None:
        before = Case.read(body)
    if before is None and isinstance(event, RecordDiscarded):
        # Nothing but that record was ever heard of such a case, and there is no case because of it.
        share.outcomes[event.type, "unchanged"] += 1
        return event
    decision = step(before, event, world)
    if not decision.outputs and not decision.entries and decision.case == before:
        share.outcomes[event.type, "unchanged"] += 1
    else:
        _keep(share, event, decision)
    return event


def _keep(share: Share, event: Event, decision: Decision) -> None:
    """Add what follows from one event; everything is encoded before the first part of it is added."""
    case = decision.case
    row = row_of(case)
    lines = [(case.reference, entry.write()) for entry in decision.entries]
    sends = [Outgoing.event(o.topic, o.event.partitionkey, o.event.encode()) for o in decision.outputs]
    if decision.deadlines is not None:
        share.deadlines[case.reference] = [
            DeadlineRow(case.reference, deadline.task, microseconds(deadline.due), share.partition.number)
            for deadline in decision.deadlines
        ]
    share.cases[case.reference] = case
    share.rows[case.reference] = row
    share.timeline += lines
    share.send(sends)
    share.outcomes[event.type, "applied"] += 1


def _set_aside(share: Share, record: Record, first: int, death: _Death, partitions: int) -> None:
    letter = dead_letter(
        code=death.code,
        reason=death.reason,
        topic=share.partition.topic,
        partition=share.partition.number,
        offset=record.offset,
        component=COMPONENT,
        key=record.key,
        value=record.value,
        # To wait is no try.
        attempt=attempts_before(record.headers) + (death.code != PARKED),
        first=first,
    )
    share.send([Outgoing(CASE_EVENTS.dead_letters, letter.key, letter.value, letter.headers)])
    share.set_aside[death.code] += 1
    share.outcomes["any", "dead-letter"] += 1
    if death.defect is not None:
        share.defects.append(death.defect)
    if (case := _in_line(share, record, partitions)) is not None:
        share.parking.park(case, first, record.timestamp)


def _in_line(share: Share, record: Record, partitions: int) -> str | None:
    """The case whose records wait for each other here; none where one stands beside them, in a partition that is not its case's."""
    case = case_in(record.key)
    return case if case and partition_of(case, partitions) == share.partition.number else None


def row_of(case: Case) -> CaseRow:
    """A case as it is stored."""
    due, uncertain = case.next_due, case.uncertain
    return CaseRow(
        reference=case.reference,
        journey=case.journey,
        status=case.status,
        opened_ms=microseconds(case.opened_at) // 1000,
        updated_ms=microseconds(case.updated_at) // 1000,
        due_ms=microseconds(due) // 1000 if due else None,
        waiting_on=",".join(case.waiting_on),
        uncertain=len(uncertain),
        uncertain_ms=microseconds(uncertain[0][1].at) // 1000 if uncertain else None,
        body=case.write(),
    )


def microseconds(moment: datetime) -> int:
    """Whole microseconds since 1970 UTC, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(microseconds_since_epoch: int) -> datetime:
    """The moment, in UTC."""
    return _EPOCH + microseconds_since_epoch * _MICROSECOND


@lru_cache(maxsize=65536)
def partition_of(key: str, partitions: int) -> int:
    """The partition that Kafka's default partitioner gives a key."""
    return int(murmur2(key.encode()) & 0x7FFFFFFF) % partitions


def place_of(error: BaseException) -> str:
    """Where in the code an exception was raised: file, line and function, and no value."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno} {ours[-1].name}"
