"""Whether a feed speaks as it should. Every clock is given."""

from datetime import UTC, date, datetime, timedelta

import pytest

from connectors.sdk.hours import parse_hours
from connectors.sdk.manifest import Dataset
from hub.edge.condition import Condition, Mood
from hub.feeds.cadence import Heard, expected, judge, judge_sink
from hub.journeys.clocks import Calendar
from schemas.feeds import FeedState

CALENDAR = Calendar("england-and-wales", frozenset({date(2026, 12, 25)}), date(2026, 12, 31))
TUESDAY = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
FRIDAY = datetime(2026, 11, 6, 17, 30, tzinfo=UTC)
WELL = Condition(Mood.WELL, TUESDAY)


def feed(**more: object) -> Dataset:
    return Dataset.model_validate({"title": "Works orders", "speaks_every_s": 3600, **more})


def heard(spoke: datetime | None, now: datetime, days: dict[date, int] | None = None) -> Heard:
    return Heard(watched=datetime(2026, 10, 1, tzinfo=UTC), spoke=spoke, looked=now, days=days or {})


@pytest.mark.parametrize(
    ("last", "now", "state"),
    [
        (TUESDAY, TUESDAY + timedelta(minutes=59), FeedState.SPEAKING),
        (TUESDAY, TUESDAY + timedelta(minutes=61), FeedState.SILENT),
        (FRIDAY, FRIDAY + timedelta(minutes=45), FeedState.SPEAKING),
        (FRIDAY, datetime(2026, 11, 7, 12, 0, tzinfo=UTC), FeedState.QUIET),
        (FRIDAY, datetime(2026, 11, 9, 8, 20, tzinfo=UTC), FeedState.SPEAKING),
        (FRIDAY, datetime(2026, 11, 9, 8, 31, tzinfo=UTC), FeedState.SILENT),
        (TUESDAY, TUESDAY + timedelta(hours=9), FeedState.SILENT),
        (datetime(2026, 12, 24, 17, 59, tzinfo=UTC), datetime(2026, 12, 25, 12, 0, tzinfo=UTC), FeedState.QUIET),
    ],
    ids=[
        "within its cadence",
        "past it",
        "just after hours",
        "on a Saturday",
        "on Monday, before an hour of its hours has passed",
        "on Monday, after that",
        "in the evening, silent since noon",
        "on a bank holiday",
    ],
)
def test_silence_is_counted_in_the_feed_s_own_hours(last: datetime, now: datetime, state: FeedState) -> None:
    found = judge(feed(), CALENDAR, heard(last, now), WELL, now)

    assert found.state is state
    assert found.since == last


def test_no_data_is_said_as_such_and_not_as_no_change() -> None:
    now = TUESDAY + timedelta(hours=2)

    found = judge(feed(), CALENDAR, heard(TUESDAY, now), WELL, now)

    assert found.why.startswith("No data: its system answers when it is asked, and has had nothing new.")
    assert "need not mean that nothing has changed" in found.why


def test_a_feed_that_never_spoke_is_silent_once_it_was_watched_for_longer_than_its_cadence() -> None:
    watched = Heard(watched=TUESDAY, looked=TUESDAY)

    early = judge(feed(), CALENDAR, watched, WELL, TUESDAY + timedelta(minutes=30))
    late = judge(feed(), CALENDAR, watched, WELL, TUESDAY + timedelta(minutes=90))

    assert (early.state, late.state) == (FeedState.QUIET, FeedState.SILENT)


def test_a_feed_that_always_speaks_is_silent_at_night_too() -> None:
    night = datetime(2026, 11, 8, 3, 0, tzinfo=UTC)

    found = judge(feed(speaks="always"), CALENDAR, heard(night - timedelta(hours=2), night), WELL, night)

    assert found.state is FeedState.SILENT


@pytest.mark.parametrize(
    ("mood", "state"),
    [(Mood.AWAY, FeedState.AWAY), (Mood.BROKEN, FeedState.BROKEN), (Mood.HELD, FeedState.HELD)],
)
def test_a_system_that_is_away_is_away_however_long_it_has_said_nothing(mood: Mood, state: FeedState) -> None:
    now = TUESDAY + timedelta(days=2)

    found = judge(feed(), CALENDAR, heard(TUESDAY, now), Condition(mood, TUESDAY, "It does not answer."), now)

    assert (found.state, found.since, found.why) == (state, TUESDAY, "It does not answer.")


