"""Starts, watches, stops and removes the nodes of a local cluster.

`command` is for who runs a node in the foreground, such as the supervisor of `hub up`; `start` leaves the nodes running
in the background, each with a pid file. Only one command at a time works on a folder.
"""

import fcntl
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hub.broker import processes
from hub.broker.cluster import LOOPBACK, MARKER, NAMED_BY, Cluster, Node, find, is_free, prepare, with_new_ports
from hub.broker.java import Runtime, choose, log4j_file
from hub.edge import kafka
from hub.errors import ConfigurationError, RestartMe
from hub.folders import make_folder

START_WITHIN_S = 90.0
STOP_WITHIN_S = 20.0
_GONE_WITHIN_S = 3.0
_LOCK = "lock"
_POLL_S = 0.05


@dataclass(frozen=True)
class NodeState:
    """One node as it is now."""

    node: Node
    pid: int | None
    """Of the process that `start` left in the background; None where there is none."""
    answers: bool
    """Whether something accepts connections on its port, whoever started it."""
    log: Path


def command(folder: Path, node: int = 1, runtime: Runtime | None = None) -> list[str]:
    """The command line that runs one node of a prepared folder in the foreground, until SIGTERM; it needs no environment.

    Raises:
        ConfigurationError: the folder is not prepared, has no such node, or the node's port is taken.
    """
    cluster = _existing(folder)
    chosen = cluster.node(node)
    _check_ports(cluster, chosen)
    return _command(cluster, chosen, runtime or choose())


def start(
    folder: Path,
    nodes: int | None = None,
    *,
    new_ports: bool = False,
    within_s: float = START_WITHIN_S,
    runtime: Runtime | None = None,
) -> Cluster:
    """Start every node that is not running, and return when all of them answer.

    Args:
        folder: made if it is not there.
        nodes: 1 to 3; None takes what the folder has, or 1.
        new_ports: leave the ports of last time; only while no node runs.
        within_s: how long to wait for the answer.
        runtime: which Java and Kafka; chosen if not given.

    Raises:
        ConfigurationError: the folder cannot be used, or a port is taken by another program.
        RestartMe: a node ended or did not answer in time; the message holds the last lines of its log.
    """
    runtime = runtime or choose()
    with _alone(folder):
        cluster = prepare(folder, nodes, runtime)
        stopped = [node for node in cluster.nodes if processes.running(_pid_file(cluster, node)) is None]
        if new_ports:
            if len(stopped) < len(cluster.nodes):
                raise ConfigurationError(
                    f"{cluster.folder} is running. `hub broker stop` first, then ask for new ports."
                )
            with_new_ports(cluster)
            cluster = prepare(folder, nodes, runtime)
            stopped = list(cluster.nodes)
        for node in stopped:
            _check_ports(cluster, node)
        for node in stopped:
            console = cluster.home(node) / "console.log"
            console.unlink(missing_ok=True)
            processes.spawn(_command(cluster, node, runtime), console, _pid_file(cluster, node))
        _await_answer(cluster, within_s)
        return cluster


def status(folder: Path) -> list[NodeState]:
    """Every node as it is now; empty where the folder holds no cluster."""
    cluster = find(folder)
    return [] if cluster is None else [_state(cluster, node) for node in cluster.nodes]


def stop(folder: Path, within_s: float = STOP_WITHIN_S) -> list[Node]:
    """End every node in order, and kill those that take longer than `within_s`; data and ports stay.

    Returns:
        The nodes that had to be killed. Kafka repairs their logs at the next start; what was acknowledged is there.
    """
    cluster = find(folder)
    if cluster is None:
        return []
    with _alone(folder):
        of = {_pid_file(cluster, node): node for node in cluster.nodes}
        return [of[pid_file] for pid_file in processes.end(list(of), within_s)]


