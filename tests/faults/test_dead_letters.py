"""Faults about what is set aside: a case waits for its dead record, a replay restores its order, a rate keeps the rest on its topic."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its stubs do not name what it exports
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from connectors.sdk.simulation import BackOffice
from hub.memory import tables
from schemas.requests import Request, RequestReceived
from tests.faults.conftest import environment, eventually
from tests.faults.oracles import Record, dump, heard_in_order, open_origins, statuses_of
from tests.faults.poison import Spoilt
from tests.faults.test_connectors import all_of, ends
from tests.faults.test_poison import put
from tests.faults.test_worker import ask, judged
from tests.oracle import legacy
from tests.sites.connector import ConnectorSite
from tests.sites.worker import PARTITIONS, ROOT, Site, Tipping, WorkerProcess

Start = Callable[..., WorkerProcess]
DLQ = "case-events-dlq"


def desk(folder: Path, *arguments: str, failpoints: str = "") -> "subprocess.CompletedProcess[str]":
    """`hub dead-letters`, as a process of its own."""
    command = [sys.executable, "-m", "hub", "--settings", str(folder / "hub.toml"), "dead-letters", *arguments]
    told = {**os.environ, **environment(failpoints)}
    try:
        return subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        raise AssertionError("what it sees through did not come to an end") from None


def desk_under_way(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """The same, while it goes on."""
    command = [sys.executable, "-m", "hub", "--settings", str(folder / "hub.toml"), "dead-letters", *arguments]
    told = {**os.environ, **environment("")}
    return subprocess.Popen(command, cwd=ROOT, env=told, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def delete_until(kafka: str, letter: Record) -> None:
    """Let a letter, and what stands before it, go as Kafka lets go what it has kept for long enough."""
    until = TopicPartition(DLQ, letter.partition, letter.offset + 1)
    admin = AdminClient({"bootstrap.servers": kafka})
    for gone in admin.delete_records([until]).values():
        gone.result(30)


def letters(site: Site) -> list[Record]:
    """What lies on the dead-letter topic since the site was made, markers left out."""
    return [each for each in dump(site.kafka, DLQ, site.begin[DLQ]) if "settles" not in each.headers]


def open_ids(site: Site) -> list[str]:
    """What a person is shown of this site's letters."""
    shown = json.loads(desk(site.folder, "list", "--json", "--topic", "case-events").stdout.splitlines()[-1])
    places = {each["id"]: each["id"].split("/") for each in shown}
    return [name for name, (_, part, offset) in places.items() if int(offset) >= site.begin[DLQ][int(part)]]


def names(found: list[Record], topic: str = DLQ) -> list[str]:
    """How people name letters."""
    return [f"{topic}/{each.partition}/{each.offset}" for each in found]


def still_open(site: Site) -> set[str]:
    """First places of what nobody has settled, as an oracle of its own has it."""
    return open_origins(dump(site.kafka, DLQ, site.begin[DLQ]))


def in_order(site: Site) -> None:
    """Every case heard its events in the order in which they first stood on the topic."""
    wrong = heard_in_order(dump(site.kafka, "case-events", site.begin["case-events"]), site.folder / "worker.db")
    assert not wrong, f"{len(wrong)} cases heard their events in another order, such as {wrong[0]}"


