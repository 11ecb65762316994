"""The door: the same act under the same key has the same answer, whatever has changed since."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from hub.intake.bodies import NewSettlement
from hub.intake.door import Door, settlement
from hub.intake.outbox import Outbox
from hub.intake.problems import Kind, Refusal
from hub.journeys.load import SHIPPED, load_files
from hub.journeys.model import Journey, Journeys
from hub.memory.reading import CaseReader
from hub.routing.case import Case, TaskState, TaskView
from hub.routing.heard import UncertainHeard
from schemas.effects import Found
from schemas.envelope import Department
from schemas.tasks import TaskStatus

AT = datetime(2026, 11, 3, 10, 0, tzinfo=UTC)
BODY: dict[str, Any] = {
    "request": "fly-tipping-reported",
    "facts": {"uprn": "100023336956", "waste_size": "car-boot", "land_owner": "housing"},
}


@pytest.fixture(scope="module")
def fly_tipping() -> Journey:
    journey = load_files(sorted(SHIPPED.glob("*.yaml"))).for_request("fly-tipping-reported")
    assert journey is not None
    return journey


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    made = Outbox(f"sqlite:///{tmp_path / 'web.db'}", 1000)
    made.start()
    yield made
    made.close()


def door(outbox: Outbox, folder: Path, journey: Journey) -> Door:
    return Door(outbox, Journeys((journey,)), CaseReader(f"sqlite:///{folder / 'worker.db'}"), "E06000999")


def test_a_request_that_is_repeated_has_its_first_answer_though_its_journey_asks_for_more_by_now(
    outbox: Outbox, tmp_path: Path, fly_tipping: Journey
) -> None:
    first = asyncio.run(door(outbox, tmp_path, fly_tipping).request(BODY, "key-1"))
    asks_more = replace(fly_tipping, requires={**fly_tipping.requires, "hazardous": "Is it dangerous?"})
    later = door(outbox, tmp_path, asks_more)

    assert asyncio.run(later.request(BODY, "key-1")) == first
    with pytest.raises(Refusal) as refused:
        asyncio.run(later.request(BODY, "key-2"))
    assert refused.value.kind is Kind.INVALID_BODY


def test_a_key_that_comes_again_with_another_request_is_refused_before_that_is_looked_at(
    outbox: Outbox, tmp_path: Path, fly_tipping: Journey
) -> None:
    at_the_door = door(outbox, tmp_path, fly_tipping)
    asyncio.run(at_the_door.request(BODY, "key-1"))

    with pytest.raises(Refusal) as refused:
        asyncio.run(at_the_door.request({"request": "nonsense"}, "key-1"))

    assert refused.value.kind is Kind.KEY_REUSED


DOUBT = UncertainHeard(
    raising=2,
    revision=1,
    withdrawal=False,
    connector="taxi_firm",
    effect=UUID(int=1),
    at=AT,
    evidence="The connection was reset.",
    means=TaskStatus.ACCEPTED,
)


def in_doubt() -> Case:
    trip = TaskView(
        name="trip", department=Department.TRANSPORT, state=TaskState.ASKED, wanted=True, since=AT, uncertain=DOUBT
    )
    return Case(reference="0TJ9-4QXM-7C2K-VN31", tasks=(trip,), opened_at=AT, updated_at=AT)


def test_what_somebody_found_is_about_the_very_instruction_that_the_case_waits_for() -> None:
    said = NewSettlement(task="trip", found=Found.APPLIED, reference=" 4711 ", by="J. Invented", effect=DOUBT.effect)

    data = settlement(in_doubt(), said)

    assert (data.raising, data.revision, data.found, data.reference) == (2, 1, Found.APPLIED, "4711")


@pytest.mark.parametrize(
    ("task", "effect", "case"),
    [("trip", UUID(int=2), in_doubt()), ("walk", None, in_doubt()), ("trip", None, None)],
    ids=["another instruction", "another task", "not yet routed"],
)
def test_what_somebody_found_of_anything_else_is_refused(task: str, effect: UUID | None, case: Case | None) -> None:
    said = NewSettlement(task=task, found=Found.NOT_APPLIED, by="J. Invented", effect=effect)

    with pytest.raises(Refusal, match="It is known what became of this") as refused:
        settlement(case, said)

    assert refused.value.kind is Kind.NOTHING_UNKNOWN
