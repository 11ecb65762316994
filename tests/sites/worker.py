"""A council's worker for tests: its folder, its requests, and `hub worker` as a process of its own on a real Kafka and database."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4, uuid5

import httpx
import sqlalchemy
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from sqlalchemy.pool import NullPool

from hub import topics
from hub.broker import nodes
from hub.memory import tables
from hub.memory.prepare import prepare
from hub.memory.store import Partition
from hub.routing.case import Case
from hub.settings import KafkaSettings
from schemas.envelope import Department, Event, Message
from schemas.facts import Facts
from schemas.references import case_reference
from schemas.requests import Request, RequestReceived
from schemas.tasks import StatusChange, TaskStatus, TaskStatusChanged

ROOT = Path(__file__).parents[2]
PARTITIONS = 4
WITHIN_S = 60.0


def until(fact: Callable[[], bool], within_s: float = WITHIN_S) -> None:
    """Look again and again until a fact of the outside world holds."""
    deadline = time.monotonic() + within_s
    while not fact():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)


@contextmanager
def broker(folder: Path) -> Iterator[str]:
    """The address of a Kafka of its own, without topics."""
    yield nodes.start(folder).bootstrap
    nodes.reset(folder)


@contextmanager
def kafka_with_topics(folder: Path) -> Iterator[str]:
    """The address of a Kafka of its own, with the hub's topics."""
    with broker(folder) as address:
        topics.apply(KafkaSettings(partitions=PARTITIONS), address)
        yield address


class Tipping:
    """A request about tipped waste, and what happens to it."""

    def __init__(self, at: datetime | None = None, uprn: str = "100000000017") -> None:
        self.at, self.uprn = at or datetime.now(UTC), uprn
        self.id = uuid4()
        self.reference = case_reference(self.at, str(self.id))

    def _event(self, kind: type[Event], data: Message, minutes: int) -> Event:
        at = self.at + timedelta(minutes=minutes)
        return kind(
            id=uuid5(self.id, f"{kind.__name__}|{minutes}"),
            source="/E06000999/test",
            type=kind.model_fields["type"].default,
            time=at,
            effectiveat=at,
            correlationid=self.reference,
            partitionkey=self.reference,
            council="E06000999",
            data=data,
        )

    def reported(self) -> Event:
        facts = Facts.model_validate({"uprn": self.uprn, "waste_size": "transit-van", "land_owner": "housing"})
        return self._event(RequestReceived, Request(request="fly-tipping-reported", facts=facts), 0)

    def done(self, task: str, department: Department, minutes: int) -> Event:
        said = StatusChange(task=task, department=department, status=TaskStatus.COMPLETED, reference=f"R-{minutes}")
        return self._event(TaskStatusChanged, said, minutes)

    def story(self) -> list[Event]:
        return [
            self.reported(),
            self.done("clear-estate", Department.HOUSING, 1),
            self.done("collect-load", Department.TRANSPORT, 2),
        ]


