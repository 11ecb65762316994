"""Declared quirks: how a legacy system writes text, dates, numbers and names, as settings that the SDK executes.

A connector declares them with its product's habits as defaults, a council overrides what differs, and `mapping.py` reads through them:

    class Settings(ConnectorSettings):
        text: TextQuirk = TextQuirk(placeholders=(". NB -",))
        moments: MomentQuirk = MomentQuirk(formats=("%d/%m/%Y %H:%M", "%d-%b-%Y %H:%M"))

    raised = settings.moments.required(record, "created")

Every reader answers None for what is missing (blank, sentinel, placeholder) and raises a TranslationError that names dataset and field,
never the value. The oddities are real: `research/domain.md` sections 1 and 2 name the systems they were seen in.
"""

import re
from abc import abstractmethod
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Generic, Self, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, model_validator

from connectors.sdk.contract import LegacyRecord
from connectors.sdk.errors import TranslationError
from connectors.sdk.settings import SettingsSection

T = TypeVar("T")

SENTINEL_DATES = (date(1900, 1, 1), date(1753, 1, 1), date(2099, 12, 31))
"""SQL Server's '' in a date, its earliest date, and "open-ended"."""


def _is_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("not a time zone of the tz database, such as Europe/London")
    return name


def _is_format(text: str) -> str:
    if "%" not in text:
        raise ValueError("not a date format; write it like %d/%m/%Y")
    return text


Format = Annotated[str, AfterValidator(_is_format)]
Zone = Annotated[str, AfterValidator(_is_zone)]


class Quirk(SettingsSection, Generic[T]):
    """How one kind of value is written in a legacy system."""

    @abstractmethod
    def parse(self, raw: object) -> T | None:
        """The value, or None where it is missing.

        Raises:
            TranslationError: it cannot be read; the message is the end of a sentence that begins with the field.
        """

    def read(self, record: LegacyRecord, field: str) -> T | None:
        """The value of a record's field, or None where it is missing.

        Raises:
            TranslationError: the record has no such field, or its value cannot be read.
        """
        if field not in record.values:
            raise TranslationError(
                f"{record.dataset}: no field {field} in the record. Check the column names in the settings.",
                code="missing-field",
            )
        try:
            return self.parse(record.values[field])
        except TranslationError as error:
            raise TranslationError(f"{record.dataset}: {field} {error}", code=error.code) from None

    def required(self, record: LegacyRecord, field: str) -> T:
        """As `read`, for a field that must hold something.

        Raises:
            TranslationError: as `read`; code missing-value where it holds nothing.
        """
        value = self.read(record, field)
        if value is None:
            raise TranslationError(f"{record.dataset}: {field} is empty and must not be.", code="missing-value")
        return value


class TextQuirk(Quirk[str]):
    """Text padded with blanks; blank is missing."""

    placeholders: tuple[str, ...] = ()
    """Texts that stand for nothing, without padding: ". NB -"."""

    def parse(self, raw: object) -> str | None:
        """The text without padding."""
        text = _text(raw)
        return None if not text or text in self.placeholders else text


class DateQuirk(Quirk[date]):
    """A day, as a driver's date or as text in one of several formats."""

    formats: tuple[Format, ...] = ("%Y-%m-%d",)
    """Formats that are accepted, tried in this order; the first is the one written."""
    sentinels: tuple[date, ...] = SENTINEL_DATES
    """Days that mean "none" or "open-ended"."""
    when_missing: str = ""
    """What is written for a day that is missing."""

    def parse(self, raw: object) -> date | None:
        """The day; a time of day beside it is dropped."""
        if isinstance(raw, date):
            day = raw.date() if isinstance(raw, datetime) else raw
        elif text := _text(raw):
            day = _in_formats(text, self.formats).date()
        else:
            return None
        return None if day in self.sentinels else day

    def write(self, day: date | None) -> str:
        """The day as the legacy system wants it.

        Raises:
            TranslationError: the system would read it as none.
        """
        return self.when_missing if day is None else _no_sentinel(day, self.sentinels).strftime(self.formats[0])


class RepeatedHour(StrEnum):
    """Which of the two is meant by a time in the hour that comes twice when summer time ends."""

    FIRST = "first"
    SECOND = "second"


