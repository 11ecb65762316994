"""Sentences about cases: what the contact-centre officer reads aloud."""

import dataclasses
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest
from msgspec.structs import replace

from hub.journeys.clocks import Calendar
from hub.journeys.load import SHIPPED, load_files
from hub.journeys.model import Journey, Journeys
from hub.memory.reading import Summary
from hub.pages import words
from hub.pages.unknown_view import unknown_view
from hub.routing.case import Case, TaskState, TaskView
from hub.routing.heard import UncertainHeard
from hub.routing.step import World, step
from schemas.cases import CaseStatus
from schemas.envelope import Department, Event, Message
from schemas.facts import Facts
from schemas.references import case_reference
from schemas.requests import Amendment, Request, RequestAmended, RequestReceived, RequestWithdrawn, Withdrawal
from schemas.tasks import StatusChange, TaskStatus, TaskStatusChanged

NOW = datetime(2026, 11, 5, 9, 30, tzinfo=UTC)
TUESDAY = datetime(2026, 11, 3, 10, 0, tzinfo=UTC)
FRIDAY_13 = datetime(2026, 11, 13, 23, 59, tzinfo=UTC)
H, S, T = Department.HOUSING, Department.SOCIAL_CARE, Department.TRANSPORT


def discharge() -> Journey:
    journey = load_files([SHIPPED / "hospital-discharge.v1.yaml"]).for_request("discharge-notified")
    assert journey is not None
    return journey


def task(name: str, department: Department, state: TaskState, **more: Any) -> TaskView:
    return TaskView(
        name=name,
        department=department,
        state=state,
        wanted=more.pop("wanted", True),
        since=more.pop("since", TUESDAY),
        **more,
    )


def case(*tasks: TaskView, status: CaseStatus = CaseStatus.OPEN, **more: Any) -> Case:
    return Case(
        reference="0TJ9-4QXM-7C2K-VN31",
        journey="hospital-discharge",
        version=1,
        tasks=tasks,
        status=status,
        opened_at=TUESDAY,
        updated_at=NOW,
        **more,
    )


RAMP = task("fit-ramp", H, TaskState.IN_PROGRESS, reference="00012345", due=FRIDAY_13)
CARE_READY = task("assess-care", S, TaskState.COMPLETED)
TRIP_READY = task("book-transport", T, TaskState.COMPLETED)
TRIP = task("book-transport", T, TaskState.ACCEPTED, reference="T-1", due=FRIDAY_13)
REFUSED = task("check-home", H, TaskState.REJECTED, reason="Nobody was at home")
UNDECIDED = replace(REFUSED, undecided=True)
DOUBT = UncertainHeard(
    raising=1,
    revision=0,
    withdrawal=False,
    connector="taxi_firm",
    effect=UUID(int=1),
    at=NOW - timedelta(minutes=30),
    evidence="The connection was reset.",
    means=TaskStatus.COMPLETED,
)
IN_DOUBT = task("book-transport", T, TaskState.ASKED, due=FRIDAY_13, uncertain=DOUBT)
STOP = replace(DOUBT, revision=1, withdrawal=True)
STOP_IN_DOUBT = task("book-transport", T, TaskState.ACCEPTED, wanted=False, uncertain=STOP)


def lived(*events: tuple[type[Event], Message]) -> Case:
    """A discharge that came in on Tuesday and to which this happened on Wednesday, a minute apart, as the worker would have it."""
    world = World(Journeys((discharge(),)), Calendar("x", frozenset(), date(2028, 12, 31)), source="/E06000999/worker")
    facts = {"discharge_date": "2026-11-20", "mobility": "walks", "nhs_number": "9990000018", "uprn": "100000000017"}
    request = Request(request="discharge-notified", facts=Facts.model_validate(facts))
    reference = case_reference(TUESDAY, "lived")
    opening: list[tuple[type[Event], Message]] = [(RequestReceived, request), *events]
    stands: Case | None = None
    for number, (kind, data) in enumerate(opening):
        at = TUESDAY + timedelta(days=min(number, 1), minutes=number)
        event = kind.model_validate(
            {
                "id": uuid5(NAMESPACE_URL, str(number)),
                "source": "/E06000999/test",
                "time": at,
                "effectiveat": at,
                "correlationid": reference,
                "partitionkey": reference,
                "council": "E06000999",
                "data": data,
            }
        )
        stands = step(stands, event, world).case
    assert stands is not None
    return stands


