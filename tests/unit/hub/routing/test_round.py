"""The rule of DESIGN 3, on a real SQLite file, with a Kafka and a group that a test holds in its hands."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from hub.dead_letters.rate import Rate
from hub.edge.messages import Outgoing
from hub.errors import ConfigurationError, RestartMe
from hub.health.metrics import WorkerMetrics
from hub.memory.prepare import prepare
from hub.memory.store import Advance, Partition, Store
from hub.routing.brake import Brake
from hub.routing.diary import Diary
from hub.routing.patience import Memory
from hub.routing.records import Fetch
from hub.routing.round import Rounds
from hub.routing.step import World

NewCase = Callable[[str], Any]


class Group:
    """A consumer group of which the test says who owns what."""

    def __init__(self) -> None:
        self.generation = 1
        self.is_stopping = False
        self.read_from: dict[Partition, int] = {}
        self.held: list[Partition] = []
        self.first = 0

    def is_ours(self, generation: int) -> bool:
        return generation == self.generation

    async def steer(self, read_from: Mapping[Partition, int], hold: Collection[Partition]) -> None:
        self.read_from |= read_from
        self.held += hold

    async def begins(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        return dict.fromkeys(partitions, self.first)


class Kafka:
    """Takes what is sent; partitions in `frozen` acknowledge only once `thaw` is called; `then` happens before every answer."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, str, Outgoing]] = []
        self.frozen: dict[int, asyncio.Event] = {}
        self.then: Callable[[], None] = lambda: None
        self.refuses: Exception | None = None
        self.refuses_letters = False

    def freeze(self, partition: int) -> None:
        self.frozen[partition] = asyncio.Event()

    async def send(self, partition: int, outgoing: Mapping[str, Sequence[Outgoing]], go_on: Callable[[], bool]) -> bool:
        self.sent += [(partition, topic, item) for topic, items in outgoing.items() for item in items]
        if self.refuses:
            raise self.refuses
        if self.refuses_letters and "case-events-dlq" in outgoing:
            raise OSError("too large")
        if partition in self.frozen:
            await self.frozen[partition].wait()
        self.then()
        return True


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Worker:
    def __init__(self, store: Store, world: World) -> None:
        self.store = store
        self.group = Group()
        self.kafka = Kafka()
        self.metrics = WorkerMetrics()
        self.clock = Clock()
        publisher: Any = self.kafka
        self.rounds = Rounds(
            topic="case-events",
            partitions=4,
            least_s=0.0,
            group=self.group,
            memory=Memory(store, self.metrics.sql_retries),
            publisher=publisher,
            world=world,
            metrics=self.metrics,
            diary=Diary(self.metrics),
            brake=Brake(Rate(3, self.clock), self.metrics),
        )

    async def assigned(self) -> None:
        await self.rounds.locate({Partition("case-events", number): (0, 1000) for number in range(4)})

    async def fetches(
        self,
        records: Mapping[Partition, Sequence[Any]],
        generation: int = 1,
        passed: Mapping[Partition, int] | None = None,
    ) -> None:
        await self.rounds.run(Fetch(records, generation, passed or {}))

    def progress(self, partition: Partition) -> int:
        return self.store.positions({partition: 0})[partition]

    def stored(self, *cases: Any) -> list[str]:
        return sorted(self.store.snapshot([], [case.reference for case in cases]).bodies)

    def rereads(self, reason: str) -> float | None:
        return self.metrics.registry.get_sample_value("hub_worker_rereads_total", {"reason": reason})


@pytest.fixture
def worker(tmp_path: Path, world: World) -> Worker:
    return Worker(prepare(f"sqlite:///{tmp_path}/worker.db", "hub"), world)


@pytest.fixture
def cases(new_case: NewCase) -> tuple[Any, Any]:
    """Two cases that live in different partitions."""
    first = new_case("first")
    return first, next(c for c in map(new_case, map(str, range(100))) if c.partition != first.partition)


