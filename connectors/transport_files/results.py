"""Reading a results file, and remembering what was read. Pure: a file and a checkpoint in, records and a checkpoint out.

Each file repeats the rows of some days, so most were read before. The rows of a booking that go on where those of the file before ended are
no news; a row's position names the file and line it was news in. So a booking that goes from A to B and back to A says so three times, and
a row that ten files repeat says it once, whether a file gives a booking's last row or all of them. Of a file that comes late, after one
that was made after it, only rows that no file has said are news.
"""

import csv
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import Any, BinaryIO, NamedTuple, Self
from zoneinfo import ZoneInfo

from connectors.sdk import Checkpoint, ContractBroken, EncodingQuirk, LegacyRecord
from connectors.transport_files.rules import FileRules

DATASET = "results"
_BEGINNING = 4096
_DIGITS = 24
_AT_ONCE = 64 * 1024
_TOO_MANY = 100


class Found(NamedTuple):
    """A file in a folder of the depot."""

    name: str
    size: int
    modified: int
    """Seconds since 1970, by the server's clock."""

    def made(self, rules: FileRules) -> int | None:
        """When it was made, as its name says on the depot's clock; None where it has no name of a results file.

        Never after it was last modified, for a clock may be wrong. Of the hour that comes twice in autumn, the one that is nearer to that.
        """
        try:
            named = datetime.strptime(self.name, rules.results_name)  # noqa: DTZ007 - the zone follows
        except ValueError:
            return None
        zone = ZoneInfo(rules.moments.zone)
        both = [int(named.replace(tzinfo=zone, fold=fold).timestamp()) for fold in (0, 1)]
        return min(self.modified, min(both, key=lambda moment: abs(moment - self.modified)))


class Fault(StrEnum):
    """What is wrong with a results file, or with one row of it, and what to do about it."""

    PAGE = "an HTML page instead of CSV. Ask the depot what its export says."
    ENCODING = "not in the declared encoding. Set encoding to what the depot really sends."
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
        rows: between header and trailer; read as they are asked for, so that no more than one is in memory.
    """

    headings: Sequence[str]
    rows: Iterator[Row]


def read_sheet(name: str, file: BinaryIO, rules: FileRules) -> Sheet:
    """A results file. It is gone through twice: without its trailer nothing of it is used, and it may be too large to be held.

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