def said(name: str, status: str, **more: Any) -> tuple[type[Event], Message]:
    """A department's word on a task of the discharge, or on an instruction about it."""
    department = discharge().by_name[name].department
    return TaskStatusChanged, StatusChange(task=name, department=department, status=TaskStatus(status), **more)


WITHDRAWN = (RequestWithdrawn, Withdrawal())
BOOKED = (said("check-home", "completed"), said("assess-care", "completed"), said("book-transport", "accepted"))

SENTENCES = {
    "one department is waited for and the others are ready": (
        case(RAMP, CARE_READY, TRIP_READY),
        (
            "Waiting for Housing since Tuesday 3 November: works order 00012345, due Friday 13 November. "
            "Social care and transport are ready."
        ),
    ),
    "a task without a reference is called by its name": (
        case(
            task("assess-care", S, TaskState.ASKED, since=NOW - timedelta(hours=1)),
            task("book-transport", T, TaskState.WAITING),
        ),
        "Waiting for Social care since 08:30 today: assess care. Transport comes after that.",
    ),
    "two departments are waited for, the more pressing first": (
        case(task("assess-care", S, TaskState.ACCEPTED, reference="R-1", due=NOW + timedelta(days=1)), RAMP),
        (
            "Waiting for Social care since Tuesday 3 November: referral R-1, due tomorrow, Friday 6 November, 09:30. "
            "Also waiting for Housing since Tuesday 3 November: works order 00012345, due Friday 13 November."
        ),
    ),
    "a deadline that has passed is said to have passed": (
        case(task("fit-ramp", H, TaskState.ACCEPTED, due=NOW - timedelta(days=1), late=True)),
        "Waiting for Housing since Tuesday 3 November: fit ramp, overdue: it was due yesterday, Wednesday 4 November, 09:30.",
    ),
    "a refusal waits for a person by their title": (
        case(UNDECIDED, CARE_READY, status=CaseStatus.NEEDS_DECISION),
        (
            "Waiting for Head of Testing to decide since Tuesday 3 November: "
            "Housing refused “Check home” (Nobody was at home). Social care is ready."
        ),
    ),
    "what nobody knows is said with when it was sent, and who has to ask": (
        case(CARE_READY, IN_DOUBT, status=CaseStatus.NEEDS_DECISION),
        (
            "Nobody knows whether “Book transport” arrived, sent to Transport today at 09:00: somebody has to ask. "
            "Social care is ready."
        ),
    ),
    "a case that has ended says what nobody knows of its undoing": (
        case(STOP_IN_DOUBT, status=CaseStatus.WITHDRAWN, undoing=("book-transport",)),
        (
            "Withdrawn today at 09:30. Nobody knows whether the word to stop “Book transport” arrived, sent to Transport "
            "today at 09:00: somebody has to ask."
        ),
    ),
    "a finished case says who did their part": (
        case(task("check-home", H, TaskState.COMPLETED), TRIP_READY, status=CaseStatus.FINISHED),
        "Finished on Tuesday 3 November. Housing and transport have done their part.",
    ),
    "a finished case says who did not": (
        case(CARE_READY, REFUSED, status=CaseStatus.FINISHED),
        "Finished on Tuesday 3 November. Social care has done its part. Housing refused “Check home”: Nobody was at home.",
    ),
    "a closed case says who refused, and who has yet to undo": (
        lived(said("assess-care", "rejected", reason="Lives elsewhere")),
        (
            "Closed yesterday, Wednesday 4 November. Social care refused “Assess care” yesterday, Wednesday 4 November: Lives elsewhere. "
            "Waiting for Housing to undo what was begun."
        ),
    ),
    "a closed case says when all was undone": (
        lived(said("assess-care", "rejected"), said("check-home", "cancelled", withdrawal=True, revision=1)),
        (
            "Closed yesterday, Wednesday 4 November. Social care refused “Assess care” yesterday, Wednesday 4 November. "
            "What was begun has been undone."
        ),
    ),
    "a closed case says that what was done stays done": (
        lived(said("check-home", "completed"), said("assess-care", "rejected")),
        (
            "Closed yesterday, Wednesday 4 November. Social care refused “Assess care” yesterday, Wednesday 4 November. "
            "“Check home” was done and stays done."
        ),
    ),
    "a closed case in which nothing was begun beside the refusal says that nothing had to be undone": (
        lived(said("check-home", "rejected"), said("assess-care", "rejected")),
        (
            "Closed yesterday, Wednesday 4 November. Housing refused “Check home” yesterday, Wednesday 4 November. "
            "Social care refused “Assess care” yesterday, Wednesday 4 November. Nothing had to be undone."
        ),
    ),
    "a withdrawn case tells what was stopped from what was done before": (
        lived(
            said("check-home", "completed"), WITHDRAWN, said("assess-care", "cancelled", withdrawal=True, revision=1)
        ),
        (
            "Withdrawn yesterday, Wednesday 4 November. What was begun has been undone. "
            "“Check home” was done and stays done."
        ),
    ),
    "a withdrawn case says who has yet to undo": (
        lived(said("check-home", "accepted"), WITHDRAWN),
        "Withdrawn yesterday, Wednesday 4 November. Waiting for Housing and social care to undo what was begun.",
    ),
    "a withdrawn case says when all was undone": (
        lived(
            WITHDRAWN,
            said("check-home", "cancelled", withdrawal=True, revision=1),
            said("assess-care", "cancelled", withdrawal=True, revision=1),
        ),
        "Withdrawn yesterday, Wednesday 4 November. What was begun has been undone.",
    ),
    "a withdrawn case says who refused to stop": (
        lived(
            *BOOKED,
            WITHDRAWN,
            said("book-transport", "rejected", withdrawal=True, revision=1, reason="The file could not be read."),
            said("assess-care", "completed", withdrawal=True, revision=1),
        ),
        (
            "Withdrawn yesterday, Wednesday 4 November. "
            "Transport refused to stop “Book transport”: The file could not be read. It may still happen."
        ),
    ),
    "a refused change is said beside what is waited for": (
        lived(
            *BOOKED,
            (RequestAmended, Amendment(facts=Facts.model_validate({"discharge_date": "2026-11-27"}))),
            said("book-transport", "rejected", revision=1, reason="The file could not be read"),
        ),
        (
            "Waiting for Transport since yesterday, Wednesday 4 November: book transport, due Thursday 26 November. "
            "Transport refused a change to “Book transport”: The file could not be read. It goes by what it was told before. "
            "Housing and social care are ready."
        ),
    ),
    "a case in which nothing is wanted any more says who was asked to stop": (
        case(task("fit-ramp", H, TaskState.ACCEPTED, wanted=False), undoing=("fit-ramp",)),
        "Housing was asked to stop “Fit ramp”.",
    ),
    "a case that goes on without a task says who was asked to stop": (
        case(task("fit-ramp", H, TaskState.ACCEPTED, wanted=False), TRIP, undoing=("fit-ramp",)),
        (
            "Waiting for Transport since Tuesday 3 November: booking T-1, due Friday 13 November. "
            "Housing was asked to stop “Fit ramp”."
        ),
    ),
    "a case whose request has not come waits for it": (
        case(status=CaseStatus.UNKNOWN),
        (
            "A department has reported on this case since Tuesday 3 November, but its request has not arrived. "
            "It is routed as soon as the request does."
        ),
    ),
    "an open case with nothing in hand is the hub's to move": (
        case(),
        "Open since Tuesday 3 November. The hub works out the next step.",
    ),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_the_first_line_says_how_the_case_stands(name: str) -> None:
    told, sentence = SENTENCES[name]
    assert words.first_line(told, dataclasses.replace(discharge(), owner="Head of Testing"), NOW) == sentence


def any_refusal(told: Case) -> bool:
    return any(view.refusal for view in told.tasks)


@pytest.mark.parametrize("name", SENTENCES)
def test_somebody_always_acts_next_or_nobody_must(name: str) -> None:
    told, _ = SENTENCES[name]
    turns = words.next_turns(told, discharge(), NOW)
    assert turns
    assert all(turn.who and turn.what for turn in turns)
    assert (turns[0].who == "Nobody") == (told.status.ended and not words.undoing(told) and not any_refusal(told))


def test_who_acts_next_is_told_what_and_by_when() -> None:
    turns = words.next_turns(case(RAMP, CARE_READY), discharge(), NOW)
    assert turns == [words.Turn("Housing", "Fit a ramp at the front door", "due Friday 13 November")]


def test_who_undoes_is_told_what_to_undo() -> None:
    told, _ = SENTENCES["a case in which nothing is wanted any more says who was asked to stop"]
    assert words.next_turns(told, discharge(), NOW) == [words.Turn("Housing", "Cancel the works order", "")]


def test_somebody_must_speak_with_a_department_that_refused_what_it_was_told() -> None:
    change, _ = SENTENCES["a refused change is said beside what is waited for"]
    stop, _ = SENTENCES["a withdrawn case says who refused to stop"]

    assert words.next_turns(change, discharge(), NOW) == [
        words.Turn(
            "Head of Adult Social Care",
            "speak with transport, which refused a change to “Book transport”",
            "as soon as possible",
        ),
        words.Turn("Transport", "Bring the person home", "due Thursday 26 November"),
    ]
    assert words.next_turns(stop, discharge(), NOW) == [
        words.Turn(
            "Head of Adult Social Care",
            "speak with transport, which refused to stop “Book transport”",
            "as soon as possible",
        ),
    ]


def test_a_case_is_told_without_its_journey_when_the_file_is_gone() -> None:
    for told, _ in SENTENCES.values():
        assert words.first_line(told, None, NOW)
        assert words.next_turns(told, None, NOW)


def test_the_list_begins_with_numbers_a_team_leader_asks_for() -> None:
    assert (
        words.summary_line(Summary(open=41, overdue=3, waiting_for_person=2))
        == "41 open, 3 overdue, 2 waiting for a person"
    )
    assert words.summary_line(Summary(open=1234)) == "1,234 open, 0 overdue, 0 waiting for a person"


def test_a_case_in_a_list_says_for_whom_it_waits() -> None:
    late = case(
        task("fit-ramp", H, TaskState.ACCEPTED, due=NOW - timedelta(days=1)), task("assess-care", S, TaskState.ASKED)
    )
    assert words.where_it_stands(late, NOW) == "Waiting for Housing and social care, overdue"
    assert words.where_it_stands(case(RAMP), NOW) == "Waiting for Housing"
    assert words.where_it_stands(case(status=CaseStatus.WITHDRAWN), NOW) == "Withdrawn"


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("a withdrawn case says who has yet to undo", "Withdrawn, being undone"),
        ("a withdrawn case says when all was undone", "Withdrawn"),
        ("a withdrawn case says who refused to stop", "Withdrawn, a department refused to stop"),
        ("a refused change is said beside what is waited for", "Waiting for Transport, a change was refused"),
    ],
)
def test_a_case_in_a_list_says_what_is_not_as_it_should_be(name: str, where: str) -> None:
    assert words.where_it_stands(SENTENCES[name][0], NOW) == where


