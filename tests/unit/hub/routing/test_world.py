"""By what a case's tasks were derived: whoever derives otherwise must not take over what was derived before."""

from dataclasses import replace
from datetime import date

from hub.journeys.model import Journeys
from hub.routing.step import World
from hub.routing.world import rules_of


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
