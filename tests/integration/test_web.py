"""`hub web` as a process, asked over HTTP, on a real Kafka: what it accepted survives everything, and is sent once."""

import json
import re
import resource
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import create_engine, insert

from hub import topics
from hub.broker import nodes
from hub.broker.cluster import prepare
from hub.edge.kafka import read_all
from hub.journeys.clocks import calendar_for
from hub.journeys.load import SHIPPED, load_files
from hub.memory import tables
from hub.routing.step import World, step
from hub.settings import KafkaSettings
from schemas.cases import TaskDecided
from schemas.envelope import Event
from schemas.references import case_reference
from schemas.requests import RequestAmended, RequestReceived, RequestWithdrawn
from schemas.tasks import TaskStatusChanged
from schemas.topics import CASE_EVENTS
from tests.sites.web import BODY, COUNCIL, Web, free_port, webs
from tests.sites.worker import until


@pytest.fixture(scope="module")
def kafka(kafka_for_a_while: str) -> str:
    """A Kafka with the hub's topics."""
    topics.apply(KafkaSettings(), kafka_for_a_while)
    return kafka_for_a_while


@pytest.fixture
def nowhere() -> str:
    """An address where no Kafka answers."""
    return f"127.0.0.1:{free_port()}"


@pytest.fixture
def stopped() -> Iterator[list[Web]]:
    """Webs that a test started; none outlives it."""
    with webs() as started:
        yield started


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """One web without Kafka for every test that only asks it."""
    web = Web(tmp_path_factory.mktemp("asked"), f"127.0.0.1:{free_port()}")
    client = web.start()
    yield client
    client.close()
    assert web.end(signal.SIGTERM) == 0


def events_of(kafka: str, reference: str) -> list[Any]:
    """Every event of a case on `case-events`."""
    records = read_all(KafkaSettings(), kafka, [CASE_EVENTS.name])
    return [CASE_EVENTS.decode(each.value, each.key) for each in records if each.key == reference.encode()]


def test_a_request_is_kept_by_a_kill_right_after_its_answer_and_sent_once_when_kafka_is_there(
    tmp_path: Path, kafka: str, nowhere: str, stopped: list[Web]
) -> None:
    web = Web(tmp_path, nowhere)
    stopped.append(web)
    with closing(web.start()) as client:
        answer = client.post("/api/requests", json=BODY, headers={"Idempotency-Key": "k"})
        web.end(signal.SIGKILL)
    assert answer.status_code == 202
    reference = answer.json()["case"]
    assert web.rows("select reference, sent_ms from outbox") == [(reference, None)]

    web.kafka = kafka
    with closing(web.start()) as client:
        again = client.post("/api/requests", json=BODY, headers={"Idempotency-Key": "k"})
        until(lambda: web.rows("select count(*) from outbox where sent_ms is null") == [(0,)])
    assert web.end(signal.SIGTERM) == 0

    assert again.json() == answer.json()
    (event,) = events_of(kafka, reference)
    assert isinstance(event, RequestReceived)
    assert event.source == f"/{COUNCIL}/web"
    assert event.data.facts.known() == BODY["facts"]
    assert event.data.lgsl == 587
    assert event.channel == "phone"
    assert web.rows("select event from outbox") == [(None,)]


def test_acts_on_a_case_follow_its_request_in_order(tmp_path: Path, kafka: str, stopped: list[Web]) -> None:
    web = Web(tmp_path, kafka)
    stopped.append(web)
    with closing(web.start()) as client:
        reference = client.post("/api/requests", json=BODY).json()["case"]
        amended = client.post(f"/api/cases/{reference}/amendments", json={"facts": {"hazardous": True}})
        withdrawn = client.post(f"/api/cases/{reference}/withdrawal", json={"reason": "It is gone"})
        until(lambda: web.rows("select count(*) from outbox where sent_ms is null") == [(0,)])

    assert (amended.status_code, withdrawn.status_code) == (202, 202)
    assert [type(event) for event in events_of(kafka, reference)] == [RequestReceived, RequestAmended, RequestWithdrawn]