def reset(folder: Path, within_s: float = STOP_WITHIN_S) -> bool:
    """Stop the nodes and delete what the folder's marker shows to be the cluster's; anything else in it stays.

    Returns:
        Whether there was a cluster.

    Raises:
        ConfigurationError: a node is run by somebody else (`hub up`), who would find its data gone.
    """
    stop(folder, within_s)
    cluster = find(folder)
    if cluster is None:
        return False
    for node in cluster.nodes:
        if _state(cluster, node).answers and _is_ours(cluster, node):
            raise ConfigurationError(
                f"{cluster.folder}: node {node.number} is run by another program, such as `hub up`. End it first."
            )
    with _alone(folder):
        for node in cluster.nodes:
            shutil.rmtree(cluster.home(node), ignore_errors=True)
        (cluster.folder / MARKER).unlink()
        (cluster.folder / _LOCK).unlink()
    if not any(cluster.folder.iterdir()):
        cluster.folder.rmdir()
    return True


def _existing(folder: Path) -> Cluster:
    cluster = find(folder)
    if cluster is None:
        raise ConfigurationError(f"{folder} holds no cluster yet. `hub broker start` makes one.")
    return cluster


def _command(cluster: Cluster, node: Node, runtime: Runtime) -> list[str]:
    return runtime.broker(cluster.properties_file(node), log4j_file(), cluster.home(node))


def _pid_file(cluster: Cluster, node: Node) -> Path:
    return cluster.home(node) / "node.pid"


def _state(cluster: Cluster, node: Node) -> NodeState:
    return NodeState(
        node, processes.running(_pid_file(cluster, node)), _accepts(node.port), cluster.home(node) / "server.log"
    )


def _accepts(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def _check_ports(cluster: Cluster, node: Node) -> None:
    for port in (node.port, node.controller_port):
        if not _comes_free(port):
            if _is_ours(cluster, node):
                raise ConfigurationError(
                    f"{cluster.folder}: node {node.number} is already run by another program, such as `hub up`. "
                    f"It answers at {cluster.bootstrap}."
                )
            raise ConfigurationError(
                f"Port {port}, kept for node {node.number} of {cluster.folder}, is taken by another program. End that "
                "program; or `hub broker start --new-ports`, and give the new address to whoever has "
                f"{cluster.bootstrap}."
            )


def _comes_free(port: int) -> bool:
    """Whether a server can listen there, at once or soon: one that was killed keeps its port until its last thread is gone."""
    until = time.monotonic() + _GONE_WITHIN_S
    while not is_free(port):
        if time.monotonic() > until:
            return False
        time.sleep(_POLL_S)
    return True


def _is_ours(cluster: Cluster, node: Node) -> bool:
    """Whether the server on the node's port is this cluster."""
    facts = kafka.cluster_at(f"{LOOPBACK}:{node.port}", within_s=3)
    return facts is not None and facts.identifier == cluster.identifier


def _await_answer(cluster: Cluster, within_s: float) -> None:
    """Until every node has joined and takes requests."""
    until = time.monotonic() + within_s
    while True:
        for node in cluster.nodes:
            if processes.running(_pid_file(cluster, node)) is None:
                raise RestartMe(f"Node {node.number} ended while starting. {_last_words(cluster, node)}")
        if all(_accepts(node.port) for node in cluster.nodes):
            facts = kafka.cluster_at(cluster.bootstrap, within_s=5)
            if facts and facts.nodes >= {node.number for node in cluster.nodes}:
                return
        if time.monotonic() > until:
            slow = next((node for node in cluster.nodes if not _accepts(node.port)), cluster.nodes[0])
            raise RestartMe(f"Node {slow.number} did not answer within {within_s:.0f} s. {_last_words(cluster, slow)}")
        time.sleep(_POLL_S)


def _last_words(cluster: Cluster, node: Node) -> str:
    """The end of what a node said, and where the rest is."""
    files = [cluster.home(node) / name for name in ("server.log", "console.log")]
    lines = [line for file in files if file.is_file() for line in file.read_text(errors="replace").splitlines()[-8:]]
    return f"The rest is in {cluster.home(node)}:\n" + "\n".join(f"  {line[:300]}" for line in lines)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One command at a time on a folder; the next one waits."""
    find(folder)  # refuses a folder of somebody else before anything is put into it
    make_folder(folder, NAMED_BY)
    with (folder / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