def test_a_round_sends_then_writes_then_moves_on(worker: Worker, new_case: NewCase) -> None:
    case = new_case("one")

    async def story() -> None:
        await worker.assigned()
        await worker.fetches({case.partition: [case.record(0, case.reported())]})

    asyncio.run(story())

    assert [topic for _, topic, _ in worker.kafka.sent] == ["housing-tasks", "case-updates"]
    assert {number for number, _, _ in worker.kafka.sent} == {case.partition.number}
    assert worker.stored(case) == [case.reference]
    assert worker.progress(case.partition) == worker.rounds.position(case.partition) == 1


def test_what_was_applied_is_not_applied_again(worker: Worker, new_case: NewCase) -> None:
    case = new_case("one")
    records = {case.partition: [case.record(0, case.reported())]}

    async def story() -> None:
        await worker.assigned()
        await worker.fetches(records)
        worker.kafka.sent.clear()
        await worker.fetches(records)

    asyncio.run(story())

    assert worker.kafka.sent == []


def test_a_partition_another_worker_moved_is_left_alone_and_the_others_are_written(
    worker: Worker, cases: tuple[Any, Any]
) -> None:
    ours, theirs = cases
    worker.store.positions({theirs.partition: 0})

    def another_worker_moves() -> None:
        worker.kafka.then = lambda: None
        worker.store.apply([Advance(theirs.partition, 0, 5)])

    async def story() -> None:
        await worker.assigned()
        worker.kafka.then = another_worker_moves
        await worker.fetches(
            {ours.partition: [ours.record(0, ours.reported())], theirs.partition: [theirs.record(0, theirs.reported())]}
        )

    asyncio.run(story())

    assert worker.stored(ours, theirs) == [ours.reference]
    assert (worker.progress(ours.partition), worker.progress(theirs.partition)) == (1, 5)
    assert worker.group.read_from == {theirs.partition: 5}
    assert worker.rereads("fenced") == 1


def test_a_worker_whose_position_is_out_of_date_sends_nothing(worker: Worker, new_case: NewCase) -> None:
    case = new_case("one")

    async def story() -> None:
        await worker.assigned()
        worker.store.apply([Advance(case.partition, 0, 1)])
        await worker.fetches({case.partition: [case.record(0, case.reported())]})

    asyncio.run(story())

    assert worker.kafka.sent == []
    assert worker.group.read_from == {case.partition: 1}
    assert worker.rereads("moved") == 1


def test_a_round_revoked_before_it_is_written_is_left_to_the_next_owner(worker: Worker, new_case: NewCase) -> None:
    case = new_case("one")

    def rebalance() -> None:
        worker.group.generation = 2

    async def story() -> None:
        await worker.assigned()
        worker.kafka.then = rebalance
        await worker.fetches({case.partition: [case.record(0, case.reported())]})

    asyncio.run(story())

    assert worker.progress(case.partition) == 0
    assert worker.stored(case) == []


def test_what_was_sent_before_a_rebalance_is_read_again_and_sent_with_the_same_bytes(
    worker: Worker, new_case: NewCase
) -> None:
    case = new_case("one")
    records = {case.partition: [case.record(0, case.reported())]}

    def rebalance() -> None:
        worker.group.generation = 2
        worker.kafka.then = lambda: None

    async def story() -> None:
        await worker.assigned()
        worker.kafka.then = rebalance
        await worker.fetches(records)
        await worker.fetches(records, generation=2)
        await worker.fetches(records, generation=2)

    asyncio.run(story())

    first, second = worker.kafka.sent[:2], worker.kafka.sent[2:]
    assert first == second
    assert worker.progress(case.partition) == 1


