"""The timeline in plain English."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest

from hub.journeys.clocks import Calendar
from hub.journeys.load import SHIPPED, load_files
from hub.journeys.model import Journeys
from hub.pages.timeline import lines
from hub.routing.case import Case
from hub.routing.entry import Entry, EntryKind
from hub.routing.heard import Heard, RequestHeard
from hub.routing.step import World, step
from schemas.envelope import Channel, Department, Event, Message
from schemas.facts import Facts
from schemas.references import case_reference
from schemas.requests import Request, RequestReceived, RequestWithdrawn, Withdrawal
from schemas.tasks import StatusChange, TaskStatus, TaskStatusChanged

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
    (
        EntryKind.RECORD_DISCARDED,
        {"by": "J. Invented", "reason": "Nobody can read it"},
        "A record about this case could not be read; J. Invented discarded it.",
        "Why: Nobody can read it.",
    ),
    (
        EntryKind.EFFECT_UNCERTAIN,
        CHECK | {"status": "raised", "reason": "The connection was reset."},
        "Nobody knows whether “Check home” reached Housing.",
        "What is known: The connection was reset.",
    ),
    (
        EntryKind.EFFECT_UNCERTAIN,
        CHECK | {"status": "withdrawn"},
        "Nobody knows whether the word to stop “Check home” reached Housing.",
        "",
    ),
    (
        EntryKind.EFFECT_SETTLED,
        CHECK | {"status": "applied", "reference": "4711", "by": "J. Invented"},
        "Housing has what it was sent about “Check home”.",
        "Its reference: 4711. J. Invented asked.",
    ),
    (
        EntryKind.EFFECT_SETTLED,
        CHECK | {"status": "not-applied", "by": "J. Invented"},
        "Housing has nothing of what it was sent about “Check home”.",
        "J. Invented asked.",
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


def lived(*events: tuple[int, type[Event], Message]) -> list[str]:
    """What the page tells, oldest first, of a discharge to which this happened, heard in this order; each with its minute."""
    assert JOURNEY is not None
    world = World(Journeys((JOURNEY,)), Calendar("x", frozenset(), date(2028, 12, 31)), source="/E06000999/worker")
    facts = {"discharge_date": "2026-11-20", "mobility": "walks", "nhs_number": "9990000018", "uprn": "100000000017"}
    request = Request(request="discharge-notified", facts=Facts.model_validate(facts))
    reference = case_reference(AT, "lived")
    opening: list[tuple[int, type[Event], Message]] = [(0, RequestReceived, request), *events]
    case: Case | None = None
    entries: list[Entry] = []
    for number, (minute, kind, data) in enumerate(opening):
        event = kind.model_validate(
            {
                "id": uuid5(NAMESPACE_URL, str(number)),
                "source": "/E06000999/test",
                "time": AT + timedelta(minutes=minute),
                "effectiveat": AT + timedelta(minutes=minute),
                "correlationid": reference,
                "partitionkey": reference,
                "council": "E06000999",
                "data": data,
            }
        )
        decision = step(case, event, world)
        case, entries = decision.case, [*entries, *decision.entries]
    assert case is not None
    return [f"{line.what} {line.detail}".strip() for line in reversed(lines(case, entries, JOURNEY, AT))]


def said(minute: int, name: str, status: str, **more: Any) -> tuple[int, type[Event], Message]:
    """A department's word on a task, by its system's receipt or its records."""
    assert JOURNEY is not None
    department = JOURNEY.by_name[name].department
    return minute, TaskStatusChanged, StatusChange(task=name, department=department, status=TaskStatus(status), **more)


def about(title: str, told: list[str]) -> list[str]:
    """Lines about a task, or about the case as a whole, without those that ask."""
    return [line for line in told if (f"“{title}”" in line and "was asked" not in line) or line.startswith("The case")]


def test_a_receipt_stamped_after_the_refusal_does_not_stand_behind_the_end_of_the_case() -> None:
    told = lived(
        said(5, "check-home", "completed"),
        said(10, "assess-care", "rejected", reason="Lives elsewhere"),
        said(12, "assess-care", "accepted", reference="R-1"),
    )

    assert about("Assess care", told) == [
        "Social care refused “Assess care”. Its reference: R-1. Why: Lives elsewhere.",
        "The case is closed.",
    ]
    assert told[-1] == "The case is closed."


def test_a_receipt_that_was_heard_before_the_record_it_is_stamped_after_is_left_out_too() -> None:
    told = lived(said(12, "assess-care", "accepted"), said(10, "assess-care", "rejected"))

    assert about("Assess care", told) == ["Social care refused “Assess care”.", "The case is closed."]


def test_what_receipt_and_record_both_say_is_told_once() -> None:
    told = lived(
        said(3, "check-home", "accepted", reference="00012345"),
        said(4, "check-home", "accepted", reference="00012345"),
        said(8, "check-home", "in-progress"),
        said(9, "check-home", "accepted", reference="00012345"),
    )

    assert about("Check home", told) == [
        "Housing accepted “Check home”. Its reference: 00012345.",
        "Housing began “Check home”.",
    ]


def test_a_task_that_was_stopped_is_told_as_cancelled_once() -> None:
    told = lived(
        (5, RequestWithdrawn, Withdrawal()),
        said(6, "check-home", "cancelled", withdrawal=True, revision=1, reference="00012345"),
        said(7, "check-home", "cancelled", reference="00012345"),
    )

    assert about("Check home", told) == [
        "The case is withdrawn.",
        "Housing cancelled “Check home”. Its reference: 00012345.",
    ]


def test_that_a_department_agreed_to_stop_is_told_once_and_not_after_it_stopped() -> None:
    withdrawn = (5, RequestWithdrawn, Withdrawal())
    agreed, again = (said(at, "check-home", "accepted", withdrawal=True, revision=1) for at in (7, 9))
    accepted, stopped = said(3, "check-home", "accepted"), said(6, "check-home", "cancelled")
    begins = ["Housing accepted “Check home”.", "The case is withdrawn."]

    assert about("Check home", lived(accepted, withdrawn, stopped, agreed)) == [
        *begins,
        "Housing cancelled “Check home”.",
    ]
    assert about("Check home", lived(accepted, withdrawn, agreed, again)) == [
        *begins,
        "Housing agreed to stop “Check home”.",
    ]


def test_what_was_found_out_is_told_also_where_the_line_that_said_it_is_left_out() -> None:
    found = Facts.model_validate({"steps_at_door": 2})
    told = lived(said(5, "check-home", "completed"), said(6, "check-home", "completed", answers=found))

    assert about("Check home", told) == ["Housing finished “Check home”. It found out: steps at door."]


def test_a_second_reference_is_shown_beside_the_first() -> None:
    told = lived(
        said(5, "check-home", "accepted", reference="A"),
        said(6, "check-home", "accepted", reference="B"),
    )

    assert about("Check home", told) == ["Housing accepted “Check home”. Its reference: A, B."]


def test_a_task_that_ends_in_another_way_than_before_is_told_both_times() -> None:
    told = lived(
        said(3, "check-home", "accepted"),
        said(5, "check-home", "completed"),
        said(6, "check-home", "cancelled"),
        said(7, "check-home", "completed"),
    )

    assert about("Check home", told) == [
        "Housing accepted “Check home”.",
        "Housing finished “Check home”.",
        "Housing cancelled “Check home”.",
        "Housing finished “Check home”.",
    ]
