"""Telling the story on a broker: all at once, or live at a steady rate."""

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from confluent_kafka import Producer

from hub.bench.story import Expected, Turn
from hub.routing.share import partition_of
from schemas.topics import CASE_UPDATES
from tests.bench.check import Oracle
from tests.bench.ground import STORY, Ground
from tests.bench.measure import Told

_LOOK_S = 0.001


def begins() -> datetime:
    """When a story begins: behind today, so that no deadline of it passes while it is told."""
    return datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=2)


def tell(turns: Iterable[Turn], ground: Ground) -> Told:
    """Put a whole story on the topic; what must come of it."""
    producer, expected, oracle = ground.producer(), Expected(), Oracle(told_on=CASE_UPDATES.name)
    for turn in expecting(turns, ground, expected, oracle):
        put(producer, STORY, turn.key, turn.value)
    assert producer.flush(120) == 0
    return Told(oracle, len(expected.cases), expected.finished, expected.lines)


def expecting(turns: Iterable[Turn], ground: Ground, expected: Expected, oracle: Oracle) -> Iterator[Turn]:
    """The same turns; what must come of each is noted as it passes."""
    for turn in turns:
        expected.add(turn)
        oracle.expect(partition_of(turn.key.decode(), ground.partitions), turn.outputs, turn.key if turn.ends else None)
        yield turn


def put(producer: Producer, topic: str, key: bytes, value: bytes) -> None:
    """Send one record, whatever the producer still has to do."""
    while True:
        try:
            producer.produce(topic, value, key)
        except BufferError:
            producer.poll(0.1)
        else:
            producer.poll(0)
            return


def at_rate(turns: Iterable[Turn], per_s: float, ground: Ground) -> float:
    """Put turns on the topic as they would come in, so many a second; how many a second it was in truth."""
    producer, began, sent = ground.producer(linger_ms=0), time.monotonic(), 0
    for turn in turns:
        while time.monotonic() < began + sent / per_s:
            time.sleep(_LOOK_S)
        put(producer, STORY, turn.key, turn.value)
        sent += 1
    took_s = time.monotonic() - began
    assert producer.flush(120) == 0
    return sent / took_s
