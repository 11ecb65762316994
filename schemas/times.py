"""Days and moments within the years that a council counts in.

A typing error (the year 20226), a legacy system's "never" (9999-12-31) and its "not yet" (0001-01-01) are no days: nobody can count
working days from them, and arithmetic on them leaves the calendar. They are refused by the type of the field, wherever they come in.
"""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field
from pydantic_core import PydanticCustomError

FIRST_YEAR, LAST_YEAR = 1900, 2099
FIRST_MOMENTS_YEAR, LAST_MOMENTS_YEAR = 1800, 2199
"""Moments may lie further out than days, since clocks count up to ten years back and on from days."""


def _written(raw: Any) -> Any:
    """Refuses a number, or a text that is one: pydantic would count it in seconds from 1970, and nobody who sends it means that."""
    # Nearly all: a year and a hyphen make no number. To try it as one costs more than all the rest of reading it.
    if isinstance(raw, datetime) or (isinstance(raw, str) and raw[4:5] == "-" and raw[:4].isdecimal()):
        return raw
    try:
        float(raw)
    except (TypeError, ValueError):
        return raw
    raise PydanticCustomError(
        "date-is-a-number", "A date reads like 2026-11-30, a time like 2026-11-30T14:00:00Z; a number is neither."
    )


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


Day = Annotated[
    date, BeforeValidator(_written), AfterValidator(_day), Field(description=f"A day from {FIRST_YEAR} to {LAST_YEAR}")
]
"""A day of somebody's life, or of the council's work."""

Moment = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_moment)]
"""A moment with its zone."""
