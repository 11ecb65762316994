"""Days and moments within the years that a council counts in.

A typing error (the year 20226), a legacy system's "never" (9999-12-31) and its "not yet" (0001-01-01) are no days: nobody can count
working days from them, and arithmetic on them leaves the calendar. They are refused by the type of the field, wherever they come in.
"""

from datetime import date, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field
from pydantic_core import PydanticCustomError

FIRST_YEAR, LAST_YEAR = 1900, 2099
FIRST_MOMENTS_YEAR, LAST_MOMENTS_YEAR = 1800, 2199
"""Moments may lie further out than days, since clocks count up to ten years back and on from days."""


def _within(first: int, last: int, year: int) -> None:
    if not first <= year <= last:
        raise PydanticCustomError(
            "year-out-of-range", f"The year lies outside {first} to {last}. Check what was typed."
        )


def _day(day: date) -> date:
    _within(FIRST_YEAR, LAST_YEAR, day.year)
    return day


def _moment(moment: datetime) -> datetime:
    _within(FIRST_MOMENTS_YEAR, LAST_MOMENTS_YEAR, moment.year)
    return moment


Day = Annotated[date, AfterValidator(_day), Field(description=f"A day from {FIRST_YEAR} to {LAST_YEAR}")]
"""A day of somebody's life, or of the council's work."""

Moment = Annotated[AwareDatetime, AfterValidator(_moment)]
"""A moment with its zone."""
