"""The timeline in plain English."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.journeys.load import SHIPPED, load_files
from hub.pages.timeline import lines
from hub.routing.case import Case, Entry, EntryKind, Heard, RequestHeard
from schemas.envelope import Channel, Department

AT = datetime(2026, 11, 3, 14, 5, tzinfo=UTC)
JOURNEY = load_files([SHIPPED / "hospital-discharge.v1.yaml"]).for_request("discharge-notified")
REQUEST = RequestHeard(
    request="discharge-notified", at=AT, received=AT, council="E06000999", channel=Channel.PHONE, lgsl=209
)
CASE = Case(reference="x", heard=Heard(request=REQUEST), opened_at=AT, updated_at=AT)
CHECK = {"task": "check-home", "department": Department.HOUSING}
DUE = datetime(2026, 11, 13, 23, 59, tzinfo=UTC)

SENTENCES: list[tuple[EntryKind, dict[str, Any], str, str]] = [
    (
        EntryKind.REQUEST_RECEIVED,
        {"facts": ("discharge_date", "nhs_number")},
        "The request came in: Coming home from hospital, by phone.",
        "It said: discharge date and NHS number.",
    ),
    (EntryKind.REQUEST_AMENDED, {"facts": ("discharge_date",)}, "The request was changed: discharge date.", ""),
    (EntryKind.REQUEST_WITHDRAWN, {}, "The request was withdrawn.", ""),
    (
        EntryKind.TASK_RAISED,
        CHECK | {"due": DUE},
        "Housing was asked: Is the home fit to return to?",
        "Due Friday 13 November.",
    ),
    (
        EntryKind.TASK_CHANGED,
        CHECK | {"facts": ("uprn",)},
        "Housing was told of a change to “Check home”.",
        "It was told: UPRN.",
    ),
    (
        EntryKind.TASK_WITHDRAWN,
        {"task": "fit-ramp", "department": Department.HOUSING},
        "Housing was asked to stop “Fit ramp”: Cancel the works order.",
        "",
    ),
    (
        EntryKind.TASK_STATUS,
        CHECK | {"status": "accepted", "reference": "00012345"},
        "Housing accepted “Check home”.",
        "Its reference: 00012345.",
    ),
    (
        EntryKind.TASK_STATUS,
        CHECK | {"status": "rejected", "reason": "Not our home."},
        "Housing refused “Check home”.",
        "Why: Not our home.",
    ),
    (
        EntryKind.TASK_STATUS,
        CHECK | {"status": "completed", "facts": ("steps_at_door",)},
        "Housing finished “Check home”.",
        "It found out: steps at door.",
    ),
    (
        EntryKind.TASK_RAISED,
        CHECK | {"raising": 2},
        "Housing was asked again: Is the home fit to return to?",
        "",
    ),
    (EntryKind.CHANGE_ANSWERED, CHECK | {"status": "accepted"}, "Housing accepted the change to “Check home”.", ""),
    (
        EntryKind.CHANGE_ANSWERED,
        CHECK | {"status": "rejected", "reason": "The file could not be read"},
        "Housing refused the change to “Check home”.",
        "Why: The file could not be read.",
    ),
    (
        EntryKind.CHANGE_ANSWERED,
        CHECK | {"status": "completed"},
        "Housing had already finished “Check home” when the change came.",
        "",
    ),
    (EntryKind.WITHDRAWAL_ANSWERED, CHECK | {"status": "cancelled"}, "Housing cancelled “Check home”.", ""),
    (EntryKind.WITHDRAWAL_ANSWERED, CHECK | {"status": "completed"}, "Housing had already finished “Check home”.", ""),
    (EntryKind.WITHDRAWAL_ANSWERED, CHECK | {"status": "accepted"}, "Housing agreed to stop “Check home”.", ""),
    (EntryKind.WITHDRAWAL_ANSWERED, CHECK | {"status": "rejected"}, "Housing refused to stop “Check home”.", ""),
    (
        EntryKind.DEADLINE_EXPIRED,
        CHECK | {"due": DUE},
        "Housing is late with “Check home”.",
        "It was due Friday 13 November.",
    ),
    (
        EntryKind.TASK_DECIDED,
        {"task": "check-home", "status": "go-on"},
        "A person decided to go on without “Check home”.",
        "",
    ),
    (
        EntryKind.TASK_DECIDED,
        {"task": "check-home", "status": "close"},
        "A person decided to undo and close the case without “Check home”.",
        "",
    ),
    (EntryKind.CASE_STATUS, {"status": "finished"}, "The case is finished.", ""),
]


@pytest.mark.parametrize(("kind", "parts", "what", "detail"), SENTENCES)
def test_what_happened_is_a_sentence(kind: EntryKind, parts: dict[str, Any], what: str, detail: str) -> None:
    entry = Entry(kind=kind, at=AT, heard_at=AT, event="e", **parts)

    (line,) = lines(CASE, [entry], JOURNEY, AT)

    assert (line.what, line.detail, line.when) == (what, detail, "Tuesday 3 November, 14:05")


def test_every_kind_of_line_has_a_sentence() -> None:
    assert {kind for kind, *_ in SENTENCES} == set(EntryKind)


def test_lines_stand_in_the_order_of_the_world_the_newest_first() -> None:
    late = Entry(kind=EntryKind.REQUEST_WITHDRAWN, at=AT - timedelta(hours=2), heard_at=AT, event="e")
    known = Entry(
        kind=EntryKind.REQUEST_RECEIVED, at=AT - timedelta(hours=1), heard_at=AT - timedelta(hours=1), event="e"
    )

    told = lines(CASE, [known, late], JOURNEY, AT)

    assert [line.at for line in told] == [known.at, late.at]
    assert told[1].detail == "The hub heard of it on Tuesday 3 November, 14:05."
