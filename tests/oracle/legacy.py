"""What the three legacy systems of the demo hold and wrote down, read with the standard library alone.

Each system's journal is written by something the hub cannot reach: triggers in the housing database, the SOAP server's own file, the
depot's own file.
"""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Record:
    """One piece of work in a legacy system.

    Attributes:
        key: the hub's reference in it: the id of the event that raised the task, as 32 hexadecimal characters.
        references: under which the hub may know it.
        state: in the words of the hub's API.
    """

    key: str
    references: frozenset[str]
    state: str


@dataclass
class Legacy:
    """One legacy system.

    Attributes:
        raised: how often it carried out the raising of a task, by effect key.
        later: how often it carried out a change or a withdrawal, by effect key.
        records: the work it holds for the hub.
        problems: what is wrong with its own books.
    """

    raised: Counter[str] = field(default_factory=Counter)
    later: Counter[str] = field(default_factory=Counter)
    records: list[Record] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


HOUSING = {
    "100": "asked",
    "200": "accepted",
    "400": "in-progress",
    "500": "completed",
    "700": "cancelled",
    "710": "rejected",
}
SOCIAL_CARE = {
    "10": "asked",
    "20": "accepted",
    "30": "in-progress",
    "40": "completed",
    "90": "rejected",
    "95": "cancelled",
}
TRANSPORT = {
    "ENQ": "asked",
    "ACC": "accepted",
    "SCH": "in-progress",
    "CMP": "completed",
    "REJ": "rejected",
    "CAN": "cancelled",
}


def housing(folder: Path) -> Legacy:
    """Works orders, and the journal that triggers write."""
    found = Legacy()
    with closing(_read_only(folder / "universal_housing.db")) as database:
        for (key,) in database.execute("select hub_ref from rmworder_journal where op = 'insert' and hub_ref <> ''"):
            found.raised[key] += 1
        orders = database.execute(
            "select trim(wo_ref), trim(wo_status), trim(u_hub_ref) from rmworder where trim(u_hub_ref) <> ''"
        )
        for number, status, key in orders:
            found.records.append(Record(key, frozenset({number}), HOUSING[status]))
    return found


def social_care(folder: Path) -> Legacy:
    """Referrals, and the SOAP server's journal."""
    found = Legacy()
    created: dict[str, str] = {}
    for line in _journal(folder):
        if line["external_reference"] is None:
            continue
        if line["did"] == "create":
            found.raised[line["external_reference"]] += 1
            created[line["referral"]] = line["external_reference"]
        else:
            found.later[line["external_reference"]] += 1
    with closing(_read_only(folder / "casebrook.db")) as database:
        for number, status in database.execute(
            "select number, status from referral where external_reference is not null"
        ):
            shown = f"R{number:07d}"
            if shown not in created:
                found.problems.append(f"social care holds {shown}, which its journal does not know")
                continue
            found.records.append(Record(created[shown], frozenset({shown}), SOCIAL_CARE[status]))
    return found


def transport(folder: Path) -> Legacy:
    """Bookings, the depot's journal, and the files it put away."""
    found = Legacy()
    for line in _journal(folder):
        if line["outcome"] == "duplicate":
            continue  # taken no notice of: a name that was there before
        counter = found.raised if line["kind"] == "NEW" else found.later
        counter[line["effect_key"]] += 1
    kept = {
        path.stem.rpartition("_")[2]
        for where in ("archive", "inbound/rejected")
        for path in (folder / "files" / where).glob("BK_*.dat")
    }
    taken = found.raised.keys() | found.later.keys()
    found.problems += [f"transport's journal has {key}, but no file of it was kept" for key in taken - kept]
    found.problems += [f"transport kept a file of {key}, which its journal does not know" for key in kept - taken]
    with closing(_read_only(folder / "depot.sqlite")) as database:
        for number, key, status in database.execute(
            "select number, your_ref, status from bookings where case_ref <> ''"
        ):
            found.records.append(Record(key, frozenset({number}), TRANSPORT[status]))
    return found


def _journal(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "journal.ndjson").read_text(encoding="utf-8").splitlines()]


def _read_only(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)
