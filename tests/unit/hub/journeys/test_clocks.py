"""When things are due: hours, days and working days as law and local targets count them."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from hub.journeys.clocks import LONGEST, Calendar, Unit, calendar_for, parse_due
from schemas.times import FIRST_YEAR, LAST_YEAR, Moment

LONDON = ZoneInfo("Europe/London")
BANK_HOLIDAYS = frozenset({date(2026, 12, 25), date(2026, 12, 28), date(2027, 1, 1)})
CALENDAR = Calendar("england-and-wales", BANK_HOLIDAYS, date(2027, 12, 31))


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LONDON)


@pytest.mark.parametrize(
    ("clock", "start", "due"),
    [
        ("24 hours", "2026-11-06 15:00", "2026-11-07 15:00"),
        ("1 working day", "2026-11-03 09:00", "2026-11-04 23:59"),
        ("1 working day", "2026-11-06 09:00", "2026-11-09 23:59"),
        ("2 working days", "2026-12-23 15:00", "2026-12-29 23:59"),
        # A start on a day off counts from the next working day: Saturday, so Monday is day 0.
        ("1 working day", "2026-11-07 10:00", "2026-11-10 23:59"),
        ("5 working days, counted from the next working day after 16:30", "2026-11-03 16:30", "2026-11-10 23:59"),
        ("5 working days, counted from the next working day after 16:30", "2026-11-03 16:31", "2026-11-11 23:59"),
        ("5 working days, counted from the next working day after 16:30", "2026-11-07 17:00", "2026-11-16 23:59"),
        ("28 days", "2026-11-03 09:00", "2026-12-01 23:59"),
        ("12 weeks", "2026-11-03 09:00", "2027-01-26 23:59"),
        ("6 months", "2026-08-31 09:00", "2027-02-28 23:59"),
    ],
)
def test_a_clock_that_starts_with_the_task(clock: str, start: str, due: str) -> None:
    assert parse_due(clock).at(local(start), {}, CALENDAR) == local(due)


@pytest.mark.parametrize(
    ("clock", "due"),
    [
        ("on discharge_date", "2026-12-30 23:59"),
        ("1 working day before discharge_date", "2026-12-29 23:59"),
        ("3 working days before discharge_date", "2026-12-23 23:59"),
        ("2 days before discharge_date", "2026-12-28 23:59"),
        ("5 working days after discharge_date", "2027-01-07 23:59"),
        ("48 hours before discharge_date", "2026-12-28 00:00"),
    ],
)
def test_a_clock_that_hangs_on_a_date_among_the_facts(clock: str, due: str) -> None:
    assert parse_due(clock).at(local("2026-12-01 09:00"), {"discharge_date": "2026-12-30"}, CALENDAR) == local(due)


def test_a_clock_whose_date_is_not_known_has_not_begun() -> None:
    assert parse_due("on discharge_date").at(local("2026-12-01 09:00"), {}, CALENDAR) is None


def test_the_end_of_a_day_is_local_on_both_sides_of_the_clock_change() -> None:
    summer = parse_due("1 day").at(local("2026-10-23 09:00"), {}, CALENDAR)
    winter = parse_due("3 days").at(local("2026-10-23 09:00"), {}, CALENDAR)

    assert summer is not None
    assert winter is not None
    assert summer.astimezone(UTC) == datetime(2026, 10, 24, 22, 59, tzinfo=UTC)
    assert winter.astimezone(UTC) == datetime(2026, 10, 26, 23, 59, tzinfo=UTC)


@pytest.mark.parametrize("zone", [UTC, LONDON])
def test_a_clock_of_hours_counts_real_hours_through_the_clock_change(zone: tzinfo) -> None:
    start = datetime(2026, 10, 24, 20, 0, tzinfo=UTC).astimezone(zone)

    due = parse_due("24 hours").at(start, {}, CALENDAR)

    assert due is not None
    assert due.astimezone(UTC) == datetime(2026, 10, 25, 20, 0, tzinfo=UTC)


def test_a_due_time_in_the_hour_that_comes_twice_is_the_same_when_it_was_written_down_and_read() -> None:
    due = parse_due("1 hour after move_date").at(local("2026-10-01 09:00"), {"move_date": "2026-10-25"}, CALENDAR)
    again = parse_due("2 hours after move_date").at(local("2026-10-01 09:00"), {"move_date": "2026-10-25"}, CALENDAR)

    assert due is not None
    assert again is not None
    for each in (due, again):
        assert datetime.fromisoformat(each.isoformat()) == each


def test_hours_before_a_day_are_real_hours_too() -> None:
    due = parse_due("24 hours before move_date").at(local("2026-10-01 09:00"), {"move_date": "2026-10-26"}, CALENDAR)

    assert due is not None
    assert due.astimezone(UTC) == datetime(2026, 10, 25, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["soon", "two days", "1 workday", "1 day before", "on Friday!", "5 working days after 16:30", "٣ days"]
)
def test_what_is_no_due_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="reads like: 24 hours, 2 working days"):
        parse_due(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("87601 hours", "ten years at most, which is 87600 hours"),
        ("3651 days", "ten years at most, which is 3650 days"),
        ("99999999 working days", "ten years at most, which is 2500 working days"),
        ("521 weeks after move_date", "ten years at most, which is 520 weeks"),
        ("5000 months before move_date", "ten years at most, which is 120 months"),
        ("9" * 5000 + " days", "ten years at most"),
    ],
)
def test_a_clock_longer_than_ten_years_is_refused_with_the_limit_in_its_own_unit(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_due(text)


def test_leading_noughts_do_not_make_a_clock_longer() -> None:
    assert parse_due("0" * 5000 + "5 days").amount == 5


@pytest.mark.parametrize("unit", list(Unit))
@given(day=st.dates(date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31)))
@example(day=date(FIRST_YEAR, 1, 1))
@example(day=date(LAST_YEAR, 12, 31))
@settings(max_examples=20)
def test_the_longest_clocks_count_from_every_day_a_fact_may_have(unit: Unit, day: date) -> None:
    known = {"move_date": day.isoformat()}
    for anchor in ("", " before move_date", " after move_date"):
        due = parse_due(f"{LONGEST[unit]} {unit}s{anchor}").at(datetime.combine(day, time(), LONDON), known, CALENDAR)

        assert due is not None
        assert TypeAdapter(Moment).validate_python(due) == due


@pytest.mark.parametrize(
    "text",
    [
        "5 days, counted from the next working day after 16:30",
        "on move_date, counted from the next working day after 16:30",
        "5 working days before move_date, counted from the next working day after 16:30",
    ],
)
def test_an_hour_to_count_from_is_refused_where_it_would_change_nothing(text: str) -> None:
    with pytest.raises(ValueError, match="only working days that run from the start of the task"):
        parse_due(text)


def test_an_hour_that_no_day_has_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no 25:00; an hour of the day reads like 16:30"):
        parse_due("5 working days, counted from the next working day after 25:00")


@given(st.dates(date(2026, 1, 1), date(2027, 12, 1)), st.integers(0, 60))
def test_so_many_working_days_later_is_a_working_day_with_so_many_between(day: date, amount: int) -> None:
    begin = CALENDAR.next_working(day)
    end = CALENDAR.add(day, amount)

    assert CALENDAR.is_working(end)
    between = (begin + timedelta(days=step) for step in range(1, (end - begin).days + 1))
    assert sum(CALENDAR.is_working(each) for each in between) == amount


@given(st.dates(date(2026, 1, 1), date(2027, 12, 1)), st.integers(1, 60))
def test_forth_and_back_again_is_the_same_working_day(day: date, amount: int) -> None:
    begin = CALENDAR.next_working(day)

    assert CALENDAR.add(CALENDAR.add(begin, amount), -amount) == begin


def test_a_councils_own_closure_is_no_working_day() -> None:
    published = {"scotland": [date(2026, 12, 25)]}

    assert not calendar_for("scotland", published, [date(2026, 12, 24)]).is_working(date(2026, 12, 24))
    assert calendar_for("scotland", published).known_until == date(2026, 12, 31)


def test_a_nation_without_bank_holidays_is_named_with_those_there_are() -> None:
    with pytest.raises(KeyError, match=r"No bank holidays for 'wales'\. There are: scotland"):
        calendar_for("wales", {"scotland": []})
