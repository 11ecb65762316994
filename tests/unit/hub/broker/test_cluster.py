"""The folder of a local cluster, its ports and what each node is told."""

import json
from pathlib import Path

import pytest

from hub.broker import cluster
from hub.broker.cluster import Cluster, Node
from hub.errors import ConfigurationError

THREE = Cluster(
    Path("/k"), "Q2x1c3RlcklkZW50aWZpZQ", (Node(1, 21001, 21002), Node(2, 21003, 21004), Node(3, 21005, 21006))
)
ONE = Cluster(Path("/k"), THREE.identifier, THREE.nodes[:1])


def told(of: Cluster, number: int) -> dict[str, str]:
    """What a node's server.properties say."""
    lines = cluster.properties(of, of.node(number)).splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def test_a_client_is_given_every_node() -> None:
    assert THREE.bootstrap == "127.0.0.1:21001,127.0.0.1:21003,127.0.0.1:21005"


def test_no_node_listens_beyond_loopback() -> None:
    listeners = told(THREE, 2)["listeners"].split(",")

    assert listeners == ["PLAINTEXT://127.0.0.1:21003", "CONTROLLER://127.0.0.1:21004"]


def test_one_node_keeps_one_copy_and_three_keep_three_of_which_two_must_hold() -> None:
    one, three = told(ONE, 1), told(THREE, 1)

    assert (one["default.replication.factor"], one["min.insync.replicas"]) == ("1", "1")
    assert (three["default.replication.factor"], three["min.insync.replicas"]) == ("3", "2")
    assert three["offsets.topic.replication.factor"] == "3"


def test_no_topic_is_made_by_accident() -> None:
    assert told(ONE, 1)["auto.create.topics.enable"] == "false"


def test_a_node_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigurationError, match="there is no node 4; the nodes are 1 to 3"):
        THREE.node(4)


def test_ports_the_kernel_gives_to_clients_are_never_chosen() -> None:
    candidates = cluster.candidate_ports((25_000, 60_999), range(20_000, 32_000))

    assert (min(candidates), max(candidates)) == (20_000, 24_999)


def test_where_the_kernel_gives_every_port_to_clients_one_of_them_must_do() -> None:
    assert cluster.candidate_ports((1024, 65_535), range(20_000, 20_003)) == [20_000, 20_001, 20_002]


def test_a_port_in_use_is_not_chosen() -> None:
    assert cluster.choose_ports(2, [1, 2, 3], free=lambda port: port != 2) in ([1, 3], [3, 1])


def test_too_few_free_ports_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="fewer than 2 are free"):
        cluster.choose_ports(2, [1, 2, 3], free=lambda port: port == 2)


def test_the_folder_gives_back_the_cluster_that_was_saved(tmp_path: Path) -> None:
    saved = Cluster(tmp_path / "broker", THREE.identifier, THREE.nodes)
    cluster.save(saved)

    assert cluster.find(tmp_path / "broker") == saved


def test_an_absent_and_an_empty_folder_hold_no_cluster(tmp_path: Path) -> None:
    assert cluster.find(tmp_path / "absent") is None
    assert cluster.find(tmp_path) is None


def test_an_interrupted_first_save_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "cluster.json.new").write_text('{"made', encoding="utf-8")

    assert cluster.find(tmp_path) is None


def test_a_folder_of_somebody_else_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()

    with pytest.raises(ConfigurationError, match=r"not a folder of `hub broker`. Name an empty one"):
        cluster.prepare(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"made_by": "council-hub broker 1"}'])
def test_a_damaged_marker_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "cluster.json").write_text(content, encoding="utf-8")

    with pytest.raises(ConfigurationError, match="is damaged"):
        cluster.find(tmp_path)


def test_a_marker_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cluster.json").write_text(json.dumps({"made_by": "another tool"}), encoding="utf-8")

    with pytest.raises(ConfigurationError, match="not written by this version"):
        cluster.find(tmp_path)


def test_a_cluster_of_one_is_not_taken_for_one_of_three(tmp_path: Path) -> None:
    cluster.save(Cluster(tmp_path / "broker", ONE.identifier, ONE.nodes))

    with pytest.raises(ConfigurationError, match="is a cluster of 1, not of 3"):
        cluster.prepare(tmp_path / "broker", nodes=3)
