"""Reads one topic as it grows, for whoever keeps nothing of it: from some time back, without a group, and for ever."""

import time
from collections.abc import Sequence
from datetime import datetime

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError

from hub.admission import ADMISSION, Right
from hub.edge.kafka.connection import ANSWER_WITHIN_S, connection, does_not_answer, failed
from hub.edge.kafka.receiver import incoming
from hub.edge.messages import Incoming
from hub.errors import ConfigurationError, RestartMe
from hub.settings import KafkaSettings

_ASK_EVERY_S = 5.0
"""A consumer says nothing when its brokers go: it is asked now and then whether they are there."""
_ANSWER_MS = 5_000


class Follower:
    """Reads one topic as it grows; for one thread.

    Args:
        settings: security.
        bootstrap: where Kafka is.
        topic: what is read.
        since: records from then on.

    Raises:
        RestartMe: Kafka does not answer.
        ConfigurationError: the topic does not exist.
    """

    def __init__(self, settings: KafkaSettings, bootstrap: str, topic: str, since: datetime) -> None:
        self._bootstrap, self._topic = bootstrap, topic
        try:
            self._consumer = KafkaConsumer(
                **connection(settings, bootstrap),
                bootstrap_timeout_ms=round(ANSWER_WITHIN_S * 1000),
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="latest",
                allow_auto_create_topics=False,
                metrics_enabled=False,
            )
        except KafkaError as error:
            raise does_not_answer(bootstrap, error) from error
        try:
            numbers = self._consumer.partitions_for_topic(topic)
            self._parts = [TopicPartition(topic, number) for number in sorted(numbers or ())]
            self._begin(since)
        except KafkaError as error:
            self.close()
            raise does_not_answer(bootstrap, error) from error
        if not self._parts:
            self.close()
            raise ConfigurationError(f"Kafka at {bootstrap} has no topic {topic}. Run `hub topics apply`.")
        self._asked_at = time.monotonic()
        self._behind = set(self._parts)

    def _begin(self, since: datetime) -> None:
        self._consumer.assign(self._parts)
        self._ends = self._consumer.end_offsets(self._parts)
        wanted = dict.fromkeys(self._parts, round(since.timestamp() * 1000))
        begins = self._consumer.offsets_for_times(wanted, timeout_ms=_ANSWER_MS)
        for part in self._parts:
            found = begins.get(part)
            self._consumer.seek(part, self._ends[part] if found is None else found.offset)

    def caught_up(self) -> bool:
        """Whether everything was read that was there when this began."""
        self._behind = {part for part in self._behind if self._consumer.position(part) < self._ends[part]}
        return not self._behind

    def poll(self, within_s: float) -> Sequence[Incoming]:
        """The next records; empty when none came in time, and Kafka is there.

        Raises:
            RestartMe: Kafka does not answer.
        """
        try:
            polled = self._consumer.poll(timeout_ms=round(within_s * 1000))
            if ADMISSION.why:
                raise RestartMe(ADMISSION.why)
            if time.monotonic() - self._asked_at >= _ASK_EVERY_S:
                self._consumer.end_offsets(self._parts, timeout_ms=_ANSWER_MS)
                self._asked_at = time.monotonic()
        except KafkaTimeoutError as error:
            raise does_not_answer(self._bootstrap, error) from error
        except KafkaError as error:
            raise failed("Reading from Kafka failed", error, Right.READ, [self._topic]) from error
        return [incoming(record) for records in polled.values() for record in records]

    def close(self) -> None:
        """Let go. Never raises."""
        try:
            self._consumer.close(autocommit=False, timeout_ms=2_000)
        except KafkaError:
            return
