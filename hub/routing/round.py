"""The rule of DESIGN 3: nothing is lost, nothing is done twice.

A round takes what has arrived on all partitions, decides (`share`), sends and awaits every acknowledgement (`publish`), then writes
positions and cases in one transaction (`memory`). A crash in between sends the same ids again and changes nothing. A partition whose
outputs are not acknowledged soon is left out and held; it joins a later round, and the others go on.

This module knows neither Faust nor SQL: `Group` is what it needs of the one, `Memory` of the other.
"""

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from hub.dead_letters.parking import case_in
from hub.errors import ConfigurationError, HubError, RestartMe
from hub.failpoints import Failpoint, reach
from hub.health.metrics import WorkerMetrics
from hub.memory.store import Partition
from hub.routing.brake import Brake
from hub.routing.diary import Diary
from hub.routing.patience import Memory, NotOurs
from hub.routing.plan import Hole, Plan, plan_round
from hub.routing.publish import Publisher
from hub.routing.records import Fetch
from hub.routing.share import Share, route
from hub.routing.step import World

_PATIENCE_S = 1.0
"""How long a round waits for acknowledgements before it leaves a partition out."""
_PATIENCE_WHILE_LATE_S = 0.3
"""The same while some partition is late already: the others must not wait a second in every round."""
_SQL_BUDGET_S = 120.0
_LOCATE_BUDGET_S = 20.0
"""Faust takes a seek that lasts longer than its request time-out (60 s) for a stop, and then idles for ever: give up well before that."""
_LOOK_S = 0.1


