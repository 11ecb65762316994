"""Reading a results file, and remembering what was read. Pure: a file and a checkpoint in, records and a checkpoint out.

Each file repeats the rows of some days, so most were read before. The rows of a booking that go on where those of the file before ended are
no news; a row's position names the file and line it was news in. So a booking that goes from A to B and back to A says so three times, and
a row that ten files repeat says it once, whether a file gives a booking's last row or all of them.
"""

import csv
import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import Any, BinaryIO, NamedTuple, Self

from connectors.sdk import Checkpoint, ContractBroken, LegacyRecord
from connectors.sdk.lines import lines_of
from connectors.transport_files.rules import FileRules

DATASET = "results"
_BEGINNING = 4096
_DIGITS = 24
_AT_ONCE = 64 * 1024


class Found(NamedTuple):
    """A file in a folder of the depot."""

    name: str
    size: int
    modified: int
    """Seconds since 1970, by the server's clock."""


class Fault(StrEnum):
    """What is wrong with a results file, or with one row of it, and what to do about it."""

    PAGE = "an HTML page instead of CSV. Ask the depot what its export says."
    ENCODING = "not in the declared encoding. Set encoding to what the depot really sends."
    NOT_CSV = "not CSV. Ask the depot for it again."
    NO_TRAILER = "its last line is no trailer: it was cut. Ask the depot for it again."
    NO_HEADER = "no header line with every name in columns. Set columns to what the depot sends."
    COUNT = "its trailer gives another number of rows than it holds. Ask the depot for it again."
    ROW = "this row has not one value for each header, or is far too long. Ask the depot to correct it."


class BrokenFile(Exception):
    """A results file that is not what was agreed; nothing of it is used, the next file repeats its rows."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.name)
        self.fault = fault


def read_rows(file: BinaryIO, rules: FileRules) -> Iterator[tuple[int, dict[str, str] | None]]:
    """The rows of a results file with their numbers, under our names; None for one that has not one value for each header.

    Read twice, for a file without its trailer is used not at all, and never held: however large it is, and whatever it has for a line,
    no more than a row is in memory.

    Raises:
        BrokenFile: before the first row.
    """
    headers, many = _framed(file, rules)
    names = {heading: ours for ours, heading in rules.columns.model_dump().items()}
    for number, row in enumerate(islice(_values(file, rules), 1, many + 1), start=1):
        whole = dict(zip(headers, row, strict=True)) if len(row) == len(headers) else None
        yield number, whole and {ours: whole[heading] for heading, ours in names.items()}


def _framed(file: BinaryIO, rules: FileRules) -> tuple[list[str], int]:
    """The headers of a results file, and how many rows it has, by its trailer and by count.

    Raises:
        BrokenFile: it is not what was agreed.
    """
    file.seek(0)
    if file.read(_BEGINNING).lstrip()[:1] == b"<":
        raise BrokenFile(Fault.PAGE)
    headers, last, lines = None, [""], 0
    for lines, last in enumerate(_values(file, rules), start=1):  # noqa: B007 - the last of both is what is wanted
        headers = headers or [heading.strip() for heading in last]
    if last[0].strip() != rules.trailer_mark:
        raise BrokenFile(Fault.NO_TRAILER)
    if headers is None or not set(rules.columns.model_dump().values()) <= set(headers):
        raise BrokenFile(Fault.NO_HEADER)
    if [count.strip() for count in last[1:2]] != [str(lines - 2)]:
        raise BrokenFile(Fault.COUNT)
    return headers, lines - 2


def _values(file: BinaryIO, rules: FileRules) -> Iterator[list[str]]:
    """The values of every line that is not blank, from the beginning."""
    file.seek(0)
    try:
        values = csv.reader(_text(file, rules), delimiter=rules.delimiter)
        yield from (line for line in values if any(map(str.strip, line)))
    except ContractBroken:
        raise BrokenFile(Fault.ENCODING) from None
    except csv.Error:
        raise BrokenFile(Fault.NOT_CSV) from None


def _text(file: BinaryIO, rules: FileRules) -> Iterator[str]:
    """The lines of a file as text; in the place of one that is far too long stands one with too many values, which is nobody's row."""
    too_many = rules.delimiter.join("?" * 100)
    for line in lines_of(file):
        yield (too_many if line.content is None else rules.encoding.decode(line.content, "results")) + "\n"


