"""Faults of the worker: killed at every step of a round, failing on records, deadlines, replays."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from hub.memory import tables
from tests.faults.oracles import Verdict, dump, judge_worker, stream
from tests.sites.worker import Site, Tipping, WorkerProcess, until

Start = Callable[..., WorkerProcess]
REQUESTS = 120
LONG_AGO = datetime(2025, 3, 3, 9, 0, tzinfo=UTC)


def judged(site: Site) -> Verdict:
    """What the oracle says of everything since the site was made."""
    tasks = {name: stream(site.kafka, name, site.begin[name]) for name in ("housing-tasks", "transport-tasks")}
    events = stream(site.kafka, "case-events", site.begin["case-events"])
    return judge_worker(events, tasks, site.database, site.group)


def ask(site: Site, requests: int = REQUESTS) -> int:
    """Requests and all that happens to them, on the topic; how many events."""
    for _ in range(requests):
        site.send(*Tipping().story())
    site.sent()
    return 3 * requests


@pytest.mark.fault(
    "T17",
    "kill -9 of the worker: records fetched, nothing done",
    invariants="I1 I2 I4",
    oracle="O2 O4",
    twins=("fetched-is-applied",),
)
def test_killed_with_records_in_hand(site: Site, start: Start, seen: Callable[[str], None]) -> None:
    killed_at(site, start, "worker.fetched:1:kill", seen)


@pytest.mark.fault(
    "T17",
    "kill -9 of the worker: outputs acknowledged, nothing written",
    invariants="I1 I2 I4",
    oracle="O2 O4",
    twins=("ids-are-drawn",),
)
def test_killed_between_acknowledgement_and_memory(site: Site, start: Start, seen: Callable[[str], None]) -> None:
    killed_at(site, start, "worker.sent:1:kill", seen)


@pytest.mark.fault(
    "T17",
    "kill -9 of the worker: written, offset not committed",
    invariants="I1 I2 I4",
    oracle="O2 O4",
    twins=("applied-before-sent",),
)
def test_killed_between_memory_and_commit(site: Site, start: Start, seen: Callable[[str], None]) -> None:
    killed_at(site, start, "worker.applied:1:kill", seen)


def killed_at(site: Site, start: Start, failpoint: str, seen: Callable[[str], None]) -> None:
    events = ask(site)
    kills = 0

    for _ in range(3):
        worker = start(site, failpoint)
        if worker.process.wait(60) == -9:
            kills += 1
        events += ask(site, 20)
    start(site)
    site.applies_everything()

    verdict = judged(site)
    assert not verdict, str(verdict)
    assert kills == 3
    seen(f"{events} events, {kills} kills")


@pytest.mark.fault(
    "T18",
    "the router fails on every fiftieth record",
    invariants="I5",
    oracle="O2 O5",
    twins=("failures-are-swallowed",),
)
def test_a_record_the_hub_fails_on_is_set_aside_once_and_the_rest_flows(
    site: Site, start: Start, seen: Callable[[str], None]
) -> None:
    events = ask(site)

    worker = start(site, "worker.routed:%50:raise")
    site.applies_everything()
    assert worker.process.poll() is None

    letters = dump(site.kafka, "case-events-dlq", site.begin["case-events-dlq"])
    given = {(r.partition, r.offset): r.value for r in dump(site.kafka, "case-events", site.begin["case-events"])}
    origins = [(int(each.headers["partition"]), int(each.headers["offset"])) for each in letters]
    codes = Counter(each.headers["code"] for each in letters)
    assert len(origins) == len(set(origins)) == codes.total()
    assert all(given[origin] == letter.value for origin, letter in zip(origins, letters, strict=True))
    assert codes.keys() <= {b"defect", b"parked"}
    assert codes[b"defect"] == events // 50
    failed = {each.key for each in letters if each.headers["code"] == b"defect"}
    assert {each.key for each in letters} == failed, "a case waits that has nothing to wait for"
    seen(f"{events} events, {codes[b'defect']} set aside, {codes[b'parked']} waited for them")


@pytest.mark.fault(
    "T25",
    "deadlines pass while the worker is down; it is killed when they are published and it does not know",
    invariants="I9",
    oracle="O2 O4",
    twins=("deadlines-are-drawn",),
)
def test_a_deadline_that_passed_while_nobody_looked_is_raised_once(
    site: Site, start: Start, seen: Callable[[str], None]
) -> None:
    requests = [Tipping(LONG_AGO) for _ in range(20)]
    for request in requests:
        site.send(request.reported())
    site.sent()

    assert start(site, "worker.deadlines-sent:1:kill").process.wait(60) == -9
    worker = start(site)
    until(lambda: site.rows(tables.deadlines) == [])
    site.applies_everything()
    assert worker.stop() == 0

    verdict = judged(site)
    expired = [
        each
        for each in dump(site.kafka, "case-events", site.begin["case-events"])
        if b"case.deadline-expired.v1" in (each.value or b"")
    ]
    assert not verdict, str(verdict)
    assert len(requests) == len({json.loads(each.value or b"")["id"] for each in expired})
    seen(f"{len(requests)} deadlines, published {len(expired)} times under {len(requests)} ids")


@pytest.mark.fault(
    "T46",
    "the whole topic is read again: the worker's progress is set back to the beginning, its cases are kept",
    invariants="I2 I4",
    oracle="O2 O4",
    twins=("cases-are-forgotten",),
)
def test_a_replay_of_the_whole_topic_does_nothing_twice(site: Site, start: Start, seen: Callable[[str], None]) -> None:
    events = ask(site, 60)
    first = start(site)
    site.applies_everything()
    assert first.stop() == 0

    site.set_back()
    start(site)
    site.applies_everything()

    verdict = judged(site)
    assert not verdict, str(verdict)
    seen(f"{events} events read twice")
