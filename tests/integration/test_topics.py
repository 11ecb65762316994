"""The catalogue's topics, made on a real Kafka by the command line."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from hub import topics
from hub.__main__ import hub
from hub.broker import nodes
from hub.broker.cluster import Cluster
from hub.edge.kafka import topics_of
from hub.errors import ConfigurationError
from hub.settings import KafkaSettings
from schemas.topics import CASE_EVENTS, CATALOGUE

LAPTOP = KafkaSettings(partitions=2)
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A broker whose catalogue topics may be deleted and spoilt, which nobody else's tests would like."""
    folder = tmp_path_factory.mktemp("topics") / "broker"
    yield nodes.start(folder)
    nodes.reset(folder)


@pytest.fixture
def run(own: Cluster, tmp_path: Path) -> Run:
    """Runs `hub topics ...` on that broker."""
    settings = tmp_path / "hub.toml"
    settings.write_text(
        '[council]\nname = "Anytown"\ncode = "E06000014"\nkey = "an invented key, long enough"\n'
        f'[kafka]\nbootstrap = "{own.bootstrap}"\npartitions = 2\n',
        encoding="utf-8",
    )
    return lambda *arguments: CliRunner().invoke(
        hub, ["--settings", str(settings), "topics", *arguments], env={"COLUMNS": "200"}
    )


@pytest.fixture
def kafka(own: Cluster) -> AdminClient:
    """Another library's eye on the same broker, which has none of the catalogue's topics when the test begins."""
    admin = AdminClient({"bootstrap.servers": own.bootstrap})
    ours = {name for topic in CATALOGUE for name in (topic.name, topic.dead_letters)}
    there = sorted(ours.intersection(admin.list_topics(timeout=30).topics))
    for deleted in admin.delete_topics(there, operation_timeout=30).values() if there else ():
        deleted.result(30)
    shows(lambda: ours.isdisjoint(admin.list_topics(timeout=30).topics))
    return admin


def shows(change: Callable[[], bool]) -> None:
    """Returns when the broker shows a change that its controller has already made, which it does some milliseconds later."""
    until = time.monotonic() + 30
    while not change():
        assert time.monotonic() < until


def partitions(kafka: AdminClient, topic: str) -> int:
    """How many partitions a topic has."""
    return len(kafka.list_topics(timeout=30).topics[topic].partitions)


@pytest.mark.usefixtures("kafka")
def test_a_plan_is_shown_applied_and_then_empty(run: Run) -> None:
    planned = run("plan")
    applied = run("apply")
    shows(lambda: run("plan").exit_code == 0)

    assert (planned.exit_code, applied.exit_code) == (2, 0)
    assert planned.output.count("create") == applied.output.count("create") == 2 * len(CATALOGUE)
    assert "as the catalogue says" in run("plan").output


def test_applied_topics_have_the_partitions_and_the_retention_of_the_catalogue(
    run: Run, kafka: AdminClient, own: Cluster
) -> None:
    run("apply")

    assert {partitions(kafka, topic.name) for topic in CATALOGUE} == {2}
    topics.check(LAPTOP, own.bootstrap)


@pytest.mark.usefixtures("kafka")
def test_missing_topics_stop_whoever_checks(own: Cluster) -> None:
    with pytest.raises(ConfigurationError, match=f"{CASE_EVENTS.name} does not exist. Run `hub topics apply`"):
        topics.check(LAPTOP, own.bootstrap)


def test_a_topic_somebody_enlarged_is_left_to_a_person(run: Run, kafka: AdminClient, own: Cluster) -> None:
    run("apply")
    kafka.create_partitions([NewPartitions(CASE_EVENTS.name, 3)])[CASE_EVENTS.name].result(30)
    shows(lambda: partitions(kafka, CASE_EVENTS.name) == 3)

    refused = run("apply")

    assert refused.exit_code == 2
    assert "has 3 partitions, kafka.partitions says 2" in " ".join(refused.output.split())
    assert partitions(kafka, CASE_EVENTS.name) == 3
    with pytest.raises(ConfigurationError, match="has 3 partitions"):
        topics.check(LAPTOP, own.bootstrap)


@pytest.mark.usefixtures("kafka")
def test_a_setting_somebody_changed_is_set_right(run: Run, own: Cluster) -> None:
    run("apply")
    with topics_of(LAPTOP, own.bootstrap) as admin:
        admin.configure({CASE_EVENTS.name: {"retention.ms": "60000"}})
        shows(lambda: admin.existing([CASE_EVENTS.name])[CASE_EVENTS.name].configs["retention.ms"] == "60000")

        applied = run("apply")

        assert applied.exit_code == 0
        assert "retention.ms 60000 ->" in applied.output
        shows(lambda: run("plan").exit_code == 0)