@pytest.mark.fault(
    "T18",
    "records die; the worker is killed -9 between their letters and its memory; the replay is killed -9 when it is sent and not settled",
    invariants="I1 I2 I3 I4 I5",
    oracle="O2 O4 O5",
    twins=("parked-cases-flow", "parking-is-not-written", "replays-forget-where-they-stood"),
)
def test_a_case_waits_for_its_dead_record_and_a_replay_restores_its_order(
    site: Site, start: Start, seen: Callable[[str], None]
) -> None:
    requests = [Tipping() for _ in range(40)]
    for step in range(3):
        # What happens next to each comes in another round: the worker's memory has to know what lies among the dead letters.
        for request in requests:
            site.send(request.story()[step])
        site.sent()
        if step == 0:
            assert ended(start(site, "worker.routed:%7:raise,worker.sent:1:kill")) == -9
            faulty = start(site, "worker.routed:%7:raise")
        site.applies_everything()
    assert faulty.stop() == 0
    events = 3 * len(requests)

    codes = Counter(each.headers["code"] for each in letters(site))
    waiting = {(each.key or b"").decode() for each in letters(site)}
    stored = statuses_of(site.folder / "worker.db")
    assert codes[b"parked"]
    unfinished = {case for case, status in stored.items() if status != "finished"}
    assert unfinished <= waiting, "a case that had nothing to wait for did not flow"
    assert len(waiting) < len(requests)

    start(site)
    assert desk(site.folder, "replay", *open_ids(site), failpoints="dead-letters.sent:1:kill").returncode == -9
    site.applies_everything()
    done = desk(site.folder, "replay", *open_ids(site))
    site.applies_everything()

    in_order(site)
    verdict = judged(site)
    assert not verdict, str(verdict)
    assert still_open(site) == set(), done.stdout + done.stderr
    seen(f"{events} events, {sum(codes.values())} letters, {codes[b'parked']} of them parked, 2 kills")


@pytest.mark.fault(
    "T18",
    "the worker is away while a replay is sent, and more comes for the cases before and behind it",
    invariants="I1 I2 I3 I4 I5",
    oracle="O2 O4 O5",
    twins=("nobody-looks-after-a-replay",),
)
def test_what_comes_for_a_case_while_its_dead_record_is_replayed_goes_on_behind_it(
    site: Site, start: Start, seen: Callable[[str], None]
) -> None:
    requests = [Tipping() for _ in range(12)]
    site.send(*(request.reported() for request in requests))
    site.sent()
    faulty = start(site, "worker.routed:%3:raise")
    site.applies_everything()
    assert faulty.stop() == 0
    died = open_ids(site)
    assert died

    site.send(*(request.story()[1] for request in requests))
    site.sent()
    begun = ends(site.kafka, "case-events")
    replay = desk_under_way(site.folder, "replay", *died, "--wait", "60")
    eventually(lambda: sum(ends(site.kafka, "case-events").values()) == sum(begun.values()) + len(died))
    site.send(*(request.story()[2] for request in requests))
    site.sent()
    start(site)
    said, _ = replay.communicate(timeout=90)
    site.applies_everything()

    parked = [each for each in letters(site) if each.headers["code"] == b"parked"]
    assert len(parked) >= len(died), "nothing came meanwhile"
    in_order(site)
    verdict = judged(site)
    assert not verdict, str(verdict)
    assert still_open(site) == set(), said
    assert set(statuses_of(site.folder / "worker.db").values()) == {"finished"}, said
    seen(f"{len(died)} records replayed, {len(parked)} came before they were applied and went behind")


@pytest.mark.fault(
    "T18",
    "a record's letter is older than letters are kept; more comes for its case",
    invariants="I1 I2 I3",
    oracle="O2 O4 O5",
    twins=("nobody-looks-after-a-replay",),
)
def test_a_case_that_waits_for_a_record_whose_letter_is_gone_goes_on_once_a_person_says_so(
    site: Site, start: Start, seen: Callable[[str], None]
) -> None:
    case = Tipping()
    site.send_raw(case.reference.encode(), b"{")
    site.sent()
    start(site)
    site.applies_everything()
    (lost,) = letters(site)
    delete_until(site.kafka, lost)
    site.send(*case.story())
    site.sent()
    site.applies_everything()

    stuck = desk(site.folder, "replay", "--all", "--topic", "case-events", "--code", "parked")
    place = f"case-events/{lost.partition}/{lost.headers['offset'].decode()}"
    assert "waits for a record whose letter is gone" in stuck.stdout, stuck.stdout + stuck.stderr
    assert place in stuck.stdout
    done = desk(site.folder, "discard", place, "--case", case.reference, "--why", "It is too old")
    site.applies_everything()

    assert f"{place} was discarded" in done.stdout, done.stdout + done.stderr
    assert statuses_of(site.folder / "worker.db")[case.reference] == "finished", done.stdout
    assert site.rows(tables.parked) == []
    seen("1 letter gone, 3 events waited for it and went on")