def test_a_full_outbox_refuses_every_act_until_kafka_is_there_and_nothing_accepted_is_lost(
    tmp_path: Path, stopped: list[Web]
) -> None:
    cluster = prepare(tmp_path / "broker")
    ask_a_person(tmp_path / "journeys")
    refused = routed(tmp_path, "clear-estate")
    web = Web(tmp_path, cluster.bootstrap, 'outbox_limit = 3\n[journeys]\nfolder = "journeys"\n')
    stopped.append(web)
    acts: list[tuple[str, dict[str, Any]]] = [
        ("/api/requests", BODY),
        (f"/api/cases/{refused}/amendments", {"facts": {"hazardous": True}}),
        (f"/api/cases/{refused}/decisions", {"task": "clear-estate", "verdict": "go-on", "by": "J. Invented"}),
        (f"/api/cases/{refused}/withdrawal", {"reason": "It is gone"}),
    ]
    with closing(web.start()) as client:
        keys = [{"Idempotency-Key": f"key-{number}"} for number in range(3)]
        accepted = [client.post("/api/requests", json=BODY, headers=key) for key in keys]
        answers = [client.post(path, json=body) for path, body in acts]
        again = client.post("/api/requests", json=BODY, headers=keys[1])
        ready, metrics = client.get("/readyz"), client.get("/metrics").text
        front = client.get("/")

        try:
            nodes.start(cluster.folder)
            topics.apply(KafkaSettings(), cluster.bootstrap)
            until(lambda: client.get("/readyz").status_code == 200)
            taken = [client.post(path, json=body) for path, body in acts[:3]]
            until(lambda: web.rows("select count(*) from outbox where sent_ms is null") == [(0,)])
            events = [events_of(cluster.bootstrap, answer.json()["case"]) for answer in accepted]
            of_refused = [type(event) for event in events_of(cluster.bootstrap, refused)]
        finally:
            nodes.reset(cluster.folder)
    assert web.end(signal.SIGTERM) == 0

    assert [answer.status_code for answer in accepted] == [202] * 3
    for answer in answers:
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "/api/docs#problem-outbox-full"
        assert answer.json()["detail"].startswith("3 acts wait for Kafka, as many as may. Nothing was accepted;")
    assert (again.status_code, again.json()) == (202, accepted[1].json())
    assert ready.status_code == 503
    assert "3 acts wait for Kafka, as many as may." in ready.json()["reason"]
    assert front.status_code == 200
    assert "None can be accepted now. 3 acts wait for Kafka, as many as may." in front.text
    for line in (
        'hub_web_refused_total{problem="outbox-full"} 4.0',
        "hub_web_outbox_rows 3.0",
        "hub_web_outbox_limit 3.0",
        "hub_web_accepts 0.0",
    ):
        assert line in metrics
    assert [answer.status_code for answer in taken] == [202] * 3
    assert [[type(event) for event in of_case] for of_case in events] == [[RequestReceived]] * 3
    assert of_refused == [RequestAmended, TaskDecided]
    assert web.log.count("nothing more is accepted: the outbox is full") == 1
    assert web.log.count("the outbox has room again") == 1


def test_a_disk_without_room_refuses_every_act_until_it_has_some_and_nothing_accepted_is_lost(
    tmp_path: Path, nowhere: str, stopped: list[Web]
) -> None:
    web = Web(tmp_path, nowhere)
    stopped.append(web)
    with closing(web.start()) as client:
        assert web.process is not None
        _, hard = resource.prlimit(web.process.pid, resource.RLIMIT_FSIZE)
        # What the kernel says to a file that may not grow is as final as what it says of a full disk, and needs no disk to be filled.
        resource.prlimit(web.process.pid, resource.RLIMIT_FSIZE, (256 * 1024, hard))
        answers = [client.post("/api/requests", json=BODY)]
        while answers[-1].status_code == 202 and len(answers) < 1000:
            answers.append(client.post("/api/requests", json=BODY))
        ready, metrics = client.get("/readyz"), client.get("/metrics").text
        page, front = client.get("/cases"), client.get("/")

        resource.prlimit(web.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        until(lambda: client.get("/readyz").status_code == 200)
        after = client.post("/api/requests", json=BODY)
    assert web.end(signal.SIGTERM) == 0

    refused = answers.pop()
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert refused.json()["type"] == "/api/docs#problem-unavailable"
    assert ready.status_code == 503
    assert "The outbox's database fails" in ready.json()["reason"]
    assert "hub_web_accepts 0.0" in metrics
    assert 'hub_web_sql_failures_total{memory="outbox"}' in metrics
    assert page.status_code == 200
    assert "None can be accepted now. The outbox" in front.text
    assert after.status_code == 202
    kept = {reference for (reference,) in web.rows("select reference from outbox where event is not null")}
    assert kept == {answer.json()["case"] for answer in (*answers, after)}
    assert web.log.count("nothing can be accepted: the outbox's database fails") == 1
    assert web.log.count("the outbox's database works again") == 1


def test_on_topics_of_another_size_requests_are_kept_and_it_says_what_to_do(
    tmp_path: Path, kafka: str, stopped: list[Web]
) -> None:
    web = Web(tmp_path, kafka, partitions=3)
    stopped.append(web)
    with closing(web.start()) as client:
        answer = client.post("/api/requests", json=BODY)
        until(lambda: "kafka.partitions says 3" in client.get("/readyz").json()["reason"])

    assert answer.status_code == 202
    assert web.rows("select count(*) from outbox where sent_ms is null") == [(1,)]
    assert "case-events has 12 partitions, kafka.partitions says 3" in web.log


def test_many_at_once_with_one_key_are_one_case(asked: httpx.Client) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: asked.post("/api/requests", json=BODY, headers=key), range(48)))

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1


