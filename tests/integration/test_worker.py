"""A worker as a process of its own, on a real Kafka and a real database; asked through topics, SQL and its health port only."""

import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4, uuid5

import httpx
import pytest
import sqlalchemy
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from sqlalchemy.pool import NullPool

from hub import topics
from hub.broker import nodes
from hub.memory import tables
from hub.memory.prepare import prepare
from hub.memory.store import Partition
from hub.routing.case import Case
from hub.settings import KafkaSettings
from schemas.cases import CaseStatus
from schemas.envelope import Department, Event, Message
from schemas.facts import Facts
from schemas.references import case_reference
from schemas.requests import Request, RequestReceived
from schemas.tasks import StatusChange, TaskStatus, TaskStatusChanged
from schemas.topics import CASE_EVENTS

ROOT = Path(__file__).parents[2]
PARTITIONS = 4
LONG_AGO = datetime(2025, 3, 3, 9, 0, tzinfo=UTC)
WITHIN_S = 60.0


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Kafka that belongs to this module, with the hub's topics."""
    folder = tmp_path_factory.mktemp("kafka") / "broker"
    address = nodes.start(folder).bootstrap
    topics.apply(KafkaSettings(partitions=PARTITIONS), address)
    yield address
    nodes.reset(folder)


class Tipping:
    """A request about tipped waste, and what happens to it."""

    def __init__(self, at: datetime | None = None) -> None:
        self.at = at or datetime.now(UTC)
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
        facts = Facts.model_validate({"uprn": "100000000017", "waste_size": "transit-van", "land_owner": "housing"})
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
        self.engine = sqlalchemy.create_engine(database_url, poolclass=NullPool)
        self.producer = Producer(
            {
                "bootstrap.servers": kafka,
                "partitioner": "murmur2_random",
                "message.max.bytes": 2_000_000,
                "log_level": 0,
            }
        )
        self._reader = Consumer(
            {"bootstrap.servers": kafka, "group.id": f"{self.group}-test", "enable.auto.commit": False, "log_level": 0}
        )
        self._begin = {topic.name: self._ends(topic.name) for topic in topics.wanted(PARTITIONS, 1)}
        store = prepare(database_url, self.group)
        store.positions({Partition("case-events", n): offset for n, offset in self._begin["case-events"].items()})
        store.close()
        self.write_settings(database_url)

    def write_settings(self, database_url: str, **kafka: object) -> None:
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
            deadlines_every_s = 0.2
            memory.url = "{database_url}"
            """
        )

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
        self._reader.assign([TopicPartition(topic, n, offset) for n, offset in self._begin[topic].items()])
        missing = sum(ends.values()) - sum(self._begin[topic].values())
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

    def cases(self) -> dict[str, Case]:
        return {row.reference: Case.model_validate_json(row.body) for row in self.rows(tables.cases)}

    def close(self) -> None:
        self._reader.close()


class WorkerProcess:
    """A running `hub worker`."""

    def __init__(self, site: Site) -> None:
        command = [sys.executable, "-m", "hub", "--settings", str(site.folder / "hub.toml"), "worker"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
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


@pytest.fixture
def site(tmp_path: Path, kafka: str) -> Iterator[Site]:
    made = Site(tmp_path, kafka, f"sqlite:///{tmp_path / 'worker.db'}")
    yield made
    made.close()


@pytest.fixture
def start() -> Iterator[Callable[[Site], WorkerProcess]]:
    started: list[WorkerProcess] = []

    def begin(site: Site) -> WorkerProcess:
        started.append(WorkerProcess(site))
        return started[-1]

    yield begin
    for worker in started:
        worker.kill()
        # Shown by pytest when the test failed.
        print(*worker.log, *worker.lines.queue, sep="\n")  # noqa: T201 - as said
        for pipe in (worker.process.stdout, worker.process.stderr):
            assert pipe is not None
            pipe.close()


def until(fact: Callable[[], bool]) -> None:
    """Look again and again until a fact of the outside world holds."""
    deadline = time.monotonic() + WITHIN_S
    while not fact():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)


Start = Callable[[Site], WorkerProcess]


def test_a_request_becomes_tasks_one_after_the_other_and_a_finished_case(
    database_url: str, tmp_path: Path, kafka: str, start: Start
) -> None:
    site, request = Site(tmp_path, kafka, database_url), Tipping()
    worker = start(site)
    health = worker.health()
    worker.says("worker ready")

    site.send(*request.story())
    site.sent()
    until(lambda: [case.status for case in site.cases().values()] == [CaseStatus.FINISHED])

    assert list(site.cases()) == [request.reference]
    kinds = [json.loads(row.body)["kind"] for row in site.rows(tables.timeline)]
    assert [kind for kind in kinds if kind in {"request-received", "task-raised", "task-status"}] == [
        "request-received", "task-raised", "task-status", "task-raised", "task-status"
    ]  # fmt: skip
    for topic in ("housing-tasks", "transport-tasks"):
        (message,) = site.read(topic)
        assert message.key() == request.reference.encode()
    assert health("/livez").status_code == 200
    assert health("/readyz").json() == {"ok": True, "reason": "partitions 0, 1, 2, 3 assigned"}
    assert 'hub_worker_events_total{outcome="applied",type="case.request-received.v1"} 1.0' in health("/metrics").text
    assert worker.stop() == 0
    site.close()


def test_a_worker_killed_again_and_again_loses_nothing_and_does_nothing_twice(site: Site, start: Start) -> None:
    requests = [Tipping() for _ in range(150)]
    for request in requests:
        site.send(*request.story())
    site.sent()
    events = 3 * len(requests)
    begun = site.progress()

    for quarter in (1, 2, 3):
        worker = start(site)
        site.reaches(begun + quarter * events // 4)
        more = [Tipping() for _ in range(50)]
        for request in more:
            site.send(*request.story())
        site.sent()
        requests += more
        events += 3 * len(more)
        worker.kill()
    last = start(site)
    site.reaches(begun + events)

    cases = site.cases()
    assert cases.keys() == {request.reference for request in requests}
    assert {case.status for case in cases.values()} == {CaseStatus.FINISHED}
    lines = Counter(row.reference for row in site.rows(tables.timeline))
    assert len(set(lines.values())) == 1
    raised: dict[str, set[bytes]] = {}
    for topic in ("housing-tasks", "transport-tasks"):
        for message in site.read(topic):
            event = json.loads(message.value())
            raised.setdefault(event["id"], set()).add(message.value())
    assert len(raised) == 2 * len(requests)
    assert all(len(bodies) == 1 for bodies in raised.values())
    assert last.stop() == 0


def test_the_marks_that_transactions_leave_in_the_log_are_gone_over(site: Site, start: Start) -> None:
    request = Tipping()
    producer = Producer(
        {
            "bootstrap.servers": site.kafka,
            "partitioner": "murmur2_random",
            "transactional.id": site.group,
            "log_level": 0,
        }
    )
    producer.init_transactions(WITHIN_S)

    worker = start(site)
    worker.says("worker ready")
    for event in request.story():
        producer.begin_transaction()
        producer.produce("case-events", event.encode(), event.partitionkey.encode())
        producer.commit_transaction(WITHIN_S)
    until(lambda: [case.status for case in site.cases().values()] == [CaseStatus.FINISHED])
    site.reaches(sum(site._ends("case-events").values()))

    assert worker.stop() == 0


def test_what_cannot_be_understood_is_set_aside_with_its_reason_and_the_rest_flows(site: Site, start: Start) -> None:
    request, stray = Tipping(), Tipping()
    good = stray.reported().encode()
    wrong = {
        # As large as the topic takes: with its reason beside it, it is larger.
        "not-json": (b"a", b"\xff" * 1_048_400),
        "not-an-event": (b"b", b'{"hello": "world"}'),
        "unknown-type": (b"c", good.replace(b"case.request-received.v1", b"housing.tenancy-ended.v1")),
        "wrong-data": (stray.reference.encode(), good.replace(b"fly-tipping-reported", b"NOT A SLUG")),
        "wrong-key": (b"\x00", good),
        "no-journey": (stray.reference.encode(), good.replace(b"fly-tipping-reported", b"unicorn-wanted")),
    }
    start(site)

    site.send_raw(None, None)
    for key, value in wrong.values():
        site.send_raw(key, value)
    site.send(request.reported())
    site.sent()
    until(lambda: len(site.read("case-events-dlq")) == len(wrong) + 1 and len(site.cases()) == 1)

    letters = [(dict(m.headers()), m.key(), m.value()) for m in site.read("case-events-dlq")]
    by_code = {h["code"].decode(): (key, value) for h, key, value in letters if value is not None}
    assert by_code == wrong
    assert all({"reason", "code", "topic", "partition", "offset", "component"} <= h.keys() for h, _, _ in letters)
    assert list(site.cases()) == [request.reference]


def test_a_worker_refuses_to_start_without_its_topics_and_says_what_to_do(site: Site, kafka: str, start: Start) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.delete_topics(["transport-tasks-dlq"])["transport-tasks-dlq"].result(WITHIN_S)

    worker = start(site)
    code = worker.process.wait(WITHIN_S)
    topics.apply(KafkaSettings(partitions=PARTITIONS), kafka)

    assert worker.process.stderr is not None
    said = worker.process.stderr.read()
    assert "transport-tasks-dlq does not exist. Run `hub topics apply`." in said
    assert code == 78


def test_a_worker_refuses_topics_of_another_size(site: Site, start: Start) -> None:
    site.write_settings(f"sqlite:///{site.folder / 'worker.db'}", partitions=6)

    worker = start(site)

    assert worker.process.wait(WITHIN_S) == 78
    assert worker.process.stderr is not None
    assert "case-events has 4 partitions, kafka.partitions says 6" in worker.process.stderr.read()


def test_a_worker_whose_topic_was_made_anew_says_so_and_does_not_restart(site: Site, start: Start) -> None:
    with site.engine.begin() as connection:
        connection.execute(sqlalchemy.update(tables.progress).values(next_offset=1_000_000))

    worker = start(site)

    assert worker.process.wait(WITHIN_S) == 78
    assert "progress lies outside Kafka's log" in worker.says_critical()


def test_a_worker_asked_to_stop_in_the_middle_exits_with_0_and_the_next_one_goes_on(site: Site, start: Start) -> None:
    first_half, second_half = [Tipping() for _ in range(200)], [Tipping() for _ in range(200)]
    begun = site.progress()

    first = start(site)
    for half in (first_half, second_half):
        for request in half:
            site.send(*request.story())
        site.sent()
        site.reaches(begun + 1)
    assert first.stop() == 0
    second = start(site)
    second.says("worker ready")
    site.reaches(begun + 3 * 400)

    assert len(site.cases()) == 400
    assert second.stop() == 0


def test_a_worker_asked_to_stop_while_it_starts_exits_with_0(site: Site, start: Start) -> None:
    worker = start(site)

    worker.says("worker starting")

    assert worker.stop() == 0


def test_a_deadline_that_passed_is_published_once_and_the_case_is_late(site: Site, start: Start) -> None:
    request = Tipping(LONG_AGO)
    worker = start(site)

    site.send(request.reported())
    site.sent()
    worker.says("deadlines expired")
    until(lambda: any(task.late for case in site.cases().values() for task in case.tasks))
    worker.stop()
    start(site).says("worker ready")

    expired = [m for m in site.read("case-events") if b"case.deadline-expired.v1" in m.value()]
    assert len(expired) == 1
    event = CASE_EVENTS.decode(expired[0].value(), expired[0].key())
    assert event.correlationid == request.reference
    assert site.rows(tables.deadlines) == []
