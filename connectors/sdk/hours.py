"""The hours in which a feed is expected to speak: `always`, `every day 06:00-22:00`, `working days 08:00-18:00`. Pure.

They are on the clock in Britain. Which days are working days the hub knows: its nation's bank holidays, its own closures.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
IsWorking = Callable[[date], bool]
_READS = re.compile(r"(?P<days>working days|every day) (?P<opens>\d{1,2}:\d{2})-(?P<closes>\d{1,2}:\d{2})")
_MOST_DAYS = 60
"""A silence is counted so far back; a longer one is longer than any cadence."""
LONGEST_CADENCE_S = 31 * 86_400.0
"""A feed that speaks less than once a month is looked after by a person."""


@dataclass(frozen=True)
class Hours:
    """Days and hours.

    Attributes:
        text: as the manifest or the settings file have it.
        working_days: whether weekends and bank holidays are left out.
        opens, closes: on the clock in Britain; both None for day and night.
    """

    text: str
    working_days: bool = False
    opens: time | None = None
    closes: time | None = None

    def on(self, day: date, is_working: IsWorking) -> tuple[datetime, datetime] | None:
        """When they begin and end on a day, in UTC; None on a day off."""
        if self.working_days and not is_working(day):
            return None
        begins = datetime.combine(day, self.opens or time(), LONDON)
        ends = (
            datetime.combine(day, self.closes, LONDON)
            if self.closes
            else datetime.combine(day + timedelta(days=1), time(), LONDON)
        )
        return begins.astimezone(UTC), ends.astimezone(UTC)

    def are_now(self, now: datetime, is_working: IsWorking) -> bool:
        """Whether something is expected at this moment."""
        hours = self.on(now.astimezone(LONDON).date(), is_working)
        return hours is not None and hours[0] <= now < hours[1]

    def seconds_between(self, begin: datetime, end: datetime, is_working: IsWorking) -> float:
        """How much of a stretch of time lies within these hours, in seconds; counted for the last two months of it."""
        begin = max(begin, end - timedelta(days=_MOST_DAYS))
        return sum(
            max(0.0, (min(hours[1], end) - max(hours[0], begin)).total_seconds())
            for day in _days(begin.astimezone(LONDON).date(), end.astimezone(LONDON).date())
            if (hours := self.on(day, is_working))
        )


ALWAYS = Hours("always")


def parse_hours(text: str) -> Hours:
    """Hours as a manifest writes them.

    Raises:
        ValueError: it does not read so; says what would be right.
    """
    words = " ".join(text.split())
    if words == ALWAYS.text:
        return ALWAYS
    found = _READS.fullmatch(words)
    opens, closes = (_hour(found["opens"]), _hour(found["closes"])) if found else (None, None)
    if found is None or opens is None or closes is None or opens >= closes:
        raise ValueError(
            "hours read like: always, every day 06:00-22:00, working days 08:00-18:00; they end on the day they begin"
        )
    return Hours(words, found["days"] == "working days", opens, closes)


def _hour(text: str) -> time | None:
    try:
        return time.fromisoformat(text.zfill(5))
    except ValueError:
        return None


def _days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(days=1)
