"""Days and moments that nobody can count from are refused by the field's own type, wherever they come in."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.facts import Facts, kind_of
from schemas.publish import FOLDER
from schemas.times import FIRST_YEAR, LAST_YEAR, Moment
from schemas.topics import CASE_EVENTS, UnreadableEvent

DATES = [name for name in Facts.model_fields if kind_of(name) is date]
EXAMPLES = FOLDER.parent / "examples"
BEYOND = ["0001-01-01", "1899-12-31", "2100-01-01", "9999-12-31"]


def test_every_date_among_the_facts_is_a_day_of_these_years() -> None:
    assert DATES == ["date_of_birth", "discharge_date", "move_date"]
    for name in DATES:
        for day in (date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31)):
            assert Facts.model_validate({name: day}).known() == {name: day.isoformat()}


@pytest.mark.parametrize("name", DATES)
@pytest.mark.parametrize("day", BEYOND)
def test_a_day_outside_these_years_is_refused_without_repeating_it(name: str, day: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        Facts.model_validate({name: day})

    assert "The year lies outside 1900 to 2099. Check what was typed." in str(refusal.value)
    assert day not in str(refusal.value)


@pytest.mark.parametrize("number", [0, 86400, "0", " 20260", "-1", 1.5, True])
def test_a_number_is_no_day_and_no_moment(number: Any) -> None:
    with pytest.raises(ValidationError, match="A date reads like 2026-11-30, a time like"):
        Facts.model_validate({"discharge_date": number})
    with pytest.raises(ValidationError, match="A date reads like 2026-11-30, a time like"):
        TypeAdapter(Moment).validate_python(number)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_moment_outside_what_clocks_can_reach_is_refused(moment: str) -> None:
    with pytest.raises(ValidationError, match="outside 1800 to 2199"):
        TypeAdapter(Moment).validate_python(moment)

    assert TypeAdapter(Moment).validate_python("2026-11-03T09:00:00Z") == datetime(2026, 11, 3, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "place", "value", "said"),
    [
        ("case.request-received.v1", ("data", "facts", "discharge_date"), "9999-12-31", "data.facts.discharge_date"),
        ("case.request-amended.v1", ("data", "facts", "move_date"), "0001-01-01", "data.facts.move_date"),
        ("case.task-status-changed.v1", ("data", "answers", "date_of_birth"), "9999-12-31", "answers.date_of_birth"),
        ("case.task-status-changed.v1", ("effectiveat",), "0001-01-01T00:00:00Z", "effectiveat"),
        ("case.deadline-expired.v1", ("data", "due"), "9999-12-31T23:59:00Z", "data.due"),
    ],
)
def test_whoever_puts_such_a_date_on_a_topic_the_worker_sets_it_aside_by_name(
    name: str, place: tuple[str, ...], value: str, said: str
) -> None:
    event = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    part: Any = event
    for key in place[:-1]:
        part = part.setdefault(key, {})
    part[place[-1]] = value

    with pytest.raises(UnreadableEvent) as refusal:
        CASE_EVENTS.decode(json.dumps(event).encode(), event["partitionkey"].encode())

    assert refusal.value.code == "wrong-data"
    assert said in str(refusal.value)
    assert "The year lies outside" in str(refusal.value)
