"""What the simulated Casebrook service remembers: people, referrals, and every write it carried out. One SQLite file, one journal.

A write and its journal line are one transaction; the file `journal.ndjson` is then written from the table, and completed at the next
start if a SIGKILL came between. So the file tells an outsider exactly what was done, without a name, need or number of anybody.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from connectors.sdk.simulation import BackOffice, Citizen

LONDON = ZoneInfo("Europe/London")
PAGE = 50
"""Most referrals in one answer."""
WIDTHS = MappingProxyType({"ExternalReference": 40, "FullName": 62, "Details": 500})
"""Width of the text columns; SQL Server refuses what is longer."""
NOT_ASSESSED = -1

_TABLES = """
create table if not exists person(
    person_id text primary key, full_name text not null, born text not null, nhs_number integer, visits integer not null);
create index if not exists person_by_nhs_number on person(nhs_number);
create table if not exists referral(
    number integer primary key autoincrement, version integer not null, external_reference text, person_id text not null,
    type text not null, status text not null, reason text, required_by text, details text, visits integer not null,
    received_at text not null, changed_at text not null, effective_at text not null, next_at real);
create index if not exists referral_by_change on referral(changed_at, number);
create index if not exists referral_by_next on referral(next_at) where next_at is not null;
create table if not exists action(
    seq integer primary key autoincrement, at text not null, did text not null, referral text not null,
    external_reference text);
create index if not exists action_by_reference on action(external_reference);
"""


@dataclass(frozen=True)
class Codes:
    """One council's code tables, as its suppliers set them up."""

    types: Mapping[str, str] = field(
        default_factory=lambda: (
            {"ASMT": "assessment", "PKGE": "package", "ADDR": "address", "WELF": "welfare check"}
            | {"SAFE": "safeguarding"}
        )
    )
    received: str = "10"
    allocated: str = "20"
    in_progress: str = "30"
    completed: str = "40"
    rejected: str = "90"
    cancelled: str = "95"
    reasons: tuple[str, ...] = ("OOA", "NEE", "DUP")


