"""A time axis: where a moment lies, and which moments get a label. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from hub.journeys.clocks import LONDON
from hub.pages.dates import clock, local, short_day

_STEPS = (
    *(timedelta(seconds=s) for s in (1, 5, 15, 30)),
    *(timedelta(minutes=m) for m in (1, 5, 15, 30)),
    *(timedelta(hours=h) for h in (1, 3, 6, 12)),
    *(timedelta(days=d) for d in (1, 2, 7, 14, 28, 91, 182)),
)
_YEARS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_DAY, _YEAR = timedelta(days=1), timedelta(days=365)
_LABEL, _LABEL_WITH_YEAR = 96.0, 116.0
"""Room a label needs, in units of the drawing."""


@dataclass(frozen=True)
class Tick:
    """A labelled moment."""

    x: float
    label: str


@dataclass(frozen=True)
class Axis:
    """A stretch of time laid on a stretch of the drawing.

    Attributes:
        start, end: the moments at its ends; end lies behind start.
        left, right: where these lie.
    """

    start: datetime
    end: datetime
    left: float
    right: float

    def x(self, moment: datetime) -> float:
        """Where a moment lies; one outside is put at the nearer end."""
        share = (moment - self.start) / (self.end - self.start)
        return round(self.left + (self.right - self.left) * min(1.0, max(0.0, share)), 1)

    def holds(self, moment: datetime) -> bool:
        """Whether a moment lies on the axis."""
        return self.start <= moment <= self.end

    def ticks(self) -> list[Tick]:
        """Labelled moments: round ones, as many as there is room for; with the year where not all lie in one."""
        length, with_year = self.end - self.start, local(self.start).year != local(self.end).year
        label = _LABEL_WITH_YEAR if with_year else _LABEL
        room = max(2, int((self.right - self.left) / label))
        step = next((step for step in _STEPS if length / step <= room), None)
        if step is None:
            years = next((years for years in _YEARS if length / (_YEAR * years) <= room), _YEARS[-1])
            named = [(at, str(local(at).year)) for at in self._new_years(years)]
        else:
            moments = self._days(step.days) if step >= _DAY else self._within_a_day(step)
            named = [(at, _label(at, step, with_year=with_year)) for at in moments]
        return [Tick(self.x(at), words) for at, words in named if self.x(at) <= self.right - label * 0.7]

    def _new_years(self, step: int) -> Iterator[datetime]:
        for year in range(local(self.start).year + 1, local(self.end).year + 1):
            if year % step == 0:
                yield datetime(year, 1, 1, tzinfo=LONDON)

    def _days(self, step: int) -> Iterator[datetime]:
        """Midnights; steps of weeks fall on Mondays, since ordinal 1 was one."""
        day = local(self.start).date()
        while (at := datetime.combine(day, time(), LONDON)) <= self.end:
            if at >= self.start and (day.toordinal() - 1) % step == 0:
                yield at
            day += _DAY

    def _within_a_day(self, step: timedelta) -> Iterator[datetime]:
        at = datetime.combine(local(self.start).date(), time(), LONDON)
        at += step * ((self.start - at) // step)
        while at <= self.end:
            if at >= self.start:
                yield at
            at += step


def _label(at: datetime, step: timedelta, *, with_year: bool) -> str:
    if step >= _DAY or (step >= timedelta(hours=1) and local(at).time() == time()):
        return short_day(at, with_year=with_year)
    return clock(at) if step >= timedelta(minutes=1) else f"{local(at):%H:%M:%S}"