def test_a_system_that_was_not_asked_yet_is_starting() -> None:
    found = judge(feed(), CALENDAR, Heard(watched=TUESDAY), Condition(Mood.STARTING, TUESDAY), TUESDAY)

    assert found.state is FeedState.STARTING


def test_too_few_records_on_the_last_whole_day_are_too_little_until_a_day_brings_enough() -> None:
    monday = date(2026, 11, 2)

    few = judge(feed(at_least_a_day=50), CALENDAR, heard(TUESDAY, TUESDAY, {monday: 12}), WELL, TUESDAY)
    enough = judge(feed(at_least_a_day=50), CALENDAR, heard(TUESDAY, TUESDAY, {monday: 50}), WELL, TUESDAY)

    assert few.state is FeedState.LOW
    assert few.why.startswith("12 records on Monday 2 November, where at least 50 are expected.")
    assert enough.state is FeedState.SPEAKING


def test_a_weekend_is_no_day_on_which_it_says_too_little() -> None:
    monday = datetime(2026, 11, 9, 9, 0, tzinfo=UTC)
    friday = {date(2026, 11, 6): 60}

    assert judge(feed(at_least_a_day=50), CALENDAR, heard(monday, monday, friday), WELL, monday).state is (
        FeedState.SPEAKING
    )


def test_a_day_on_which_nobody_listened_from_its_beginning_is_not_counted() -> None:
    begun = Heard(watched=TUESDAY - timedelta(days=1), spoke=TUESDAY, looked=TUESDAY)

    assert judge(feed(at_least_a_day=50), CALENDAR, begun, WELL, TUESDAY).state is FeedState.SPEAKING


def test_more_than_it_should_say_on_a_day_is_too_much_at_once() -> None:
    today = {date(2026, 11, 3): 5_001}

    found = judge(feed(at_most_a_day=5_000), CALENDAR, heard(TUESDAY, TUESDAY, today), WELL, TUESDAY)

    assert found.state is FeedState.HIGH
    assert found.why.startswith("5,001 records today, where at most 5,000 are expected.")


def test_of_a_sink_whose_system_is_away_the_tasks_that_wait_are_told() -> None:
    away = Condition(Mood.AWAY, TUESDAY, "It does not answer.")

    assert judge_sink(away, 12).why == "It does not answer. 12 tasks wait for it."
    assert judge_sink(WELL, 12).state is FeedState.WORKING


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "something new every hour, working days 08:00-18:00"),
        ({"speaks": "always", "speaks_every_s": 86_400}, "something new every day"),
        (
            {"speaks_every_s": 900, "at_least_a_day": 20},
            "something new every 15 minutes, working days 08:00-18:00, at least 20 records a day",
        ),
        (
            {"at_least_a_day": 20, "at_most_a_day": 4000, "delivers": "full extracts"},
            "a full extract every hour, working days 08:00-18:00, 20 to 4,000 records a day",
        ),
    ],
)
def test_what_is_expected_reads_like_a_sentence(more: dict[str, object], words: str) -> None:
    assert expected(feed(**more)) == words


@pytest.mark.parametrize(
    "text", ["working days", "working days 18:00-08:00", "every day 25:00-26:00", "office hours", "working days 8-18"]
)
def test_hours_that_are_none_are_refused_with_what_would_be_right(text: str) -> None:
    with pytest.raises(ValueError, match="hours read like: always, every day 06:00-22:00, working days 08:00-18:00"):
        parse_hours(text)


def test_an_hour_of_the_clock_change_is_counted_as_it_passes() -> None:
    always = parse_hours("always")
    begin, end = datetime(2026, 10, 24, 23, 0, tzinfo=UTC), datetime(2026, 10, 26, 0, 0, tzinfo=UTC)

    assert always.seconds_between(begin, end, CALENDAR.is_working) == 25 * 3600
