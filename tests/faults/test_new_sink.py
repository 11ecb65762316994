"""A new sink in the place of an old one: it is given a date, and what was asked before that is not its to do."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.faults.conftest import environment, eventually
from tests.faults.oracles import dump
from tests.faults.test_connectors import IDLE, all_of, ends
from tests.oracle import legacy
from tests.sites.connector import ConnectorSite
from tests.sites.worker import PARTITIONS

ASKED = 12


@pytest.mark.long
@pytest.mark.fault(
    "T47",
    "a sink of a new group, told to begin at a date, killed in between and started again",
    invariants="I1 I2",
    oracle="O2 O3",
    twins=("the-past-is-replayed",),
)
def test_a_new_sink_that_begins_at_a_date_does_what_was_asked_since_and_nothing_else(
    tmp_path: Path, kafka: str, seen: Callable[[str], None]
) -> None:
    with ConnectorSite(tmp_path, kafka, PARTITIONS, "universal_housing", IDLE, begins_now=False) as site:
        begin = ends(kafka, "case-events")
        before = [event.id.hex for event in site.ask(ASKED)]
        since = datetime.now(UTC)
        # Kafka counts milliseconds; what is asked from here on is asked in a later one.
        while (datetime.now(UTC) - since).total_seconds() < 0.002:
            time.sleep(0.001)
        after = [event.id.hex for event in site.ask(ASKED)]
        site.write_settings({"tasks_since": datetime.fromtimestamp(since.timestamp() + 0.001, UTC).isoformat()})

        assert site.start(environment("sink.finished:4:kill")).wait(90) == -9
        after += [event.id.hex for event in site.ask(ASKED)]
        site.start(environment())
        eventually(lambda: all_of(dump(kafka, "case-events", begin), after, "accepted"))

    done = legacy.housing(tmp_path / "legacy").done
    assert {key: done[legacy.RAISED, key] for key in after} == dict.fromkeys(after, 1)
    assert [key for key in before if done[legacy.RAISED, key]] == [], "asked before its time, and done"
    seen(f"{len(after)} instructions since the date done once, {len(before)} before it left alone, 1 kill")
