"""Faults of the web's door: killed between its commit and its answer, asked many times at once, asked for too much, full."""

import json
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.faults.conftest import environment, eventually
from tests.faults.oracles import dump
from tests.faults.test_connectors import ends
from tests.sites.web import BODY, Web, free_port, webs
from tests.sites.worker import PARTITIONS

REQUESTS = "/api/requests"
LARGEST_BODY = 64 * 1024


@pytest.fixture
def door() -> Iterator[Callable[..., Web]]:
    """Makes web processes, with failpoints if any are asked for; none outlives the test."""
    with webs() as made:

        def web(folder: Path, kafka: str, failpoints: str = "", more: str = "") -> Web:
            made.append(Web(folder, kafka, more, PARTITIONS, environment=environment(failpoints)))
            return made[-1]

        yield web


def requests_of(kafka: str, begin: dict[int, int], cases: Iterable[str]) -> Counter[tuple[str, str]]:
    """Case and id of every request on `case-events` since then, of these cases."""
    events = [json.loads(each.value or b"null") for each in dump(kafka, "case-events", begin)]
    wanted = set(cases)
    return Counter((each["partitionkey"], each["id"]) for each in events if each["partitionkey"] in wanted)


@pytest.mark.fault(
    "T27",
    "kill -9 of the web after the outbox's commit, before the answer; the client asks again with the same Idempotency-Key",
    invariants="I1 I2",
    oracle="O1 O2",
    twins=("keys-are-forgotten",),
)
def test_a_client_that_heard_nothing_asks_again_and_is_one_request(
    tmp_path: Path, kafka: str, door: Callable[..., Web], seen: Callable[[str], None]
) -> None:
    begin, keys = ends(kafka, "case-events"), [{"Idempotency-Key": str(uuid4())} for _ in range(2)]

    for key in keys:
        dying = door(tmp_path, kafka, "web.committed:1:kill")
        with closing(dying.start()) as client, pytest.raises(httpx.TransportError):
            client.post(REQUESTS, json=BODY, headers=key)
        assert dying.process is not None
        assert dying.process.wait(30) == -signal.SIGKILL
    web = door(tmp_path, kafka)
    with closing(web.start()) as client:
        answers = [[client.post(REQUESTS, json=BODY, headers=key) for _ in range(2)] for key in keys]
        eventually(lambda: web.rows("select count(*) from outbox where sent_ms is null") == [(0,)])

    assert {each.status_code for pair in answers for each in pair} == {202}
    assert all(first.json() == second.json() for first, second in answers)
    cases = [first.json()["case"] for first, _ in answers]
    told = requests_of(kafka, begin, {(each.key or b"").decode() for each in dump(kafka, "case-events", begin)})
    assert Counter(case for case, _ in told) == Counter(cases)
    seen(f"{len(keys)} requests, {len(keys)} kills, {sum(told.values())} records under {len(told)} ids")


@pytest.mark.fault(
    "T28",
    "the same Idempotency-Key in 50 calls at once to two web processes on one outbox; then the same key with another body",
    invariants="I2",
    oracle="O1 O2",
    twins=("keys-are-forgotten",),
)
def test_one_key_in_fifty_calls_at_once_is_one_request_and_never_another_body(
    tmp_path: Path, kafka: str, door: Callable[..., Web], seen: Callable[[str], None]
) -> None:
    begin, key = ends(kafka, "case-events"), {"Idempotency-Key": str(uuid4())}
    one, two = door(tmp_path, kafka), door(tmp_path, kafka)
    other = BODY | {"facts": {**BODY["facts"], "hazardous": True}}  # type: ignore[dict-item]  # values of many types

    with closing(one.start()) as first, closing(two.start()) as second, ThreadPoolExecutor(50) as pool:
        calls = [first, second] * 25
        answers = list(pool.map(lambda client: client.post(REQUESTS, json=BODY, headers=key), calls))
        changed = list(pool.map(lambda client: client.post(REQUESTS, json=other, headers=key), calls[:10]))
        eventually(lambda: one.rows("select count(*) from outbox where sent_ms is null") == [(0,)])

    assert Counter(answer.status_code for answer in answers) == {202: 50}
    assert len({answer.content for answer in answers}) == 1
    assert Counter((answer.status_code, answer.json()["type"]) for answer in changed) == {
        (422, "/api/docs#problem-key-reused"): 10
    }
    told = requests_of(kafka, begin, {(each.key or b"").decode() for each in dump(kafka, "case-events", begin)})
    assert [case for case, _ in told] == [answers[0].json()["case"]]
    seen("50 calls at once, 1 request; 10 with another body refused")


@pytest.mark.fault(
    "T44",
    "a body one byte over, and one as large as is read, of one request",
    invariants="I1 I5",
    oracle="O1 O2",
    twins=("bodies-have-no-end",),
)
def test_a_body_too_large_is_refused_with_a_reason_and_what_fits_reaches_its_topic(
    tmp_path: Path, kafka: str, door: Callable[..., Web], seen: Callable[[str], None]
) -> None:
    begin, web = ends(kafka, "case-events"), door(tmp_path, kafka)
    headers = {"Content-Type": "application/json"}

    with closing(web.start()) as client:
        over, under = (
            client.post(REQUESTS, content=json.dumps(BODY).encode().ljust(size), headers=headers)
            for size in (LARGEST_BODY + 1, LARGEST_BODY)
        )
        eventually(lambda: web.rows("select count(*) from outbox where sent_ms is null") == [(0,)])

    assert (over.status_code, under.status_code) == (413, 202)
    assert "64" in over.json()["detail"]
    assert sum(requests_of(kafka, begin, [under.json()["case"]]).values()) == 1
    seen(f"{LARGEST_BODY:,} bytes accepted, one more refused")


@pytest.mark.fault(
    "T56",
    "more requests than the outbox may hold while Kafka is away, from many at once; then Kafka is there",
    invariants="I1 I2",
    oracle="O1 O2",
    twins=("the-outbox-has-no-limit",),
)
def test_past_the_limit_of_the_outbox_nothing_is_accepted_and_all_that_was_arrives(
    tmp_path: Path, kafka: str, door: Callable[..., Web], seen: Callable[[str], None]
) -> None:
    begin, limit = ends(kafka, "case-events"), 20
    away = door(tmp_path, f"127.0.0.1:{free_port()}", more=f"outbox_limit = {limit}\n")

    with closing(away.start()) as client, ThreadPoolExecutor(8) as pool:
        keys = [{"Idempotency-Key": str(uuid4())} for _ in range(3 * limit)]
        answers = list(pool.map(lambda key: client.post(REQUESTS, json=BODY, headers=key), keys))
    assert away.end(signal.SIGKILL) == -signal.SIGKILL
    here = door(tmp_path, kafka, more=f"outbox_limit = {limit}\n")
    with closing(here.start()):
        eventually(lambda: here.rows("select count(*) from outbox where sent_ms is null") == [(0,)])

    refused = [answer for answer in answers if answer.status_code != 202]
    assert {(answer.status_code, answer.headers["retry-after"]) for answer in refused} == {(503, "30")}
    accepted = [answer.json()["case"] for answer in answers if answer.status_code == 202]
    assert len(accepted) == limit
    told = requests_of(kafka, begin, {(each.key or b"").decode() for each in dump(kafka, "case-events", begin)})
    assert Counter(case for case, _ in told) == Counter(accepted)
    seen(f"{len(accepted)} accepted, {len(refused)} refused, {sum(told.values())} sent")
