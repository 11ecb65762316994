"""Statutory clocks: hours, days, weeks, months and working days, counted as law and local targets count them. Pure.

A clock of hours runs through nights and weekends. A clock of days ends with its last day, at 23:59 local time. Day 0 is the day it
starts; for working days a start on a day off, or after the cut-off hour, counts as the next working day.
"""

import re
from calendar import monthrange
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
END_OF_DAY = time(23, 59)
SATURDAY = 5


@dataclass(frozen=True)
class Calendar:
    """Which days are working days for one council.

    Attributes:
        nation: england-and-wales, scotland or northern-ireland.
        days_off: bank holidays of the nation, and closures of the council's own.
        known_until: the last day for which bank holidays are published; beyond it only weekends are known.
    """

    nation: str
    days_off: frozenset[date]
    known_until: date

    def is_working(self, day: date) -> bool:
        """Monday to Friday and not a day off."""
        return day.weekday() < SATURDAY and day not in self.days_off

    def next_working(self, day: date) -> date:
        """The day itself if it is a working day, else the next one."""
        while not self.is_working(day):
            day += timedelta(days=1)
        return day

    def add(self, day: date, working_days: int) -> date:
        """So many working days after a day; before it for a negative number; 0 gives the day, or the next working day."""
        if working_days >= 0:
            day = self.next_working(day)
        step = timedelta(days=1 if working_days > 0 else -1)
        for _ in range(abs(working_days)):
            day += step
            while not self.is_working(day):
                day += step
        return day


class Unit(StrEnum):
    """What a clock counts in."""

    HOUR = "hour"
    DAY = "day"
    WORKING_DAY = "working day"
    WEEK = "week"
    MONTH = "month"


class Anchor(StrEnum):
    """What a clock counts from."""

    START = "start"
    """The moment the task begins."""
    BEFORE = "before"
    """Back from a date among the facts."""
    AFTER = "after"
    """On from a date among the facts."""


@dataclass(frozen=True)
class Due:
    """When a task is due.

    Attributes:
        text: as it stands in the journey: 1 working day before discharge_date.
        amount, unit: how long.
        anchor: from when.
        fact: name of the date fact it hangs on, for BEFORE and AFTER.
        cut_off: a working-day clock that starts later in the day than this counts from the next working day.
    """

    text: str
    amount: int
    unit: Unit
    anchor: Anchor = Anchor.START
    fact: str | None = None
    cut_off: time | None = None

    def at(self, start: datetime, facts: Mapping[str, object], calendar: Calendar) -> datetime | None:
        """The due time, with zone; None while the fact it hangs on is not known.

        Args:
            start: when the task began, with zone.
            facts: known facts by name, as JSON values (dates as text).
            calendar: the council's working days.
        """
        if self.anchor is Anchor.START:
            if self.unit is Unit.HOUR:
                return _hours_after(start, self.amount)
            return _end_of(self._count(self._day_zero(start.astimezone(LONDON), calendar), self.amount, calendar))
        value = facts.get(self.fact or "")
        if not isinstance(value, str):
            return None
        day = date.fromisoformat(value[:10])
        amount = -self.amount if self.anchor is Anchor.BEFORE else self.amount
        if self.unit is Unit.HOUR:
            return _hours_after(datetime.combine(day, time(), LONDON), amount)
        return _end_of(day if amount == 0 else self._count(day, amount, calendar))

    def _day_zero(self, start: datetime, calendar: Calendar) -> date:
        if self.unit is not Unit.WORKING_DAY:
            return start.date()
        late = self.cut_off is not None and start.time() > self.cut_off and calendar.is_working(start.date())
        return calendar.next_working(start.date() + timedelta(days=1 if late else 0))

    def _count(self, day: date, amount: int, calendar: Calendar) -> date:
        match self.unit:
            case Unit.WORKING_DAY:
                return calendar.add(day, amount)
            case Unit.WEEK:
                return day + timedelta(weeks=amount)
            case Unit.MONTH:
                return _add_months(day, amount)
            case _:
                return day + timedelta(days=amount)


