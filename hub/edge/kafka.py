"""Kafka as the edge and the command line see it: the only place that imports kafka-python.

What comes back is plain data of our own, and what goes wrong is one of the hub's errors.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import CommitFailedError, KafkaError
from kafka.partitioner.default import murmur2

from hub.edge.messages import Incoming, Outgoing, Place
from hub.errors import ConfigurationError, RestartMe
from hub.settings import KafkaSettings

_ANSWER_WITHIN_S = 20.0
_HOURS_MS = 12 * 60 * 60 * 1000
_SESSION_MS = 30_000
_AT_ONCE = 5_000
"""Records that wait for their acknowledgement together: the producer itself bounds nothing."""


@dataclass(frozen=True)
class ClusterFacts:
    """A cluster that answered."""

    identifier: str
    nodes: frozenset[int]


@dataclass(frozen=True)
class TopicFacts:
    """A topic, as it is or as it should be; `configs` holds what is set on the topic itself."""

    name: str
    partitions: int
    replication: int
    configs: Mapping[str, str] = field(default_factory=dict)


def connection(settings: KafkaSettings, bootstrap: str) -> dict[str, Any]:
    """How any kafka-python client is told to reach and trust the brokers."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": bootstrap.split(","),
        "security_protocol": settings.security_protocol,
    }
    if settings.ca_file is not None:
        arguments["ssl_cafile"] = str(settings.ca_file)
    if settings.security_protocol == "SASL_SSL":
        arguments["sasl_mechanism"] = settings.sasl_mechanism
        arguments["sasl_plain_username"] = settings.username
        arguments["sasl_plain_password"] = settings.password.get_secret_value() if settings.password else None
    return arguments


