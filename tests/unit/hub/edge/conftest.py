"""The edge without a broker: what runners send is kept in a list, what they remember in a SQLite file."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Signal
from typing import Any, cast

import pytest

from hub.dead_letters.rate import Rate
from hub.edge.aside import Aside
from hub.edge.condition import Conditions
from hub.edge.engine import open_engine
from hub.edge.memory import EdgeMemory
from hub.edge.messages import Outgoing
from hub.edge.metrics import ConnectorMetrics
from hub.edge.source_runner import Edge
from hub.edge.speech import Speech
from hub.edge.wrapping import Speaker
from schemas.envelope import Department


class Posted:
    """Kafka as a list: everything is acknowledged at once, unless a test says what becomes of it."""

    def __init__(self) -> None:
        self.records: list[Outgoing] = []
        self.sends = 0
        self.acknowledge: Callable[[], None] = lambda: None

    def send(self, records: Sequence[Outgoing]) -> None:
        self.begin(records)()

    def begin(self, records: Sequence[Outgoing]) -> Callable[[], None]:
        self.sends += 1
        self.records += records
        return self.acknowledge


@pytest.fixture
def posted() -> Posted:
    """What was sent."""
    return Posted()


class Clock:
    """Seconds since 1970, as a test has them."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """By which the edge counts what it sets aside."""
    return Clock()


@pytest.fixture
def successor(edge: Edge, tmp_path: Path) -> Iterator[EdgeMemory]:
    """The memory of the same connector as another process has it, which takes this one's place from now on."""
    engine = open_engine(f"sqlite:///{tmp_path / 'edge.db'}", edge.speaker.connector)
    yield EdgeMemory(engine, edge.speaker.connector)
    engine.dispose()


@pytest.fixture
def edge(tmp_path: Path, posted: Posted, clock: Clock) -> Iterator[Edge]:
    """What the runners of a housing connector share."""
    engine = open_engine(f"sqlite:///{tmp_path / 'edge.db'}", "register")
    yield Edge(
        speaker=Speaker("E06000999", b"not-a-real-council-key", "register", Department.HOUSING),
        memory=EdgeMemory(engine, "register"),
        speech=Speech(engine, "register", ["jobs"], datetime.now(UTC)),
        aside=Aside(engine, "register", Rate(10_000, clock)),
        sender=cast("Any", posted),
        conditions=Conditions(["tasks", "jobs"]),
        metrics=ConnectorMetrics(),
        stop=Signal(),
    )
    engine.dispose()