def test_codes_are_words() -> None:
    assert words.task_title("check-home") == "Check home"
    assert words.fact_title("nhs_number") == "NHS number"
    assert words.fact_title("tenancy_ref") == "tenancy reference"


def test_a_task_that_has_not_begun_says_what_it_waits_for() -> None:
    start = task("start-care", S, TaskState.WAITING)
    told = case(CARE_READY, RAMP, start)
    assert words.waits_for(start, told, discharge()) == ["Fit ramp"]


def test_of_what_nobody_knows_its_department_is_not_the_one_to_act() -> None:
    (turn,) = words.next_turns(case(IN_DOUBT, status=CaseStatus.NEEDS_DECISION), discharge(), NOW)

    assert (turn.who, turn.what, turn.where) == (
        discharge().owner,
        "ask transport whether “Book transport” arrived, and say so",
        "/unknown-effects",
    )


def test_a_list_says_whose_system_may_or_may_not_have_what_was_sent() -> None:
    standing = words.where_it_stands(case(IN_DOUBT, status=CaseStatus.NEEDS_DECISION), NOW)

    assert standing == "Waiting for a person, Transport may or may not have what was sent"


@pytest.mark.parametrize(
    ("cases", "line"),
    [
        ([], "Nobody has to ask: it is known of every instruction whether its department has it."),
        ([case(IN_DOUBT)], "1 instruction may or may not have reached Transport: ask them."),
        (
            [case(IN_DOUBT), case(task("check-home", H, TaskState.ASKED, uncertain=DOUBT))],
            "2 instructions may or may not have arrived: ask Housing about 1 and Transport about 1.",
        ),
    ],
)
def test_the_page_of_what_nobody_knows_says_in_its_first_line_whom_to_ask(cases: list[Case], line: str) -> None:
    view = unknown_view(cases, len(cases), Journeys((discharge(),)), NOW)

    assert view.first_line == line
    assert [doubt.waits for doubt in view.doubts] == ["30 minutes ago"] * len(cases)


@pytest.mark.parametrize(
    ("cases", "records", "said"),
    [
        (0, 0, "No case waits for a record that could not be used."),
        (1, 1, "1 case stands still: 1 record of it lies there."),
        (2, 5, "2 cases stand still: 5 records of theirs lie there."),
    ],
)
def test_how_many_cases_stand_still_is_said_with_what_lies_there(cases: int, records: int, said: str) -> None:
    assert words.standing_still_line(cases, records) == said
