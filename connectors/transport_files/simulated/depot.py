"""The depot behind the simulated server: takes booking files in, works on bookings, writes results. Imports nothing of the connector.

It keeps its bookings, the names of the files it took, and its journal in one SQLite file. A file is moved away only after its transaction;
`journal.ndjson` is written from the database, line by line and in its order, so a SIGKILL at any moment loses no line and doubles none.
"""

import csv
import hashlib
import io
import json
import os
import re
import sqlite3
import time
import zlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any
from zoneinfo import ZoneInfo

from connectors.sdk.simulation import BackOffice, Citizen

LOOK_EVERY_S = 0.1
RESULTS_EVERY_S = 1.0
DAYS_IN_RESULTS = 2
RESULTS_KEPT = 100
"""Older results files are tidied away."""
REGULARS_EACH = 40
"""One citizen in so many has a booking that was made by telephone, before the hub."""

_CLOCK = ZoneInfo("Europe/London")
_NAME = re.compile(r"BK_\d{18}_([0-9a-f]{32})\.dat")
_KINDS = {"TR01", "RV02", "WC07"}
_COLUMNS = (
    "Booking No",
    "Your Ref",
    "Booking Type",
    "Status",
    "Status Time",
    "Trip Date",
    "Pickup",
    "Passenger",
    "Reason",
)
_TABLES = """
CREATE TABLE IF NOT EXISTS bookings (
    id INTEGER PRIMARY KEY, number TEXT UNIQUE, your_ref TEXT NOT NULL, case_ref TEXT NOT NULL, kind TEXT NOT NULL,
    passenger TEXT NOT NULL, trip_date TEXT NOT NULL, pickup TEXT NOT NULL, received_at REAL NOT NULL, status TEXT NOT NULL,
    status_at REAL NOT NULL, reason TEXT NOT NULL, in_hand INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS files (name TEXT PRIMARY KEY, outcome TEXT NOT NULL, moved INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS journal (
    seq INTEGER PRIMARY KEY, file TEXT NOT NULL, effect_key TEXT NOT NULL, kind TEXT NOT NULL, outcome TEXT NOT NULL);
"""


class UnusableFileError(Exception):
    """A booking file that is not as the interface guide says."""


def parse_booking_file(content: bytes, key: str) -> dict[str, str]:
    """The one booking in a file: HUBBK02 of the interface guide, read with the depot's own eyes.

    Args:
        content: the whole file.
        key: the reference in its name.

    Raises:
        UnusableFileError: in what way it is not as agreed.
        ValueError: a date in another format, or a byte that is not cp1252.
    """
    *records, rest = content.split(b"\r\n")
    if rest or [len(record) for record in records] != [57, 421, 17]:
        raise UnusableFileError("not three records of 57, 421 and 17 bytes")
    header, detail, trailer = (record.decode("cp1252") for record in records)
    if (header[0], detail[0], trailer[0]) != ("H", "D", "T") or header[1:9].rstrip() != "HUBBK02":
        raise UnusableFileError("not header, detail and trailer of HUBBK02")
    if trailer[1:7] != "000003" or trailer[7:17] != f"{zlib.crc32(content[: 57 + 421 + 4]):010}":
        raise UnusableFileError("the trailer does not add up")
    datetime.strptime(header[41:57], "%d/%m/%Y %H:%M")  # noqa: DTZ007 - only the form is looked at
    fields = {
        "action": detail[1:7].rstrip(),
        "reference": detail[7:39],
        "case": detail[39:58].rstrip(),
        "earlier": detail[58:90].rstrip(),
        "kind": detail[90:94],
        "needed_on": detail[94:105].rstrip(),
        "passenger": detail[121:151].rstrip(),
    }
    if {fields["reference"], header[9:41]} != {key} or fields["kind"] not in _KINDS:
        raise UnusableFileError("name, header and detail disagree, or an unknown booking type")
    if fields["action"] not in {"NEW", "AMEND", "CANCEL"} or (fields["action"] != "NEW") != bool(fields["earlier"]):
        raise UnusableFileError("not a new booking, nor a change of an earlier one")
    if fields["needed_on"]:
        datetime.strptime(fields["needed_on"], "%d-%b-%Y")  # noqa: DTZ007 - as above
    return fields


