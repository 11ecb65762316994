"""Whether a feed speaks as it should: what it declared against what was heard of it. Pure; the present is given.

    its condition            its last record                           it is
    away, held, broken       -                                         away, held, broken
    not asked yet            -                                         starting
    asked, and answers       older than its cadence, in its hours      silent: no data, which is not "no change"
                             of a day with too many or too few         high, low
                             outside its hours, or before the first    quiet
                             otherwise                                 speaking

A silence is counted in the feed's own hours, so nobody is called on Monday for what was not said on Sunday; one that began in its hours
goes on until it speaks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from connectors.sdk.hours import LONDON
from connectors.sdk.manifest import Dataset, Delivery
from hub.edge.condition import Condition, Mood
from hub.journeys.clocks import Calendar
from schemas.feeds import FeedState


@dataclass(frozen=True)
class Heard:
    """What is known of a feed.

    Attributes:
        watched: since when anybody listens.
        spoke: when it last had something new; None where it never had.
        looked: when its system last answered; None where it has not since this process began.
        days: how many records it had, by day, of the last days.
    """

    watched: datetime
    spoke: datetime | None = None
    looked: datetime | None = None
    days: Mapping[date, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Judgement:
    """How a feed is, since when, and what to do about it."""

    state: FeedState
    since: datetime
    why: str = ""


_BY_MOOD = {Mood.AWAY: FeedState.AWAY, Mood.BROKEN: FeedState.BROKEN, Mood.HELD: FeedState.HELD}


def judge(feed: Dataset, calendar: Calendar, heard: Heard, condition: Condition, now: datetime) -> Judgement:
    """How a feed is.

    Args:
        feed: what it declared.
        calendar: the council's working days.
        heard: what was heard of it.
        condition: how reading it goes.
        now: the present, with zone.
    """
    if condition.mood in _BY_MOOD:
        return Judgement(_BY_MOOD[condition.mood], condition.since, condition.why)
    if heard.looked is None:
        return Judgement(FeedState.STARTING, condition.since)
    last = heard.spoke or heard.watched
    waited_s = feed.hours.seconds_between(last, now, calendar.is_working)
    if waited_s > feed.speaks_every_s:
        return Judgement(
            FeedState.SILENT,
            last,
            "No data: its system answers when it is asked, and has had nothing new. That need not mean that nothing has changed: see "
            "whether its export or job still runs, and whether work is still keyed there.",
        )
    if odd := _by_volume(feed, calendar, heard, now):
        return odd
    past = (now - last).total_seconds() > feed.speaks_every_s
    if heard.spoke is None or (past and not feed.hours.are_now(now, calendar.is_working)):
        return Judgement(FeedState.QUIET, last)
    return Judgement(FeedState.SPEAKING, last)


def _by_volume(feed: Dataset, calendar: Calendar, heard: Heard, now: datetime) -> Judgement | None:
    """What is odd about how much a feed says, if anything is."""
    today, last = now.astimezone(LONDON).date(), heard.spoke or heard.watched
    count = heard.days.get(today, 0)
    if feed.at_most_a_day is not None and count > feed.at_most_a_day:
        return Judgement(
            FeedState.HIGH,
            last,
            f"{count:,} records today, where at most {feed.at_most_a_day:,} are expected. Was something keyed or loaded anew in bulk?",
        )
    if (few := _too_few(feed, calendar, heard, today)) is not None:
        day, count = few
        return Judgement(
            FeedState.LOW,
            last,
            f"{count:,} records on {day:%A} {day.day} {day:%B}, where at least {feed.at_least_a_day:,} are expected. See whether all of "
            "its export or job still runs.",
        )
    return None


def judge_sink(condition: Condition, waiting: int) -> Judgement:
    """How the writing of tasks goes.

    Args:
        condition: as its runner says.
        waiting: tasks that are not in the system yet.
    """
    if condition.mood in _BY_MOOD:
        tasks = "1 task waits" if waiting == 1 else f"{waiting:,} tasks wait"
        return Judgement(
            _BY_MOOD[condition.mood], condition.since, f"{condition.why} {tasks} for it." if waiting else condition.why
        )
    if condition.mood is Mood.STARTING:
        return Judgement(FeedState.STARTING, condition.since)
    return Judgement(FeedState.WORKING, condition.since)


def expected(feed: Dataset) -> str:
    """What is expected of a feed, in words: something new every hour, working days 08:00-18:00, 20 to 400 records a day."""
    what = "a full extract" if feed.delivers is Delivery.FULL_EXTRACTS else "something new"
    least, most = feed.at_least_a_day, feed.at_most_a_day
    volume = {
        (False, False): "",
        (True, False): f", at least {least:,} records a day" if least else "",
        (False, True): f", at most {most:,} records a day" if most else "",
        (True, True): f", {least:,} to {most:,} records a day" if least and most else "",
    }[bool(least), bool(most)]
    hours = "" if feed.speaks == "always" else f", {feed.speaks}"
    return f"{what} every {_span(feed.speaks_every_s)}{hours}{volume}"


def _too_few(feed: Dataset, calendar: Calendar, heard: Heard, today: date) -> tuple[date, int] | None:
    """Its last whole day, and how many records that had, where they are too few; None where not, or nobody listened all day."""
    if feed.at_least_a_day is None:
        return None
    for back in range(1, 8):
        day = today - timedelta(days=back)
        hours = feed.hours.on(day, calendar.is_working)
        if hours is None:
            continue
        count = heard.days.get(day, 0)
        return (day, count) if heard.watched <= hours[0] and count < feed.at_least_a_day else None
    return None


def _span(seconds: float) -> str:
    """A stretch of time in words, behind the word "every": hour, 15 minutes, 2 days."""
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            number = round(seconds / size)
            return unit if number == 1 else f"{number} {unit}s"
    if seconds > 120:
        return f"{round(seconds / 60)} minutes"
    return "second" if seconds == 1 else f"{seconds:g} seconds"
