"""Fixed-width records: which field stands in which columns, checked, and written. Knows columns, not what stands in them.

A layout is written as an interface guide prints it, columns counted from 1, both ends included:

    action 2-7, reference 8-39, passenger 40-69

Two fields that share a column, or a column that no field owns, are refused when the settings are read: a layout with that mistake works
until the day the neighbour is not blank (AllPay's trailer, research/domain.md 1.2).
"""

import re
import unicodedata
from collections.abc import Collection, Mapping
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator

from connectors.sdk import EncodingQuirk, TranslationError, WidthQuirk

FILLER = "filler"
"""Columns that are always blank; the one name that may be used more than once."""

_COLUMN = re.compile(r"([a-z_]+) ([1-9]\d{0,3})-([1-9]\d{0,3})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class Column(NamedTuple):
    """A field and the columns it owns."""

    name: str
    first: int
    last: int

    @property
    def width(self) -> int:
        """How many characters fit."""
        return self.last - self.first + 1


def read_columns(text: object) -> tuple[Column, ...]:
    """A layout from its words.

    Raises:
        ValueError: not of that form, a field named twice, fields that overlap, or a gap.
    """
    if isinstance(text, tuple):
        return text
    columns = []
    for part in str(text).split(","):
        match = _COLUMN.fullmatch(" ".join(part.split()))
        if match is None:
            raise ValueError(f'"{part.strip()[:40]}" is not a field and its columns, such as: passenger 40-69')
        columns.append(Column(match[1], int(match[2]), int(match[3])))
    names = [column.name for column in columns if column.name != FILLER]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"named more than once: {', '.join(twice)}")
    end, before = 0, "the start of the record"
    for column in sorted(columns, key=lambda column: column.first):
        if column.last < column.first:
            raise ValueError(f"{column.name} ends in column {column.last}, before it begins in {column.first}")
        if column.first <= end:
            raise ValueError(f"{before} and {column.name} overlap in columns {column.first}-{min(end, column.last)}")
        if column.first > end + 1:
            raise ValueError(
                f"columns {end + 1}-{column.first - 1} between {before} and {column.name} belong to no field; "
                f"if they are meant to be blank, write: {FILLER} {end + 1}-{column.first - 1}"
            )
        end, before = column.last, column.name
    return tuple(sorted(columns, key=lambda column: column.first))


Layout = Annotated[tuple[Column, ...], BeforeValidator(read_columns)]
"""The setting: one record's layout, from its words."""


def write_record(layout: tuple[Column, ...], values: Mapping[str, str | int | None], cut: Collection[str]) -> str:
    """One record: text to the left and padded with blanks, numbers to the right and filled with zeros, nothing as blanks.

    Args:
        layout: fields in the order of their columns.
        values: what stands in each field that is not filler.
        cut: fields of free text, of which as much is written as fits.

    Raises:
        TranslationError: a value that must be whole is wider than its columns.
    """
    written = []
    for column in layout:
        value = None if column.name == FILLER else values[column.name]
        text = str(value).zfill(column.width) if isinstance(value, int) else value or ""
        if column.name in cut:
            text = WidthQuirk(width=column.width).cut(text)
        if len(text) > column.width:
            raise TranslationError(
                f"{column.name} does not fit into columns {column.first}-{column.last} and must not be cut. "
                "Widen it in the layout, as agreed with the depot.",
                code="too-wide",
            )
        written.append(text.ljust(column.width))
    return "".join(written)


def plain(text: str, encoding: EncodingQuirk) -> str:
    """Text that a fixed-width file can hold, each character one byte.

    A line break or any other control character would move every column behind it: it becomes a blank. A letter that the encoding lacks
    loses its accent (the Welsh w with circumflex is not in cp1252); what is left without an equivalent becomes a question mark.
    """
    return "".join(_plain_character(character, encoding) for character in _CONTROL.sub(" ", text))


def _plain_character(character: str, encoding: EncodingQuirk) -> str:
    written = encoding.encode(character)
    if written == b"?" and character != "?":
        written = encoding.encode(unicodedata.normalize("NFKD", character)[0])
    return written.decode(encoding.encoding)
