"""The folder of a local cluster: its nodes, their ports, what each is told.

    FOLDER/cluster.json          whose it is, the nodes and their ports; without it nothing here is touched
    FOLDER/node-1/               server.properties, server.log, console.log, node.pid, data/

Ports are chosen once, outside the range from which the kernel hands ports to outgoing connections: a broker that
restarts must not find its port taken by a client.
"""

import json
import os
import random
import socket
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hub.broker.java import Runtime, choose
from hub.errors import ConfigurationError
from hub.folders import make_folder
from hub.settings import HubSettings

MARKER = "cluster.json"
NAMED_BY = "broker.folder, or --folder"
MADE_BY = "council-hub broker 1"
LOOPBACK = "127.0.0.1"
# What an interrupted first start may leave before there is a marker.
_BEFORE_MARKER = {f"{MARKER}.new", "lock"}
_PORTS = range(20_000, 32_000)
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


@dataclass(frozen=True)
class Node:
    """One broker, which is a controller of its cluster too."""

    number: int
    port: int
    controller_port: int


@dataclass(frozen=True)
class Cluster:
    """A local cluster as its folder describes it, running or not."""

    folder: Path
    identifier: str
    nodes: tuple[Node, ...]

    @property
    def bootstrap(self) -> str:
        """What a client is given: host:port, comma-separated."""
        return ",".join(f"{LOOPBACK}:{node.port}" for node in self.nodes)

    def node(self, number: int) -> Node:
        """The node of that number.

        Raises:
            ConfigurationError: the cluster has no such node.
        """
        for node in self.nodes:
            if node.number == number:
                return node
        raise ConfigurationError(f"{self.folder}: there is no node {number}; the nodes are 1 to {len(self.nodes)}.")

    def home(self, node: Node) -> Path:
        """Everything of one node."""
        return self.folder / f"node-{node.number}"

    def properties_file(self, node: Node) -> Path:
        """What the node is started with."""
        return self.home(node) / "server.properties"


def prepare(folder: Path, nodes: int | None = None, runtime: Runtime | None = None) -> Cluster:
    """The cluster of `folder`, ready to be started: made on the first call, found unchanged by every later one.

    Safe to interrupt: the marker is written whole before anything else, and Kafka's tool marks a node's storage as
    formatted last.

    Args:
        folder: made if it is not there.
        nodes: 1 or 3; None takes what the folder has, or 1.
        runtime: what runs Kafka's formatting tool; chosen if not given.

    Raises:
        ConfigurationError: the folder has another number of nodes, holds files that are not ours, or its storage
            cannot be formatted.
    """
    folder = folder.absolute()
    cluster = find(folder)
    if cluster is None:
        cluster = Cluster(folder, _new_identifier(), _new_nodes(nodes or 1))
        save(cluster)
    elif nodes is not None and nodes != len(cluster.nodes):
        raise ConfigurationError(
            f"{folder} is a cluster of {len(cluster.nodes)}, not of {nodes}. Use another folder; or `hub broker reset`, "
            "which deletes its topics, and start anew."
        )
    for node in cluster.nodes:
        cluster.home(node).mkdir(exist_ok=True)
        cluster.properties_file(node).write_text(properties(cluster, node), encoding="utf-8")
    _format(cluster, runtime)
    return cluster


