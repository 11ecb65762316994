"""Records on `case-events` as somebody else may write them: taken back, empty, under any key, of any size, of a newer schema."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import Producer

from connectors.sdk.simulation import BackOffice
from schemas.envelope import Department, Event
from tests.faults.conftest import environment, eventually
from tests.faults.oracles import Record, dump, statuses_of
from tests.faults.poison import Spoilt
from tests.faults.test_connectors import all_of, ends
from tests.faults.test_poison import put
from tests.faults.test_worker import judged
from tests.oracle import legacy
from tests.sites.connector import ConnectorSite
from tests.sites.worker import PARTITIONS, Site, Tipping, WorkerProcess

Start = Callable[..., WorkerProcess]
WITHIN_S = 90.0


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
    assert statuses_of(site.folder / "worker.db") == dict.fromkeys(kept, "finished")
    assert {(each.key or b"").decode() for each in dump(site.kafka, "housing-tasks", site.begin["housing-tasks"])} == kept
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
    assert worker.stop() == 0

    found = letters(site)
    assert Counter((each.key, each.value) for each in found) == Counter((s.key, s.value) for s in spoilt.values())
    verdict = judged(site)
    assert not verdict, str(verdict)
    assert set(statuses_of(site.folder / "worker.db").values()) == {"finished"}
    seen(f"{len(spoilt)} records, {len(found)} set aside; both cases finished")
