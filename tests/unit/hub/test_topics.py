"""What the catalogue asks of a cluster, against what the cluster has."""

from dataclasses import replace

from hub import topics
from hub.edge.kafka import TopicFacts
from hub.topics import Action
from schemas.topics import CATALOGUE, HEARTBEATS

WANTED = topics.wanted(partitions=12, replication=1)
THERE = {topic.name: topic for topic in WANTED}
FIRST = WANTED[0]


def test_every_topic_of_the_catalogue_has_a_dead_letter_topic_beside_it() -> None:
    assert {topic.name for topic in WANTED} == {
        name for topic in CATALOGUE for name in (topic.name, topic.dead_letters)
    }


def test_all_topics_have_the_same_number_of_partitions() -> None:
    assert {topic.partitions for topic in WANTED} == {12}


def test_dead_letters_stay_at_least_as_long_as_what_they_came_from() -> None:
    for topic in CATALOGUE:
        assert int(THERE[topic.dead_letters].configs["retention.ms"]) >= int(THERE[topic.name].configs["retention.ms"])


def test_dead_letters_what_settles_them_and_beats_are_stamped_by_one_clock() -> None:
    stamped = {name for name, topic in THERE.items() if topic.configs.get("message.timestamp.type") == "LogAppendTime"}
    assert stamped == {topic.dead_letters for topic in CATALOGUE} | {HEARTBEATS.name}


def test_of_three_copies_two_must_hold_a_record_and_of_one_that_one() -> None:
    assert {topic.configs["min.insync.replicas"] for topic in topics.wanted(12, 3)} == {"2"}
    assert {topic.configs["min.insync.replicas"] for topic in WANTED} == {"1"}


def test_an_empty_cluster_needs_every_topic() -> None:
    steps = topics.plan(WANTED, {})

    assert [step.action for step in steps] == [Action.CREATE] * len(WANTED)


def test_a_cluster_as_the_catalogue_says_needs_nothing() -> None:
    assert topics.plan(WANTED, THERE) == ()
    assert topics.differences(WANTED, THERE) == ()


def test_another_retention_is_set_right_and_does_not_stop_the_worker() -> None:
    there = THERE | {FIRST.name: replace(FIRST, configs=dict(FIRST.configs) | {"retention.ms": "60000"})}

    (step,) = topics.plan(WANTED, there)

    assert step.action is Action.CONFIGURE
    assert "retention.ms 60000 -> 2592000000" in step.reason
    assert topics.differences(WANTED, there) == ()


def test_a_setting_nobody_asked_for_is_left_alone() -> None:
    there = THERE | {FIRST.name: replace(FIRST, configs=dict(FIRST.configs) | {"segment.ms": "3600000"})}

    assert topics.plan(WANTED, there) == ()


def test_compaction_is_set_right_and_stops_the_worker_until_it_is() -> None:
    there = THERE | {FIRST.name: replace(FIRST, configs=dict(FIRST.configs) | {"cleanup.policy": "compact,delete"})}

    (step,) = topics.plan(WANTED, there)
    (why,) = topics.differences(WANTED, there)

    assert step.action is Action.CONFIGURE
    assert why.startswith("case-events is compacted: of the records of a key Kafka keeps the last")


def test_another_number_of_partitions_is_never_changed_and_stops_the_worker() -> None:
    there = THERE | {FIRST.name: replace(FIRST, partitions=4)}

    (step,) = topics.plan(WANTED, there)
    (why,) = topics.differences(WANTED, there)

    assert step.action is Action.REFUSE
    assert step.reason == why
    assert "has 4 partitions, kafka.partitions says 12. Set kafka.partitions to 4" in why


def test_another_number_of_copies_is_a_persons_to_change() -> None:
    there = THERE | {FIRST.name: replace(FIRST, replication=3)}

    (step,) = topics.plan(WANTED, there)

    assert step.action is Action.REFUSE
    assert "kafka-reassign-partitions" in step.reason


def test_a_missing_topic_stops_the_worker_which_says_what_to_do() -> None:
    there = {name: topic for name, topic in THERE.items() if name != FIRST.name}

    assert topics.differences(WANTED, there) == (f"{FIRST.name} does not exist. Run `hub topics apply`.",)


def test_topics_that_are_not_the_hubs_are_none_of_its_business() -> None:
    there = THERE | {"somebody-elses": TopicFacts("somebody-elses", 1, 1)}

    assert topics.plan(WANTED, there) == ()
