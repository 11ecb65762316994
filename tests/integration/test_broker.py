"""A local Kafka, really started, stopped, killed and deleted."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from hub.broker import cluster as clusters
from hub.broker import nodes, processes
from hub.broker.cluster import Cluster
from hub.errors import ConfigurationError

TOPIC = "kept"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for one broker, of which nothing is left running."""
    place = tmp_path / "broker"
    yield place
    nodes.stop(place)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a broker that has acknowledged a record; tests that stop and start it share it."""
    place = tmp_path_factory.mktemp("kept") / "broker"
    write(nodes.start(place).bootstrap)
    yield place
    nodes.stop(place)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """A formatted folder of one node that never ran."""
    return clusters.prepare(tmp_path_factory.mktemp("prepared") / "broker")


def pids(folder: Path) -> list[int]:
    """The processes of the nodes that run."""
    return [state.pid for state in nodes.status(folder) if state.pid is not None]


def write(bootstrap: str, copies: int = 1) -> None:
    """One record, acknowledged, on a topic made for it."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(TOPIC, 1, copies)])[TOPIC].result(30)
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    producer.produce(TOPIC, b"still here")
    assert producer.flush(30) == 0


def read(bootstrap: str) -> bytes | None:
    """The first record of the topic."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False})
    consumer.assign([TopicPartition(TOPIC, 0, 0)])
    try:
        record = consumer.poll(30)
        assert record is not None
        assert record.error() is None
        return record.value()
    finally:
        consumer.close()


def test_a_broker_stopped_and_started_keeps_its_port_and_its_records(kept: Path) -> None:
    before = nodes.start(kept)
    (pid,) = pids(kept)

    killed = nodes.stop(kept)

    assert killed == []
    assert processes.began(pid) is None
    assert [state.answers for state in nodes.status(kept)] == [False]
    assert nodes.start(kept) == before
    assert read(before.bootstrap) == b"still here"


def test_a_broker_killed_without_warning_starts_again_with_what_it_acknowledged(kept: Path) -> None:
    before = nodes.start(kept)
    (pid,) = pids(kept)

    os.kill(pid, signal.SIGKILL)

    assert nodes.start(kept) == before
    assert read(before.bootstrap) == b"still here"


def test_new_ports_keep_the_records(kept: Path) -> None:
    before = nodes.start(kept)
    nodes.stop(kept)

    after = nodes.start(kept, new_ports=True)

    assert after.bootstrap != before.bootstrap
    assert read(after.bootstrap) == b"still here"


def test_reset_deletes_what_is_the_brokers_and_nothing_else(kept: Path) -> None:
    # Stands last of those that share a broker, since nothing is left of it.
    nodes.start(kept)
    (kept / "notes.txt").touch()
    running = pids(kept)

    assert nodes.reset(kept) is True

    assert [path.name for path in kept.iterdir()] == ["notes.txt"]
    assert [processes.began(pid) for pid in running] == [None]
    (kept / "notes.txt").unlink()


def test_starting_what_runs_already_changes_nothing(broker: Cluster) -> None:
    before = pids(broker.folder)

    started = nodes.start(broker.folder)

    assert started == broker
    assert pids(broker.folder) == before


def test_three_nodes_answer_and_go_on_when_one_is_killed(folder: Path) -> None:
    three = nodes.start(folder, nodes=3)
    write(three.bootstrap, copies=3)

    os.kill(pids(folder)[0], signal.SIGKILL)

    assert read(three.bootstrap) == b"still here"
    assert len(pids(folder)) == 2


def test_a_port_taken_by_somebody_else_is_named_with_what_to_do(prepared: Cluster) -> None:
    port = prepared.nodes[0].port

    with socket.create_server(("127.0.0.1", port)), pytest.raises(ConfigurationError) as refused:
        nodes.start(prepared.folder)

    assert f"Port {port}, kept for node 1" in str(refused.value)
    assert "--new-ports" in str(refused.value)


def test_a_format_that_was_interrupted_is_done_again(prepared: Cluster) -> None:
    formatted = prepared.home(prepared.nodes[0]) / "data" / "meta.properties"
    formatted.unlink()

    again = clusters.prepare(prepared.folder)

    assert again == prepared
    assert prepared.identifier in formatted.read_text(encoding="utf-8")


def test_the_broker_of_another_program_is_recognised_and_left_alone(broker: Cluster, tmp_path: Path) -> None:
    (tmp_path / "cluster.json").write_text(
        (broker.folder / "cluster.json").read_text(encoding="utf-8"), encoding="utf-8"
    )

    with pytest.raises(ConfigurationError, match="already run by another program"):
        nodes.command(tmp_path)
    with pytest.raises(ConfigurationError, match="run by another program, such as `hub up`"):
        nodes.reset(tmp_path)
    assert json.loads((broker.folder / "cluster.json").read_text(encoding="utf-8"))["cluster"] == broker.identifier
