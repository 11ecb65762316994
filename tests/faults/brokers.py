"""A Kafka whose nodes can be killed, frozen and cut off one by one.

Each node has two addresses. `direct` is where nodes find each other, and where a test and its oracle look; `through` is what the product is
given: it leads through a proxy, and the nodes advertise the proxies to whoever comes that way.
"""

import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from kafka.admin import KafkaAdminClient

from hub import topics
from hub.broker import nodes
from hub.broker.cluster import LOOPBACK, Cluster, Node, choose_ports, is_free, prepare
from hub.settings import KafkaSettings
from tests.faults.proxy import Proxy

_CLIENT_PORTS = range(17_000, 19_900)
_LISTENERS = re.compile("^(listeners=.*)$", re.MULTILINE)
_ADVERTISED = re.compile("^(advertised.listeners=.*)$", re.MULTILINE)


class Brokers:
    """One node or three, each with a wire of its own. Use it in a `with`: they answer then, with the hub's topics.

    Args:
        folder: of the cluster.
        partitions: of every hub topic.
        count: of nodes; with three, every record is on all of them and must be on two.
        more: settings of every node.
        protocol: of the address that the product is given.
    """

    def __init__(
        self,
        folder: Path,
        partitions: int,
        count: int = 1,
        more: Mapping[str, str] | None = None,
        protocol: str = "PLAINTEXT",
    ) -> None:
        self._cluster: Cluster = prepare(folder, count)
        self._partitions, self._more, self._protocol = partitions, dict(more or {}), protocol
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._client_ports = choose_ports(count, _CLIENT_PORTS, is_free)
        self.wires = {
            node.number: Proxy(port) for node, port in zip(self._cluster.nodes, self._client_ports, strict=True)
        }
        self._open = ExitStack()
        for node in self._cluster.nodes:
            self._set(node)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Of the nodes."""
        return tuple(node.number for node in self._cluster.nodes)

    @property
    def direct(self) -> str:
        """Where no proxy is between."""
        return self._cluster.bootstrap

    @property
    def through(self) -> str:
        """Where the product looks."""
        return ",".join(f"{LOOPBACK}:{wire.port}" for wire in self.wires.values())

    @property
    def settings(self) -> KafkaSettings:
        """As the hub is told of it, on the direct way."""
        return KafkaSettings(partitions=self._partitions, replication=len(self._cluster.nodes))

    def _set(self, node: Node) -> None:
        """The node's settings, with the listener that leads through its proxy."""
        file, port = self._cluster.properties_file(node), self._client_ports[node.number - 1]
        text = _LISTENERS.sub(rf"\1,CLIENTS://{LOOPBACK}:{port}", file.read_text(encoding="utf-8"))
        text = _ADVERTISED.sub(rf"\1,CLIENTS://{LOOPBACK}:{self.wires[node.number].port}", text)
        protocols = f"PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,CLIENTS:{self._protocol}"
        more = {"listener.security.protocol.map": protocols} | self._more
        file.write_text(text + "".join(f"{key}={value}\n" for key, value in more.items()), encoding="utf-8")

    def __enter__(self) -> Self:
        for wire in self.wires.values():
            self._open.enter_context(wire)
        try:
            self.start()
            topics.apply(self.settings, self.direct)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait(30)
        self._open.close()

    def start(self, *numbers: int) -> None:
        """Start these nodes, or all that do not run, and come back when they answer."""
        begun = [number for number in numbers or self.numbers if not self.runs(number)]
        for number in begun:
            home = self._cluster.home(self._cluster.node(number))
            with (home / "console.log").open("ab") as console:
                self._processes[number] = subprocess.Popen(
                    nodes.command(self._cluster.folder, number), stdout=console, stderr=subprocess.STDOUT
                )
        _until(lambda: all(self._answers(number) for number in begun))
        if all(map(self.runs, self.numbers)):
            _until(self._whole)

    def runs(self, number: int) -> bool:
        """Whether the node's process lives."""
        return number in self._processes and self._processes[number].poll() is None

    def pid(self, number: int = 1) -> int:
        """Of the node's process."""
        return self._processes[number].pid

    def kill(self, *numbers: int) -> None:
        """SIGKILL."""
        for number in numbers or self.numbers:
            self._processes[number].kill()
            self._processes[number].wait(30)

    def stop(self, *numbers: int) -> None:
        """SIGTERM, as a deployment does: a node hands over what it leads."""
        for number in numbers or self.numbers:
            self._processes[number].terminate()
        for number in numbers or self.numbers:
            self._processes[number].wait(60)

    def freeze(self, *numbers: int) -> None:
        """SIGSTOP: it takes connections and bytes, and does nothing about them."""
        for number in numbers or self.numbers:
            self._processes[number].send_signal(signal.SIGSTOP)

    def thaw(self, *numbers: int) -> None:
        """SIGCONT."""
        for number in numbers or self.numbers:
            self._processes[number].send_signal(signal.SIGCONT)

    def kill_in_mid_batch(self, *numbers: int, after_s: float) -> None:
        """Freeze, let what clients send gather in its sockets, and kill: what it had taken and not written is gone."""
        self.freeze(*numbers)
        time.sleep(after_s)
        self.kill(*numbers)

    def controller(self) -> int:
        """The node that leads the controllers."""
        admin = KafkaAdminClient(bootstrap_servers=self.direct.split(","))
        try:
            (topic,) = admin.describe_metadata_quorum()["topics"]
            return int(topic["partitions"][0]["leader_id"])
        finally:
            admin.close()

    def _answers(self, number: int) -> bool:
        assert self.runs(number), f"node {number} ended: {self._last_words(number)}"
        try:
            socket.create_connection((LOOPBACK, self._cluster.node(number).port), timeout=1).close()
        except OSError:
            return False
        return True

    def _whole(self) -> bool:
        """Whether every node has joined, and every partition has its copies."""
        try:
            found = AdminClient({"bootstrap.servers": self.direct, "log_level": 0}).list_topics(timeout=5)
        except KafkaException:
            return False
        partitions = [part for topic in found.topics.values() for part in topic.partitions.values()]
        return set(found.brokers) == set(self.numbers) and all(
            part.leader >= 0 and len(part.isrs) == len(part.replicas) for part in partitions
        )

    def _last_words(self, number: int) -> str:
        home = self._cluster.home(self._cluster.node(number))
        return "\n".join((home / "console.log").read_text(errors="replace").splitlines()[-20:])


def _until(holds: Callable[[], bool], within_s: float = 240) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the brokers were not there within {within_s:g} s")
        time.sleep(0.05)