@pytest.mark.fault(
    "T54",
    "a record dies again whenever it is replayed",
    invariants="I5",
    oracle="O2 O5",
    twins=("replays-forget-their-attempts",),
)
def test_a_record_that_dies_again_on_replay_is_counted_and_does_not_go_round_for_ever(
    site: Site, start: Start, seen: Callable[[str], None]
) -> None:
    case = Tipping()
    site.send(case._event(RequestReceived, Request(request="unicorn-wanted"), 0), *case.story()[1:])
    site.sent()
    start(site)
    site.applies_everything()

    for _ in range(6):
        desk(site.folder, "replay", "--all", "--topic", "case-events", "--code", "no-journey")
        site.applies_everything()

    found = [each for each in letters(site) if each.key == case.reference.encode()]
    tried = [int(each.headers["attempt"]) for each in found if each.headers["code"] == b"no-journey"]
    assert tried == [1, 2, 3, 4, 5]
    firsts = {each.headers.get("first", b"") for each in found if each.headers["code"] == b"no-journey"}
    assert len(firsts - {b""}) == 1, "a letter about a replayed record says where it first stood"
    assert len(still_open(site)) == 3
    seen(f"tried {len(tried)} times in 6 replays, {len(found)} letters")


def ended(worker: WorkerProcess) -> int | None:
    """How a worker ended that was not asked to."""
    eventually(lambda: worker.process.poll() is not None)
    return worker.process.poll()


def limit_letters(kafka: str, size: int) -> None:
    """The largest letter that Kafka takes."""
    said = [ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)]
    resource = ConfigResource(ResourceType.TOPIC, DLQ, incremental_configs=said)
    admin = AdminClient({"bootstrap.servers": kafka})
    for done in admin.incremental_alter_configs([resource]).values():
        done.result(30)


@pytest.mark.fault(
    "T54",
    "the dead-letter topic refuses a letter, again and again, until its limit is put right",
    invariants="I1 I5",
    oracle="O2 O5",
    twins=("refused-letters-are-forgotten",),
)
def test_while_a_letter_is_refused_its_partition_waits_and_nothing_is_lost(
    site: Site, start: Start, seen: Callable[[str], None]
) -> None:
    poisoned, ends_ = Tipping(), 0
    site.send_raw(poisoned.reference.encode(), b"{" * 50_000)
    site.sent()
    ask(site, 20)
    limit_letters(site.kafka, 2_000)
    try:
        for _ in range(2):
            ends_ += ended(start(site)) == 75
        assert ends_ == 2
        assert letters(site) == []
        finished = [status for status in statuses_of(site.folder / "worker.db").values() if status == "finished"]
        assert finished, "the other partitions go on"
    finally:
        limit_letters(site.kafka, 2 * 1024 * 1024)

    start(site)
    site.applies_everything()

    (letter,) = letters(site)
    assert letter.value == b"{" * 50_000
    verdict = judged(site)
    assert not verdict, str(verdict)
    seen(f"refused {ends_} times, 60 events")