class MomentQuirk(Quirk[datetime]):
    """A moment, as local time without a zone: every legacy system's habit. Answers carry the zone."""

    formats: tuple[Format, ...] = (
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%d %H:%M:%S.%f",
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%dT%H:%M:%S.%f",
    )
    """Formats that are accepted, tried in this order; the first is the one written. One with %z brings its own zone."""
    sentinels: tuple[date, ...] = SENTINEL_DATES
    """Days that mean "none", at whatever time."""
    zone: Zone = "Europe/London"
    """Zone of the legacy system's clock."""
    repeated_hour: RepeatedHour = RepeatedHour.FIRST
    """Meaning of a time that comes twice; a time that the spring change skips is moved an hour forward."""
    when_missing: str = ""
    """What is written for a moment that is missing."""

    def parse(self, raw: object) -> datetime | None:
        """The moment with its zone; a day without a time is its midnight."""
        if isinstance(raw, datetime):
            moment = raw
        elif isinstance(raw, date):
            moment = datetime.combine(raw, time())
        elif text := _text(raw):
            moment = _in_formats(text, self.formats)
        else:
            return None
        return None if moment.date() in self.sentinels else self.localised(moment)

    def localised(self, moment: datetime) -> datetime:
        """A wall-clock time of the legacy system as the moment it was; one that has a zone keeps it."""
        return moment if moment.tzinfo is not None else _localised(moment, self.zone, self.repeated_hour)

    def write(self, moment: datetime | None) -> str:
        """The moment on the legacy system's clock, as it wants it written.

        Raises:
            TranslationError: the system would read it as none.
        """
        return self.when_missing if moment is None else self.wall_time(moment).strftime(self.formats[0])

    def wall_time(self, moment: datetime) -> datetime:
        """The moment on the legacy system's clock, without a zone, for whoever writes it as it is.

        Raises:
            TranslationError: the system would read it as none.
        """
        there = moment.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)
        _no_sentinel(there.date(), self.sentinels)
        return there


class IdentifierQuirk(Quirk[str]):
    """A number kept as text: zeros lost to a spreadsheet or an integer column are put back."""

    width: Annotated[int, Field(ge=0, le=64)] = 0
    """Zero-filled to this many digits; 0 leaves it as it is."""

    def parse(self, raw: object) -> str | None:
        """The identifier, whole."""
        text = _text(raw)
        if not text:
            return None
        whole = re.fullmatch(r"(\d+)\.0+", text)
        text = whole[1] if whole else text
        return text.zfill(self.width) if text.isdigit() else text

    def write(self, value: str) -> str:
        """The identifier as the legacy system keeps it."""
        return value.zfill(self.width) if value.isdigit() else value


class NumberQuirk(Quirk[Decimal]):
    """A number, perhaps padded, with thousands marks, or with its sign behind it."""

    thousands: str = ","
    """Mark between thousands; dropped."""

    def parse(self, raw: object) -> Decimal | None:
        """The number, exactly."""
        text = _text(raw)
        if not text:
            return None
        text = text.replace(self.thousands, "") if self.thousands else text
        if text.endswith("-"):
            text = "-" + text[:-1].strip()
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise TranslationError("is not a number.", code="bad-number") from None
        if not number.is_finite():
            raise TranslationError("is not a number.", code="bad-number")
        return number


class MoneyUnit(StrEnum):
    """In what a legacy system counts money."""

    POUNDS = "pounds"
    PENCE = "pence"


class MoneyQuirk(Quirk[int]):
    """An amount of money; answers are whole pence."""

    unit: MoneyUnit = MoneyUnit.POUNDS
    """What the legacy system counts in."""
    thousands: str = ","
    """Mark between thousands; dropped."""

    def parse(self, raw: object) -> int | None:
        """Whole pence."""
        text = raw.strip().removeprefix("£") if isinstance(raw, str) else raw
        number = NumberQuirk(thousands=self.thousands).parse(text)
        if number is None:
            return None
        pence = number * 100 if self.unit is MoneyUnit.POUNDS else number
        if pence != pence.to_integral_value():
            raise TranslationError("is not a whole number of pence.", code="bad-money")
        return int(pence)