class Depot:
    """One depot in its folder: `files/` is what the server shows, the rest is its own."""

    def __init__(self, folder: Path, back_office: BackOffice) -> None:
        """Open the depot, and finish what a SIGKILL left half done.

        Args:
            folder: where all its files are; made when needed.
            back_office: how its staff behave.
        """
        self._inbound, self._archive = folder / "files/inbound", folder / "files/archive"
        self._rejected, self._outbound = folder / "files/inbound/rejected", folder / "files/outbound"
        for place in (self._rejected, self._archive, self._outbound):
            place.mkdir(parents=True, exist_ok=True)
        self._back_office, self._journal = back_office, folder / "journal.ndjson"
        self._db = sqlite3.connect(folder / "depot.sqlite", isolation_level=None, timeout=30)
        self._db.row_factory = sqlite3.Row
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;" + _TABLES)
        self._unpublished, self._published_at = True, 0.0
        for name in [row["name"] for row in self._db.execute("SELECT name FROM files WHERE NOT moved")]:
            if not (self._inbound / name).exists():
                self._db.execute("UPDATE files SET moved = 1 WHERE name = ?", (name,))
        self._write_journal()

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def run(self, stop: Event) -> None:
        """Work until told to stop."""
        while not stop.wait(LOOK_EVERY_S):
            self.take_in()
            self.work(time.time())
            if self._unpublished and time.time() - self._published_at >= RESULTS_EVERY_S:
                self.publish(time.time())

    def seed(self, citizens: Iterable[Citizen], now: float) -> None:
        """Bookings made before the hub: trips that staff took by telephone, and school runs."""
        with self._transaction():
            for place, citizen in enumerate(citizens):
                if place % REGULARS_EACH:
                    continue
                kind = "SC01" if place % (2 * REGULARS_EACH) else "TR01"
                name = f"{citizen.title} {citizen.forename} {citizen.surname}"
                self._db.execute(
                    "INSERT OR IGNORE INTO bookings (number, your_ref, case_ref, kind, passenger, trip_date, pickup, "
                    "received_at, status, status_at, reason, in_hand) VALUES (?, 'by phone', '', ?, ?, '', '09:15', ?, 'ACC', ?, '', 0)",
                    (f"RG{citizen.property_ref}", kind, name, now, now),
                )

    # --- booking files

    def take_in(self) -> None:
        """Take in every booking file that has its final name, in the order of their names."""
        for path in sorted(self._inbound.glob("*.dat")):
            if not _NAME.fullmatch(path.name):
                continue
            outcome = self._take(path)
            self._write_journal()
            path.replace((self._rejected if outcome == "refused" else self._archive) / path.name)
            self._db.execute("UPDATE files SET moved = 1 WHERE name = ?", (path.name,))

    def _take(self, path: Path) -> str:
        """What becomes of a file, in one transaction with its journal line; one that a SIGKILL kept from being moved is not new."""
        known = self._db.execute("SELECT outcome, moved FROM files WHERE name = ?", (path.name,)).fetchone()
        if known and not known["moved"]:
            return str(known["outcome"])
        key, kind = path.name[22:54], "?"
        with self._transaction():
            if known:
                outcome = "duplicate"
            else:
                try:
                    fields = parse_booking_file(path.read_bytes(), key)
                    kind = fields["action"]
                    outcome = self._book(fields)
                except (UnusableFileError, ValueError):
                    outcome = "refused"
                self._db.execute("INSERT INTO files VALUES (?, ?, 0)", (path.name, outcome))
            self._db.execute(
                "INSERT INTO journal (file, effect_key, kind, outcome) VALUES (?, ?, ?, ?)",
                (path.name, key, kind, outcome),
            )
        return outcome

    def _book(self, fields: Mapping[str, str]) -> str:
        now = time.time()
        if fields["action"] == "NEW":
            made = self._db.execute(
                "INSERT INTO bookings (your_ref, case_ref, kind, passenger, trip_date, pickup, received_at, status, "
                "status_at, reason, in_hand) VALUES (?, ?, ?, ?, ?, '', ?, 'ENQ', ?, '', 1)",
                (*(fields[name] for name in ("reference", "case", "kind", "passenger", "needed_on")), now, now),
            )
            self._db.execute("UPDATE bookings SET number = ? WHERE id = ?", (f"TB{made.lastrowid:06}", made.lastrowid))
            return "applied"
        booking = self._db.execute(
            "SELECT * FROM bookings WHERE ? IN (your_ref, number)", (fields["earlier"],)
        ).fetchone()
        if booking is None:
            return "refused"
        if fields["action"] == "AMEND":
            self._db.execute(
                "UPDATE bookings SET passenger = ?, trip_date = ? WHERE id = ?",
                (fields["passenger"], fields["needed_on"], booking["id"]),
            )
        elif booking["in_hand"]:
            self._move(booking, "CAN", now, reason="C1")
        self._unpublished = True
        return "applied"

    # --- bookings and results

    def work(self, now: float) -> None:
        """Move every booking in hand to where its course has brought it by now."""
        with self._transaction():
            for booking in self._db.execute("SELECT * FROM bookings WHERE in_hand").fetchall():
                course = self._back_office.course(booking["your_ref"])
                accepted = booking["received_at"] + course.accept_after_s
                ends = accepted + course.end_after_s
                if now < accepted:
                    continue
                if course.rejected:
                    self._move(booking, "REJ", accepted, reason="R1")
                elif now >= ends:
                    self._move(booking, "CMP", ends)
                elif now >= (accepted + ends) / 2:
                    self._move(booking, "SCH", (accepted + ends) / 2)
                else:
                    self._move(booking, "ACC", accepted)

    def _move(self, booking: Mapping[str, Any], status: str, at: float, reason: str = "") -> None:
        if booking["status"] == status:
            return
        pickup = f"{8 + booking['id'] % 9:02}:{booking['id'] * 15 % 60:02}" if booking["kind"] == "TR01" else ""
        self._db.execute(
            "UPDATE bookings SET status = ?, status_at = ?, reason = ?, pickup = ?, in_hand = ? WHERE id = ?",
            (status, at, reason, pickup, status in {"ENQ", "ACC", "SCH"}, booking["id"]),
        )
        self._unpublished = True

    def publish(self, now: float) -> None:
        """Write the bookings of the last days into a results file, whole or not at all; never two in one second."""
        local = datetime.fromtimestamp(now, _CLOCK)
        path = self._outbound / f"RESULTS_{local:%Y%m%d_%H%M%S}.csv"
        if path.exists():
            return
        since = now - DAYS_IN_RESULTS * 86_400
        bookings = self._db.execute("SELECT * FROM bookings WHERE status_at >= ? ORDER BY id", (since,)).fetchall()
        turn = hashlib.sha256(path.name.encode()).digest()[0]
        columns = _COLUMNS[turn % len(_COLUMNS) :] + _COLUMNS[: turn % len(_COLUMNS)]
        text = io.StringIO(newline="")
        rows = csv.writer(text, lineterminator="\r\n")
        rows.writerow(columns)
        for booking in bookings:
            shown = _shown(booking)
            rows.writerow([shown[column] for column in columns])
        rows.writerow(["TRAILER", len(bookings)])
        text.write("\r\n" * (turn % 3))
        part = path.with_name(f"{path.name}.part")
        _write_durably(part, text.getvalue().encode("cp1252", "replace"))
        part.replace(path)
        self._unpublished, self._published_at = False, now
        for old in sorted(self._outbound.glob("RESULTS_*.csv"))[:-RESULTS_KEPT]:
            old.unlink()

    # --- journal

    def _write_journal(self) -> None:
        """Bring the journal up to the database: cut a line that a SIGKILL left half, add those that are missing."""
        with self._journal.open("a+b") as file:
            file.seek(0)
            content = file.read()
            whole = content[: content.rfind(b"\n") + 1]
            file.truncate(len(whole))
            written = whole.count(b"\n")
            missing = self._db.execute("SELECT * FROM journal WHERE seq > ? ORDER BY seq", (written,)).fetchall()
            if missing:
                file.write(b"".join(json.dumps(dict(line)).encode() + b"\n" for line in missing))
                file.flush()
                os.fsync(file.fileno())

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._db)


class _Transaction:
    """BEGIN IMMEDIATE to COMMIT; rolled back by an exception."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._db.execute("COMMIT" if error is None else "ROLLBACK")


def _shown(booking: Mapping[str, Any]) -> dict[str, str]:
    """A booking as the results file shows it: two date formats, and a day in 1900 for none."""
    return {
        "Booking No": booking["number"],
        "Your Ref": booking["your_ref"],
        "Booking Type": booking["kind"],
        "Status": booking["status"],
        "Status Time": f"{datetime.fromtimestamp(booking['status_at'], _CLOCK):%d/%m/%Y %H:%M:%S}",
        "Trip Date": booking["trip_date"] or "01-Jan-1900",
        "Pickup": booking["pickup"],
        "Passenger": booking["passenger"],
        "Reason": booking["reason"],
    }


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