def test_a_partition_whose_outputs_are_late_is_held_and_joins_later_while_the_others_go_on(
    worker: Worker, cases: tuple[Any, Any]
) -> None:
    quick, late = cases

    async def story() -> None:
        await worker.assigned()
        worker.kafka.freeze(late.partition.number)
        await worker.fetches(
            {quick.partition: [quick.record(0, quick.reported())], late.partition: [late.record(0, late.reported())]}
        )
        assert worker.stored(quick, late) == [quick.reference]
        assert worker.group.held == [late.partition]
        assert worker.rounds.has_late

        worker.kafka.frozen[late.partition.number].set()
        await worker.rounds._under_way[late.partition].task
        await worker.fetches({})

    asyncio.run(story())

    assert worker.stored(quick, late) == sorted([quick.reference, late.reference])
    assert worker.group.read_from == {late.partition: 1}
    assert not worker.rounds.has_late
    assert len([item for item in worker.kafka.sent if item[0] == late.partition.number]) == 2


def test_a_record_behind_a_hole_is_applied_once_kafka_shows_the_hole_again(worker: Worker, new_case: NewCase) -> None:
    case = new_case("one")
    behind = {case.partition: [case.record(3, case.reported())]}

    async def story() -> None:
        await worker.assigned()
        await worker.fetches(behind)
        assert worker.group.read_from == {case.partition: 0}
        assert worker.kafka.sent == []
        await worker.fetches({})
        await worker.fetches(behind)

    asyncio.run(story())

    assert worker.stored(case) == [case.reference]
    assert worker.progress(case.partition) == worker.rounds.position(case.partition) == 4


def test_a_record_that_shows_itself_only_when_it_is_read_again_is_not_skipped(
    worker: Worker, new_case: NewCase
) -> None:
    case = new_case("one")

    async def story() -> None:
        await worker.assigned()
        await worker.fetches({case.partition: [case.record(1, case.cleared())]})
        await worker.fetches({case.partition: [case.record(0, case.reported()), case.record(1, case.cleared())]})

    asyncio.run(story())

    assert [topic for _, topic, _ in worker.kafka.sent].count("housing-tasks") == 1
    assert worker.progress(case.partition) == 2


def test_a_hole_seen_before_a_rebalance_is_read_again_after_it(worker: Worker, new_case: NewCase) -> None:
    case = new_case("one")
    behind = {case.partition: [case.record(3, case.reported())]}

    async def story() -> None:
        await worker.assigned()
        await worker.fetches(behind)
        worker.group.generation = 2
        await worker.assigned()
        await worker.fetches(behind, generation=2)

    asyncio.run(story())

    assert worker.stored(case) == []
    assert worker.rereads("hole") == 2


def test_the_mark_of_a_transaction_at_the_end_of_the_log_is_left_behind(worker: Worker, new_case: NewCase) -> None:
    case = new_case("one")

    async def story() -> None:
        await worker.assigned()
        await worker.fetches({case.partition: [case.record(0, case.reported())]})
        await worker.fetches({}, passed={case.partition: 2})
        assert worker.progress(case.partition) == 1
        await worker.fetches({}, passed={case.partition: 2})

    asyncio.run(story())

    assert worker.progress(case.partition) == worker.rounds.position(case.partition) == 2


def test_a_hole_that_retention_made_is_a_matter_for_a_person(worker: Worker, new_case: NewCase) -> None:
    case = new_case("one")
    behind = {case.partition: [case.record(3, case.reported())]}
    worker.group.first = 3

    async def story() -> None:
        await worker.assigned()
        await worker.fetches(behind)
        await worker.fetches(behind)

    with pytest.raises(
        ConfigurationError, match=r"retention deleted records before they were applied\. .*the log begins at 3"
    ):
        asyncio.run(story())
    assert worker.progress(case.partition) == 0