@dataclass
class Seen:
    """What was read so far: the checkpoint, unpacked."""

    files: dict[str, list[Any]] = field(default_factory=dict)
    """Name of each file within the overlap to its size, time, content hash, and when it was made."""
    rows: dict[str, list[Any]] = field(default_factory=dict)
    """Booking number to the newest file that held rows of it, their hashes in order, and each row before them with the last file it was in.

    A row with a fault stands alone, under its hash."""
    refused: list[str] = field(default_factory=list)
    """Names of the refused booking files that were reported."""
    headings: list[str] = field(default_factory=list)
    """Of every column that a file has had."""

    @classmethod
    def of(cls, checkpoint: Checkpoint | None) -> Self:
        """What a checkpoint remembers; nothing, where there is none."""
        kept = checkpoint or {}
        return cls(
            files={name: list(facts) for name, facts in kept.get("files", {}).items()},
            rows={booking: list(row) for booking, row in kept.get("rows", {}).items()},
            refused=list(kept.get("refused", ())),
            headings=list(kept.get("headings", ())),
        )

    def checkpoint(self) -> Checkpoint:
        """The same as JSON values, independent of what is read after it."""
        return {
            "files": {name: list(facts) for name, facts in self.files.items()},
            "rows": {booking: list(row) for booking, row in self.rows.items()},
            "refused": list(self.refused),
            "headings": list(self.headings),
        }

    def knows(self, file: Found) -> bool:
        """Whether nothing about a file has changed since it was read."""
        return self.files.get(file.name, [])[:2] == [file.size, file.modified]

    def news(self, file: Found, content: BinaryIO, rules: FileRules, *, may_grow: bool) -> "News":
        """What a file says that was not known; it is remembered as read. One that cannot be used is a record that says so.

        Raises:
            BrokenFile: it cannot be used, and `may_grow`: nothing is remembered, look again.
            ContractBroken: it has other columns than were agreed: nothing is remembered.
        """
        digest = _hash_of(content)
        remarks: tuple[str, ...] = ()
        made = file.made(rules)
        made = file.modified if made is None else made
        try:
            if any(facts[2] == digest for facts in self.files.values()):
                records: tuple[LegacyRecord, ...] = ()
            else:
                sheet = read_sheet(file.name, content, rules)
                records = tuple(self._changed_rows(file.name, made, list(sheet.rows)))
                remarks = self._new_columns(file.name, sheet.headings)
        except BrokenFile as error:
            if may_grow:
                raise
            records = (_faulty(file.name, f"{file.name}|{digest}", error.fault),)
        self.files[file.name] = [file.size, file.modified, digest, made]
        return News(records, remarks)

    def _changed_rows(self, name: str, made: int, rows: Sequence[Row]) -> Iterator[LegacyRecord]:
        hashes: dict[str, list[str]] = {}
        for row in rows:
            hashes.setdefault(_owner(row), []).append(row.digest)
        late = {owner for owner in hashes if self._newer(owner, made)}
        repeated = {
            owner: 0 if owner in late else _repeated(self.rows.get(owner, ["", [], {}])[1], now)
            for owner, now in hashes.items()
        }
        for row in rows:
            owner = _owner(row)
            if owner in late and self._has_said(owner, row.digest):
                continue
            if repeated[owner]:
                repeated[owner] -= 1
                continue
            position = f"{name}|{row.line}|{row.digest}"
            if row.fault is not None:
                yield _faulty(f"{name}, line {row.line}", position, row.fault)
            else:
                yield LegacyRecord(dataset=DATASET, key=owner, position=position, values=row.values)
        for owner, now in hashes.items():
            last, before, earlier = self.rows.get(owner, [name, [], {}])
            if owner in late:
                self.rows[owner] = [last, before, earlier | dict.fromkeys(now, name)]
            else:
                self.rows[owner] = [name, now, earlier | dict.fromkeys(before, last)]

    def _newer(self, owner: str, made: int) -> bool:
        """Whether rows of a booking were read from a file that was made later: this one came late."""
        last = self.files.get(self.rows.get(owner, [""])[0])
        return last is not None and last[3] > made

    def _has_said(self, owner: str, digest: str) -> bool:
        _, newest, earlier = self.rows[owner]
        return digest in newest or digest in earlier

    def _new_columns(self, name: str, headings: Sequence[str]) -> tuple[str, ...]:
        """A word about each column that no file has had before; about those of the very first file none."""
        new = [heading for heading in headings if heading and heading not in self.headings]
        known, self.headings = self.headings, [*self.headings, *new]
        return tuple(
            f"{name} has a column {heading} that no file had before; it is not read." for heading in new if known
        )

    def refusals(self, files: Collection[Found]) -> tuple[LegacyRecord, ...]:
        """Booking files that the depot could not use and that were not reported yet; they are remembered as long as they lie there."""
        new = [file for file in sorted(files) if file.name not in self.refused]
        self.refused = sorted(file.name for file in files)
        return tuple(
            LegacyRecord(
                dataset=DATASET,
                key=file.name,
                position=f"refused|{file.name}|{file.modified}",
                values={"refused_at": datetime.fromtimestamp(file.modified, UTC).isoformat()},
            )
            for file in new
        )

    def looks_back(self, overlap_s: float) -> float:
        """From when a file may be news: the time of the newest that was read, less the overlap. Older ones are forgotten.

        The rows that only forgotten files held go with them: no later file repeats them.
        """
        since = max((facts[1] for facts in self.files.values()), default=0) - overlap_s
        self.files = {name: facts for name, facts in self.files.items() if facts[1] >= since}
        self.rows = {
            booking: [last, now, {digest: name for digest, name in earlier.items() if name in self.files}]
            for booking, (last, now, earlier) in self.rows.items()
            if last in self.files
        }
        return since


class News(NamedTuple):
    """What a file said.

    Attributes:
        remarks: about the file itself, for a person.
    """

    records: tuple[LegacyRecord, ...]
    remarks: tuple[str, ...]


def _faulty(key: str, position: str, fault: Fault) -> LegacyRecord:
    return LegacyRecord(dataset=DATASET, key=key, position=position, values={"fault": fault.name})


def _repeated(before: list[str], now: list[str]) -> int:
    """How many of the rows now are the last ones before."""
    return next((many for many in range(min(len(before), len(now)), 0, -1) if before[-many:] == now[:many]), 0)


def _owner(row: Row) -> str:
    """Under what a row is remembered: its booking, or itself where it cannot be read."""
    return row.digest if row.fault is not None else row.values["booking"].strip()


def _hash_of(file: BinaryIO) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(_AT_ONCE):
        digest.update(piece)
    return digest.hexdigest()[:_DIGITS]


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGITS]
