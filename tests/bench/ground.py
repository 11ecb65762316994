"""What every run stands on: a Kafka of its own with the hub's topics, the story told on it, and eyes on what comes out."""

import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it exports them, and does not say so
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from hub import topics
from hub.broker import nodes, processes
from hub.settings import KafkaSettings
from schemas.topics import CASE_EVENTS, CASE_UPDATES, TASKS

STORY = CASE_EVENTS.name
OUTPUTS = (*(topic.name for topic in TASKS.values()), CASE_UPDATES.name)
BARE_STORY, BARE_OUTPUTS = "bench-events", ("bench-tasks",)
"""Of the prototype, which has events of its own."""
ANSWER_S = 60.0
_AT_ONCE = 20_000

Place = tuple[str, int]
"""A topic and the number of a partition."""


@dataclass(frozen=True)
class Seen:
    """A record that came out."""

    place: Place
    key: bytes
    value: bytes
    at_ms: int
    """When the broker appended it."""


class Ground:
    """A broker that runs.

    Args:
        bootstrap: its address.
        partitions: of every topic.
        pid: of its process.
    """

    def __init__(self, bootstrap: str, partitions: int, pid: int) -> None:
        self.bootstrap, self.partitions, self.pid = bootstrap, partitions, pid
        self._admin = self._new_admin()

    def _new_admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    def make_topics(self) -> None:
        """The hub's topics, and the prototype's; the broker's clock stamps what comes in and what comes out."""
        topics.apply(KafkaSettings(partitions=self.partitions), self.bootstrap)
        names = (BARE_STORY, *BARE_OUTPUTS)
        _all(self._admin.create_topics([NewTopic(name, self.partitions, 1) for name in names]))
        stamped = ConfigEntry("message.timestamp.type", "LogAppendTime", incremental_operation=AlterConfigOpType.SET)
        resources = [
            ConfigResource(ResourceType.TOPIC, name, incremental_configs=[stamped])
            for name in (STORY, *OUTPUTS, *names)
        ]
        _all(self._admin.incremental_alter_configs(resources))
        # Whoever asks now is told of all of them.
        self.ends(self.places([STORY, *OUTPUTS, *names]))

    def places(self, names: Iterable[str]) -> list[Place]:
        """Every partition of these topics."""
        return [(name, number) for name in names for number in range(self.partitions)]

    def ends(self, places: Iterable[Place]) -> dict[Place, int]:
        """The next offset of partitions."""
        latest: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # confluent-kafka has no types for it
        asked = {TopicPartition(*place): latest for place in places}
        until = time.monotonic() + ANSWER_S
        while True:
            try:
                answers = self._admin.list_offsets(asked, request_timeout=ANSWER_S)
                return {(part.topic, part.partition): answer.result().offset for part, answer in answers.items()}
            except KafkaException:
                # A topic made a moment ago may still be without a leader; and a client that was told so once believes it for minutes.
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
                self._admin = self._new_admin()

    def producer(self, linger_ms: int = 20) -> Producer:
        """A producer that puts every case where the hub looks for it."""
        return Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "linger.ms": linger_ms,
                "queue.buffering.max.messages": 1_000_000,
                "log_level": 0,
            }
        )

    def read(self, begin: Mapping[Place, int], ends: Mapping[Place, int]) -> Iterator[Seen]:
        """What came between these offsets, of what is committed."""
        told = {
            "bootstrap.servers": self.bootstrap,
            "group.id": "bench-eyes",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "log_level": 0,
        }
        left = {place for place in begin if begin[place] < ends[place]}
        with closing(Consumer(told)) as consumer:
            consumer.assign([TopicPartition(*place, begin[place]) for place in left])
            heard = time.monotonic()
            while left:
                for message in consumer.consume(_AT_ONCE, timeout=0.5):
                    heard = time.monotonic()
                    place = (str(message.topic()), int(message.partition() or 0))
                    if message.error():
                        # The end of a partition; with marks of transactions at its end it comes before the offset that was asked for.
                        left.discard(place)
                    elif message.offset() < ends[place]:  # type: ignore[operator]  # a record has one
                        yield Seen(place, message.key() or b"", message.value() or b"", message.timestamp()[1])
                if time.monotonic() - heard > ANSWER_S:
                    raise TimeoutError(f"nothing more came of {sorted(left)}")

    def empty(self, names: Iterable[str]) -> None:
        """Delete what is on these topics, so that neither the disk fills nor the next one begins with it."""
        ends = self.ends(self.places(names))
        _all(self._admin.delete_records([TopicPartition(*place, offset) for place, offset in ends.items()]))


def _all(futures: Mapping[Any, Any]) -> None:
    for future in futures.values():
        future.result(ANSWER_S)


@contextmanager
def ground(folder: Path, partitions: int) -> Iterator[Ground]:
    """A new broker in a folder, with topics; it is gone afterwards with all that it held."""
    if folder.exists():
        nodes.reset(folder)
        shutil.rmtree(folder, ignore_errors=True)
    cluster = nodes.start(folder)
    try:
        pid = processes.running(cluster.home(cluster.nodes[0]) / "node.pid")
        made = Ground(cluster.bootstrap, partitions, pid or 0)
        made.make_topics()
        yield made
    finally:
        nodes.reset(folder)