_CLOCK = re.compile(
    r"(?:(?P<amount>[0-9]+) (?P<unit>hour|day|working day|week|month)s?(?: (?P<anchor>before|after) (?P<fact>[a-z_]+))?"
    r"|on (?P<on>[a-z_]+))(?:, counted from the next working day after (?P<cut_off>[0-9]{1,2}:[0-9]{2}))?"
)
LONGEST: Mapping[Unit, int] = {
    Unit.HOUR: 87_600,
    Unit.DAY: 3_650,
    Unit.WORKING_DAY: 2_500,
    Unit.WEEK: 520,
    Unit.MONTH: 120,
}
"""Ten years in each unit. No statute knows a longer clock; a longer one in a journey is a slip of the pen."""


def parse_due(text: str) -> Due:
    """A clock as a journey writes it: `24 hours`, `2 working days`, `on discharge_date`, `1 working day before discharge_date`.

    A working-day clock may have a cut-off: `5 working days, counted from the next working day after 16:30`.

    Raises:
        ValueError: it does not read like any of these, or is longer than ten years; the message says what would be right.
    """
    text = " ".join(text.split())
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise ValueError(
            "a due time reads like: 24 hours, 2 working days, 3 weeks, on discharge_date, 1 working day before discharge_date, "
            "or 5 working days, counted from the next working day after 16:30"
        )
    if found["on"]:
        due = Due(text, 0, Unit.DAY, Anchor.AFTER, found["on"], _cut_off(found["cut_off"]))
    else:
        unit, anchor = Unit(found["unit"]), Anchor(found["anchor"]) if found["anchor"] else Anchor.START
        due = Due(text, _amount(found["amount"], unit), unit, anchor, found["fact"], _cut_off(found["cut_off"]))
    if due.cut_off and (due.unit is not Unit.WORKING_DAY or due.anchor is not Anchor.START):
        raise ValueError(
            "only working days that run from the start of the task have an hour from which they are counted"
        )
    return due


def _amount(digits: str, unit: Unit) -> int:
    most = LONGEST[unit]
    # Compared by length first: Python refuses, with another error, to read thousands of digits.
    digits = digits.lstrip("0") or "0"
    if len(digits) > len(str(most)) or int(digits) > most:
        raise ValueError(f"a clock runs for ten years at most, which is {most} {unit}s")
    return int(digits)


def _cut_off(text: str | None) -> time | None:
    try:
        return time.fromisoformat(text.zfill(5)) if text else None
    except ValueError:
        raise ValueError(f"there is no {text}; an hour of the day reads like 16:30") from None


def calendar_for(nation: str, published: Mapping[str, Iterable[date]], closures: Iterable[date] = ()) -> Calendar:
    """The calendar of a nation from published bank holidays by nation, with the council's own closures added.

    Raises:
        KeyError: nothing is published for that nation; the message lists those there are.
    """
    if nation not in published:
        raise KeyError(f"No bank holidays for {nation!r}. There are: {', '.join(sorted(published))}.")
    holidays = frozenset(published[nation])
    last = max(holidays, default=date.min)
    known_until = date(last.year, 12, 31) if holidays else date.min
    return Calendar(nation, holidays | frozenset(closures), known_until)


def _hours_after(moment: datetime, hours: int) -> datetime:
    """So many hours that really pass: on the clock on the wall, two days of the year have 23 and 25.

    With the offset of that moment, not its zone: to Python, a time of a zone is equal to no other in the hour that comes twice.
    """
    later = (moment.astimezone(UTC) + timedelta(hours=hours)).astimezone(moment.tzinfo)
    return later.replace(tzinfo=timezone(later.utcoffset() or timedelta()))


def _end_of(day: date) -> datetime:
    return datetime.combine(day, END_OF_DAY, LONDON)


def _add_months(day: date, months: int) -> date:
    """The same day so many months on; the last day of a shorter month (31 January and a month is 28 February)."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
