"""Reads records: as a member of a group for as long as it lasts, or once through whole topics."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.errors import CommitFailedError, KafkaError, KafkaTimeoutError, RebalanceInProgressError

from hub.admission import Right
from hub.edge.kafka.connection import ANSWER_WITHIN_S, connection, does_not_answer, failed
from hub.edge.messages import Incoming, Place
from hub.errors import ConfigurationError
from hub.settings import KafkaSettings

_SESSION_MS = 30_000
_LOOK_S = 0.1
_ASK_MS = 1_000
"""What is only counted is not waited for: a broker that is away would hold up whoever works meanwhile."""


class Receiver:
    """A static member of a consumer group, for one thread. Nothing is committed but by `commit`.

    Args:
        settings: security.
        bootstrap: where Kafka is.
        group: consumer group.
        member: name that stays the same over a restart, so that a restart within half a minute disturbs nobody.
        topics: what to read; they must exist.
        since: a group that is new begins with the records from then on; with the first that is kept, where not given.

    Raises:
        RestartMe: Kafka does not answer.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        bootstrap: str,
        group: str,
        member: str,
        topics: Sequence[str],
        *,
        since: datetime | None = None,
    ) -> None:
        try:
            self._consumer = KafkaConsumer(
                **connection(settings, bootstrap),
                client_id=member,
                group_id=group,
                group_instance_id=member,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                # What the producer of a transaction has taken back never was.
                isolation_level="read_committed",
                session_timeout_ms=_SESSION_MS,
                # A member that started before its topic keeps an empty assignment until it sees the topic.
                metadata_max_age_ms=5_000,
                allow_auto_create_topics=False,
                fetch_max_wait_ms=100,
                metrics_enabled=False,
            )
        except KafkaError as error:
            raise does_not_answer(bootstrap, error) from error
        self._topics, self._group = topics, group
        self._committed: dict[Any, int] = {}
        self._since, self._begun = since, frozenset[Any]()
        self._subscribe(bootstrap, topics)

    def _subscribe(self, bootstrap: str, topics: Sequence[str]) -> None:
        """Join once the topics are known: a member that joins before leads its group to an empty assignment, and has to join again."""
        until = time.monotonic() + ANSWER_WITHIN_S
        try:
            self._consumer.subscribe(list(topics))
            # This asks the brokers; the first `poll` is what joins.
            while not self._consumer.topics().issuperset(topics):
                if time.monotonic() > until:
                    raise KafkaTimeoutError
                time.sleep(_LOOK_S)
        except KafkaError as error:
            self.close()
            raise does_not_answer(bootstrap, error) from error

    def poll(self, within_s: float, at_most: int) -> list[Incoming]:
        """The next records, in order per partition; empty when none came in time.

        Raises:
            RestartMe: the client has failed.
        """
        try:
            self._consumer.resume(*self._consumer.paused())
            polled = self._consumer.poll(timeout_ms=round(within_s * 1000), max_records=at_most)
            for part in self._begin():
                polled.pop(part, None)
        except KafkaError as error:
            raise failed("Reading from Kafka failed", error, Right.READ, self._topics, self._group) from error
        return [incoming(record) for records in polled.values() for record in records]

    def _begin(self) -> list[Any]:
        """Go to where a group begins that has never done with anything of a partition; those partitions."""
        assigned = frozenset(self._consumer.assignment())
        new = [] if self._since is None else [part for part in assigned - self._begun if not self._has_committed(part)]
        self._begun = assigned
        if new and self._since is not None:
            found = self._consumer.offsets_for_times(dict.fromkeys(new, round(self._since.timestamp() * 1000)))
            ends = self._consumer.end_offsets(new)
            for part in new:
                first = found.get(part)
                self._consumer.seek(part, ends[part] if first is None else first.offset)
        return new

    def _has_committed(self, part: Any) -> bool:
        return self._consumer.committed(part) is not None

    def stay(self) -> None:
        """Show the group that this member lives, while what was read is still being worked on."""
        try:
            self._consumer.pause(*self._consumer.assignment())
            # A partition that is assigned just now is not paused: what comes of it all the same is read again.
            for part, records in self._consumer.poll(timeout_ms=0).items():
                self._consumer.seek(part, records[0].offset)
        except KafkaError as error:
            raise failed("Staying in the Kafka group failed", error, Right.READ, self._topics, self._group) from error

    def assigned(self) -> frozenset[tuple[str, int]]:
        """Topic and partition of all that is this member's now."""
        return frozenset((part.topic, part.partition) for part in self._consumer.assignment())

    def commit(self, done: Iterable[Place]) -> bool:
        """Say that everything up to these places is done with; False where the group has moved on and it counts for nothing."""
        offsets: dict[Any, Any] = {}
        for place in done:
            offsets[TopicPartition(place.topic, place.partition)] = OffsetAndMetadata(place.offset + 1, "", -1)
        try:
            self._consumer.commit(offsets, timeout_ms=round(ANSWER_WITHIN_S * 1000))
        except (CommitFailedError, RebalanceInProgressError):
            return False
        except KafkaError as error:
            raise failed("Committing offsets to Kafka failed", error, Right.READ, self._topics, self._group) from error
        self._committed |= {part: committed.offset for part, committed in offsets.items()}
        return True

    def waiting(self) -> int | None:
        """How many records of its partitions this member has not committed; None where the brokers do not say so soon."""
        parts = list(self._consumer.assignment())
        # What others commit meanwhile, of a partition that comes and goes, is not known here.
        self._committed = {part: offset for part, offset in self._committed.items() if part in parts}
        try:
            for part in parts:
                if part not in self._committed:
                    committed = self._consumer.committed(part, timeout_ms=_ASK_MS)
                    begin = self._consumer.beginning_offsets([part], timeout_ms=_ASK_MS)[part]
                    self._committed[part] = begin if committed is None else committed
            ends: dict[Any, int] = self._consumer.end_offsets(parts, timeout_ms=_ASK_MS) if parts else {}
        except KafkaError:
            return None
        return sum(max(0, ends[part] - self._committed[part]) for part in parts)

    def close(self) -> None:
        """Leave without giving up the place in the group. Never raises."""
        try:
            self._consumer.close(autocommit=False, timeout_ms=5_000)
        except KafkaError:
            return