def test_a_key_that_comes_with_another_body_is_refused(asked: httpx.Client) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    asked.post("/api/requests", json=BODY, headers=key)

    other = asked.post("/api/requests", json=BODY | {"channel": "email"}, headers=key)
    spaced = json.dumps(BODY, indent=2, sort_keys=True).encode()
    same = asked.post(
        "/api/requests", content=spaced, headers=key | {"Content-Type": "application/json; charset=utf-8"}
    )

    assert other.status_code == 422
    assert other.json()["type"] == "/api/docs#problem-key-reused"
    assert same.status_code == 202


def test_requests_without_a_key_are_each_a_case(asked: httpx.Client) -> None:
    assert asked.post("/api/requests", json=BODY).json() != asked.post("/api/requests", json=BODY).json()


def test_all_errors_of_a_body_come_at_once_as_a_problem(asked: httpx.Client) -> None:
    answer = asked.post("/api/requests", json={"request": "fly-tipping-reported", "facts": {"uprn": "Mr Secret"}})

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert [error["pointer"] for error in problem["errors"]] == [
        "/facts/uprn",
        "/facts/waste_size",
        "/facts/land_owner",
    ]
    assert "Secret" not in answer.text


@pytest.mark.parametrize(
    ("content", "headers", "status", "kind"),
    [
        (b"{", {"Content-Type": "application/json"}, 400, "not-json"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "wrong-content-type"),
        (b"{}", {}, 415, "wrong-content-type"),
        (b" " * (64 * 1024 + 1), {"Content-Type": "application/json"}, 413, "too-large"),
        (b"{}", {"Content-Type": "application/json", "Idempotency-Key": "a b"}, 400, "invalid-key"),
    ],
)
def test_what_is_no_json_request_is_a_problem(
    asked: httpx.Client, content: bytes, headers: dict[str, str], status: int, kind: str
) -> None:
    answer = asked.post("/api/requests", content=content, headers=headers)

    assert (answer.status_code, answer.json()["type"]) == (status, f"/api/docs#problem-{kind}")


def test_a_missing_case_says_whether_it_is_mistyped_unknown_or_on_its_way(asked: httpx.Client) -> None:
    accepted = asked.post("/api/requests", json=BODY).json()
    unknown = case_reference(datetime.now(UTC), "nobody's")
    mistyped = unknown[:-1] + ("0" if unknown[-1] != "0" else "1")

    kinds = [
        asked.get(path).json()["type"].partition("problem-")[2]
        for path in (
            accepted["status_url"],
            f"/api/cases/{unknown}",
            f"/api/cases/{mistyped}",
            "/api/cases/hello",
        )
    ]

    assert kinds == ["not-yet-routed", "unknown-case", "mistyped-reference", "mistyped-reference"]
    assert asked.get(accepted["page"]).status_code == 200


def test_it_is_ready_without_kafka_and_says_so(asked: httpx.Client) -> None:
    ready = asked.get("/readyz")
    assert ready.status_code == 200
    reason = ready.json()["reason"]
    assert reason.startswith("Requests are kept: Kafka ")
    assert re.search(r"[^.]\. [\d,]+ acts? waits? to be sent\.$", reason)
    assert asked.get("/livez").json() == {"ok": True, "reason": "answers"}
    metrics = asked.get("/metrics").text
    assert 'hub_web_accepted_total{act="request"}' in metrics
    assert "hub_web_outbox_rows" in metrics


def test_every_answer_forbids_what_comes_from_elsewhere(asked: httpx.Client) -> None:
    for path in ("/", "/cases", "/api/docs", "/api/openapi.json", "/static/hub.css", "/nothing"):
        headers = asked.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["x-content-type-options"] == "nosniff"


