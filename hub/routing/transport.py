"""Faust's transport, by the round: everything fetched at once, over all partitions, is ONE Faust event; the next fetch waits for its end.

What is overridden, in faust-streaming 0.15.3 (`tests/unit/hub/routing/test_transport.py` pins the signatures), and why:

`Consumer.seek_to_committed`  Where to read on comes from the database, in the transaction that holds the cases. Faust asks here and only
                              here: at the end of every rebalance, before flow resumes and before the first fetch.
`Consumer._new_offset`        What is committed to Kafka, for people's tools, is what the database has applied: it can neither run ahead
                              nor freeze, whatever was acknowledged.
`Consumer._drain_messages`    One event per round instead of one per record: 13 times the speed, and one transaction for all partitions.
`Consumer._new_consumer_thread`, `ConsumerThread._create_worker_consumer`
                              Reads what is committed: Faust would apply what the producer of a transaction has taken back. And a fetch
                              that leaves out a partition, because what came of it before is still being applied, keeps it waiting for
                              no longer than a moment; Faust says a second and a half.
`ConsumerThread.crash`        Ends the process at once, and says what Kafka refuses.
`Producer._settings_extra`    An idempotent producer: its own retries neither double nor reorder.
`Producer.flush`              Nothing: Faust flushes within every rebalance, and one dead broker would hold that up; every round awaits
                              its own acknowledgements.
`Schema.compile`              A round passes through as it is; records are decoded inside it.
"""

import asyncio
import itertools
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Protocol, cast

import faust
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from faust.exceptions import ConsumerNotStarted
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import TP, ConsumerMessage

from hub.admission import Right, refusal
from hub.errors import RestartMe
from hub.memory.store import Partition
from hub.routing.ending import ends_process
from hub.routing.records import Fetch, Record

# Faust would name it after this module, and its own chatter would then pass for ours.
_LOGGER = logging.getLogger("faust.transport.rounds")
_IDLE_S = 1.0
"""How long one fetch waits for records; a stop waits for it to end."""
_IDLE_WHILE_LATE_S = 0.1
_FETCH_WAITS_MS = 200
_LOOK_EVERY_S = 1.0
"""How often to look whether Kafka has gone on without a record."""
_REBALANCE_POLL_S = 0.005


class Reader(Protocol):
    """Who knows where to read on: the rounds."""

    topic: str
    least_s: float
    """Least time between the starts of two rounds."""

    @property
    def has_late(self) -> bool:
        """Whether partitions wait to be joined to a later round."""

    def position(self, partition: Partition) -> int | None:
        """Next offset to apply, as the database has it; None where it is not known."""

    async def locate(self, ends: Mapping[Partition, tuple[int, int]]) -> Mapping[Partition, int]:
        """Where to read on after an assignment, given the first and the next offset of each partition's log."""


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's thread in which aiokafka reads; it reads what is committed."""

    logger = _LOGGER

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Not asked for before `start`. Faust sets the one only with its own transactions, and the other to 1,500.
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - as said
        consumer._fetch_max_wait_ms = _FETCH_WAITS_MS  # noqa: SLF001 - as said
        return consumer

    async def crash(self, exc: BaseException) -> None:
        """End the process: Faust would let it die piece by piece, for half a minute."""
        if isinstance(exc, Exception):
            with cast("Consumer", self.consumer).ends_process():
                raise exc
        await super().crash(exc)


