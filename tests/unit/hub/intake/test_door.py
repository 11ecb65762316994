"""The door: the same act under the same key has the same answer, whatever has changed since."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub.intake.door import Door
from hub.intake.outbox import Outbox
from hub.intake.problems import Kind, Refusal
from hub.journeys.load import SHIPPED, load_files
from hub.journeys.model import Journey, Journeys
from hub.memory.reading import CaseReader

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
