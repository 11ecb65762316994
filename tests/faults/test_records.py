"""Records on `case-events` as somebody else may write them: taken back, empty, under any key, of any size, of a newer schema."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import jsonschema
import pytest
from confluent_kafka import KafkaError, Producer

from connectors.sdk.simulation import BackOffice
from schemas.envelope import Department, Event
from tests.faults.conftest import environment, eventually
from tests.faults.oracles import Record, dump, statuses_of
from tests.faults.poison import Spoilt
from tests.faults.test_connectors import all_of, ends
from tests.faults.test_dead_letters import desk, names
from tests.faults.test_poison import letters_are_whole, put
from tests.faults.test_worker import judged
from tests.oracle import legacy
from tests.sites.connector import ConnectorSite
from tests.sites.worker import PARTITIONS, ROOT, Site, Tipping, WorkerProcess

Start = Callable[..., WorkerProcess]
WITHIN_S = 90.0
LARGEST_VALUE = 1_048_576 - 61 - 12
"""Bytes of a value under a key of one byte that Kafka takes: 1 MiB, less the batch's own 61 bytes and the record's 12 beside its value."""


def refusal(kafka: str, record: Spoilt, codec: str = "none") -> int | None:
    """Why Kafka does not take a record; None where it does."""
    producer = Producer(
        {
            "bootstrap.servers": kafka,
            "compression.type": codec,
            "message.max.bytes": 10_000_000,
            "partitioner": "murmur2_random",
            "log_level": 0,
        }
    )
    answers: list[KafkaError | None] = []
    producer.produce("case-events", record.value, record.key, on_delivery=lambda error, _: answers.append(error))
    assert producer.flush(WITHIN_S) == 0
    (answer,) = answers
    return None if answer is None else answer.code()


def letters(site: Site) -> list[Record]:
    """What was set aside since the site was made."""
    return dump(site.kafka, "case-events-dlq", site.begin["case-events-dlq"])


@contextmanager
def transactions(kafka: str) -> Iterator[Callable[..., None]]:
    """Sends events in a transaction each time it is called, and completes it or takes it back."""
    settings = {"bootstrap.servers": kafka, "partitioner": "murmur2_random", "log_level": 0}
    producer = Producer({**settings, "transactional.id": uuid4().hex})
    producer.init_transactions(WITHIN_S)

    def transact(topic: str, events: Iterable[Event], *, take_back: bool) -> None:
        producer.begin_transaction()
        for event in events:
            producer.produce(topic, event.encode(), event.partitionkey.encode())
        assert producer.flush(WITHIN_S) == 0
        (producer.abort_transaction if take_back else producer.commit_transaction)(WITHIN_S)

    yield transact


@pytest.mark.fault(
    "T45",
    "a producer takes a transaction back, between two that it completes",
    invariants="I1 I4",
    oracle="O2 O4",
    twins=("reads-uncommitted",),
)
def test_what_its_producer_took_back_is_not_applied(site: Site, start: Start, seen: Callable[[str], None]) -> None:
    stories = [Tipping() for _ in range(5)]
    taken_back = stories[1::2]
    worker = start(site)

    with transactions(site.kafka) as transact:
        for request in stories:
            transact("case-events", request.story(), take_back=request in taken_back)
    site.applies_everything()
    assert worker.stop() == 0

    given = dump(site.kafka, "case-events", site.begin["case-events"])
    assert {(each.key or b"").decode() for each in given} == {each.reference for each in stories}
    kept = {each.reference for each in stories if each not in taken_back}
    assert statuses_of(site.database) == dict.fromkeys(kept, "finished")
    assert {
        (each.key or b"").decode() for each in dump(site.kafka, "housing-tasks", site.begin["housing-tasks"])
    } == kept
    seen(f"{len(stories)} transactions, {len(taken_back)} of them taken back")


@pytest.mark.fault(
    "T45",
    "instructions on a department's topic, taken back by their producer between two that it completes",
    invariants="I1 I2",
    oracle="O3",
    twins=("reads-uncommitted",),
)
def test_an_instruction_that_was_taken_back_is_not_applied(
    tmp_path: Path, kafka: str, seen: Callable[[str], None]
) -> None:
    with ConnectorSite(tmp_path, kafka, PARTITIONS, "universal_housing", BackOffice(accept_s=1e9)) as site:
        begin = ends(kafka, "case-events")
        first, taken_back, last = site.instruction(), site.instruction(), site.instruction()
        with transactions(kafka) as transact:
            for event in (first, taken_back, last):
                transact(site.tasks_topic, [event], take_back=event is taken_back)
        behind = site.ask(2 * PARTITIONS)
        site.start(environment())
        keys = [event.id.hex for event in (first, last, *behind)]

        eventually(lambda: all_of(dump(kafka, "case-events", begin), keys, "accepted"))

    done = legacy.housing(tmp_path / "legacy").done
    assert {key for kind, key in done if kind == legacy.RAISED} == set(keys)
    seen(f"{len(keys)} instructions applied, 1 taken back")


@pytest.mark.fault(
    "T45",
    "tombstones of live cases, empty values and keys, no key, the key of another live case, in the middle of their stories",
    invariants="I1 I4 I5",
    oracle="O2 O4 O5",
    twins=("failures-are-swallowed",),
)
def test_a_tombstone_or_a_strange_key_is_set_aside_and_its_case_goes_on(
    site: Site, start: Start, seen: Callable[[str], None]
) -> None:
    one, other = Tipping(), Tipping()
    key = one.reference.encode()
    event = one.done("clear-estate", Department.HOUSING, 1).encode()
    spoilt = {
        "a tombstone": Spoilt(None, key),
        "an empty value": Spoilt(b"", key),
        "no key": Spoilt(event, None),
        "an empty key": Spoilt(event, b""),
        "the key of another live case": Spoilt(event, other.reference.encode()),
        "its key in small letters": Spoilt(event, key.lower()),
        "neither key nor value": Spoilt(None, None),
        "an empty key and value": Spoilt(b"", b""),
    }
    worker = start(site)

    for each in (one, other):
        site.send(each.reported())
    site.sent()
    put(site.kafka, "case-events", spoilt.values())
    for each in (one, other):
        site.send(*each.story()[1:])
    site.sent()
    site.applies_everything()

    strange = Counter((each.key, each.value) for each in spoilt.values())
    found = [each for each in letters(site) if (each.key, each.value) in strange]
    assert Counter((each.key, each.value) for each in found) == strange
    # Under the key of a case: what comes behind it waits until a person has said that it is nothing.
    nothing = desk(site.folder, "discard", *names(found), "--why", "Nobody knows what it was")
    assert nothing.returncode == 0, nothing.stderr
    eventually(lambda: set(statuses_of(site.database).values()) == {"finished"} or go_on(site))
    assert worker.stop() == 0
    verdict = judged(site)
    assert not verdict, str(verdict)
    seen(f"{len(spoilt)} records, {len(found)} set aside and discarded; both cases finished")


def go_on(site: Site) -> bool:
    """Let what only waited for a record that was discarded go in; never done by itself."""
    desk(site.folder, "replay", "--all", "--topic", "case-events", "--code", "parked")
    return False


@pytest.mark.fault(
    "T44",
    "records one byte over and under max.message.bytes on case-events, and five megabytes of blanks that a producer compressed",
    invariants="I1 I5",
    oracle="O2 O4 O5",
    twins=("topics-take-what-is-compressed",),
)
def test_what_is_too_large_is_refused_where_it_is_sent_and_what_fits_blocks_nothing(
    site: Site, start: Start, seen: Callable[[str], None]
) -> None:
    request, key = Tipping(), b"k"
    worker = start(site)

    assert refusal(site.kafka, Spoilt(b"\xff" * LARGEST_VALUE, key)) is None
    for codec, value in (
        ("none", b"\xff" * (LARGEST_VALUE + 1)),
        ("zstd", b" " * 5_000_000),
        ("gzip", b" " * 5_000_000),
    ):
        assert refusal(site.kafka, Spoilt(value, key), codec) == KafkaError.MSG_SIZE_TOO_LARGE
    assert refusal(site.kafka, Spoilt(b" " * 100_000, key), "zstd") is None
    site.send(*request.story())
    site.sent()
    site.applies_everything()
    assert worker.process.poll() is None

    assert sorted(len(each.value or b"") for each in letters(site)) == [100_000, LARGEST_VALUE]
    assert statuses_of(site.database) == {request.reference: "finished"}
    seen(f"{LARGEST_VALUE:,} bytes set aside whole, one more refused, five compressed megabytes refused")


RELEASED = json.loads((ROOT / "schemas" / "released" / "0.1.0.json").read_text(encoding="utf-8"))
"""What the first release promised, by type of event."""


def grown(event: Event) -> bytes:
    """An event as the next release may write it: more fields, on every level, than this one knows."""
    body = json.loads(event.encode())
    more = {"urgency": "high", "seenby": ["a", {"b": 1}], "note": None}
    for part in (body, body["data"], *(body["data"][name] for name in ("facts", "answers") if name in body["data"])):
        part.update(more)
    return json.dumps(body).encode()


def bare(event: Event) -> bytes:
    """An event as the first release could write it: nothing but what it promised, the case, and what the journey needs."""
    body = json.loads(event.encode())
    promise = RELEASED[body["type"]]
    inner = promise["$defs"][promise["properties"]["data"]["$ref"].rsplit("/", 1)[-1]]
    data = {name: value for name, value in body["data"].items() if name in {*inner["required"], "facts"}}
    kept = {name: value for name, value in body.items() if name in {*promise["required"], "correlationid", "type"}}
    return json.dumps(kept | {"data": data}).encode()


@pytest.mark.fault(
    "T39",
    "producers of the release before and of the next one on one topic: fewer fields, unknown fields, statuses, types and versions",
    invariants="I1 I4 I5",
    oracle="O2 O4 O5",
    twins=("unknown-fields-are-refused", "failures-are-swallowed"),
)
def test_producers_of_other_releases_are_understood_or_set_aside(
    site: Site, start: Start, seen: Callable[[str], None]
) -> None:
    requests = [Tipping() for _ in range(6)]
    stranger = requests[0].done("clear-estate", Department.HOUSING, 1)
    key, known = stranger.partitionkey.encode(), stranger.encode()
    unknown = {
        "a status of the next release": Spoilt(known.replace(b'"completed"', b'"paused"'), key),
        "a type of the next release": Spoilt(known.replace(b"case.task-status-changed.v1", b"case.task-split.v1"), key),
        "a version of the next release": Spoilt(
            known.replace(b"task-status-changed.v1", b"task-status-changed.v2"), key
        ),
    }
    worker = start(site)

    for number, request in enumerate(requests):
        for place, event in enumerate(request.story()):
            write = (Event.encode, grown, bare)[(number + place) % 3]
            site.send_raw(event.partitionkey.encode(), write(event))
        site.sent()
    put(site.kafka, "case-events", unknown.values())
    site.applies_everything()
    assert worker.stop() == 0

    verdict = judged(site)
    assert not verdict, str(verdict)
    letters_are_whole(letters(site), unknown)
    said = [
        each
        for topic in ("housing-tasks", "transport-tasks", "case-updates")
        for each in dump(site.kafka, topic, site.begin[topic])
    ]
    for each in said:
        body = json.loads(each.value or b"")
        jsonschema.Draft202012Validator(RELEASED[body["type"]]).validate(body)
    seen(
        f"{3 * len(requests)} events in three forms, {len(unknown)} set aside; {len(said)} outputs as the first release promised"
    )