class Group(Protocol):
    """This worker's place in the consumer group."""

    @property
    def is_stopping(self) -> bool:
        """Whether the worker was asked to stop. What can be finished is finished; nothing is tried again."""

    def is_ours(self, generation: int) -> bool:
        """Whether the partitions assigned in this generation are still this worker's."""

    async def steer(self, read_from: Mapping[Partition, int], hold: Collection[Partition]) -> None:
        """Read on from these offsets; fetch nothing of those held."""

    async def begins(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        """First offset of each partition's log, as Kafka has it now."""


@dataclass
class _UnderWay:
    """A share whose outputs are being sent. At most one per partition, also across rebalances."""

    share: Share
    generation: int
    task: asyncio.Task[bool]
    late: bool = False

    @property
    def is_ready(self) -> bool:
        """Whether everything was acknowledged.

        Raises:
            RestartMe: the outcome of a batch is unknown; a fresh process sends the same ids again.
        """
        if not self.task.done():
            return False
        if (error := self.task.exception()) is not None:
            where = f"{self.share.partition.topic}/{self.share.partition.number}"
            why = str(error) if isinstance(error, HubError) else f"{type(error).__name__}."
            raise RestartMe(f"Kafka did not take the outputs of {where}: {why}") from error
        return self.task.result()


class Rounds:
    """Applies rounds, one after the other.

    Args:
        topic: the topic read, `case-events`.
        partitions: of every hub topic.
        least_s: least time between the starts of two rounds.
        group, memory, publisher, world, metrics, diary: what it works with.
        brake: stops a partition before a record where too many have been set aside.
    """

    def __init__(
        self,
        *,
        topic: str,
        partitions: int,
        least_s: float,
        group: Group,
        memory: Memory,
        publisher: Publisher,
        world: World,
        metrics: WorkerMetrics,
        diary: Diary,
        brake: Brake,
    ) -> None:
        self.topic = topic
        self.least_s = least_s
        self._partitions = partitions
        self._group = group
        self._memory = memory
        self._publisher = publisher
        self._world = world
        self._metrics = metrics
        self._diary = diary
        self._brake = brake
        self._positions: dict[Partition, int] = {}
        self._under_way: dict[Partition, _UnderWay] = {}
        self._holes: dict[Partition, Hole] = {}
        self._log = structlog.get_logger()

    @property
    def has_late(self) -> bool:
        """Whether partitions wait to be joined to a later round."""
        return bool(self._under_way or self._brake.stopped)

    def position(self, partition: Partition) -> int | None:
        """Next offset to apply, as the database has it."""
        return self._positions.get(partition)

    async def locate(self, ends: Mapping[Partition, tuple[int, int]]) -> Mapping[Partition, int]:
        """Where to read on after an assignment.

        Args:
            ends: first and next offset of each partition's log.

        Raises:
            ConfigurationError: a position lies outside its log: records are gone that were never applied, or the topic is another one;
                or the topic has grown.
            RestartMe: the database does not answer.
        """
        if grown := _beyond(ends, self._partitions):
            raise ConfigurationError(
                f"{self.topic} has grown to {max(grown) + 1} partitions or more, kafka.partitions says {self._partitions}: new events of a "
                "case stand where its earlier ones do not. Stop what writes to it, and run `hub topics plan`, which says what to do."
            )
        first = {partition: earliest for partition, (earliest, _) in ends.items()}
        found = await self._memory.ask(lambda store: store.positions(first), _LOCATE_BUDGET_S)
        outside = [
            f"{partition.topic}/{partition.number}: next to apply is {found[partition]}, the log holds {earliest} to {end}"
            for partition, (earliest, end) in ends.items()
            if not earliest <= found[partition] <= end
        ]
        if outside:
            raise _outside_the_log(outside)
        self._brake.rate.remember(await self._memory.ask(lambda store: store.counted(first), _LOCATE_BUDGET_S))
        self._positions, self._holes = found, {}
        self._brake.forget()
        self._metrics.applied_offset.clear()
        self._note_positions(found)
        self._log.info("worker ready", positions={str(p.number): offset for p, offset in sorted(found.items())})
        return found

    async def run(self, fetch: Fetch) -> None:
        """Run one round.

        Raises:
            RestartMe: the process cannot go on safely.
        """
        began = time.monotonic()
        reach(Failpoint.WORKER_FETCHED)
        stale = self._drop_stale(fetch.generation)
        # What was fetched of a stopped partition begins anywhere; it is read again from where it stopped.
        released = self._brake.release()
        held = {*self._under_way, *self._brake.stopped}
        plan = plan_round(_without(fetch, [*stale, *released]), self._positions, held, self._holes)
        if not self._goes_on(fetch.generation):
            return
        await self._look_into(plan.over)
        await self._steer([*stale, *released], hold=plan.hold)
        try:
            fresh = await self._begin(plan, fetch.generation)
            await self._await_acknowledgements(fresh, fetch.generation)
            if self._group.is_ours(fetch.generation):
                await self._finish(plan, fetch.generation, began)
        except NotOurs:
            self._log.info("round left to the partitions' next owner")

    async def _look_into(self, holes: Mapping[Partition, Hole]) -> None:
        """Go over holes that Kafka shows again when they are read again, unless its log says that records were there.

        Raises:
            ConfigurationError: the log begins behind a position: what was there has been deleted.
        """
        if not holes:
            return
        begins = await self._group.begins(holes)
        deleted = [
            f"{partition.topic}/{partition.number}: next to apply is {hole.position}, the log begins at {begins[partition]}"
            for partition, hole in holes.items()
            if begins[partition] > hole.position
        ]
        if deleted:
            raise _outside_the_log(deleted)
        for partition, hole in holes.items():
            self._log.info(
                "hole in the log gone over", partition=partition.number, offset=hole.position, until=hole.until
            )

    def _goes_on(self, generation: int) -> bool:
        return self._group.is_ours(generation) and not self._group.is_stopping

    def _drop_stale(self, generation: int) -> list[Partition]:
        """Forget what was sent before a rebalance and is settled now: it is read again, and goes out with the same ids."""
        stale = [p for p, work in self._under_way.items() if work.generation != generation and work.task.done()]
        for partition in stale:
            del self._under_way[partition]
        return stale

    async def _begin(self, plan: Plan, generation: int) -> list[_UnderWay]:
        """Decide every partition's share and start to send it."""
        if not plan.take:
            return []
        references = {case for _, taken in plan.take.values() for record in taken if (case := case_in(record.key))}
        # Positions and cases of one moment: cases newer than the position would be those of another worker.
        snapshot = await self._memory.ask(
            lambda store: store.snapshot(plan.take, references), _SQL_BUDGET_S, lambda: self._goes_on(generation)
        )
        if not self._group.is_ours(generation):
            raise NotOurs
        fresh = []
        for partition, (position, taken) in plan.take.items():
            if snapshot.positions.get(partition) != position:
                plan.again[partition] = "moved"
                continue
            if taken:
                share = route(
                    partition,
                    position,
                    taken,
                    snapshot.bodies,
                    world=self._world,
                    partitions=self._partitions,
                    lying=snapshot.parked,
                    room=self._brake.rate.room(),
                )
            else:
                share = Share(partition, position, plan.over[partition].until)
            self._brake.count(share)
            self._diary.note_defects(share)
            if share.new == position:
                continue
            sending = self._publisher.send(partition.number, share.outgoing, lambda: self._group.is_ours(generation))
            work = _UnderWay(share, generation, asyncio.ensure_future(sending))
            self._under_way[partition] = work
            fresh.append(work)
            await asyncio.sleep(0)
        return fresh

    async def _await_acknowledgements(self, fresh: list[_UnderWay], generation: int) -> None:
        """Wait until all is acknowledged, or for so long as the others may be made to wait."""
        patience = _PATIENCE_WHILE_LATE_S if len(self._under_way) > len(fresh) else _PATIENCE_S
        limit = time.monotonic() + patience
        while waiting := [work.task for work in fresh if not work.task.done()]:
            left = limit - time.monotonic()
            if left <= 0 or not self._group.is_ours(generation):
                return
            await asyncio.wait(waiting, timeout=min(_LOOK_S, left))

    async def _finish(self, plan: Plan, generation: int, began: float) -> None:
        """Write what is acknowledged, hold what is late, read again what somebody else moved."""
        current = [work for work in self._under_way.values() if work.generation == generation]
        done = [work for work in current if work.task.done()]
        newly_late = [work for work in current if not work.task.done() and not work.late]
        for work in newly_late:
            work.late = True
        shares, failed = [], None
        for work in done:
            # The partitions whose outputs are safe go on, whatever Kafka makes of another's.
            try:
                if work.is_ready:
                    shares.append(work.share)
            except RestartMe as error:
                failed = error
        for work in done:
            del self._under_way[work.share.partition]
        moved = await self._write(shares, generation)
        plan.again |= {share.partition: "fenced" for share in shares if share.partition not in moved}
        self._diary.note_round([share for share in shares if share.partition in moved], time.monotonic() - began)
        if failed is not None:
            raise failed
        self._metrics.late_partitions.set(sum(work.late for work in self._under_way.values()))
        if not self._group.is_ours(generation):
            return
        if newly_late:
            self._log.warning("outputs not acknowledged, partitions held", partitions=_numbers(newly_late))
        await self._reread(plan.again)
        self._holes |= plan.holes
        joined = [
            work.share.partition for work in done if work.late and work.share.partition not in self._brake.stopped
        ]
        await self._steer(joined, hold=[*(work.share.partition for work in newly_late), *self._brake.stopped])

    async def _write(self, shares: list[Share], generation: int) -> frozenset[Partition]:
        """Write shares in one transaction; the partitions that were still this worker's."""
        if not shares:
            return frozenset()
        reach(Failpoint.WORKER_SENT)
        advances = [share.advance() for share in shares]
        moved = await self._memory.ask(
            lambda store: store.apply(advances), _SQL_BUDGET_S, lambda: self._goes_on(generation)
        )
        reach(Failpoint.WORKER_APPLIED)
        new = {share.partition: share.new for share in shares if share.partition in moved}
        self._positions |= new
        self._note_positions(new)
        return moved

    async def _reread(self, again: Mapping[Partition, str]) -> None:
        """Take positions from the database again; also heals a commit whose outcome was never heard."""
        if not again:
            return
        earliest = dict.fromkeys(again, 0)
        found = await self._memory.ask(lambda store: store.positions(earliest), _SQL_BUDGET_S)
        self._positions |= found
        self._note_positions(found)
        for partition, reason in again.items():
            self._metrics.rereads.labels(reason).inc()
            self._log.info("partition read again", partition=partition.number, reason=reason, offset=found[partition])
        await self._steer(again)

    async def _steer(self, read_on: Iterable[Partition], hold: Collection[Partition] = ()) -> None:
        read_from = {partition: self._positions[partition] for partition in read_on if partition in self._positions}
        if read_from or hold:
            await self._group.steer(read_from, hold)

    def _note_positions(self, positions: Mapping[Partition, int]) -> None:
        for partition, offset in positions.items():
            self._metrics.applied_offset.labels(str(partition.number)).set(offset)


def _without(fetch: Fetch, partitions: Collection[Partition]) -> Fetch:
    """What was fetched of the other partitions."""
    records = {partition: found for partition, found in fetch.records.items() if partition not in partitions}
    passed = {partition: offset for partition, offset in fetch.passed.items() if partition not in partitions}
    return replace(fetch, records=records, passed=passed)


def _beyond(assigned: Iterable[Partition], partitions: int) -> list[int]:
    """Numbers of partitions that no hub topic should have."""
    return [partition.number for partition in assigned if partition.number >= partitions]


def _outside_the_log(where: list[str]) -> ConfigurationError:
    return ConfigurationError(
        "The worker's progress lies outside Kafka's log: the topic was made anew, or retention deleted records before they "
        f"were applied. {'; '.join(where)}. If the broker was reset, remove the worker's database too; else decide "
        "what is to be done about the lost records and set progress.next_offset in the worker's database."
    )


def _numbers(works: Iterable[_UnderWay]) -> list[int]:
    return sorted(work.share.partition.number for work in works)
