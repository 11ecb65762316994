"""A connector as a process of its own, on a simulated legacy system and a real Kafka."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID, uuid4

import httpx
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from connectors.sdk.manifest import Manifest, manifest_of
from connectors.sdk.rehearsal import Running
from connectors.sdk.simulation import BackOffice
from connectors.sdk.specimens import CITIZENS, facts_for
from hub.demo.site import toml_table
from schemas.references import case_reference
from schemas.tasks import Task, TaskRaised
from schemas.topics import TASKS

ROOT = Path(__file__).parents[2]
THIRD_PARTY = ROOT / "tests" / "kit" / "site"
"""Where connectors of somebody else are installed."""
ASKED_AT = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)


def with_third_party(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which the connectors of `THIRD_PARTY` are installed too."""
    paths = [str(THIRD_PARTY), *filter(None, [environment.get("PYTHONPATH")])]
    return {**environment, "PYTHONPATH": os.pathsep.join(paths)}


def begin_now(kafka: str, connector: str, topic: str, partitions: int) -> None:
    """A connector that has not run yet does not take up what was asked for before it was there."""
    with closing(Consumer({"bootstrap.servers": kafka, "group.id": f"connector-{connector}", "log_level": 0})) as group:
        parts = [TopicPartition(topic, number) for number in range(partitions)]
        ends = [TopicPartition(topic, each.partition, _end(group, each)) for each in parts]
        group.commit(offsets=ends, asynchronous=False)


def _end(group: Consumer, part: TopicPartition) -> int:
    """The next offset of a partition, which may be so new that it has no leader yet."""
    deadline = time.monotonic() + 90
    while True:
        try:
            return int(group.get_watermark_offsets(part, 30)[1])
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


class ConnectorSite:
    """One legacy system with its connector.

    Args:
        folder: where everything is.
        kafka: the address of a Kafka with the hub's topics.
        partitions: of its topics.
        connector: name of its entry point.
        office: how the simulated back office behaves.
        given: the address that the connector is given, where it is not the one that the test uses.
        begins_now: whether it leaves alone what was asked before it was there, by other tests for instance.
        simulated: what else its simulator is told.

    Attributes:
        kafka_settings: how it comes to Kafka, for the next `write_settings`.
    """

    def __init__(
        self,
        folder: Path,
        kafka: str,
        partitions: int,
        connector: str,
        office: BackOffice,
        *,
        given: str | None = None,
        begins_now: bool = True,
        **simulated: Any,
    ) -> None:
        self.folder, self.kafka = folder, kafka
        self.kafka_settings: Mapping[str, Any] = {"bootstrap": given or kafka}
        # A name of its own is a consumer group and a ledger of its own.
        self.name = f"{connector}_{uuid4().hex[:8]}"
        (self.entry,) = entry_points(group="council_hub.connectors", name=connector)
        (simulator,) = entry_points(group="council_hub.simulators", name=connector)
        self.simulator = simulator.load()(folder / "legacy", office, **simulated)
        self.simulator.seed(CITIZENS)
        self._running = Running(self.simulator)
        self._running.start()
        self._partitions, self._connector = partitions, connector
        self._processes: list[subprocess.Popen[bytes]] = []
        self._asked = 0
        if begins_now and self.manifest.tasks:
            begin_now(kafka, self.name, self.tasks_topic, partitions)
        self.write_settings({})

    @property
    def manifest(self) -> Manifest:
        """The connector's manifest."""
        return manifest_of(self.entry.load())

    @property
    def tasks_topic(self) -> str:
        """Where its instructions come from."""
        return TASKS[self.manifest.department].name

    def write_settings(self, more: Mapping[str, Any]) -> None:
        """The settings file anew."""
        memory = {"url": f"sqlite:///{self.folder}/edge.db"}
        table = {
            "connector": self._connector,
            "memory": memory,
            **self.simulator.connector_settings(),
            "poll_every_s": 0.2,
            **more,
        }
        tables: dict[str, Mapping[str, Any]] = {
            "council": {"name": "Nettlebourne", "code": "E06000999", "key": "not-a-real-council-key"},
            "kafka": {"partitions": self._partitions, **self.kafka_settings},
            f"connectors.{self.name}": table,
        }
        text = "\n".join(toml_table(name, part) for name, part in tables.items())
        (self.folder / "hub.toml").write_text(text, encoding="utf-8")

    def ask(self, number: int) -> list[TaskRaised]:
        """So many instructions on the topic, each of a case of its own."""
        events = [self.instruction() for _ in range(number)]
        self.send(events)
        return events

    def send(self, events: Iterable[TaskRaised]) -> None:
        """These instructions onto the topic."""
        producer = Producer({"bootstrap.servers": self.kafka, "partitioner": "murmur2_random", "log_level": 0})
        for event in events:
            producer.produce(self.tasks_topic, event.encode(), event.partitionkey.encode())
        assert producer.flush(60) == 0

    def instruction(self) -> TaskRaised:
        """The next one, not yet on the topic."""
        self._asked += 1
        works = self.manifest.tasks
        work = works[self._asked % len(works)]
        identifier: UUID = uuid4()
        case = case_reference(ASKED_AT + timedelta(seconds=self._asked), identifier.hex)
        return TaskRaised(
            id=identifier,
            source="/E06000999/worker",
            correlationid=case,
            partitionkey=case,
            council="E06000999",
            time=ASKED_AT,
            effectiveat=ASKED_AT,
            data=Task(
                task=str(work),
                department=self.manifest.department,
                work=work,
                asks="Is it fit to return to?",
                due=ASKED_AT + timedelta(days=20),
                facts=facts_for(CITIZENS[self._asked % len(CITIZENS)]),
            ),
        )

    def log(self) -> list[dict[str, Any]]:
        """What its processes have said, oldest first."""
        lines = self.log_file.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def last_words(self) -> str:
        """What the process that ended last left in its log."""
        return (self.folder / "connector.log").read_text(encoding="utf-8").splitlines()[-1]

    def health(self, path: str) -> str:
        """What the process that was started last answers at `/readyz` or `/metrics`; empty while it does not."""
        ports = [line["health_port"] for line in self.log() if line["event"] == "connector runs"]
        try:
            return httpx.get(f"http://127.0.0.1:{ports[-1]}{path}").text if ports else ""
        except httpx.TransportError:
            return ""

    def goes_away(self) -> None:
        """The legacy system ends, for good."""
        self._running.stop()

    def forget_checkpoints(self) -> None:
        """Let the connector read everything from the beginning, as after a restored backup."""
        with closing(sqlite3.connect(self.folder / "edge.db")) as memory, memory:
            memory.execute("delete from checkpoints")

    @property
    def command(self) -> list[str]:
        """What runs the connector."""
        return [sys.executable, "-m", "hub", "--settings", str(self.folder / "hub.toml"), "connector", "run", self.name]

    @property
    def log_file(self) -> Path:
        """Where its output goes."""
        return self.folder / "connector.log"

    def start(self, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        """The connector's process; what it says goes to its log."""
        with self.log_file.open("ab") as log:
            process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=with_third_party({**os.environ, **environment}),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._processes.append(process)
        return process

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing running."""
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait(30)
        self._running.stop()