class Site:
    """A council's folder with its settings, its worker's database, and eyes on its Kafka from where it stood at the start."""

    def __init__(self, folder: Path, kafka: str, database_url: str) -> None:
        self.folder = folder
        self.kafka = kafka
        self.group = f"hub-{uuid4().hex[:8]}"
        self.database_url = database_url
        self.engine = sqlalchemy.create_engine(database_url, poolclass=NullPool)
        self.producer = Producer(
            {
                "bootstrap.servers": kafka,
                "partitioner": "murmur2_random",
                # As those of the product: what is sent again after a broker died stands where it was first sent.
                "enable.idempotence": True,
                "message.max.bytes": 2_000_000,
                "log_level": 0,
            }
        )
        self._reader = Consumer(
            {"bootstrap.servers": kafka, "group.id": f"{self.group}-test", "enable.auto.commit": False, "log_level": 0}
        )
        self.begin = {topic.name: self._ends(topic.name) for topic in topics.wanted(PARTITIONS, 1)}
        store = prepare(database_url, self.group)
        store.positions({Partition("case-events", n): offset for n, offset in self.begin["case-events"].items()})
        store.close()
        self.write_settings(database_url)

    def write_settings(self, database_url: str, web: str = "", **kafka: object) -> None:
        section = {"bootstrap": self.kafka, "partitions": PARTITIONS} | kafka
        lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in section.items())
        (self.folder / "hub.toml").write_text(
            f"""
            [council]
            name = "Invented"
            code = "E06000999"
            key = "not a secret at all"
            [kafka]
            {lines}
            [worker]
            group = "{self.group}"
            health_port = 0
            deadlines_every_s = 0.02
            memory.url = "{database_url}"
            {web}
            """
        )

    def command(self, settings: Path | None = None) -> list[str]:
        """What runs a worker, of the site's own settings file or another."""
        return [sys.executable, "-m", "hub", "--settings", str(settings or self.folder / "hub.toml"), "worker"]

    def settings_of(self, name: str, **more: object) -> Path:
        """The settings file of a worker beside the first; `more` stands in its section."""
        lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in {"name": name, **more}.items())
        file = self.folder / f"{name}.toml"
        file.write_text((self.folder / "hub.toml").read_text().replace("[worker]", f"[worker]\n{lines}"))
        return file

    def _ends(self, topic: str) -> dict[int, int]:
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        # A topic made a moment ago may still be without a leader; then the broker says so, and is asked again.
        until(lambda: all(self._has_leader(partition) for partition in partitions))
        return {p.partition: self._reader.get_watermark_offsets(p)[1] for p in partitions}

    def _has_leader(self, partition: TopicPartition) -> bool:
        try:
            self._reader.get_watermark_offsets(partition)
        except KafkaException as error:
            if not error.args[0].retriable() and error.args[0].code() != KafkaError.NOT_LEADER_FOR_PARTITION:
                raise
            return False
        return True

    def send(self, *events: Event) -> None:
        for event in events:
            self.send_raw(event.partitionkey.encode(), event.encode())

    def send_raw(self, key: bytes | None, value: bytes | None) -> None:
        self.producer.produce("case-events", value, key)
        self.producer.poll(0)

    def sent(self) -> None:
        assert self.producer.flush(WITHIN_S) == 0

    def read(self, topic: str) -> list[Any]:
        """Everything on a topic since the site was made."""
        ends = self._ends(topic)
        self._reader.assign([TopicPartition(topic, n, offset) for n, offset in self.begin[topic].items()])
        missing = sum(ends.values()) - sum(self.begin[topic].values())
        found: list[Any] = []
        deadline = time.monotonic() + WITHIN_S
        while len(found) < missing and time.monotonic() < deadline:
            found += [
                message for message in self._reader.consume(missing - len(found), timeout=1.0) if not message.error()
            ]
        self._reader.unassign()
        return found

    def rows(self, table: sqlalchemy.Table) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(sqlalchemy.select(table).order_by(*table.primary_key.columns)))

    def progress(self) -> int:
        return sum(row.next_offset for row in self.rows(tables.progress) if row.app == self.group)

    def reaches(self, progress: int) -> None:
        """Wait until so many offsets are applied, over all partitions."""
        until(lambda: self.progress() >= progress)

    def set_back(self) -> None:
        """Let the worker read everything once more, as after a restored backup."""
        with self.engine.begin() as connection:
            for number, offset in self.begin["case-events"].items():
                connection.execute(
                    sqlalchemy.update(tables.progress)
                    .where(tables.progress.c.app == self.group, tables.progress.c.part == number)
                    .values(next_offset=offset)
                )

    def applies_everything(self, within_s: float = WITHIN_S) -> None:
        """Wait until everything that is on the topic is applied."""
        until(lambda: self.progress() == sum(self._ends("case-events").values()), within_s)

    @property
    def database(self) -> Path | str:
        """The worker's SQLite file, or the URL of its PostgreSQL."""
        return (
            Path(self.database_url.removeprefix("sqlite:///")) if "sqlite" in self.database_url else self.database_url
        )

    def cases(self) -> dict[str, Case]:
        return {row.reference: Case.read(row.body) for row in self.rows(tables.cases)}

    def close(self) -> None:
        self._reader.close()


class WorkerProcess:
    """A running `hub worker`; of the site's own settings file, or another."""

    def __init__(self, site: Site, environment: Mapping[str, str] | None = None, settings: Path | None = None) -> None:
        self.process = subprocess.Popen(
            site.command(settings),
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: queue.Queue[dict[str, Any]] = queue.Queue()
        self.log: list[dict[str, Any]] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(json.loads(line))

    def says(self, event: str) -> dict[str, Any]:
        """The next log line of that name."""
        deadline = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline:
            line = self.lines.get(timeout=WITHIN_S)
            self.log.append(line)
            if line["event"] == event:
                return line
        raise AssertionError(f"the worker did not say {event!r}: {self.log}")

    def says_critical(self) -> str:
        """What it said before it ended by itself."""
        while True:
            line = self.lines.get(timeout=WITHIN_S)
            if line["level"] == "critical":
                return str(line["event"])

    def health(self) -> Callable[[str], httpx.Response]:
        port = self.says("worker starting")["health_port"]
        return lambda path: httpx.get(f"http://127.0.0.1:{port}{path}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(WITHIN_S)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WITHIN_S)


@contextmanager
def workers() -> Iterator[Callable[..., WorkerProcess]]:
    """Starts workers; none outlives the test, and pytest shows what each said when it failed."""
    started: list[WorkerProcess] = []

    def start(site: Site, environment: Mapping[str, str], settings: Path | None = None) -> WorkerProcess:
        started.append(WorkerProcess(site, environment, settings))
        return started[-1]

    yield start
    for worker in started:
        worker.kill()
        print(*worker.log, *worker.lines.queue, sep="\n")  # noqa: T201 - as said
        for pipe in (worker.process.stdout, worker.process.stderr):
            assert pipe is not None
            pipe.close()
