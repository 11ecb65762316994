"""A local Kafka, really started, stopped, killed and deleted."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
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
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "auto.offset.reset": "earliest"})
    consumer.subscribe([TOPIC])
    try:
        record = consumer.poll(30)
        assert record is not None
        assert record.error() is None
        return record.value()
    finally:
        consumer.close()


def test_a_broker_stopped_and_started_keeps_its_port_and_its_records(folder: Path) -> None:
    before = nodes.start(folder)
    write(before.bootstrap)
    (pid,) = pids(folder)

    killed = nodes.stop(folder)

    assert killed == []
    assert processes.began(pid) is None
    assert [state.answers for state in nodes.status(folder)] == [False]
    assert nodes.start(folder) == before
    assert read(before.bootstrap) == b"still here"


def test_a_broker_killed_without_warning_starts_again_with_what_it_acknowledged(folder: Path) -> None:
    before = nodes.start(folder)
    write(before.bootstrap)
    (pid,) = pids(folder)

    os.kill(pid, signal.SIGKILL)

    assert nodes.start(folder) == before
    assert read(before.bootstrap) == b"still here"


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


def test_reset_deletes_what_is_the_brokers_and_nothing_else(folder: Path) -> None:
    nodes.start(folder)
    (folder / "notes.txt").touch()
    running = pids(folder)

    assert nodes.reset(folder) is True

    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    assert [processes.began(pid) for pid in running] == [None]
    (folder / "notes.txt").unlink()


def test_a_port_taken_by_somebody_else_is_named_with_what_to_do(folder: Path) -> None:
    prepared = clusters.prepare(folder)
    port = prepared.nodes[0].port

    with socket.create_server(("127.0.0.1", port)), pytest.raises(ConfigurationError) as refused:
        nodes.start(folder)

    assert f"Port {port}, kept for node 1" in str(refused.value)
    assert "--new-ports" in str(refused.value)


def test_new_ports_keep_the_records(folder: Path) -> None:
    before = nodes.start(folder)
    write(before.bootstrap)
    nodes.stop(folder)

    after = nodes.start(folder, new_ports=True)

    assert after.bootstrap != before.bootstrap
    assert read(after.bootstrap) == b"still here"


def test_a_format_that_was_interrupted_is_done_again(folder: Path) -> None:
    prepared = clusters.prepare(folder)
    formatted = prepared.home(prepared.nodes[0]) / "data" / "meta.properties"
    formatted.unlink()

    again = clusters.prepare(folder)

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
