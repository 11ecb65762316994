"""The pulse of a connector, beat by beat. Every clock is given."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.sdk.manifest import Dataset
from hub.edge.condition import Conditions
from hub.edge.engine import open_engine
from hub.edge.memory import EdgeMemory
from hub.edge.messages import Outgoing
from hub.edge.metrics import ConnectorMetrics
from hub.edge.speech import Speech
from hub.edge.wrapping import Speaker
from hub.feeds.pulse import Pulse, Watched
from hub.journeys.clocks import Calendar
from schemas.envelope import Department
from schemas.topics import HEARTBEATS

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
SPEAKER = Speaker("E06000999", b"not-a-real-council-key", "register", Department.HOUSING)


@dataclass
class Kafka:
    """What was offered; acknowledged unless it is away."""

    offered: list[Outgoing] = field(default_factory=list)
    away: bool = False

    def offer(self, record: Outgoing) -> Callable[[], bool]:
        self.offered.append(record)
        return lambda: not self.away

    @property
    def states(self) -> list[str]:
        return [json.loads(record.value or b"")["data"]["state"] for record in self.offered]


class Site:
    """A register with one feed and tasks, watched from noon on."""

    def __init__(self, folder: Path) -> None:
        self.now, self.kafka, self.metrics = NOON, Kafka(), ConnectorMetrics()
        self.engine = open_engine(f"sqlite:///{folder / 'edge.db'}", "register")
        self.memory = EdgeMemory(self.engine, "register")
        self.begin()

    def begin(self) -> None:
        """As a process begins."""
        self.conditions = Conditions(["jobs", "tasks"], clock=lambda: self.now)
        self.speech = Speech(self.engine, "register", ["jobs"], self.now)
        watched = Watched(
            speaker=SPEAKER,
            reads={"jobs": Dataset(title="Jobs", speaks_every_s=3600)},
            tasks="tasks",
            beats_every_s=15,
            calendar=Calendar("england-and-wales", frozenset(), date(2026, 12, 31)),
        )
        self.pulse = Pulse(
            watched, self.speech, self.conditions, self.kafka, metrics=self.metrics, clock=lambda: self.now
        )

    def reads(self, records: int) -> None:
        """Its register is asked, and has so many new records."""
        if records:
            at_ms = round(self.now.timestamp() * 1000)
            self.memory.move_on("jobs", {}, learned={}, at_ms=at_ms, spoke=records)
            self.speech.spoke("jobs", records, self.now)
        self.speech.looked("jobs", self.now)
        self.conditions.well("jobs")

    def later(self, **span: float) -> None:
        """Time passes, and the pulse beats once."""
        self.now += timedelta(**span)
        self.pulse.beat()

    def metric(self, name: str, **labels: Any) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
def site(tmp_path: Path) -> Any:
    made = Site(tmp_path)
    yield made
    made.engine.dispose()


def test_a_feed_beats_now_and_then_and_at_once_when_it_changes(site: Site) -> None:
    site.conditions.well("tasks")
    site.reads(3)
    site.later(seconds=1)
    site.later(seconds=10)
    assert site.kafka.states == ["speaking", "working"]
    site.later(seconds=10)
    assert site.kafka.states == ["speaking", "working"] * 2

    site.conditions.away("tasks", "The register does not answer.")
    site.later(seconds=1)

    assert site.kafka.states == ["speaking", "working"] * 2 + ["away"]
    for record in site.kafka.offered:
        assert HEARTBEATS.decode(record.value, record.key).partitionkey == (record.key or b"").decode()


def test_a_register_that_answers_and_has_nothing_is_silent_after_its_hour_also_over_a_restart(site: Site) -> None:
    site.reads(3)
    site.later(minutes=30)
    site.reads(0)
    site.begin()
    site.reads(0)
    site.later(minutes=31)

    assert site.kafka.states[-2:] == ["silent", "starting"]
    assert json.loads(site.kafka.offered[-2].value or b"")["data"]["spoke"] == "2026-11-03T12:00:00Z"
    assert site.metric("hub_connector_feed_state", feed="jobs", state="silent") == 1
    assert site.metric("hub_connector_feed_state", feed="jobs", state="speaking") == 0
    assert site.metric("hub_connector_feed_silence_seconds", feed="jobs") == 61 * 60


def test_while_kafka_takes_nothing_each_feed_has_one_beat_on_its_way(site: Site) -> None:
    site.kafka.away = True
    for _ in range(20):
        site.later(minutes=1)

    assert len(site.kafka.offered) == 2


def test_how_many_records_a_day_brought_is_remembered_over_a_restart(site: Site) -> None:
    site.reads(3)
    site.reads(4)
    site.now += timedelta(days=1)
    site.reads(5)
    site.begin()

    assert site.speech.of("jobs").days == {date(2026, 11, 3): 7, date(2026, 11, 4): 5}


def test_two_beats_of_one_moment_are_one_event(site: Site) -> None:
    site.later(seconds=1)
    site.begin()
    site.pulse.beat()

    first, second = (json.loads(record.value or b"")["id"] for record in site.kafka.offered[::2])
    assert first == second
