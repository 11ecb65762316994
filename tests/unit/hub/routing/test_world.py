"""By what a case's tasks were derived: whoever derives otherwise must not take over what was derived before."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest

from hub.journeys.model import Journeys
from hub.routing.case import Case, TaskView
from hub.routing.step import World, step
from hub.routing.stored import UnreadableCase
from hub.routing.world import rules_of
from schemas.envelope import Department
from schemas.tasks import StatusChange, TaskStatus, TaskStatusChanged
from tests.unit.hub.routing.conftest import MONDAY
from tests.unit.hub.routing.conftest import Case as Story


def test_rules_are_the_same_for_the_same_journeys_and_calendar(world: World) -> None:
    again = Journeys(tuple(world.journeys))

    assert rules_of(again, replace(world.calendar)) == rules_of(world.journeys, world.calendar)


def test_a_bank_holiday_more_makes_other_rules(world: World) -> None:
    closed = replace(world.calendar, days_off=frozenset({date(2026, 12, 28)}))

    assert rules_of(world.journeys, closed) != rules_of(world.journeys, world.calendar)


def test_a_journey_that_was_changed_makes_other_rules(world: World) -> None:
    first, *others = world.journeys
    changed = Journeys((replace(first, moves=frozenset({"discharge_date", "pathway"})), *others))

    assert rules_of(changed, world.calendar) != rules_of(world.journeys, world.calendar)


def views(case: Case) -> dict[str, TaskView]:
    return {view.name: view for view in case.tasks}


def test_a_task_of_which_nothing_was_heard_is_not_derived_again(world: World, new_case: Callable[[str], Story]) -> None:
    story = new_case("untouched")
    before = Case.read(step(None, story.reported(), world).case.write())
    collected = StatusChange(task="collect-load", department=Department.TRANSPORT, status=TaskStatus.ACCEPTED)

    after = step(before, story.event(TaskStatusChanged, collected, 1), world).case

    stands, stood = views(after), views(before)
    assert stands["collect-load"] != stood["collect-load"]
    assert stands["clear-estate"] is stood["clear-estate"]


def test_by_other_rules_all_of_a_case_is_derived_anew(world: World, new_case: Callable[[str], Story]) -> None:
    story = new_case("other rules")
    before = Case.read(step(None, story.reported(), world).case.write())

    after = step(before, story.cleared("accepted", 1), replace(world, rules="others")).case

    assert after.rules == "others"
    assert not [name for name, view in views(after).items() if view is views(before)[name]]


def test_a_request_that_turns_out_to_be_earlier_makes_all_of_its_case_anew(
    world: World, new_case: Callable[[str], Story]
) -> None:
    story = new_case("earlier")
    before = step(None, story.reported(), world).case
    earlier = story.reported().model_copy(update={"effectiveat": MONDAY - timedelta(days=7)})

    after = step(before, earlier, world).case

    due, was = views(after)["clear-estate"].due, views(before)["clear-estate"].due
    assert due is not None
    assert was is not None
    assert due < was


def test_a_case_that_a_later_version_wrote_is_refused_and_not_read_in_part(
    world: World, new_case: Callable[[str], Story]
) -> None:
    body = step(None, new_case("later").reported(), world).case.write()

    with pytest.raises(UnreadableCase, match="was written by a later version of the hub") as refused:
        Case.read(body.replace('"heard":{', '"heard":{"paused":true,', 1))
    assert "unknown field `paused`" in str(refused.value.__cause__)