class FlagQuirk(Quirk[bool]):
    """Yes or no, in whatever words; one system may use several pairs at once."""

    yes: tuple[str, ...] = ("Y", "YES", "TRUE", "1")
    """Words for yes, in capitals."""
    no: tuple[str, ...] = ("N", "NO", "FALSE", "0")
    """Words for no, in capitals."""

    def parse(self, raw: object) -> bool | None:
        """True, False, or None where it is blank."""
        if isinstance(raw, bool) or raw is None:
            return raw
        word = _text(raw).upper()
        if not word:
            return None
        if word in self.yes or word in self.no:
            return word in self.yes
        raise TranslationError(
            f"is neither yes ({', '.join(self.yes)}) nor no ({', '.join(self.no)}).", code="bad-flag"
        )


class WidthUnit(StrEnum):
    """What a field's width counts."""

    CHARACTERS = "characters"
    BYTES = "bytes"


class WidthQuirk(SettingsSection):
    """A field of the legacy system that holds only so much: what is longer is cut, visibly."""

    width: Annotated[int, Field(ge=1, le=100_000)]
    """How much fits."""
    unit: WidthUnit = WidthUnit.CHARACTERS
    """What is counted."""
    encoding: str = "cp1252"
    """Where bytes are counted: how the system encodes them."""
    marker: str = ""
    """Ends a text that was cut, such as "..."; counts towards the width."""

    @model_validator(mode="after")
    def _marker_fits(self) -> Self:
        if self._size(self.marker) > self.width:
            raise ValueError("the marker is wider than the field")
        return self

    def cut(self, text: str) -> str:
        """The text, or as much of it as fits with the marker behind it. Never half a character."""
        if self._size(text) <= self.width:
            return text
        room = self.width - self._size(self.marker)
        kept = text[:room]
        while self._size(kept) > room:
            kept = kept[:-1]
        return kept + self.marker

    def _size(self, text: str) -> int:
        return len(text) if self.unit is WidthUnit.CHARACTERS else len(text.encode(self.encoding, "replace"))


class OverlapQuirk(SettingsSection):
    """A poll looks back a little: rows become visible late and clocks disagree. What was seen twice has the same position."""

    overlap_s: Annotated[float, Field(ge=0, le=604_800)] = 300.0
    """How far a poll looks back before the newest record it has seen, in seconds."""

    def since(self, newest: datetime) -> datetime:
        """From when to read, given the newest moment seen so far."""
        return newest - timedelta(seconds=self.overlap_s)


def listed(value: Any) -> list[Any]:
    """A reply's items as a list: SOAP stacks and XML readers give one item bare, none as None, several as a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _text(raw: object) -> str:
    """Any value as text without padding; fixed-width columns pad with blanks, some with NULs."""
    if raw is None:
        return ""
    if isinstance(raw, bytes):
        raise TranslationError("is binary, not text.", code="bad-text")
    return str(raw).strip(" \t\r\n\x00")


_REMEMBERED = 8_192
"""Texts and times whose meaning is remembered: a file or a page says the same ones over and over, and `strptime` is slow."""
_TOO_FINE = re.compile(r"(\.\d{6})\d+")
"""SQL Server writes seven decimals of a second, strptime reads six."""


def _no_sentinel(day: date, sentinels: tuple[date, ...]) -> date:
    if day in sentinels:
        raise TranslationError(
            "a day that means none in this system cannot be written there. Correct the date of the request, or order by hand.",
            code="sentinel-day",
        )
    return day


@lru_cache(_REMEMBERED)
def _localised(moment: datetime, zone_name: str, repeated_hour: RepeatedHour) -> datetime:
    zone = ZoneInfo(zone_name)
    fold = int(repeated_hour is RepeatedHour.SECOND)
    there_and_back = moment.replace(tzinfo=zone, fold=fold).astimezone(UTC).astimezone(zone)
    if there_and_back.replace(tzinfo=None) == moment:
        return there_and_back
    # The clock never showed this time: read it with the offset of winter, which lands an hour further on.
    return moment.replace(tzinfo=zone, fold=0).astimezone(UTC).astimezone(zone)


@lru_cache(_REMEMBERED)
def _in_formats(text: str, formats: tuple[str, ...]) -> datetime:
    text = _TOO_FINE.sub(r"\1", text)
    for candidate in formats:
        try:
            return datetime.strptime(text, candidate)  # noqa: DTZ007 - a legacy clock has no zone; `localised` adds it
        except ValueError:
            continue
    raise TranslationError(f"is in none of the declared formats ({', '.join(formats)}).", code="bad-date")