@dataclass
class Seen:
    """What was read so far: the checkpoint, unpacked."""

    files: dict[str, list[Any]] = field(default_factory=dict)
    """Name of each file within the overlap to its size, time and content hash."""
    rows: dict[str, list[Any]] = field(default_factory=dict)
    """Booking number to the last file that held rows of it, and their hashes in order."""
    refused: list[str] = field(default_factory=list)
    """Names of the refused booking files that were reported."""

    @classmethod
    def of(cls, checkpoint: Checkpoint | None) -> Self:
        """What a checkpoint remembers; nothing, where there is none."""
        kept = checkpoint or {}
        return cls(
            files={name: list(facts) for name, facts in kept.get("files", {}).items()},
            rows={booking: list(row) for booking, row in kept.get("rows", {}).items()},
            refused=list(kept.get("refused", ())),
        )

    def checkpoint(self) -> Checkpoint:
        """The same as JSON values, independent of what is read after it."""
        return {
            "files": {name: list(facts) for name, facts in self.files.items()},
            "rows": {booking: list(row) for booking, row in self.rows.items()},
            "refused": list(self.refused),
        }

    def knows(self, file: Found) -> bool:
        """Whether nothing about a file has changed since it was read."""
        return self.files.get(file.name, [])[:2] == [file.size, file.modified]

    def news(self, file: Found, content: BinaryIO, rules: FileRules, *, may_grow: bool) -> tuple[LegacyRecord, ...]:
        """What a file says that was not known; it is remembered as read. One that cannot be read is a record that says so.

        Raises:
            BrokenFile: it has no trailer, and `may_grow`: nothing is remembered, look again.
        """
        digest = _hash_of(content)
        known = any(facts[2] == digest for facts in self.files.values())
        try:
            records = () if known else tuple(self._changed_rows(file, read_rows(content, rules), digest))
        except BrokenFile as error:
            if may_grow and error.fault is Fault.NO_TRAILER:
                raise
            records = (_faulty(file.name, f"{file.name}|{digest}", error.fault),)
        self.files[file.name] = [file.size, file.modified, digest]
        return records

    def _changed_rows(
        self, file: Found, read: Iterator[tuple[int, dict[str, str] | None]], digest: str
    ) -> Iterator[LegacyRecord]:
        rows = list(read)
        hashes: dict[str, list[str]] = {}
        for _, row in rows:
            if row:
                hashes.setdefault(row["booking"].strip(), []).append(_row_hash(row))
        repeated = {booking: _repeated(self.rows.get(booking, ["", []])[1], now) for booking, now in hashes.items()}
        for number, row in rows:
            if row is None:
                yield _faulty(f"{file.name}, row {number}", f"{file.name}|{number}|{digest}", Fault.ROW)
                continue
            booking = row["booking"].strip()
            if repeated[booking]:
                repeated[booking] -= 1
            else:
                position = f"{file.name}|{number}|{_row_hash(row)}"
                yield LegacyRecord(dataset=DATASET, key=booking, position=position, values=row)
        self.rows |= {booking: [file.name, now] for booking, now in hashes.items() if not self._newer(booking, file)}

    def _newer(self, booking: str, file: Found) -> bool:
        """Whether rows of a booking were read from a newer file: this one came late."""
        last = self.files.get(self.rows.get(booking, [""])[0])
        return last is not None and last[1] > file.modified

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
        self.rows = {booking: row for booking, row in self.rows.items() if row[0] in self.files}
        return since


def _faulty(key: str, position: str, fault: Fault) -> LegacyRecord:
    return LegacyRecord(dataset=DATASET, key=key, position=position, values={"fault": fault.name})


def _repeated(before: list[str], now: list[str]) -> int:
    """How many of the rows now are the last ones before."""
    return next((many for many in range(min(len(before), len(now)), 0, -1) if before[-many:] == now[:many]), 0)


def _row_hash(row: Mapping[str, str]) -> str:
    return _hash(repr(sorted(row.items())).encode())


def _hash_of(file: BinaryIO) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(_AT_ONCE):
        digest.update(piece)
    return digest.hexdigest()[:_DIGITS]


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGITS]
