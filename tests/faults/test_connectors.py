"""Faults of the connectors: killed at every step between a legacy system and its topic, in both directions."""

import json
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from connectors.sdk.simulation import BackOffice
from tests.faults.conftest import environment, eventually
from tests.faults.oracles import Record, dump
from tests.oracle import legacy
from tests.sites.connector import ConnectorSite
from tests.sites.worker import PARTITIONS

CLASSES = {
    "universal_housing": legacy.housing,
    "social_care_soap": legacy.social_care,
    "transport_files": legacy.transport,
}
SINK_STEPS = ("sink.taken", "sink.intended", "sink.written", "sink.finished", "sink.reported")
SOURCE_STEPS = ("source.read", "edge.sent", "source.acknowledged", "source.checkpointed")
IDLE = BackOffice(accept_s=1e9)
BUSY = BackOffice(accept_s=0.2, work_s=0.4, reject_share=0, stall_share=0)


@contextmanager
def site_of(connector: str, folder: Path, kafka: str, office: BackOffice) -> Iterator[ConnectorSite]:
    """A connector that has nothing of earlier tests before it."""
    with ConnectorSite(folder, kafka, PARTITIONS, connector, office) as site:
        yield site


def ends(kafka: str, topic: str) -> dict[int, int]:
    """The next offset of every partition."""
    return ends_of(dump(kafka, topic), dict.fromkeys(range(PARTITIONS), 0))


def ends_of(records: Iterable[Record], begin: dict[int, int]) -> dict[int, int]:
    """The offsets behind these records."""
    found = dict(begin)
    for record in records:
        found[record.partition] = max(found[record.partition], record.offset + 1)
    return found


def finished(site: ConnectorSite, keys: list[str], begin: dict[int, int]) -> list[Record]:
    """Run the connector until it has said from here on that all of these are completed; what it said."""
    process = site.start(environment())
    said = eventually(lambda: all_of(dump(site.kafka, "case-events", begin), keys, "completed"))
    process.send_signal(signal.SIGTERM)
    # It may have nothing left to say, and be told to stop before it listens for that.
    assert process.wait(60) in {0, -signal.SIGTERM}
    return list(said)


def statuses(records: Iterable[Record], effect: str) -> list[dict[str, Any]]:
    """What was said of one instruction."""
    events = [json.loads(record.value or b"null") for record in records]
    return [event for event in events if (event.get("causationid") or "").replace("-", "") == effect]


def all_of(records: list[Record], effects: list[str], status: str) -> list[Record] | None:
    """The records, once every one of these instructions has come so far."""
    reached = all(any(each["data"]["status"] == status for each in statuses(records, key)) for key in effects)
    return records if reached else None


def killed_sink(connector: str, target: str, twin: str) -> Any:
    """The fault for one class of target, with the protection that this class rests on."""
    mark = pytest.mark.fault(
        "T07",
        f"{target}: kill -9 of the sink after poll, after intent, after the target's commit, after the ledger, before the offset",
        invariants="I2",
        oracle="O2 O3",
        twins=(twin,),
    )
    return pytest.param(connector, marks=mark, id=connector)


@pytest.mark.parametrize(
    "connector",
    [
        killed_sink("universal_housing", "class A", "no-ledger-in-the-target"),
        killed_sink("social_care_soap", "class B", "ledger-without-intent"),
        killed_sink("transport_files", "class C", "file-names-are-drawn"),
    ],
)
def test_a_sink_killed_at_every_step_writes_each_instruction_once(
    connector: str, tmp_path: Path, kafka: str, seen: Callable[[str], None]
) -> None:
    with site_of(connector, tmp_path, kafka, IDLE) as site:
        begin = ends(kafka, "case-events")
        asked = []
        for step in SINK_STEPS:
            asked += site.ask(4)
            assert site.start(environment(f"{step}:1:kill")).wait(90) == -9, (tmp_path / "connector.log").read_text()
        site.start(environment())
        keys = [event.id.hex for event in asked]

        reported = eventually(lambda: all_of(dump(kafka, "case-events", begin), keys, "accepted"))

    done = CLASSES[connector](tmp_path / "legacy").done
    assert {key: done[legacy.RAISED, key] for key in keys} == dict.fromkeys(keys, 1)
    receipts = [Counter(str(event["id"]) for event in statuses(reported, key)) for key in keys]
    assert all(len(ids) == 1 for ids in receipts), "a report of one instruction under two ids"
    seen(f"{connector}: {len(keys)} instructions, {len(SINK_STEPS)} kills")


def killed_source(connector: str, *twins: str) -> Any:
    """The fault for one surface. A depot's results come again on the next days, so its checkpoint is not what keeps them."""
    mark = pytest.mark.fault(
        "T01 T02 T03",
        f"{connector}: kill -9 of the source after reading, after sending, after the acknowledgement, after the checkpoint, "
        "with everything before it",
        invariants="I1",
        oracle="O2",
        twins=("records-have-drawn-ids", *twins),
    )
    return pytest.param(connector, marks=mark, id=connector)


@pytest.mark.parametrize(
    "connector",
    [
        killed_source("universal_housing", "checkpoint-first", "acknowledgements-are-not-awaited"),
        killed_source("social_care_soap", "checkpoint-first", "acknowledgements-are-not-awaited"),
        killed_source("transport_files"),
    ],
)
def test_a_source_killed_at_every_step_says_everything_under_one_id(
    connector: str, tmp_path: Path, kafka: str, seen: Callable[[str], None]
) -> None:
    with site_of(connector, tmp_path, kafka, BUSY) as site:
        begin = ends(kafka, "case-events")
        keys = [event.id.hex for event in site.ask(12)]
        said = finished(site, keys, begin)

        again: list[Record] = []
        for step in SOURCE_STEPS:
            behind = ends_of([*said, *again], begin)
            site.forget_checkpoints()
            assert site.start(environment(f"{step}:1:kill")).wait(90) == -9, (tmp_path / "connector.log").read_text()
            again += finished(site, keys, behind)

    ids = {event["id"] for key in keys for event in statuses(said, key)}
    assert {event["id"] for key in keys for event in statuses(again, key)} <= ids, "what is read again has another id"
    seen(f"{connector}: {len(keys)} records to their end, {len(SOURCE_STEPS)} kills")