def read_all(
    settings: KafkaSettings,
    bootstrap: str,
    topics: Sequence[str],
    begin: Mapping[tuple[str, int], int] | None = None,
) -> Iterator[Incoming]:
    """Every record of some topics from the first that is kept to the last there is now, partition by partition; joins no group.

    Args:
        settings: security.
        bootstrap: where Kafka is.
        topics: what to read; they must exist.
        begin: offset at which to begin, by topic and partition, where not at the first.

    Raises:
        RestartMe: Kafka does not answer, or stops answering.
        ConfigurationError: a topic does not exist.
    """
    with _reader(settings, bootstrap, topics) as consumer:
        parts = []
        for topic in topics:
            numbers = consumer.partitions_for_topic(topic)
            if not numbers:
                raise ConfigurationError(f"Kafka at {bootstrap} has no topic {topic}. Run `hub topics apply`.")
            parts += [TopicPartition(topic, number) for number in sorted(numbers)]
        ends = consumer.end_offsets(parts)
        consumer.assign(parts)
        for part in parts:
            if (first := (begin or {}).get((part.topic, part.partition))) is not None:
                consumer.seek(part, first)
        waiting = {part for part in parts if consumer.position(part) < ends[part]}
        heard_at = time.monotonic()
        while waiting:
            for part, records in consumer.poll(timeout_ms=1_000).items():
                yield from (incoming(record) for record in records if record.offset < ends[part])
                heard_at = time.monotonic()
            if time.monotonic() - heard_at > ANSWER_WITHIN_S:
                raise KafkaTimeoutError
            waiting = {part for part in waiting if consumer.position(part) < ends[part]}


def read_at(settings: KafkaSettings, bootstrap: str, places: Iterable[Place]) -> Iterator[Incoming]:
    """The records that stand at these places, partition by partition; those that are not kept any more are left out.

    Args:
        settings: security.
        bootstrap: where Kafka is.
        places: of topics that exist.

    Raises:
        RestartMe: Kafka does not answer, or stops answering.
    """
    wanted: dict[Any, list[int]] = {}
    for place in places:
        wanted.setdefault(TopicPartition(place.topic, place.partition), []).append(place.offset)
    if not wanted:
        return
    with _reader(settings, bootstrap, sorted({part.topic for part in wanted})) as consumer:
        begins, ends = consumer.beginning_offsets(list(wanted)), consumer.end_offsets(list(wanted))
        for part, offsets in wanted.items():
            consumer.assign([part])
            for offset in sorted(offsets):
                if begins[part] <= offset < ends[part]:
                    record = _next(consumer, part, offset, ends[part])
                    if record is not None and record.offset == offset:
                        yield incoming(record)


def _next(consumer: Any, part: Any, offset: int, end: int) -> Any:
    """The first record from an offset on, before the end; None where retention or a compaction took all there were."""
    if consumer.position(part) != offset:
        consumer.seek(part, offset)
    until = time.monotonic() + ANSWER_WITHIN_S
    while consumer.position(part) < end:
        if polled := consumer.poll(timeout_ms=1_000, max_records=1).get(part):
            return polled[0]
        if time.monotonic() > until:
            raise KafkaTimeoutError
    return None


@contextmanager
def _reader(settings: KafkaSettings, bootstrap: str, topics: Sequence[str]) -> Iterator[Any]:
    """A consumer that joins no group.

    Raises:
        RestartMe: Kafka does not answer, or stops answering.
    """
    try:
        consumer = KafkaConsumer(
            **connection(settings, bootstrap),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            allow_auto_create_topics=False,
            metrics_enabled=False,
        )
    except KafkaError as error:
        raise does_not_answer(bootstrap, error) from error
    try:
        yield consumer
    except KafkaError as error:
        raise failed("Reading from Kafka failed", error, Right.READ, topics) from error
    finally:
        consumer.close(autocommit=False)


def incoming(record: Any) -> Incoming:
    """A record of kafka-python as plain data."""
    place = Place(record.topic, record.partition, record.offset)
    return Incoming(place, record.key, record.value, tuple(record.headers), record.timestamp)
