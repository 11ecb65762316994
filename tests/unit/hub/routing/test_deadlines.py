import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import pytest

from hub.edge.messages import Outgoing
from hub.health.metrics import WorkerMetrics
from hub.memory.store import DeadlineRow
from hub.routing.deadlines import DeadlineTimer
from hub.routing.patience import Memory
from hub.routing.share import moment_of
from schemas.references import case_reference
from schemas.tasks import DeadlineExpired
from schemas.topics import CASE_EVENTS

NINE_O_CLOCK = 1_793_869_200_000_000
CASE = case_reference(moment_of(NINE_O_CLOCK), "a test")
ROW = DeadlineRow(CASE, "clear-estate", NINE_O_CLOCK - 1, 2)


class Deadlines:
    """A store that holds one deadline."""

    passing = ()

    def __init__(self) -> None:
        self.published: list[DeadlineRow] = []
        self.asked: list[tuple[list[int], int]] = []

    def due(self, parts: Collection[int], now_us: int, limit: int) -> list[DeadlineRow]:
        self.asked.append((list(parts), now_us))
        return [ROW]

    def mark_published(self, deadlines: Sequence[DeadlineRow]) -> None:
        self.published += deadlines


class Kafka:
    def __init__(self, *, takes: bool) -> None:
        self.takes = takes
        self.sent: list[tuple[int, str, Outgoing]] = []

    async def send(self, partition: int, outgoing: Mapping[str, Sequence[Outgoing]], go_on: Callable[[], bool]) -> bool:
        self.sent += [(partition, topic, item) for topic, items in outgoing.items() for item in items]
        return self.takes


class Shift:
    is_stopping = False

    def __init__(self, *parts: int) -> None:
        self.parts = parts

    def on_duty(self) -> Sequence[int]:
        return self.parts


def timer(store: Any, kafka: Any, shift: Any) -> DeadlineTimer:
    metrics = WorkerMetrics()
    return DeadlineTimer(
        every_s=1,
        council="E06000999",
        source="/E06000999/worker",
        shift=shift,
        memory=Memory(store, metrics.sql_retries),
        publisher=kafka,
        metrics=metrics,
        now=lambda: NINE_O_CLOCK,
    )


def test_a_deadline_that_passed_becomes_an_event_of_its_case() -> None:
    store, kafka = Deadlines(), Kafka(takes=True)

    asyncio.run(timer(store, kafka, Shift(2, 3)).publish_due())

    ((partition, topic, record),) = kafka.sent
    event = CASE_EVENTS.decode(record.value, record.key)
    assert isinstance(event, DeadlineExpired)
    assert (partition, topic) == (2, "case-events")
    assert (event.partitionkey, event.correlationid, event.data.task) == (CASE, CASE, "clear-estate")
    assert event.data.due == event.effectiveat == moment_of(ROW.due_us)
    assert event.time == moment_of(NINE_O_CLOCK)
    assert store.published == [ROW]
    assert store.asked == [([2, 3], NINE_O_CLOCK)]


def test_the_same_deadline_has_the_same_id_whoever_publishes_it_and_when() -> None:
    one, other = timer(Deadlines(), Kafka(takes=True), Shift(2)), timer(Deadlines(), Kafka(takes=True), Shift(2))

    assert one.event(ROW, NINE_O_CLOCK).id == other.event(ROW, NINE_O_CLOCK + 60_000_000).id
    assert one.event(ROW, NINE_O_CLOCK).id != one.event(ROW._replace(due_us=ROW.due_us + 1), NINE_O_CLOCK).id


def test_a_deadline_that_kafka_did_not_take_is_not_forgotten() -> None:
    store = Deadlines()

    asyncio.run(timer(store, Kafka(takes=False), Shift(2)).publish_due())

    assert store.published == []


@pytest.mark.parametrize("parts", [()])
def test_a_worker_without_partitions_leaves_deadlines_to_the_others(parts: tuple[int, ...]) -> None:
    store, kafka = Deadlines(), Kafka(takes=True)

    asyncio.run(timer(store, kafka, Shift(*parts)).publish_due())

    assert kafka.sent == []
    assert store.asked == []
