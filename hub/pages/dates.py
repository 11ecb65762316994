"""Dates and times as people in Britain say them, in Europe/London. Pure: the present is given."""

from datetime import datetime, timedelta

from hub.journeys.clocks import END_OF_DAY, LONDON

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def local(moment: datetime) -> datetime:
    """The moment on a clock in Britain."""
    return moment.astimezone(LONDON)


def day(moment: datetime, now: datetime) -> str:
    """The day: Tuesday 3 November; with the year where it is not this one."""
    at = local(moment)
    year = "" if at.year == local(now).year else f" {at.year}"
    return f"{_WEEKDAYS[at.weekday()]} {at.day} {_MONTHS[at.month - 1]}{year}"


def short_day(moment: datetime, *, with_year: bool) -> str:
    """The day where there is little room: Tue 3 Nov, or Tue 3 Nov 2026."""
    at = local(moment)
    return f"{_WEEKDAYS[at.weekday()][:3]} {at.day} {_MONTHS[at.month - 1][:3]}" + (f" {at.year}" if with_year else "")


def short_date(moment: datetime, now: datetime) -> str:
    """The day where there is little room; with the year where it is not this one."""
    return short_day(moment, with_year=local(moment).year != local(now).year)


def clock(moment: datetime) -> str:
    """The time of day: 14:05."""
    return f"{local(moment):%H:%M}"


def day_and_time(moment: datetime, now: datetime) -> str:
    """Day and time: Tuesday 3 November, 14:05."""
    return f"{day(moment, now)}, {clock(moment)}"


def since(moment: datetime, now: datetime) -> str:
    """Since when, behind the word "since": 14:05 today; yesterday, Monday 2 November; Tuesday 27 October."""
    match (local(now).date() - local(moment).date()).days:
        case 0:
            return f"{clock(moment)} today"
        case 1:
            return f"yesterday, {day(moment, now)}"
        case _:
            return day(moment, now)


def when(moment: datetime, now: datetime) -> str:
    """A moment in a sentence: today at 14:05; yesterday, Monday 2 November; on Tuesday 27 October."""
    match (local(now).date() - local(moment).date()).days:
        case 0:
            return f"today at {clock(moment)}"
        case 1:
            return f"yesterday, {day(moment, now)}"
        case _:
            return f"on {day(moment, now)}"


def due_by(moment: datetime, now: datetime) -> str:
    """A deadline, behind the word "due": today; tomorrow, Friday 13 November; Friday 13 November, 16:30.

    The hour is left out where a clock of days ended with its day.
    """
    hour = "" if local(moment).time().replace(second=0, microsecond=0) == END_OF_DAY else clock(moment)
    match (local(moment).date() - local(now).date()).days:
        case 0:
            return f"today at {hour}" if hour else "today"
        case 1:
            words = f"tomorrow, {day(moment, now)}"
        case -1:
            words = f"yesterday, {day(moment, now)}"
        case _:
            words = day(moment, now)
    return f"{words}, {hour}" if hour else words


def ago(moment: datetime, now: datetime) -> str:
    """How long ago: just now, 4 minutes ago, 3 hours ago, 12 days ago."""
    gone = now - moment
    if gone < timedelta(minutes=1):
        return "just now"
    if gone < timedelta(hours=1):
        return f"{plural(int(gone.total_seconds() // 60), 'minute')} ago"
    if gone < timedelta(days=1):
        return f"{plural(int(gone.total_seconds() // 3600), 'hour')} ago"
    return f"{plural(gone.days, 'day')} ago"


def plural(count: int, one: str, many: str | None = None) -> str:
    """A count and its noun: 1 minute, 2 minutes."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(words: list[str], last: str = "and") -> str:
    """Words in a row: housing, social care and transport."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}" if words else ""


def short(moment: datetime, now: datetime) -> str:
    """A moment in a table: 14:05 today; Mon 2 Nov; with the year where it is not this one."""
    if local(moment).date() == local(now).date():
        return f"{clock(moment)} today"
    return short_date(moment, now)


def short_with_time(moment: datetime, now: datetime) -> str:
    """A moment in a table, with its hour: 14:05 today; Mon 2 Nov, 14:05."""
    words = short(moment, now)
    return words if words.endswith("today") else f"{words}, {clock(moment)}"


def short_due(moment: datetime, now: datetime) -> str:
    """A deadline in a table: today; Fri 13 Nov."""
    return "today" if local(moment).date() == local(now).date() else short(moment, now)