def find(folder: Path) -> Cluster | None:
    """The cluster that `folder` describes; None where there is none yet.

    Raises:
        ConfigurationError: the folder holds something else, which the hub will not touch.
    """
    folder = folder.absolute()
    marker = folder / MARKER
    if not marker.is_file():
        if folder.is_dir() and any(path.name not in _BEFORE_MARKER for path in folder.iterdir()):
            raise ConfigurationError(
                f"{folder} holds files but no {MARKER}: it is not a folder of `hub broker`. Name an empty one."
            )
        return None
    try:
        content = json.loads(marker.read_text(encoding="utf-8"))
        if content["made_by"] != MADE_BY:
            raise ConfigurationError(f"{marker} was not written by this version of `hub broker`. Name another folder.")
        return Cluster(folder, content["cluster"], tuple(Node(**node) for node in content["nodes"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{marker} is damaged ({type(error).__name__}). Name another folder, or delete this one."
        ) from error


def save(cluster: Cluster) -> None:
    """Write the marker, whole or not at all."""
    make_folder(cluster.folder, NAMED_BY)
    content = {"made_by": MADE_BY, "cluster": cluster.identifier, "nodes": [asdict(node) for node in cluster.nodes]}
    new = cluster.folder / f"{MARKER}.new"
    with new.open("w", encoding="utf-8") as file:
        file.write(json.dumps(content, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(cluster.folder / MARKER)


def with_new_ports(cluster: Cluster) -> Cluster:
    """The same cluster and data on ports that are free now; its clients must be told."""
    moved = Cluster(cluster.folder, cluster.identifier, _new_nodes(len(cluster.nodes)))
    save(moved)
    return moved


def bootstrap(settings: HubSettings) -> str:
    """Where these settings' Kafka is: the one they name, or else the local one.

    Raises:
        ConfigurationError: they name none, and there is no local one.
    """
    if settings.kafka.bootstrap:
        return settings.kafka.bootstrap
    folder = settings.path(settings.broker.folder)
    cluster = find(folder)
    if cluster is None:
        raise ConfigurationError(
            f"{settings.file}: kafka.bootstrap names no Kafka, and there is none of our own in {folder}. "
            'Run `hub broker start`, or set bootstrap = "host:port" under [kafka].'
        )
    return cluster.bootstrap


def properties(cluster: Cluster, node: Node) -> str:
    """The server.properties of one node: loopback only, no topic made by accident, small internal topics."""
    copies = min(3, len(cluster.nodes))
    in_sync = 2 if copies == 3 else 1
    voters = ",".join(f"{other.number}@{LOOPBACK}:{other.controller_port}" for other in cluster.nodes)
    settings = {
        "node.id": node.number,
        "process.roles": "broker,controller",
        "controller.quorum.voters": voters,
        "listeners": f"PLAINTEXT://{LOOPBACK}:{node.port},CONTROLLER://{LOOPBACK}:{node.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{node.port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": cluster.home(node) / "data",
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync,
        # Alone on a laptop nobody else is about to join; the default waits three seconds for them.
        "group.initial.rebalance.delay.ms": 0,
        # A killed broker may not return before its old session has run out: 3 s of silence, not the 9 s of a data centre.
        "broker.heartbeat.interval.ms": 500,
        "broker.session.timeout.ms": 3000,
        # A laptop's disk: small segments, so that retention can delete, with indexes to match.
        "log.segment.bytes": 64 * 1024 * 1024,
        "log.index.size.max.bytes": 1024 * 1024,
    }
    return "# Written anew at every start by `hub broker`.\n" + "".join(
        f"{key}={value}\n" for key, value in settings.items()
    )


def candidate_ports(ephemeral: tuple[int, int], ports: range = _PORTS) -> list[int]:
    """The ports to choose from: those the kernel gives to nobody, or all of them where it leaves none."""
    first, last = ephemeral
    return [port for port in ports if not first <= port <= last] or list(ports)


def choose_ports(count: int, candidates: Sequence[int], free: Callable[[int], bool]) -> list[int]:
    """`count` free ports, at random, so that two folders made at the same moment do not meet.

    Raises:
        ConfigurationError: there are not that many.
    """
    chosen: list[int] = []
    for port in random.sample(candidates, len(candidates)):
        if free(port):
            chosen.append(port)
        if len(chosen) == count:
            return chosen
    raise ConfigurationError(
        f"Of the ports {min(candidates)} to {max(candidates)}, fewer than {count} are free. End what holds them."
    )


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of loopback now."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def _new_nodes(count: int) -> tuple[Node, ...]:
    # Where the kernel does not tell (macOS), the range of the IANA.
    text = _EPHEMERAL.read_text(encoding="ascii") if _EPHEMERAL.exists() else "49152 65535"
    first, last = map(int, text.split())
    ports = choose_ports(2 * count, candidate_ports((first, last)), is_free)
    return tuple(Node(i + 1, ports[2 * i], ports[2 * i + 1]) for i in range(count))


def _new_identifier() -> str:
    """A cluster id as Kafka's random-uuid makes it, without starting a Java for it."""
    while (text := urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text


def _format(cluster: Cluster, runtime: Runtime | None) -> None:
    """Format what is not formatted yet, all nodes at once."""
    fresh = [node for node in cluster.nodes if not (cluster.home(node) / "data" / "meta.properties").is_file()]
    if not fresh:
        return
    runtime = runtime or choose()
    running = []
    for node in fresh:
        arguments = ("format", "--ignore-formatted", "-t", cluster.identifier, "-c", str(cluster.properties_file(node)))
        process = subprocess.Popen(  # noqa: S603 - Kafka's own tool, each part an argument of its own
            runtime.storage_tool(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.append((node, process))
    for node, process in running:
        output, _ = process.communicate()
        if process.returncode != 0:
            raise ConfigurationError(
                f"The storage of node {node.number} in {cluster.home(node)} cannot be formatted "
                f"(exit {process.returncode}):\n{output.strip()[-2000:]}"
            )
