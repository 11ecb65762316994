"""A judge of extracts, which imports nothing of the product: what the files of a depot say, and what became of it on the topic.

A test writes files by hand, as bytes, and says beside them which bookings moved to what and when. The topic is read with another client.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tests.faults.oracles import Record, Verdict

HEADINGS = (
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
STATUSES = {"ACC": "accepted", "SCH": "in-progress", "CMP": "completed"}
_LONDON = ZoneInfo("Europe/London")


class Step(NamedTuple):
    """A booking that came to a status at a moment of the depot's clock: dd/mm/yyyy hh:mm."""

    booking: str
    status: str
    at: str

    def row(self, passenger: str = "Siân Thistlewrangle") -> str:
        """As a line of a results file, without its end."""
        return f"{self.booking},,TR01,{self.status},{self.at},20-Nov-2026,,{passenger},"


def sheet(*rows: str, headings: Iterable[str] = HEADINGS, end: str = "\r\n") -> str:
    """A whole results file with these rows."""
    return end.join([",".join(headings), *rows, f"TRAILER,{len(rows)}", ""])


def judge(written: Iterable[Step], topic: Iterable[Record], of: Iterable[str] | None = None) -> Verdict:
    """Whether everything that was written was said, under one id each, true at its own moment; of these bookings, or of all."""
    expected = {(step.booking, STATUSES[step.status], _moment(step.at)): step for step in written}
    bookings = {step.booking for step in expected.values()} if of is None else set(of)
    ids: dict[tuple[str, str, datetime], set[str]] = {}
    for record in topic:
        event = json.loads(record.value or b"null")
        data = event["data"]
        if data["booking"] in bookings:
            said = data["booking"], data["status"], datetime.fromisoformat(event["effectiveat"])
            ids.setdefault(said, set()).add(event["id"])
    verdict = Verdict()
    verdict.lost += [f"{step.booking} {step.status}" for said, step in expected.items() if said not in ids]
    verdict.doubled += [f"{said[0]} {said[1]} under {len(under)} ids" for said, under in ids.items() if len(under) > 1]
    verdict.wrong += [f"{said[0]} {said[1]} that nobody wrote" for said in ids if said not in expected]
    return verdict


def places(letters: Iterable[Record]) -> list[str]:
    """Where each dead letter says that its record stood: file and line, or file."""
    reasons = (letter.headers["reason"].decode() for letter in letters if letter.headers.get("reason"))
    return sorted(reason.split(": ")[1] for reason in reasons)


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%d/%m/%Y %H:%M").replace(tzinfo=_LONDON)