class Consumer(driver.Consumer):
    """Faust's consumer, that reads by the round from where the database says."""

    logger = _LOGGER
    _looked = 0.0

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def _reader(self) -> Reader:
        return cast("Transport", self.transport).reader

    def assigned(self) -> list[Partition]:
        """The partitions of the topic read by the round that are this worker's now; none before Kafka is reached."""
        try:
            assignment = self.assignment()
        except ConsumerNotStarted:
            return []
        return sorted(Partition(*tp) for tp in assignment if tp.topic == self._reader.topic)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek to where the database says."""
        tps = [TP(*partition) for partition in self.assigned()]
        if not tps:
            return {}
        offsets: dict[TP, int] = {}
        with ends_process("The worker does not know where to read on", unless=lambda: bool(self.app.should_stop)):
            first, end = await self.earliest_offsets(*tps), await self.highwaters(*tps)
            found = await self._reader.locate({Partition(*tp): (first[tp], end[tp]) for tp in tps})
            offsets = {TP(*partition): offset for partition, offset in found.items()}
            await self._thread.seek_wait(offsets)
        for tp in tps:
            self._acked[tp]  # a defaultdict: the commit loop looks only at partitions that have an entry
        return offsets

    def _new_offset(self, tp: TP) -> int | None:
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        return self._reader.position(Partition(*tp))

    async def _drain_messages(self, fetcher: Any) -> None:
        """Read until the consumer or its fetcher stops; what cannot be read ends the process, which Faust would leave half alive."""
        with self.ends_process():
            await self._read_on(fetcher)

    async def _read_on(self, fetcher: Any) -> None:
        """Fetch, hand over, wait for the end of the round; again and again."""
        # Faust leaves open for ever what is acknowledged below the committed offset: number the rounds above any.
        sequence = itertools.count(1 << 40)
        started = 0.0
        try:
            while not self._is_stopping(fetcher):
                await asyncio.sleep(max(0.0, started + self._reader.least_s - time.monotonic()))
                records, _ = await self._wait_next_records(_IDLE_WHILE_LATE_S if self._reader.has_late else _IDLE_S)
                started, generation = time.monotonic(), self.app.consumer_generation_id
                await asyncio.sleep(0)
                if records is None or self.should_stop:
                    break
                passed = await self._passed(records)
                if not records and not passed and not self._reader.has_late:
                    continue
                # What was fetched while a rebalance ends must not be thrown away with the agents' buffers.
                while self.app.rebalancing and self._is_current(generation) and not self._is_stopping(fetcher):  # noqa: ASYNC110 - Faust offers a flag, not an event
                    await asyncio.sleep(_REBALANCE_POLL_S)
                if self._is_stopping(fetcher) or not self.flow_active or not self._is_current(generation):
                    continue
                await self._deliver(records, passed, generation, next(sequence))
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise

    async def _passed(self, records: Mapping[Any, Sequence[Record]]) -> dict[Partition, int]:
        """How far Kafka has gone beyond what is applied and gave no record, of partitions without any in this fetch; looked at at times.

        The marks of transactions are such: they have offsets and are given to nobody.
        """
        if time.monotonic() - self._looked < _LOOK_EVERY_S:
            return {}
        self._looked = time.monotonic()
        applied = {
            partition: self._reader.position(partition) for partition in self.assigned() if partition not in records
        }
        behind = {p: offset for p, offset in applied.items() if offset is not None and self.end_of(p) > offset}
        if not behind:
            return {}
        consumer = self._thread._ensure_consumer()  # noqa: SLF001 - as in `steer`

        async def do() -> dict[Partition, int]:
            found = {}
            for partition in behind:
                # One that is being taken away, or has no position for the moment, is looked at another time.
                with suppress(IllegalStateError, TimeoutError):
                    found[partition] = await asyncio.wait_for(consumer.position(TopicPartition(*partition)), _IDLE_S)
            return found

        reached = await self._thread.call_thread(do)
        return {partition: offset for partition, offset in reached.items() if offset > behind[partition]}

    async def _deliver(
        self, records: Mapping[Any, Sequence[Record]], passed: Mapping[Partition, int], generation: int, number: int
    ) -> None:
        """Hand one round to the agent as one Faust event, and wait until it is over or the flow is suspended by a rebalance."""
        by_partition = {Partition(tp.topic, tp.partition): found for tp, found in records.items()}
        partition = next(iter(by_partition or self.assigned()), None)
        if partition is None:
            return
        fetch = Fetch(by_partition, generation, passed)
        tp = TP(*partition)
        value: Any = fetch
        message = ConsumerMessage(
            tp.topic, tp.partition, number, time.time(), 0, [], b"", value, None, 0, 0, tp, generation_id=generation
        )
        await self.wait_first(self.callback(message), self.suspend_flow.wait())
        await self.wait_first(fetch.done, self.suspend_flow.wait())

    def _is_stopping(self, fetcher: Any) -> bool:
        return self._stopped.is_set() or fetcher._stopped.is_set()  # noqa: SLF001 - as Faust's own loop asks

    def _is_current(self, generation: int) -> bool:
        return bool(self.app.consumer_generation_id == generation)

    async def steer(self, read_from: Mapping[Partition, int], hold: Collection[Partition] = ()) -> None:
        """Read on from these offsets; fetch nothing of the partitions held until told to read on. What is not assigned is skipped.

        Held in aiokafka, not in Faust, which sleeps a second when all its partitions are paused.
        """
        consumer = self._thread._ensure_consumer()  # noqa: SLF001 - Faust offers no pause that keeps the others fetching

        async def do() -> None:
            assigned = consumer.assignment()
            for partition in hold:
                if (tp := TopicPartition(*partition)) in assigned:
                    consumer.pause(tp)
            for partition, offset in read_from.items():
                if (tp := TopicPartition(*partition)) in assigned:
                    consumer.seek(tp, offset)
                    consumer.resume(tp)

        await self._thread.call_thread(do)

    async def begins(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        """First offset of each partition's log, as Kafka has it now."""
        first = await self.earliest_offsets(*(TP(*partition) for partition in partitions))
        return {partition: first[TP(*partition)] for partition in partitions}

    @contextmanager
    def ends_process(self) -> Iterator[None]:
        """Let nothing out of the block but a cancellation, and say what Kafka refuses by name."""
        with ends_process("Reading from Kafka failed", unless=lambda: bool(self.app.should_stop)):
            try:
                yield
            except KafkaError as error:
                raise RestartMe(self._refusal(error) or f"{type(error).__name__}.") from error

    def refused(self) -> str:
        """Why the group does not take this worker, in words; empty where it does, or nobody knows yet.

        aiokafka tells it to whoever fetches, and Faust does not fetch before the group has taken it.
        """
        coordinator = getattr(self._thread._consumer, "_coordinator", None)  # noqa: SLF001 - as in `steer`
        error = getattr(coordinator, "_pending_exception", None)
        return "" if error is None else self._refusal(error) or ""

    def _refusal(self, error: BaseException) -> str | None:
        return refusal(error, Right.READ, [self._reader.topic], self.app.conf.id)

    def end_of(self, partition: Partition) -> int:
        """Where what can be read of a partition ends, as far as this consumer has heard; 0 before its first fetch.

        Behind it lie at most records of a transaction that is not over yet, and whatever came after its first.
        """
        return self._thread._ensure_consumer().last_stable_offset(TopicPartition(*partition)) or 0  # noqa: SLF001 - as in `steer`


class Producer(driver.Producer):
    """Faust's producer, idempotent."""

    logger = _LOGGER

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}

    def connected(self) -> AIOKafkaProducer:
        """The producer of aiokafka, which takes whole batches."""
        return self._ensure_producer()

    async def flush(self) -> None:
        """Wait for nothing; see the module."""


class Transport(driver.Transport):
    """Faust's transport with both.

    Attributes:
        reader: the rounds; set before the app starts.
    """

    Consumer = Consumer
    Producer = Producer
    reader: Reader


class RoundSchema(faust.Schema[Any, Any]):
    """The schema of a topic whose values are `Fetch`es."""

    def compile(self, app: Any, **_kwargs: Any) -> Callable[..., Awaitable[Any]]:
        """The decoder that leaves everything as it is."""
        create_event = app.create_event

        async def decode(message: Any, *, propagate: bool = False) -> Any:  # noqa: ARG001 - Faust passes it
            return create_event(message.key, message.value, None, message)

        return decode
