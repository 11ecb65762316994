"""The topics a cluster should have, against those it has: what to do, and whether the worker may start.

Pure but for `plan_for` and `apply`, which ask and change the cluster. Partition counts are compared, never changed: a case's
events meet in one partition number, and a topic that grows would scatter the cases it already holds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from hub.edge.kafka import TopicFacts, Topics, topics_of
from hub.errors import ConfigurationError
from hub.settings import KafkaSettings
from schemas.topics import (
    CATALOGUE,
    DEAD_LETTER_RETENTION_DAYS,
    HEARTBEATS,
    LARGEST_LETTER_BYTES,
    LARGEST_RECORD_BYTES,
    Topic,
)

_DAY_MS = 24 * 60 * 60 * 1000
_BY_ONE_CLOCK = {
    # A marker settles what came before it, and a beat is overdue after a while. The broker's clock says so, for those of two machines
    # may differ.
    "message.timestamp.type": "LogAppendTime",
}
_OF_DEAD_LETTERS = {"max.message.bytes": str(LARGEST_LETTER_BYTES), **_BY_ONE_CLOCK}
_OF_A_DAY = {
    # Kafka deletes whole segments, and begins a new one after a week: what is kept for a day would lie there for eight.
    "segment.ms": str(60 * 60 * 1000),
}


class Action(StrEnum):
    """What is to be done about a topic."""

    CREATE = "create"
    CONFIGURE = "configure"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Change:
    """One step from the topics there are to those there should be."""

    action: Action
    topic: TopicFacts
    """As it should be."""
    reason: str
    """What differs, and for REFUSE what a person must do."""


def wanted(partitions: int, replication: int, catalogue: Iterable[Topic] = CATALOGUE) -> tuple[TopicFacts, ...]:
    """Every topic of the catalogue and its dead-letter topic, all with the same number of partitions.

    Args:
        partitions: of every topic.
        replication: copies of every partition; from three on, two of them must hold a record before it counts as sent.
        catalogue: the topics.
    """
    in_sync = "2" if replication >= 3 else "1"

    def facts(name: str, days: int, **more: str) -> TopicFacts:
        configs = {
            "cleanup.policy": "delete",
            "retention.ms": str(days * _DAY_MS),
            "min.insync.replicas": in_sync,
            "max.message.bytes": str(LARGEST_RECORD_BYTES),
            # Kafka measures what a producer sends, and would take gigabytes of blanks in a few compressed bytes. Like this it unpacks
            # them and refuses them where they are sent, and whatever is on a topic can be read, and set aside.
            "compression.type": "uncompressed",
        }
        return TopicFacts(name, partitions, replication, configs | more)

    found = []
    for topic in catalogue:
        of_a_day = _OF_A_DAY if topic.retention_days == 1 else {}
        stamped = _BY_ONE_CLOCK if topic == HEARTBEATS else {}
        found.append(facts(topic.name, topic.retention_days, **of_a_day, **stamped))
        days = max(topic.retention_days, DEAD_LETTER_RETENTION_DAYS)
        found.append(facts(topic.dead_letters, days, **_OF_DEAD_LETTERS))
    return tuple(found)


def plan(topics: Iterable[TopicFacts], existing: Mapping[str, TopicFacts]) -> tuple[Change, ...]:
    """The steps from `existing` to `topics`; empty when nothing differs."""
    return tuple(change for topic in topics for change in _changes(topic, existing.get(topic.name)))


def differences(topics: Iterable[TopicFacts], existing: Mapping[str, TopicFacts]) -> tuple[str, ...]:
    """Why a process must not start on these topics, one sentence each; empty when it may.

    Only what would lose or scatter records counts: a topic that is missing, has another number of partitions, or is compacted.
    """
    found = []
    for topic in topics:
        actual = existing.get(topic.name)
        if actual is None:
            found.append(f"{topic.name} does not exist. Run `hub topics apply`.")
        elif actual.partitions != topic.partitions:
            found.append(_partitions_differ(topic, actual))
        elif "compact" in actual.configs.get("cleanup.policy", ""):
            found.append(
                f"{topic.name} is compacted: of the records of a key Kafka keeps the last, and the hub needs every one. "
                "Run `hub topics apply`."
            )
    return tuple(found)


def plan_for(settings: KafkaSettings, bootstrap: str) -> tuple[Change, ...]:
    """The steps for a real cluster.

    Raises:
        RestartMe: it does not answer.
    """
    topics = wanted(settings.partitions, settings.replication)
    with topics_of(settings, bootstrap) as admin:
        return plan(topics, admin.existing([topic.name for topic in topics]))


def check(settings: KafkaSettings, bootstrap: str) -> None:
    """Refuse to start on topics that are missing or whose partitions differ.

    Raises:
        ConfigurationError: every difference, and what to do.
        RestartMe: the cluster does not answer.
    """
    topics = wanted(settings.partitions, settings.replication)
    with topics_of(settings, bootstrap) as admin:
        found = differences(topics, admin.existing([topic.name for topic in topics]))
    if found:
        raise ConfigurationError(f"Kafka at {bootstrap} is not as the hub needs it:\n  " + "\n  ".join(found))


def apply(settings: KafkaSettings, bootstrap: str) -> tuple[Change, ...]:
    """Create what is missing and set what differs; what is REFUSEd is left alone.

    Returns:
        The steps, those taken and those refused.

    Raises:
        ConfigurationError: the cluster does not let this principal do it.
        RestartMe: it does not answer.
    """
    topics = wanted(settings.partitions, settings.replication)
    with topics_of(settings, bootstrap) as admin:
        steps = plan(topics, admin.existing([topic.name for topic in topics]))
        _take(admin, steps)
    return steps


def _take(admin: Topics, steps: Iterable[Change]) -> None:
    by_action: dict[Action, list[TopicFacts]] = {action: [] for action in Action}
    for step in steps:
        by_action[step.action].append(step.topic)
    if by_action[Action.CREATE]:
        admin.create(by_action[Action.CREATE])
    if by_action[Action.CONFIGURE]:
        admin.configure({topic.name: topic.configs for topic in by_action[Action.CONFIGURE]})


def _changes(topic: TopicFacts, actual: TopicFacts | None) -> list[Change]:
    if actual is None:
        return [Change(Action.CREATE, topic, f"{topic.partitions} partitions, {topic.replication} copies")]
    changes = []
    if actual.partitions != topic.partitions:
        changes.append(Change(Action.REFUSE, topic, _partitions_differ(topic, actual)))
    if actual.replication != topic.replication:
        changes.append(
            Change(
                Action.REFUSE,
                topic,
                f"{topic.name} has {actual.replication} copies, kafka.replication says {topic.replication}. Set it to what is "
                "there, or move the partitions with Kafka's own kafka-reassign-partitions.",
            )
        )
    differing = sorted(key for key, value in topic.configs.items() if actual.configs.get(key) != value)
    if differing:
        words = (f"{key} {actual.configs.get(key, 'not set')} -> {topic.configs[key]}" for key in differing)
        changes.append(Change(Action.CONFIGURE, topic, ", ".join(words)))
    return changes


def _partitions_differ(topic: TopicFacts, actual: TopicFacts) -> str:
    return (
        f"{topic.name} has {actual.partitions} partitions, kafka.partitions says {topic.partitions}. Set kafka.partitions to "
        f"{actual.partitions} if all hub topics have that many; else stop the hub, delete {topic.name} (its records go with it) and "
        "run `hub topics apply`."
    )
