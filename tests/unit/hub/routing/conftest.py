from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid5

import pytest

from hub.journeys.clocks import Calendar
from hub.journeys.load import SHIPPED, load_files
from hub.memory.store import Partition
from hub.routing.share import partition_of
from hub.routing.step import World
from schemas.envelope import Department, Event, Message
from schemas.facts import Facts
from schemas.references import case_reference
from schemas.requests import Request, RequestReceived
from schemas.tasks import StatusChange, TaskStatus, TaskStatusChanged

MONDAY = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
SEED = UUID("9c1d2e3f-0f3e-4e63-8a0d-3a8f2f1d7c11")
PARTITIONS = 4


class Fetched(NamedTuple):
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int = 1_000


class Case:
    """A case of fly-tipping and the events that a test lets happen to it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.reference = case_reference(MONDAY, name)
        self.partition = Partition("case-events", partition_of(self.reference, PARTITIONS))

    def event(self, kind: type[Event], data: Message, hours: float = 0) -> Event:
        at = MONDAY + timedelta(hours=hours)
        return kind(
            id=uuid5(SEED, f"{self.name}|{kind.__name__}|{hours}"),
            source="/E06000999/test",
            type=kind.model_fields["type"].default,
            time=at,
            effectiveat=at,
            correlationid=self.reference,
            partitionkey=self.reference,
            council="E06000999",
            data=data,
        )

    def reported(self, request: str = "fly-tipping-reported") -> Event:
        facts = Facts.model_validate({"uprn": "100000000017", "waste_size": "transit-van", "land_owner": "housing"})
        return self.event(RequestReceived, Request(request=request, facts=facts))

    def cleared(self, status: str = "completed", hours: float = 2) -> Event:
        said = StatusChange(task="clear-estate", department=Department.HOUSING, status=TaskStatus(status))
        return self.event(TaskStatusChanged, said, hours)

    def record(self, offset: int, event: Event) -> Fetched:
        return Fetched(offset, self.reference.encode(), event.encode())


@pytest.fixture(scope="session")
def world() -> World:
    calendar = Calendar("england-and-wales", frozenset(), datetime(2028, 12, 31, tzinfo=UTC).date())
    return World(load_files(SHIPPED.glob("*.yaml")), calendar, source="/E06000999/worker")


@pytest.fixture
def new_case() -> Callable[[str], Case]:
    return Case
