"""Sentences about cases: what the contact-centre officer reads aloud."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.journeys.load import SHIPPED, load_files
from hub.journeys.model import Journey
from hub.memory.reading import Summary
from hub.pages import words
from hub.routing.case import Case, Heard, TaskState, TaskView
from schemas.cases import CaseStatus
from schemas.envelope import Department

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
        case(REFUSED, CARE_READY, status=CaseStatus.NEEDS_DECISION),
        (
            "Waiting for Head of Testing to decide since Tuesday 3 November: "
            "Housing refused “Check home” (Nobody was at home). Social care is ready."
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
    "a closed case says who refused": (
        case(REFUSED, status=CaseStatus.CLOSED),
        (
            "Closed on Tuesday 3 November. Housing refused “Check home” on Tuesday 3 November: Nobody was at home. "
            "What was begun has been undone."
        ),
    ),
    "a withdrawn case says since when": (
        case(status=CaseStatus.WITHDRAWN, heard=Heard(withdrawn=NOW)),
        "Withdrawn today at 09:30. What was begun has been undone.",
    ),
    "a case that is being undone says by whom": (
        case(
            task("fit-ramp", H, TaskState.ACCEPTED, wanted=False),
            heard=Heard(withdrawn=NOW),
            undoing=("fit-ramp",),
        ),
        "Withdrawn today at 09:30. Waiting for Housing to undo what was begun.",
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
    assert words.first_line(told, _asking(discharge()), NOW) == sentence


def _asking(journey: Journey) -> Journey:
    """The journey with every refusal left to the Head of Testing."""
    from dataclasses import replace  # noqa: PLC0415 - only here

    from hub.journeys.model import IfRefused  # noqa: PLC0415 - only here

    tasks = tuple(replace(plan, if_refused=IfRefused.ASK) for plan in journey.tasks)
    return replace(journey, owner="Head of Testing", tasks=tasks)


@pytest.mark.parametrize("name", SENTENCES)
def test_somebody_always_acts_next_or_nobody_must(name: str) -> None:
    told, _ = SENTENCES[name]
    turns = words.next_turns(told, discharge(), NOW)
    assert turns
    assert all(turn.who and turn.what for turn in turns)
    assert (turns[0].who == "Nobody") == told.status.ended


def test_who_acts_next_is_told_what_and_by_when() -> None:
    turns = words.next_turns(case(RAMP, CARE_READY), discharge(), NOW)
    assert turns == [words.Turn("Housing", "Fit a ramp at the front door", "due Friday 13 November")]


def test_who_undoes_is_told_what_to_undo() -> None:
    told, _ = SENTENCES["a case that is being undone says by whom"]
    assert words.next_turns(told, discharge(), NOW) == [words.Turn("Housing", "Cancel the works order", "")]


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


def test_codes_are_words() -> None:
    assert words.task_title("check-home") == "Check home"
    assert words.fact_title("nhs_number") == "NHS number"
    assert words.fact_title("tenancy_ref") == "tenancy reference"


def test_a_task_that_has_not_begun_says_what_it_waits_for() -> None:
    start = task("start-care", S, TaskState.WAITING)
    told = case(CARE_READY, RAMP, start)
    assert words.waits_for(start, told, discharge()) == ["Fit ramp"]
