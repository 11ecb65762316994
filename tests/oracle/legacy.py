"""What the three legacy systems of the demo hold and wrote down, read with the standard library alone.

Each system's journal is written by something the hub cannot reach: triggers in the housing database, the SOAP server's own file, the
depot's own file.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

_LONDON = ZoneInfo("Europe/London")
ENDED = frozenset({"completed", "rejected", "cancelled"})
RAISED, CHANGED, WITHDRAWN = "raised", "changed", "withdrawn"


@dataclass(frozen=True)
class Record:
    """One piece of work in a legacy system.

    Attributes:
        key: the hub's reference in it: the id of the event that raised the task, as 32 hexadecimal characters.
        references: under which the hub may know it.
        state: in the words of the hub's API.
        wanted: by or on when it is to be done, as the system's `wants` says it of an instruction.
    """

    key: str
    references: frozenset[str]
    state: str
    wanted: str


@dataclass
class Legacy:
    """One legacy system.

    Attributes:
        done: how often it carried out an instruction, by what it did (raised, changed, withdrawn) and effect key.
        refused: how often it took an instruction and refused it itself, by effect key.
        by_work: its journal names a change or a withdrawal by the key under which the work was raised, not by the instruction's own.
        records: the work it holds for the hub.
        problems: what is wrong with its own books.
    """

    done: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    by_work: bool = False
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
_SOCIAL_CARE_DID = {"create": RAISED, "amend": CHANGED, "cancel": WITHDRAWN}
_TRANSPORT_DID = {"NEW": RAISED, "AMEND": CHANGED, "CANCEL": WITHDRAWN}


def housing(folder: Path) -> Legacy:
    """Works orders, and the journal that triggers write.

    An order that was written without moving was changed: only the hub does that, and nobody else cancels.
    """
    found = Legacy(by_work=True)
    stood: dict[str, str] = {}
    with closing(_read_only(folder / "universal_housing.db")) as database:
        for op, number, key, status in database.execute(
            "select op, wo_ref, hub_ref, status from rmworder_journal where hub_ref <> '' order by id"
        ):
            before, stood[number] = stood.get(number), HOUSING[status]
            if op == "insert":
                found.done[RAISED, key] += 1
            elif stood[number] == "cancelled":
                found.done[WITHDRAWN, key] += 1
            elif stood[number] == before:
                found.done[CHANGED, key] += 1
            elif before in ENDED:
                found.problems.append(f"order {number} was {before} and became {stood[number]}")
        for number, status, key, due in database.execute(
            "select trim(wo_ref), trim(wo_status), trim(u_hub_ref), date_due from rmworder where trim(u_hub_ref) <> ''"
        ):
            found.records.append(Record(key, frozenset({number}), HOUSING[status], _in_books(due)))
    return found


def social_care(folder: Path) -> Legacy:
    """Referrals, and the SOAP server's journal."""
    found = Legacy()
    created: dict[str, str] = {}
    for line in _journal(folder):
        if line["external_reference"] is None:
            continue
        found.done[_SOCIAL_CARE_DID[line["did"]], line["external_reference"]] += 1
        if line["did"] == "create":
            created[line["referral"]] = line["external_reference"]
    with closing(_read_only(folder / "casebrook.db")) as database:
        for number, status, required_by in database.execute(
            "select number, status, required_by from referral where external_reference is not null"
        ):
            shown = f"R{number:07d}"
            if shown not in created:
                found.problems.append(f"holds {shown}, which its journal does not know")
                continue
            found.records.append(
                Record(created[shown], frozenset({shown}), SOCIAL_CARE[status], _in_books(required_by))
            )
    return found


def transport(folder: Path) -> Legacy:
    """Bookings, the depot's journal, and the files it put away: one for each instruction, whatever became of it."""
    found = Legacy()
    for line in _journal(folder):
        if line["outcome"] == "duplicate":
            found.problems.append(f"was sent {line['file']} again")
        elif line["outcome"] == "refused":
            found.refused[line["effect_key"]] += 1
        else:
            found.done[_TRANSPORT_DID[line["kind"]], line["effect_key"]] += 1
    kept = Counter(
        path.stem.rpartition("_")[2]
        for where in ("archive", "inbound/rejected")
        for path in (folder / "files" / where).glob("BK_*.dat")
    )
    taken = {key for _, key in found.done} | found.refused.keys()
    found.problems += [f"its journal has {key}, but no file of it was kept" for key in taken - kept.keys()]
    found.problems += [f"kept a file of {key}, which its journal does not know" for key in kept.keys() - taken]
    found.problems += [f"kept {count} files of {key}" for key, count in kept.items() if count > 1]
    with closing(_read_only(folder / "depot.sqlite")) as database:
        for number, key, status, day in database.execute(
            "select number, your_ref, status, trip_date from bookings where case_ref <> ''"
        ):
            found.records.append(Record(key, frozenset({number}), TRANSPORT[status], day))
    return found


def wants_by(data: Mapping[str, Any]) -> str:
    """By when housing and social care are to be done with a task, on their own clocks; empty: no matter when."""
    if data.get("due") is None:
        return ""
    return datetime.fromisoformat(data["due"]).astimezone(_LONDON).replace(tzinfo=None, microsecond=0).isoformat()


def wants_on(data: Mapping[str, Any]) -> str:
    """The day for which transport is to plan a task, as its books show it; empty: no day."""
    facts = data.get("facts", {})
    day = facts.get("discharge_date") or facts.get("move_date")
    return datetime.fromisoformat(day).strftime("%d-%b-%Y") if day else ""


def _in_books(moment: str | None) -> str:
    """A moment of a legacy clock; the year 1900 stands for none."""
    return "" if moment is None or moment.startswith("1900-") else datetime.fromisoformat(moment).isoformat()


def _journal(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "journal.ndjson").read_text(encoding="utf-8").splitlines()]


def _read_only(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)
