"""Dates as people in Britain say them."""

from datetime import UTC, datetime, timedelta

import pytest

from hub.pages import dates

NOW = datetime(2026, 11, 4, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (datetime(2026, 11, 4, 8, 5, tzinfo=UTC), "08:05 today"),
        (datetime(2026, 11, 3, 23, 59, tzinfo=UTC), "yesterday, Tuesday 3 November"),
        (datetime(2026, 10, 27, 12, 0, tzinfo=UTC), "Tuesday 27 October"),
        (datetime(2025, 12, 31, 12, 0, tzinfo=UTC), "Wednesday 31 December 2025"),
        # 23:30 UTC in summer is the next day in Britain.
        (datetime(2026, 7, 1, 23, 30, tzinfo=UTC), "Thursday 2 July"),
    ],
)
def test_since_when_is_said_with_its_weekday(moment: datetime, words: str) -> None:
    assert dates.since(moment, NOW) == words


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (datetime(2026, 11, 4, 23, 59, tzinfo=UTC), "today"),
        (datetime(2026, 11, 4, 16, 30, tzinfo=UTC), "today at 16:30"),
        (datetime(2026, 11, 5, 23, 59, tzinfo=UTC), "tomorrow, Thursday 5 November"),
        (datetime(2026, 11, 3, 23, 59, tzinfo=UTC), "yesterday, Tuesday 3 November"),
        (datetime(2026, 11, 13, 23, 59, tzinfo=UTC), "Friday 13 November"),
        (datetime(2026, 11, 13, 16, 30, tzinfo=UTC), "Friday 13 November, 16:30"),
        # The end of a day in summer time is 22:59 UTC.
        (datetime(2027, 6, 1, 22, 59, tzinfo=UTC), "Tuesday 1 June 2027"),
    ],
)
def test_a_deadline_has_an_hour_only_where_its_clock_has_one(moment: datetime, words: str) -> None:
    assert dates.due_by(moment, NOW) == words


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=30), "1 day ago"),
        (timedelta(days=2000), "2,000 days ago"),
    ],
)
def test_how_long_ago_counts_one_as_one(gone: timedelta, words: str) -> None:
    assert dates.ago(NOW - gone, NOW) == words


def test_a_moment_is_said_with_today_and_yesterday() -> None:
    assert dates.when(NOW, NOW) == "today at 09:30"
    assert dates.when(NOW - timedelta(days=1), NOW) == "yesterday, Tuesday 3 November"
    assert dates.when(NOW - timedelta(days=8), NOW) == "on Tuesday 27 October"


def test_a_table_says_the_day_short() -> None:
    assert dates.short(NOW, NOW) == "09:30 today"
    assert dates.short(NOW - timedelta(days=8), NOW) == "Tue 27 Oct"
    assert dates.short(NOW - timedelta(days=365), NOW) == "Tue 4 Nov 2025"
    assert dates.short_due(NOW, NOW) == "today"
    assert dates.short_with_time(NOW - timedelta(days=1), NOW) == "Tue 3 Nov, 09:30"


def test_words_in_a_row_end_with_and() -> None:
    assert dates.listed([]) == ""
    assert dates.listed(["housing"]) == "housing"
    assert dates.listed(["housing", "social care", "transport"]) == "housing, social care and transport"