@pytest.mark.fault(
    "T55",
    "every record of a partition dies; the worker is killed -9 and started again",
    invariants="I1 I5",
    oracle="O2 O5 O9",
    twins=("the-rate-never-stops", "the-rate-forgets"),
)
def test_a_topic_is_not_emptied_into_the_dead_letters_whatever_restarts(
    site: Site, start: Start, seen: Callable[[str], None]
) -> None:
    settings = site.folder / "hub.toml"
    usual = settings.read_text()
    settings.write_text(f"{usual}\n[dead_letters]\nat_most_per_minute = 5\n")
    for number in range(40):
        site.producer.produce("case-events", f"poison {number}".encode(), partition=0)
    ask(site, 20)

    reasons = []
    for _ in range(2):
        worker = start(site)
        reasons.append(eventually(partial(stands_still, worker.health()), within_s=45))
        eventually(lambda: site.rows(tables.set_aside))
        worker.kill()
        assert len({each.value for each in letters(site)}) == 5, "more was set aside than the limit"
    assert "partitions 0 stand still: 5 records were set aside within a minute" in reasons[0]

    settings.write_text(usual)
    start(site)
    site.applies_everything()

    assert Counter(each.value for each in letters(site)) == {f"poison {number}".encode(): 1 for number in range(40)}
    verdict = judged(site)
    assert not verdict, str(verdict)
    seen("40 records that die, 5 letters over a restart, all once the limit was raised")


def stands_still(ready: Callable[[str], Any]) -> str:
    """Why a worker is not ready, once that is because too much was set aside."""
    said = str(ready("/readyz").json()["reason"])
    return said if "stand still" in said else ""


@pytest.mark.fault(
    "T19",
    "an instruction that cannot be read; the sink is killed -9 when the ones behind it are set aside; a person discards it",
    invariants="I1 I2 I3",
    oracle="O2 O3 O5",
    twins=("parked-cases-flow",),
)
def test_a_case_waits_for_its_unreadable_instruction_until_a_person_discards_it(
    tmp_path: Path, kafka: str, seen: Callable[[str], None]
) -> None:
    with ConnectorSite(tmp_path, kafka, PARTITIONS, "universal_housing", BackOffice(accept_s=1e9)) as site:
        begin = {topic: ends(kafka, topic) for topic in ("case-events", f"{site.tasks_topic}-dlq")}
        waits, flows = site.instruction(), site.instruction()
        told = ((waits, b"{"), (waits, waits.encode()), (flows, flows.encode()))
        put(kafka, site.tasks_topic, [Spoilt(value, of.partitionkey.encode()) for of, value in told])
        assert site.start(environment("sink.reported:1:kill")).wait(90) == -9, (tmp_path / "connector.log").read_text()
        site.start(environment())
        eventually(lambda: all_of(dump(kafka, "case-events", begin["case-events"]), [flows.id.hex], "accepted"))

        def aside() -> dict[bytes, Record]:
            found = dump(kafka, f"{site.tasks_topic}-dlq", begin[f"{site.tasks_topic}-dlq"])
            return {each.headers["code"]: each for each in found if each.key == waits.partitionkey.encode()}

        eventually(lambda: aside().keys() == {b"not-json", b"parked"}, within_s=45)
        assert legacy.housing(tmp_path / "legacy").done[legacy.RAISED, waits.id.hex] == 0

        (named,) = names([aside()[b"not-json"]], f"{site.tasks_topic}-dlq")
        done = desk(tmp_path, "discard", named, "--why", "Nobody can read it")
        eventually(lambda: all_of(dump(kafka, "case-events", begin["case-events"]), [waits.id.hex], "accepted"))

    said = [json.loads(each.value or b"{}") for each in dump(kafka, "case-events", begin["case-events"])]
    assert [each["data"]["why"] for each in said if each.get("type") == "case.record-discarded.v1"] == [
        "Nobody can read it"
    ], done.stdout
    applied = legacy.housing(tmp_path / "legacy").done
    assert {key.id.hex: applied[legacy.RAISED, key.id.hex] for key in (waits, flows)} == {
        waits.id.hex: 1,
        flows.id.hex: 1,
    }
    seen("1 kill, 1 instruction discarded, 1 waited for it, 1 flowed")
