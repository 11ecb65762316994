"""Reading one results file: whether it is whole and as agreed, and what stands in its rows. Pure, and forgets everything."""

import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from io import SEEK_END
from itertools import islice
from typing import BinaryIO, NamedTuple

from connectors.sdk import ContractBroken, EncodingQuirk
from connectors.transport_files.rules import FileRules

DIGITS = 24
"""Of what tells contents apart."""
LARGEST_FILE = 64_000_000
"""Bytes: the bookings of a city's month. All rows of a file are in memory at once, for a booking's last ones decide what is news."""
_BEGINNING = 4096
_TOO_MANY = 100


class Fault(StrEnum):
    """What is wrong with a results file, or with one row of it, and what to do about it."""

    PAGE = "an HTML page instead of CSV. Ask the depot what its export says."
    ENCODING = "not in the declared encoding. Set encoding to what the depot really sends."
    SIZE = "larger than 64 MB. Ask the depot for fewer days in one."
    NOT_CSV = "not CSV. Ask the depot for it again."
    NO_TRAILER = "its last line is no trailer: it was cut. Ask the depot for it again."
    NO_HEADER = "no header line with the names in columns. Set columns to what the depot sends."
    COUNT = "its trailer gives another number of rows than it holds. Ask the depot for it again."
    ROW = "this row has not one value for each header, or is far too long. Ask the depot to correct it."
    CHARACTER = "a byte of this row is none of the declared encoding. Ask the depot to correct it, or set encoding to what it really sends."

    @property
    def of_a_row(self) -> bool:
        """Whether the rest of the file can be used."""
        return self in {Fault.ROW, Fault.CHARACTER}


class BrokenFile(Exception):
    """A results file that is not what was agreed; nothing of it is used, the next file repeats its rows."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.name)
        self.fault = fault


class Row(NamedTuple):
    """One row of a results file.

    Attributes:
        line: where it begins in the file, from 1.
        digest: of what stands in it.
        values: by our names; none, where it has a fault.
    """

    line: int
    digest: str
    values: dict[str, str]
    fault: Fault | None


class Sheet(NamedTuple):
    """A results file, of which it is known that it is whole.

    Attributes:
        headings: of its columns, in its own order.
        rows: between header and trailer; read as they are asked for.
    """

    headings: Sequence[str]
    rows: Iterator[Row]


def read_sheet(name: str, file: BinaryIO, rules: FileRules) -> Sheet:
    """A results file. It is gone through twice: without its trailer nothing of it is used.

    Raises:
        BrokenFile: it is not as agreed, or not yet.
        ContractBroken: it is whole, and has other columns than were agreed.
    """
    headings, many = _framed(file, rules)
    names = {heading: ours for ours, heading in rules.columns.model_dump().items()}
    if unclear := [heading for heading in names if headings.count(heading) != 1]:
        others = ", ".join(sorted(set(headings) - names.keys())) or "none"
        raise ContractBroken(
            f"{name}: not one column {', '.join(unclear)}; columns that no setting names: {others}. It waits where it is: set columns "
            "to what the depot sends now, and start the connector again."
        )
    between = islice(_lines(file, rules), 1, many + 1)
    return Sheet(headings, (_row(line, values, headings, names) for line, values in between))


def _framed(file: BinaryIO, rules: FileRules) -> tuple[list[str], int]:
    """The headings of a results file, and how many rows it has, by its trailer and by count.

    Raises:
        BrokenFile: it is no results file, or not a whole one.
    """
    if file.seek(0, SEEK_END) > LARGEST_FILE:
        raise BrokenFile(Fault.SIZE)
    file.seek(0)
    if file.read(_BEGINNING).lstrip()[:1] == b"<":
        raise BrokenFile(Fault.PAGE)
    headings, last, lines = list[str](), [""], 0
    for _, last in _lines(file, rules):
        if not lines and any(map(_unwritable, last)):
            raise BrokenFile(Fault.ENCODING)
        headings = headings or [heading.strip() for heading in last]
        lines += 1
    if last[0].strip() != rules.trailer_mark:
        raise BrokenFile(Fault.NO_TRAILER)
    if not set(rules.columns.model_dump().values()) & set(headings):
        raise BrokenFile(Fault.NO_HEADER)
    if [count.strip() for count in last[1:2]] != [str(lines - 2)]:
        raise BrokenFile(Fault.COUNT)
    return headings, lines - 2


def _lines(file: BinaryIO, rules: FileRules) -> Iterator[tuple[int, list[str]]]:
    """The lines that are not blank, with where they begin: a value in quotes may run over several.

    Raises:
        BrokenFile: it is not in the declared encoding at all, or no CSV.
    """
    file.seek(0)
    try:
        values, ended = csv.reader(_text(file, rules), delimiter=rules.delimiter), 0
        for line in values:
            if any(map(str.strip, line)):
                yield ended + 1, line
            ended = values.line_num
    except ContractBroken:
        raise BrokenFile(Fault.ENCODING) from None
    except csv.Error:
        raise BrokenFile(Fault.NOT_CSV) from None


def _text(file: BinaryIO, rules: FileRules) -> Iterator[str]:
    """The lines of a file as text; in the place of one that is far too long stands one with too many values, which is nobody's row."""
    for line in rules.encoding.lines(file, "results"):
        yield (rules.delimiter.join([f"{line.length} bytes"] * _TOO_MANY) if line.text is None else line.text) + "\n"


def _row(line: int, found: list[str], headings: list[str], names: Mapping[str, str]) -> Row:
    fault = None
    if len(found) != len(headings):
        fault = Fault.ROW
    elif any(map(EncodingQuirk.is_marked, found)):
        fault = Fault.CHARACTER
    if fault is not None:
        return Row(line, _hash("\0".join(found).encode(errors="surrogateescape")), {}, fault)
    whole = dict(zip(headings, found, strict=True))
    values = {ours: whole[heading] for heading, ours in names.items()}
    return Row(line, _hash(repr(sorted(values.items())).encode()), values, None)


def _unwritable(heading: str) -> bool:
    """Whether nobody calls a column so: every second byte of another encoding is a NUL."""
    return "\0" in heading or EncodingQuirk.is_marked(heading)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:DIGITS]
