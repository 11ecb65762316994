"""Which rows of a results file are news, and remembering what was read. Pure: a file and a checkpoint in, records and a checkpoint out.

Each file repeats the rows of some days, so most were read before. The rows of a booking that go on where those of the file before ended are
no news; a row's position names the file and line it was news in. So a booking that goes from A to B and back to A says so three times, and
a row that ten files repeat says it once, whether a file gives a booking's last row or all of them. Of a file that comes late, after one
that was made after it, only rows that no file has said are news.
"""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO, NamedTuple, Self
from zoneinfo import ZoneInfo

from connectors.sdk import Checkpoint, LegacyRecord
from connectors.transport_files.rules import FileRules
from connectors.transport_files.sheet import DIGITS, BrokenFile, Fault, Row, read_sheet

DATASET = "results"
_AT_ONCE = 64 * 1024


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
    return digest.hexdigest()[:DIGITS]
