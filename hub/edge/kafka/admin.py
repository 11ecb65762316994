"""Looks at a cluster and its topics, and makes those that are missing."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, MemberToRemove, OffsetSpec
from kafka.errors import KafkaError

from hub.admission import TOPIC_REFUSED, Right, missing
from hub.edge.kafka.connection import ANSWER_WITHIN_S, connection, does_not_answer, failed
from hub.errors import ConfigurationError, RestartMe
from hub.settings import KafkaSettings


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
        """Those of `names` that exist.

        Raises:
            RestartMe: Kafka does not let this principal look at some of them.
        """
        described = self._admin.describe_topics(sorted(names))
        if hidden := [topic["name"] for topic in described if topic["error_code"] == TOPIC_REFUSED]:
            raise RestartMe(missing(Right.DESCRIBE, hidden))
        there = [topic for topic in described if topic["error_code"] == 0]
        if not there:
            return {}
        resources = [ConfigResource(ConfigResourceType.TOPIC, topic["name"]) for topic in there]
        configs = self._admin.describe_configs(resources, config_filter="all")["topic"]
        # kafka-python 3.0.12 says nothing of a refusal; but every topic has some.
        if hidden := [name for name, of_topic in configs.items() if not of_topic]:
            raise RestartMe(missing(Right.DESCRIBE_CONFIGS, hidden))
        found = {}
        for topic in there:
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

    def delete(self, names: Sequence[str]) -> None:
        """Delete topics with all that is on them; they must exist."""
        self._admin.delete_topics(list(names))

    def forget_group(self, group: str, member: str) -> None:
        """Forget a consumer group whose static member has ended for good, with all that it has committed; one that never was, too."""
        self._admin.remove_group_members(group, [MemberToRemove(group_instance_id=member)])
        self._admin.delete_groups([group])

    def ends(self, topics: Sequence[TopicFacts]) -> dict[tuple[str, int], int]:
        """The next offset of every partition of topics that exist.

        Raises:
            RestartMe: Kafka does not say so.
        """
        latest = {
            TopicPartition(topic.name, number): OffsetSpec.LATEST
            for topic in topics
            for number in range(topic.partitions)
        }
        try:
            found = self._admin.list_partition_offsets(latest)
        except KafkaError as error:
            names = sorted({topic.name for topic in topics})
            raise failed("Looking for the ends of topics in Kafka failed", error, Right.DESCRIBE, names) from error
        return {(part.topic, part.partition): int(info.offset) for part, info in found.items()}

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
    with _admin(settings, bootstrap, ANSWER_WITHIN_S) as admin:
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
        raise does_not_answer(bootstrap, error) from error
    try:
        yield admin
    except KafkaError as error:
        raise does_not_answer(bootstrap, error) from error
    finally:
        admin.close()
