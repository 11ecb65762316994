"""Records that are not as they should be, on every topic that the hub reads: set aside once, whole, with the reason; the rest flows."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest
from confluent_kafka import Producer

from connectors.sdk.simulation import BackOffice
from tests.faults.conftest import environment, eventually
from tests.faults.oracles import Record, dump, statuses_of
from tests.faults.poison import KINDS, Spoilt
from tests.faults.test_connectors import all_of, ends
from tests.oracle import legacy
from tests.sites.connector import ConnectorSite
from tests.sites.worker import PARTITIONS, Site, Tipping, WorkerProcess

Start = Callable[..., WorkerProcess]


def put(kafka: str, topic: str, spoilt: Iterable[Spoilt]) -> None:
    """Records onto a topic, as anybody could."""
    producer = Producer(
        {"bootstrap.servers": kafka, "partitioner": "murmur2_random", "message.max.bytes": 3_000_000, "log_level": 0}
    )
    for each in spoilt:
        producer.produce(topic, each.value, each.key, headers=list(each.headers))
    assert producer.flush(60) == 0


def letters_are_whole(letters: list[Record], poison: Mapping[str, Spoilt]) -> None:
    """Every record that holds no event lies there once, byte for byte, with a code and a reason."""
    names = {(each.key or b"", each.value or b""): name for name, each in poison.items()}
    aside = Counter(names.get((each.key or b"", each.value or b""), "a record nobody put there") for each in letters)
    assert aside == Counter(name for name, each in poison.items() if not each.harmless)
    for letter in letters:
        assert {"code", "reason", "topic", "partition", "offset", "component"} <= letter.headers.keys()


@pytest.mark.fault(
    "T19",
    f"{len(KINDS)} kinds of poison on case-events, good events before, between and behind them",
    invariants="I1 I5",
    oracle="O2 O5",
    twins=("failures-are-swallowed",),
)
def test_poison_on_case_events(site: Site, start: Start, seen: Callable[[str], None]) -> None:
    spoilt = {}
    for name, spoil in KINDS.items():
        request = Tipping()
        spoilt[name] = spoil(request.reported().encode(), request.reference.encode())
    good = [Tipping() for _ in range(20)]
    worker = start(site)

    for place, each in enumerate(spoilt.values()):
        put(site.kafka, "case-events", [each])
        site.send(*good[place % len(good)].story())
        site.sent()
    site.applies_everything()
    assert worker.process.poll() is None

    letters_are_whole(dump(site.kafka, "case-events-dlq", site.begin["case-events-dlq"]), spoilt)
    stored = statuses_of(site.database)
    finished = {reference for reference, status in stored.items() if status == "finished"}
    harmless = {each.key.decode() for each in spoilt.values() if each.harmless and each.key}
    assert finished == {request.reference for request in good}
    assert set(stored) == finished | harmless
    seen(f"{len(spoilt)} kinds, {len(spoilt) - len(harmless)} set aside, {len(harmless)} harmless and applied")


@pytest.mark.fault(
    "T19",
    f"{len(KINDS)} kinds of poison on the task topic of each department",
    invariants="I1 I5",
    oracle="O2 O3 O5",
    twins=("sinks-swallow-failures",),
)
@pytest.mark.parametrize(
    ("connector", "read"),
    [
        ("universal_housing", legacy.housing),
        ("social_care_soap", legacy.social_care),
        ("transport_files", legacy.transport),
    ],
)
def test_poison_on_a_departments_tasks(
    connector: str,
    read: Callable[[Path], legacy.Legacy],
    tmp_path: Path,
    kafka: str,
    seen: Callable[[str], None],
) -> None:
    with ConnectorSite(tmp_path, kafka, PARTITIONS, connector, BackOffice(accept_s=1e9)) as site:
        begin = {topic: ends(kafka, topic) for topic in ("case-events", f"{site.tasks_topic}-dlq")}
        process = site.start(environment())
        spoilt, good = {}, site.ask(1)
        for name, spoil in KINDS.items():
            event = site.instruction()
            spoilt[name] = spoil(event.encode(), event.partitionkey.encode())
            put(kafka, site.tasks_topic, [spoilt[name]])
            if spoilt[name].harmless:
                good.append(event)
            good += site.ask(1)

        keys = [event.id.hex for event in good]
        eventually(lambda: all_of(dump(kafka, "case-events", begin["case-events"]), keys, "accepted"))
        assert process.poll() is None
    letters_are_whole(dump(kafka, f"{site.tasks_topic}-dlq", begin[f"{site.tasks_topic}-dlq"]), spoilt)
    done = read(tmp_path / "legacy").done
    assert {key: done[legacy.RAISED, key] for key in keys} == dict.fromkeys(keys, 1)
    assert all(json.loads(each.value or b"") for each in dump(kafka, "case-events", begin["case-events"]))
    seen(f"{connector}: {len(spoilt)} kinds, {len(good)} good instructions applied once")