def test_an_unknown_address_is_a_page_for_people_and_a_problem_for_machines(asked: httpx.Client) -> None:
    page, problem = asked.get("/nothing"), asked.get("/api/nothing")
    wrong = asked.get("/api/cases?size=many&standing=sideways")

    assert (page.status_code, problem.status_code) == (404, 404)
    assert "Begin at the front page" in page.text
    assert problem.json()["type"] == "/api/docs#problem-not-found"
    assert asked.get("/api/requests").json()["type"] == "/api/docs#problem-not-allowed"
    assert [error["pointer"] for error in wrong.json()["errors"]] == ["/standing", "/size"]


def test_a_form_that_another_site_sends_is_refused(asked: httpx.Client) -> None:
    answer = asked.post("/new/fly-tipping-reported", data={"uprn": "1"}, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 405


def test_a_routed_case_is_shown_without_a_value_and_takes_only_what_its_journey_knows(
    tmp_path: Path, nowhere: str, stopped: list[Web]
) -> None:
    reference = routed(tmp_path)
    web = Web(tmp_path, nowhere)
    stopped.append(web)
    with closing(web.start()) as client:
        shown = client.get(f"/api/cases/{reference}")
        good = client.post(f"/api/cases/{reference}/amendments", json={"facts": {"waste_size": "small-van"}})
        foreign = client.post(f"/api/cases/{reference}/amendments", json={"facts": {"mobility": "walks"}})
        decided = client.post(
            f"/api/cases/{reference}/decisions", json={"task": "clear-estate", "verdict": "go-on", "by": "J. Invented"}
        )
        listed = client.get("/api/cases").json()
        page = client.get(f"/cases/{reference}").text

    case = shown.json()
    assert case["status"] == "open"
    assert case["waiting_on"] == ["housing"]
    assert case["tasks"][0]["task"] == "clear-estate"
    assert case["facts"] == ["land_owner", "uprn", "waste_size"]
    assert "100023336956" not in shown.text + page
    assert good.status_code == 202
    assert foreign.json()["errors"][0]["pointer"] == "/facts/mobility"
    assert decided.json()["type"] == "/api/docs#problem-nothing-to-decide"
    assert [each["case"] for each in listed["cases"]] == [reference]
    assert "Waiting for Housing since" in page


def test_it_says_once_that_kafka_is_away(tmp_path: Path, nowhere: str, stopped: list[Web]) -> None:
    web = Web(tmp_path, nowhere)
    stopped.append(web)
    with closing(web.start()) as client:
        until(lambda: web.log.count("they cannot be sent to Kafka") == 1)
        client.post("/api/requests", json=BODY)

    assert web.end(signal.SIGTERM) == 0
    assert web.log.count("they cannot be sent to Kafka") == 1


def ask_a_person(folder: Path) -> None:
    """A folder of journeys: ours about fly-tipping, as a council has it that leaves a refusal to a person."""
    folder.mkdir()
    shipped = SHIPPED / "fly-tipping.v1.yaml"
    (folder / shipped.name).write_text(
        shipped.read_text().replace("if refused: go on without it", "if refused: ask its owner")
    )


def routed(folder: Path, refused: str | None = None) -> str:
    """A case in the worker's memory, as the worker's own step makes it; housing may have refused a task of it."""
    now = datetime.now(UTC)
    reference = case_reference(now, "routed")
    envelope = {
        "source": "/test",
        "time": now,
        "correlationid": reference,
        "partitionkey": reference,
        "council": COUNCIL,
        "effectiveat": now,
    }
    asked_for = {"request": BODY["request"], "facts": BODY["facts"]}
    events: list[Event] = [RequestReceived.model_validate({"id": uuid4(), **envelope, "data": asked_for})]
    if refused is not None:
        said = {"task": refused, "department": "housing", "status": "rejected", "reason": "Not our land"}
        events.append(TaskStatusChanged.model_validate({"id": uuid4(), **envelope, "data": said}))
    own = folder / "journeys"
    journeys = load_files(sorted((own if own.is_dir() else SHIPPED).glob("*.yaml")))
    calendar = calendar_for("england-and-wales", {"england-and-wales": []})
    world, case = World(journeys, calendar, "/x/worker"), None
    for event in events:
        case = step(case, event, world).case
    assert case is not None
    engine = create_engine(f"sqlite:///{folder / 'worker.db'}")
    tables.create(engine)
    stands = {
        "reference": reference,
        "journey": case.journey,
        "status": case.status,
        "opened_ms": 1,
        "updated_ms": 1,
        "waiting_on": ",".join(case.waiting_on),
        "body": case.write(),
    }
    with engine.begin() as connection:
        connection.execute(insert(tables.cases), stands)
    engine.dispose()
    return reference
