"""Sends records, and comes back when they are safe."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError
from kafka.partitioner.default import murmur2

from hub.admission import ADMISSION, Right
from hub.edge.kafka.connection import ANSWER_WITHIN_S, connection, does_not_answer, failed
from hub.edge.messages import Outgoing, Place
from hub.errors import RestartMe
from hub.failpoints import Failpoint, reach
from hub.settings import KafkaSettings
from schemas.topics import LARGEST_LETTER_BYTES

_HOURS_MS = 12 * 60 * 60 * 1000
_LINGER_MS = 20
_LOOK_S = 0.5
"""How often to look whether this process is still let in, while an acknowledgement is waited for."""
_AT_ONCE = 5_000
"""Records that wait for their acknowledgement together: the producer itself bounds nothing."""


@lru_cache(maxsize=65_536)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, as the default partitioners of Java, aiokafka and kafka-python have it.

    Args:
        key: of a record.
        partitions: what the settings say, not what the topic happens to have: with one more, the later events of a case would go where its
            earlier ones are not. A topic that has grown is refused by whoever reads it, and at every start.
    """
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


class Sender:
    """Sends records and comes back when every one of them is safe. May be shared by threads.

    Args:
        settings: security, and the partition count of all hub topics.
        bootstrap: where Kafka is.
        client: name of this process, in the broker's logs.
        acknowledged_within_s: patience with a batch; a cluster that was away for less is simply waited for.

    Raises:
        RestartMe: Kafka does not answer.
    """

    def __init__(
        self, settings: KafkaSettings, bootstrap: str, client: str, acknowledged_within_s: float = 120
    ) -> None:
        self._partitions, self._within_s = settings.partitions, acknowledged_within_s
        try:
            self._producer = KafkaProducer(
                **connection(settings, bootstrap),
                bootstrap_timeout_ms=round(ANSWER_WITHIN_S * 1000),
                client_id=client,
                acks="all",
                enable_idempotence=True,
                # While records are being given, so that they travel together; whoever waits for them ends it.
                linger_ms=_LINGER_MS,
                batch_size=64 * 1024,
                max_request_size=LARGEST_LETTER_BYTES,
                compression_type="zstd",
                # A batch that expires wedges an idempotent producer for good (kafka-python 3.0.12): it must never come to that.
                delivery_timeout_ms=_HOURS_MS,
                max_block_ms=round(ANSWER_WITHIN_S * 1000),
                allow_auto_create_topics=False,
                metrics_enabled=False,
            )
        except KafkaError as error:
            raise does_not_answer(bootstrap, error) from error

    def send(self, records: Sequence[Outgoing]) -> list[Place]:
        """Send records, in this order per key, and wait for all of them.

        Returns:
            Where each now stands.

        Raises:
            RestartMe: one was refused or not acknowledged in time; a fresh process must start over from its checkpoint.
        """
        return self.begin(records)()

    def begin(self, records: Sequence[Outgoing]) -> Callable[[], list[Place]]:
        """Begin to send records, in this order per key; all but the last few thousands are safe when this returns.

        Returns:
            Waits for all of them, and raises, as `send` does; to be called once, from any thread.

        Raises:
            RestartMe: as `send`.
        """
        places: list[Place] = []
        acknowledged: Callable[[], list[Place]] = list
        for start in range(0, len(records), _AT_ONCE):
            places += acknowledged()
            acknowledged = self._begin(records[start : start + _AT_ONCE])
        return lambda: places + acknowledged()

    def offer(self, record: Outgoing) -> Callable[[], bool]:
        """Send a record that may be lost, and do not wait for it.

        Returns:
            Whether it has come to an end, one way or the other.
        """
        try:
            future = self._give(record)
        except (KafkaError, ValueError):
            return lambda: True
        return lambda: bool(future.is_done)

    def _begin(self, records: Sequence[Outgoing]) -> Callable[[], list[Place]]:
        deadline = time.monotonic() + self._within_s
        topics = sorted({record.topic for record in records})
        try:
            futures = [self._give(record) for record in records]
        except (KafkaError, ValueError) as error:  # the second says that a topic has no such partition
            raise _unacknowledged(topics, error) from error
        reach(Failpoint.EDGE_SENT)
        return partial(self._acknowledged, futures, topics, deadline)

    def _give(self, record: Outgoing) -> Any:
        return self._producer.send(
            record.topic,
            # kafka-python 3.0.12 refuses a record of neither, which others can send, and which must find its dead letter.
            value=b"" if record.value is None and record.key is None else record.value,
            key=record.key,
            headers=list(record.headers),
            partition=0 if record.key is None else partition_of(record.key, self._partitions),
        )

    def _acknowledged(self, futures: Sequence[Any], topics: Sequence[str], deadline: float) -> list[Place]:
        with suppress(KafkaError):
            # Whoever waits has no more to send: the producer need not linger for it. What became of each is asked below.
            # Nor does one wait here for what others gave it that cannot go out.
            self._producer.flush(timeout=_LINGER_MS / 1000)
        try:
            found = [_answer(future, deadline) for future in futures]
        except KafkaError as error:
            raise _unacknowledged(topics, error) from error
        return [Place(metadata.topic, metadata.partition, metadata.offset) for metadata in found]

    def close(self) -> None:
        """Let go. Never raises, never waits for long."""
        try:
            self._producer.close(timeout=5)
        except KafkaError:
            # What is not acknowledged yet makes close() of kafka-python 3.0.12 raise before it has ended anything: its thread would go on
            # sending for as long as the process lives, one more for every time the brokers were away. It can go when close() ends it.
            self._producer._sender.force_close()  # noqa: SLF001 - as said


def _unacknowledged(topics: Sequence[str], error: Exception) -> RestartMe:
    what = f"Kafka did not acknowledge records for {', '.join(topics)}"
    return failed(what, error, Right.WRITE, topics)


def _answer(future: Any, deadline: float) -> Any:
    """What became of a record, unless the brokers let this process in no more: then there is nothing to wait for.

    Raises:
        KafkaError: it was refused, or not acknowledged in time.
    """
    while True:
        left_s = max(0.0, deadline - time.monotonic())
        try:
            return future.get(timeout=min(left_s, _LOOK_S))
        except KafkaTimeoutError:
            if future.is_done:
                return future.get(timeout=0)  # it was acknowledged, or refused, just now
            if ADMISSION.why or left_s <= _LOOK_S:
                raise


_partition = KafkaProducer._partition  # noqa: SLF001 - see below


def _explicit_partition(producer: Any, topic: str, partition: int | None, *parts: Any) -> Any:
    """As kafka-python's own, which makes a set of all topics of the cluster first, for every record (3.0.12).

    It is called under that name with key and value, and with both as bytes.
    """
    if partition is None:
        return _partition(producer, topic, partition, *parts)
    if partition not in (producer._metadata.partitions_for_topic(topic) or ()):  # noqa: SLF001 - a method of that class
        raise ValueError(f"{topic} has no partition {partition}")
    return partition


KafkaProducer._partition = _explicit_partition  # noqa: SLF001 - no setting of kafka-python 3.0.12 does without that set