class Refusal(Exception):
    """The service does not do it; code and sentence stand in its answer.

    Attributes:
        code: ErrorCode of the answer.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Records:
    """The service's memory; safe for the threads of the server, which it lets in one at a time."""

    def __init__(self, folder: Path, back_office: BackOffice, codes: Codes, clock: Callable[[], float]) -> None:
        """Open or make the files in the folder, and complete the journal."""
        folder.mkdir(parents=True, exist_ok=True)
        self._back_office, self._codes, self._clock = back_office, codes, clock
        self._lock = RLock()
        self._db = sqlite3.connect(folder / "casebrook.db", check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = full")
        self._db.executescript(_TABLES)
        self._journal = _open_journal(folder / "journal.ndjson")
        self._journaled = _last_line(folder / "journal.ndjson")
        self._complete_journal()

    def close(self) -> None:
        """Let go of the files."""
        with self._lock:
            self._db.close()
            self._journal.close()

    def add_people(self, citizens: Iterable[Citizen]) -> None:
        """Put those on record whom social care knows; whoever is there stays as they are."""
        rows = [
            (
                c.social_care_id,
                f"{c.forename} {c.surname}",
                c.date_of_birth.isoformat(),
                int(c.nhs_number),
                c.care_visits_a_day,
            )
            for c in citizens
            if c.social_care_id is not None
        ]
        with self._transaction():
            self._db.executemany("insert or ignore into person values (?, ?, ?, ?, ?)", rows)

    def people(self, person_id: str | None, nhs_number: int | None) -> list[dict[str, Any]]:
        """People by their number here, or by NHS number."""
        with self._lock:
            found = self._db.execute(
                "select * from person where person_id = ? or nhs_number = ? order by person_id limit ?",
                (person_id, nhs_number, PAGE),
            )
            return [dict(row) for row in found]

    def create(self, referral: Mapping[str, Any]) -> str:
        """A new referral, whatever its external reference: the same one twice makes two. Its number."""
        self._check_widths(referral)
        if referral["ReferralType"] not in self._codes.types:
            raise Refusal(2101, "Referral type not configured")
        with self._transaction():
            person_id = self._person_for(referral)
            now = self._now()
            cursor = self._db.execute(
                "insert into referral(version, external_reference, person_id, type, status, required_by, details, visits,"
                " received_at, changed_at, effective_at) values (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    referral.get("ExternalReference"),
                    person_id,
                    referral["ReferralType"],
                    self._codes.received,
                    referral.get("RequiredBy"),
                    referral.get("Details"),
                    NOT_ASSESSED,
                    now,
                    now,
                    referral["LoggedDate"],
                ),
            )
            number = _shown(cursor.lastrowid)
            wait = self._back_office.course(number).accept_after_s
            self._db.execute(
                "update referral set next_at = ? where number = ?", (self._clock() + wait, cursor.lastrowid)
            )
            self._note("create", number, referral.get("ExternalReference"))
        return number

    def amend(self, change: Mapping[str, Any]) -> str:
        """Another required date or other details. Without LoggedDate it counts from now."""
        return self._act("amend", change, required_by=change.get("RequiredBy"), details=change.get("Details"))

    def cancel(self, change: Mapping[str, Any]) -> str:
        """Stop, or end what was completed (a running package); also what nobody has looked at yet."""
        return self._act("cancel", change, status=self._codes.cancelled, next_at=None)

    def by_external_reference(self, reference: str) -> list[dict[str, Any]]:
        """Every referral that was created, amended or cancelled under this reference."""
        with self._lock:
            found = self._db.execute(
                f"{_SELECT} where number in (select cast(substr(referral, 2) as integer) from action"  # noqa: S608 - no value in it
                " where external_reference = ?) order by number limit ?",
                (reference, PAGE),
            )
            return [_referral(row) for row in found]

    def changed_since(self, since: str, page: int) -> tuple[list[dict[str, Any]], bool]:
        """One page of the referrals that changed at or after a moment of the server's clock, oldest change first; whether there is more."""
        with self._lock:
            found = self._db.execute(
                _SELECT + " where changed_at >= ? order by changed_at, number limit ? offset ?",
                (since, PAGE + 1, PAGE * (page - 1)),
            ).fetchall()
        return [_referral(row) for row in found[:PAGE]], len(found) > PAGE

    def work(self) -> None:
        """The back office: whatever is due moves one step on."""
        with self._lock:
            due = self._db.execute("select * from referral where next_at <= ?", (self._clock(),)).fetchall()
            if due:
                with self._transaction():
                    for row in due:
                        self._step(row)

    def _step(self, row: sqlite3.Row) -> None:
        course, codes = self._back_office.course(_shown(row["number"])), self._codes
        if row["status"] == codes.received and course.rejected:
            reason = codes.reasons[row["number"] % len(codes.reasons)]
            self._change(row["number"], status=codes.rejected, reason=reason, next_at=None)
        elif row["status"] == codes.received:
            self._change(row["number"], status=codes.allocated, next_at=self._clock() + course.end_after_s / 2)
        elif row["status"] == codes.allocated:
            self._change(row["number"], status=codes.in_progress, next_at=self._clock() + course.end_after_s / 2)
        else:
            (visits,) = self._db.execute(
                "select visits from person where person_id = ?", (row["person_id"],)
            ).fetchone()
            self._change(row["number"], status=codes.completed, visits=visits, next_at=None)

    def _act(self, did: str, change: Mapping[str, Any], **columns: Any) -> str:
        self._check_widths(change)
        with self._transaction():
            digits = change["ReferralNo"].removeprefix("R")
            row = self._db.execute(
                "select * from referral where number = ?", (int(digits) if digits.isdigit() else 0,)
            ).fetchone()
            if row is None:
                raise Refusal(2110, "Referral not found")
            if row["status"] in {self._codes.cancelled, self._codes.rejected}:
                raise Refusal(2220, "Referral is closed")
            logged = change.get("LoggedDate") or self._now()
            if change.get("LoggedDate") and logged <= row["effective_at"]:
                raise Refusal(2210, "Logged Date must be greater than the Effective Date")
            self._change(row["number"], effective_at=logged, **columns)
            self._note(did, _shown(row["number"]), change.get("ExternalReference"))
        return _shown(row["number"])

    def _person_for(self, referral: Mapping[str, Any]) -> str:
        person_id, new = referral.get("PersonId"), referral.get("NewPerson")
        if person_id is not None:
            if self._db.execute("select 1 from person where person_id = ?", (person_id,)).fetchone() is None:
                raise Refusal(2111, "Person not found")
            return str(person_id)
        if new is None:
            raise Refusal(2112, "A referral needs a person")
        self._check_widths(new)
        (count,) = self._db.execute("select count(*) from person where person_id like 'N%'").fetchone()
        opened = f"N{count + 1:06d}"
        visits = int(_shown(count)[-1]) % 5
        self._db.execute(
            "insert into person values (?, ?, ?, ?, ?)",
            (opened, new["FullName"], new["DateOfBirth"], new.get("NHSNumber"), visits),
        )
        return opened

    def _change(self, number: int, **columns: Any) -> None:
        assignments = ", ".join(f"{name} = ?" for name in columns)
        self._db.execute(
            f"update referral set version = version + 1, changed_at = ?, {assignments} where number = ?",  # noqa: S608 - names are this module's own
            (self._now(), *columns.values(), number),
        )

    def _check_widths(self, values: Mapping[str, Any]) -> None:
        if any(len(values.get(name) or "") > width for name, width in WIDTHS.items()):
            raise Refusal(2105, "String or binary data would be truncated")

    def _now(self) -> str:
        """The server's clock: local, without a zone, whole seconds."""
        return datetime.fromtimestamp(int(self._clock()), LONDON).replace(tzinfo=None).isoformat(" ")

    def _note(self, did: str, referral: str, external_reference: str | None) -> None:
        at = datetime.fromtimestamp(self._clock(), UTC).isoformat()
        self._db.execute(
            "insert into action(at, did, referral, external_reference) values (?, ?, ?, ?)",
            (at, did, referral, external_reference),
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._db.execute("begin immediate")
            try:
                yield
            except BaseException:
                self._db.execute("rollback")
                raise
            self._db.execute("commit")
            self._complete_journal()

    def _complete_journal(self) -> None:
        """Append what the table has and the file has not, and wait until it is on disk."""
        missing = self._db.execute("select * from action where seq > ? order by seq", (self._journaled,)).fetchall()
        if missing:
            self._journal.write("".join(json.dumps(dict(row)) + "\n" for row in missing).encode())
            self._journal.flush()
            os.fsync(self._journal.fileno())
            self._journaled = missing[-1]["seq"]


_SELECT = "select referral.*, person.full_name from referral join person using (person_id)"


def _shown(number: int | None) -> str:
    return f"R{number:07d}"


def _referral(row: sqlite3.Row) -> dict[str, Any]:
    return {**dict(row), "number": _shown(row["number"])}


def _open_journal(file: Path) -> Any:
    """The journal for appending, without a last line that a SIGKILL cut short."""
    if file.exists():
        content = file.read_bytes()
        os.truncate(file, content.rfind(b"\n") + 1)
    return file.open("ab")


def _last_line(file: Path) -> int:
    lines = file.read_bytes().splitlines()
    return int(json.loads(lines[-1])["seq"]) if lines else 0