@lru_cache(maxsize=65_536)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, as the default partitioners of Java, aiokafka and kafka-python have it."""
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
                client_id=client,
                acks="all",
                enable_idempotence=True,
                linger_ms=20,
                batch_size=64 * 1024,
                compression_type="zstd",
                # A batch that expires wedges an idempotent producer for good (kafka-python 3.0.12): it must never come to that.
                delivery_timeout_ms=_HOURS_MS,
                max_block_ms=round(_ANSWER_WITHIN_S * 1000),
                allow_auto_create_topics=False,
                metrics_enabled=False,
            )
        except KafkaError as error:
            raise _does_not_answer(bootstrap, error) from error

    def send(self, records: Sequence[Outgoing]) -> list[Place]:
        """Send records, in this order per key, and wait for all of them.

        Returns:
            Where each now stands.

        Raises:
            RestartMe: one was refused or not acknowledged in time; a fresh process must start over from its checkpoint.
        """
        places: list[Place] = []
        for start in range(0, len(records), _AT_ONCE):
            places += self._send(records[start : start + _AT_ONCE])
        return places

    def _send(self, records: Sequence[Outgoing]) -> list[Place]:
        deadline = time.monotonic() + self._within_s
        try:
            futures = [
                self._producer.send(
                    record.topic,
                    value=record.value,
                    key=record.key,
                    headers=list(record.headers),
                    partition=0 if record.key is None else partition_of(record.key, self._partitions),
                )
                for record in records
            ]
            found = [future.get(timeout=max(0.0, deadline - time.monotonic())) for future in futures]
        except KafkaError as error:
            topics = ", ".join(sorted({record.topic for record in records}))
            raise RestartMe(f"Kafka did not acknowledge records for {topics} ({type(error).__name__}).") from error
        return [Place(metadata.topic, metadata.partition, metadata.offset) for metadata in found]

    def close(self) -> None:
        """Let go. Never raises, never waits for long."""
        try:
            self._producer.close(timeout=5)
        except KafkaError:
            return


class Receiver:
    """A static member of a consumer group, for one thread. Nothing is committed but by `commit`.

    Args:
        settings: security.
        bootstrap: where Kafka is.
        group: consumer group.
        member: name that stays the same over a restart, so that a restart within half a minute disturbs nobody.
        topics: what to read; they must exist.

    Raises:
        RestartMe: Kafka does not answer.
    """

    def __init__(self, settings: KafkaSettings, bootstrap: str, group: str, member: str, topics: Sequence[str]) -> None:
        try:
            self._consumer = KafkaConsumer(
                *topics,
                **connection(settings, bootstrap),
                client_id=member,
                group_id=group,
                group_instance_id=member,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                session_timeout_ms=_SESSION_MS,
                # A member that started before its topic keeps an empty assignment until it sees the topic.
                metadata_max_age_ms=5_000,
                allow_auto_create_topics=False,
                fetch_max_wait_ms=100,
                metrics_enabled=False,
            )
        except KafkaError as error:
            raise _does_not_answer(bootstrap, error) from error

    def poll(self, within_s: float, at_most: int) -> list[Incoming]:
        """The next records, in order per partition; empty when none came in time.

        Raises:
            RestartMe: the client has failed.
        """
        try:
            self._consumer.resume(*self._consumer.paused())
            polled = self._consumer.poll(timeout_ms=round(within_s * 1000), max_records=at_most)
        except KafkaError as error:
            raise RestartMe(f"Reading from Kafka failed ({type(error).__name__}).") from error
        return [_incoming(record) for records in polled.values() for record in records]

    def stay(self) -> None:
        """Show the group that this member lives, while what was read is still being worked on."""
        try:
            self._consumer.pause(*self._consumer.assignment())
            self._consumer.poll(timeout_ms=0)
        except KafkaError as error:
            raise RestartMe(f"Staying in the Kafka group failed ({type(error).__name__}).") from error

    def assigned(self) -> frozenset[tuple[str, int]]:
        """Topic and partition of all that is this member's now."""
        return frozenset((part.topic, part.partition) for part in self._consumer.assignment())

    def commit(self, done: Iterable[Place]) -> bool:
        """Say that everything up to these places is done with; False where the group has moved on and it counts for nothing."""
        offsets: dict[Any, Any] = {}
        for place in done:
            offsets[TopicPartition(place.topic, place.partition)] = OffsetAndMetadata(place.offset + 1, "", -1)
        try:
            self._consumer.commit(offsets, timeout_ms=round(_ANSWER_WITHIN_S * 1000))
        except CommitFailedError:
            return False
        except KafkaError as error:
            raise RestartMe(f"Committing offsets to Kafka failed ({type(error).__name__}).") from error
        return True

    def close(self) -> None:
        """Leave without giving up the place in the group. Never raises."""
        try:
            self._consumer.close(autocommit=False, timeout_ms=5_000)
        except KafkaError:
            return


def read_all(settings: KafkaSettings, bootstrap: str, topics: Sequence[str]) -> Iterator[Incoming]:
    """Every record of some topics from the first that is kept to the last there is now, partition by partition; joins no group.

    Raises:
        RestartMe: Kafka does not answer.
        ConfigurationError: a topic does not exist.
    """
    try:
        consumer = KafkaConsumer(
            **connection(settings, bootstrap),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            allow_auto_create_topics=False,
            metrics_enabled=False,
        )
    except KafkaError as error:
        raise _does_not_answer(bootstrap, error) from error
    try:
        parts = []
        for topic in topics:
            numbers = consumer.partitions_for_topic(topic)
            if not numbers:
                raise ConfigurationError(f"Kafka at {bootstrap} has no topic {topic}. Run `hub topics apply`.")
            parts += [TopicPartition(topic, number) for number in sorted(numbers)]
        ends = consumer.end_offsets(parts)
        consumer.assign(parts)
        waiting = {part for part in parts if consumer.position(part) < ends[part]}
        while waiting:
            for part, records in consumer.poll(timeout_ms=1_000).items():
                yield from (_incoming(record) for record in records if record.offset < ends[part])
            waiting = {part for part in waiting if consumer.position(part) < ends[part]}
    except KafkaError as error:
        raise RestartMe(f"Reading from Kafka failed ({type(error).__name__}).") from error
    finally:
        consumer.close(autocommit=False)


