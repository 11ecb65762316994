"""A worker as a process of its own, on a real Kafka and a real database; asked through topics, SQL and its health port only."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from hub import topics
from hub.memory import tables
from hub.settings import KafkaSettings
from schemas.cases import CaseStatus
from schemas.topics import CASE_EVENTS
from tests.sites.worker import PARTITIONS, WITHIN_S, Site, Tipping, WorkerProcess, kafka_with_topics, until, workers

LONG_AGO = datetime(2025, 3, 3, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Kafka that belongs to this module, with the hub's topics."""
    with kafka_with_topics(tmp_path_factory.mktemp("kafka") / "broker") as address:
        yield address


@pytest.fixture
def site(tmp_path: Path, kafka: str) -> Iterator[Site]:
    with closing(Site(tmp_path, kafka, f"sqlite:///{tmp_path / 'worker.db'}")) as made:
        yield made


@pytest.fixture
def start() -> Iterator[Callable[[Site], WorkerProcess]]:
    with workers() as begin:
        yield lambda site: begin(site, {})


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