def test_an_output_that_kafka_refuses_ends_the_process_with_nothing_written(worker: Worker, new_case: NewCase) -> None:
    case = new_case("one")

    async def story() -> None:
        await worker.assigned()
        worker.kafka.refuses = OSError("broker gone")
        await worker.fetches({case.partition: [case.record(0, case.reported())]})

    with pytest.raises(RestartMe, match="Kafka did not take the outputs"):
        asyncio.run(story())
    assert worker.progress(case.partition) == 0


def test_a_stop_lets_the_round_in_hand_finish(worker: Worker, new_case: NewCase) -> None:
    case = new_case("one")

    def stop() -> None:
        worker.group.is_stopping = True

    async def story() -> None:
        await worker.assigned()
        worker.kafka.then = stop
        await worker.fetches({case.partition: [case.record(0, case.reported())]})

    asyncio.run(story())

    assert worker.progress(case.partition) == 1


@pytest.mark.parametrize("ends", [(6, 1000), (0, 4)])
def test_progress_outside_the_log_is_a_matter_for_a_person(worker: Worker, ends: tuple[int, int]) -> None:
    partition = Partition("case-events", 0)
    worker.store.positions({partition: 5})

    with pytest.raises(ConfigurationError, match=r"case-events/0: next to apply is 5, the log holds"):
        asyncio.run(worker.rounds.locate({partition: ends}))


def poison(case: Any, *offsets: int) -> list[Any]:
    return [case.record(offset, case.reported())._replace(key=None, value=b"{") for offset in offsets]


def letters(worker: Worker) -> list[Outgoing]:
    return [item for _, topic, item in worker.kafka.sent if topic == "case-events-dlq"]


def test_past_the_rate_a_partition_stands_still_and_tries_one_more_when_the_minute_is_over(
    worker: Worker, cases: tuple[Any, Any]
) -> None:
    bad, good = cases

    async def story() -> None:
        await worker.assigned()
        await worker.fetches({bad.partition: poison(bad, 0, 1, 2, 3, 4)})
        assert (worker.progress(bad.partition), len(letters(worker))) == (3, 3)
        assert worker.group.held == [bad.partition]
        assert worker.rounds.has_late

        await worker.fetches({bad.partition: poison(bad, 4), good.partition: [good.record(0, good.reported())]})
        assert worker.stored(good) == [good.reference]
        assert len(letters(worker)) == 3

        worker.clock.now += 61
        await worker.fetches({})
        assert worker.group.read_from[bad.partition] == 3
        await worker.fetches({bad.partition: poison(bad, 3, 4)})
        assert worker.progress(bad.partition) == len(letters(worker)) == 4
        assert worker.rounds.has_late

        worker.clock.now += 61
        await worker.fetches({})
        await worker.fetches({bad.partition: poison(bad, 4)})

    asyncio.run(story())

    assert worker.progress(bad.partition) == len(letters(worker)) == 5
    assert not worker.rounds.has_late


def test_a_worker_that_is_started_again_and_again_sets_no_more_aside(
    worker: Worker, new_case: NewCase, world: World
) -> None:
    case = new_case("one")

    async def story() -> None:
        await worker.assigned()
        await worker.fetches({case.partition: poison(case, 0, 1, 2, 3)})
        fresh = Worker(worker.store, world)
        await fresh.assigned()
        await fresh.fetches({case.partition: poison(case, 3)})
        assert letters(fresh) == []
        assert fresh.group.held == [case.partition]

    asyncio.run(story())

    assert worker.progress(case.partition) == 3


def test_what_another_partition_was_sent_is_written_though_kafka_refuses_a_letter(
    worker: Worker, cases: tuple[Any, Any]
) -> None:
    bad, good = cases

    async def story() -> None:
        await worker.assigned()
        worker.kafka.refuses_letters = True
        await worker.fetches({bad.partition: poison(bad, 0), good.partition: [good.record(0, good.reported())]})

    with pytest.raises(RestartMe, match="Kafka did not take the outputs"):
        asyncio.run(story())
    assert (worker.progress(bad.partition), worker.progress(good.partition)) == (0, 1)