def _incoming(record: Any) -> Incoming:
    place = Place(record.topic, record.partition, record.offset)
    return Incoming(place, record.key, record.value, tuple(record.headers), record.timestamp)


def cluster_at(bootstrap: str, within_s: float) -> ClusterFacts | None:
    """The cluster without security at `bootstrap`; None where none answers in time."""
    try:
        with _admin(KafkaSettings(), bootstrap, within_s) as admin:
            described = admin.describe_cluster()
    except RestartMe:
        return None
    nodes = frozenset(int(broker["broker_id"]) for broker in described["brokers"] if not broker.get("is_fenced"))
    return ClusterFacts(described["cluster_id"], nodes)


class Topics:
    """Looks at topics and makes them. Use it in a `with` of `topics_of`."""

    def __init__(self, admin: Any) -> None:
        self._admin = admin

    def existing(self, names: Sequence[str]) -> dict[str, TopicFacts]:
        """Those of `names` that exist."""
        present = sorted(set(self._admin.list_topics()).intersection(names))
        if not present:
            return {}
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in present]
        configs = self._admin.describe_configs(resources, config_filter="all")["topic"]
        found = {}
        for topic in self._admin.describe_topics(present):
            name, partitions = topic["name"], topic["partitions"]
            of_topic = {
                key: str(config["value"])
                for key, config in configs[name].items()
                if config["config_source"] == "DYNAMIC_TOPIC_CONFIG"
            }
            replicas = min((len(partition["replica_nodes"]) for partition in partitions), default=0)
            found[name] = TopicFacts(name, len(partitions), replicas, of_topic)
        return found

    def create(self, topics: Sequence[TopicFacts]) -> None:
        """Make topics that do not exist, and return when every partition has a leader.

        Raises:
            ConfigurationError: the cluster refuses one, for instance more copies than it has brokers.
        """
        wanted = {
            topic.name: {
                "num_partitions": topic.partitions,
                "replication_factor": topic.replication,
                "configs": dict(topic.configs),
            }
            for topic in topics
        }
        try:
            self._admin.create_topics(wanted, wait_for_metadata=True)
        except KafkaError as error:
            raise ConfigurationError(
                f"Kafka did not make the topics {', '.join(wanted)}: {error}. Is kafka.replication more than there are "
                "brokers, or may this principal not create topics?"
            ) from error

    def configure(self, configs: Mapping[str, Mapping[str, str]]) -> None:
        """Set configs of existing topics; what is not named stays as it is.

        Raises:
            ConfigurationError: the cluster refuses one.
        """
        resources = [ConfigResource(ConfigResourceType.TOPIC, name, dict(values)) for name, values in configs.items()]
        try:
            self._admin.alter_configs(resources)
        except KafkaError as error:
            raise ConfigurationError(
                f"Kafka did not take the settings of {', '.join(configs)}: {error}. May this principal alter topics?"
            ) from error


@contextmanager
def topics_of(settings: KafkaSettings, bootstrap: str) -> Iterator[Topics]:
    """The topics of a cluster, for as long as the `with` lasts.

    Raises:
        RestartMe: the cluster does not answer.
    """
    with _admin(settings, bootstrap, _ANSWER_WITHIN_S) as admin:
        yield Topics(admin)


@contextmanager
def _admin(settings: KafkaSettings, bootstrap: str, within_s: float) -> Iterator[Any]:
    """An admin client that has reached the cluster."""
    try:
        admin = KafkaAdminClient(
            **connection(settings, bootstrap),
            bootstrap_timeout_ms=round(within_s * 1000),
            request_timeout_ms=round(within_s * 1000),
        )
    except KafkaError as error:
        raise _does_not_answer(bootstrap, error) from error
    try:
        yield admin
    finally:
        admin.close()


def _does_not_answer(bootstrap: str, error: KafkaError) -> RestartMe:
    return RestartMe(
        f"Kafka at {bootstrap} does not answer ({type(error).__name__}). Does it run there? `hub broker status` tells."
    )
