"""What follows from an event: the specification of the router, without Faust, Kafka or SQL."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest

from hub.journeys.check import parse
from hub.journeys.clocks import Calendar
from hub.journeys.load import SHIPPED, load_files
from hub.journeys.model import Journeys
from hub.routing.case import Case, TaskState, TaskView
from hub.routing.entry import EntryKind
from hub.routing.step import Decision, NotForThisHub, World, step
from schemas.cases import CaseStatus, CaseUpdated, Decided, TaskDecided, Verdict
from schemas.effects import EffectSettled, EffectUncertain, Found, SettledEffect, UncertainEffect
from schemas.envelope import Department, Event
from schemas.facts import PLACES, Facts
from schemas.references import case_reference
from schemas.requests import Amendment, Request, RequestAmended, RequestReceived, RequestWithdrawn, Withdrawal
from schemas.tasks import (
    DeadlineExpired,
    ExpiredDeadline,
    StatusChange,
    TaskChanged,
    TaskRaised,
    TaskStatus,
    TaskStatusChanged,
    TaskWithdrawn,
)

MONDAY = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
CASE = case_reference(MONDAY, "a test")
SEED = UUID("5f6a3c0e-0f3e-4e63-8a0d-3a8f2f1d7c11")
CALENDAR = Calendar("england-and-wales", frozenset(), datetime(2028, 12, 31, tzinfo=UTC).date())
WORLD = World(load_files(SHIPPED.glob("*.yaml")), CALENDAR, source="/E06000999/worker")


def event(kind: type[Event], data: Any, name: str, hours: float = 0) -> Event:
    """An event of the test's case, so many hours after Monday nine o'clock."""
    at = MONDAY + timedelta(hours=hours)
    return kind(
        id=uuid5(SEED, name),
        source="/E06000999/test",
        type=kind.model_fields["type"].default,
        time=at,
        effectiveat=at,
        correlationid=CASE,
        partitionkey=CASE,
        council="E06000999",
        data=data,
    )


def discharge(**facts: Any) -> Event:
    known = {
        "discharge_date": "2026-11-13",
        "mobility": "wheelchair",
        "uprn": "100000000017",
        "person_name": "Ada Invented",
    } | facts
    return event(RequestReceived, Request(request="discharge-notified", facts=Facts.model_validate(known)), "request")


def says(task: str, status: str, hours: float, reference: str | None = None, **answers: Any) -> Event:
    """What a department says of a task that was raised once."""
    return answers_to(task, 1, 0, status, hours, reference=reference, answers=Facts.model_validate(answers))


def stops(task: str, status: str, hours: float, *, raising: int = 1, revision: int = 1) -> Event:
    """What a department says to a withdrawal."""
    return answers_to(task, raising, revision, status, hours, withdrawal=True)


def answers_to(task: str, raising: int, revision: int, status: str, hours: float, **more: Any) -> Event:
    """What a department says to an instruction; revision 0: of the task."""
    journey = WORLD.journeys.for_request("discharge-notified")
    assert journey is not None
    data = StatusChange(
        task=task,
        raising=raising,
        revision=revision,
        department=journey.by_name[task].department,
        status=TaskStatus(status),
        **more,
    )
    return event(TaskStatusChanged, data, f"{task}|{raising}|{revision}|{status}|{hours}", hours)


def withdrawn(hours: float) -> Event:
    return event(RequestWithdrawn, Withdrawal(), f"withdrawn|{hours}", hours)


def amended(facts: dict[str, Any], hours: float) -> Event:
    return event(RequestAmended, Amendment(facts=Facts.model_validate(facts)), f"amended|{facts}|{hours}", hours)


def moved(day: str, hours: float) -> Event:
    return amended({"discharge_date": day}, hours)


def tipped(**facts: Any) -> Event:
    known = {"uprn": "100000000017", "waste_size": "tipper-lorry", "land_owner": "housing"} | facts
    return event(RequestReceived, Request(request="fly-tipping-reported", facts=Facts.model_validate(known)), "tipped")


def cleared(hours: float) -> Event:
    said = StatusChange(task="clear-estate", department=Department.HOUSING, status=TaskStatus.COMPLETED)
    return event(TaskStatusChanged, said, f"cleared|{hours}", hours)


def follow(events: Iterable[Event], world: World = WORLD, *, in_one_round: bool = False) -> tuple[Case, list[Decision]]:
    """Every event in turn; through the stored form of the case each time, or carried along as in one round of the worker."""
    case: Case | None = None
    decisions = []
    for each in events:
        if case is not None and not in_one_round:
            case = Case.read(case.write())
        decision = step(case, each, world)
        case = decision.case
        decisions.append(decision)
    assert case is not None
    return case, decisions


def sent(decisions: Sequence[Decision], kind: type[Event]) -> list[Any]:
    return [output.event for decision in decisions for output in decision.outputs if isinstance(output.event, kind)]


def tasks_raised(decisions: Sequence[Decision]) -> list[str]:
    return [raised.data.task for raised in sent(decisions, TaskRaised)]


def task(case: Case, name: str) -> TaskView:
    return next(view for view in case.tasks if view.name == name)


def state(case: Case, name: str) -> TaskState:
    return task(case, name).state


def test_a_discharge_asks_housing_and_social_care_at_once() -> None:
    case, decisions = follow([discharge()])

    assert tasks_raised(decisions) == ["check-home", "assess-care"]
    assert case.status is CaseStatus.OPEN
    assert case.waiting_on == (Department.HOUSING, Department.SOCIAL_CARE)
    assert [output.topic for output in decisions[0].outputs] == ["housing-tasks", "social-care-tasks", "case-updates"]


def test_a_ramp_is_asked_for_only_when_there_are_steps_and_a_wheelchair() -> None:
    with_steps = follow([discharge(), says("check-home", "completed", 2, steps_at_door=3)])
    without_steps = follow([discharge(), says("check-home", "completed", 2, steps_at_door=0)])
    on_foot = follow([discharge(mobility="walks"), says("check-home", "completed", 2, steps_at_door=3)])

    assert "fit-ramp" in tasks_raised(with_steps[1])
    assert state(without_steps[0], "fit-ramp") is TaskState.NOT_NEEDED
    assert state(on_foot[0], "fit-ramp") is TaskState.NOT_NEEDED


def test_transport_is_told_mobility_and_never_what_care_was_assessed() -> None:
    _, decisions = follow(
        [discharge(nhs_number="9434765919"), says("assess-care", "completed", 2, care_visits_a_day=2)]
    )

    booking = next(raised for raised in sent(decisions, TaskRaised) if raised.data.task == "book-transport")

    assert booking.data.facts.mobility == "wheelchair"
    assert booking.data.facts.care_visits_a_day is None
    assert booking.data.facts.nhs_number is None


PROTECTED_MOVE = {
    "person_name": "Ada Invented",
    "from_uprn": "100000000017",
    "to_uprn": "100000000025",
    "to_address": "1 Nowhere",
    "move_date": "2026-12-01",
    "tenancy_ref": "000017/01",
    "receives_care": True,
    "has_travel_support": True,
    "protected_address": True,
}


@pytest.mark.parametrize(
    "request_event",
    [
        discharge(protected_address=True),
        event(
            RequestReceived, Request(request="address-changed", facts=Facts.model_validate(PROTECTED_MOVE)), "request"
        ),
    ],
    ids=["discharge", "address-changed"],
)
def test_a_department_is_told_that_a_person_is_protected_and_never_where_they_are(request_event: Event) -> None:
    _, decisions = follow([request_event])
    told = [raised.data.facts for raised in sent(decisions, TaskRaised)]

    assert told
    assert all(facts.protected_address for facts in told)
    assert not any(PLACES & facts.known().keys() for facts in told)


def test_a_case_is_finished_when_every_task_it_needs_is_done() -> None:
    case, decisions = follow(whole_story())

    assert case.status is CaseStatus.FINISHED
    assert tasks_raised(decisions) == ["check-home", "assess-care", "fit-ramp", "book-transport", "start-care"]
    assert sent(decisions, CaseUpdated)[-1].data.change == "done"
    assert decisions[-1].deadlines == ()


def test_the_same_event_twice_changes_nothing() -> None:
    case, _ = follow(whole_story())

    for each in whole_story():
        again = step(case, each, WORLD)
        assert again == Decision(case)


def test_a_late_event_never_moves_a_case_back() -> None:
    done = [discharge(), says("check-home", "completed", 5, "00012345", steps_at_door=0)]

    case, decisions = follow([*done, says("check-home", "in-progress", 3), says("check-home", "accepted", 9)])

    assert state(case, "check-home") is TaskState.COMPLETED
    assert not decisions[-1].outputs
    assert not decisions[-2].outputs


def test_repeating_a_decision_repeats_its_outputs_to_the_byte() -> None:
    first, second = step(None, discharge(), WORLD), step(None, discharge(), WORLD)

    assert [output.event.encode() for output in first.outputs] == [output.event.encode() for output in second.outputs]


def test_a_moved_discharge_date_retimes_what_is_not_done_and_tells_those_who_hold_it() -> None:
    _, before = follow([discharge(), says("assess-care", "completed", 2, care_visits_a_day=0)])
    case, decisions = follow(
        [discharge(), says("assess-care", "completed", 2, care_visits_a_day=0), moved("2026-11-20", 4)]
    )

    first = next(raised for raised in sent(before, TaskRaised) if raised.data.task == "book-transport")
    changed = sent(decisions, TaskChanged)

    assert [each.data.task for each in changed] == ["book-transport"]
    assert changed[0].data.due - first.data.due == timedelta(days=7)
    assert changed[0].data.facts.discharge_date.isoformat() == "2026-11-20"
    assert case.status is CaseStatus.OPEN
    assert "date-moved" in [each.data.change for each in sent(decisions, CaseUpdated)]


def test_a_date_said_again_has_not_moved() -> None:
    _, decisions = follow([discharge(), moved("2026-11-13", 4)])

    assert decisions[-1].outputs == ()
    assert [(entry.kind, entry.facts) for entry in decisions[-1].entries] == [(EntryKind.REQUEST_AMENDED, ())]


def test_a_fact_said_again_gives_no_task_more_time() -> None:
    def load(hours: float, size: str) -> Event:
        return amended({"waste_size": size}, hours)

    begun = [tipped(waste_size="transit-van"), cleared(2)]
    due = task(follow(begun)[0], "collect-load").due
    assert due is not None
    late = event(DeadlineExpired, ExpiredDeadline(task="collect-load", due=due), "late", 24 * 8)

    again, decisions = follow([*begun, late, load(24 * 9, "transit-van")])
    smaller = [*begun, load(24, "car-boot"), load(24 * 9, "transit-van")]
    after_a_change, _ = follow(smaller)
    in_disorder, _ = follow([*smaller[:2], smaller[3], smaller[2]])

    assert (task(again, "collect-load").due, task(again, "collect-load").late) == (due, True)
    assert decisions[-1].outputs == ()
    assert task(after_a_change, "collect-load").due != due
    assert in_disorder.truth() == after_a_change.truth()


def test_a_value_heard_late_was_news_when_it_was_said() -> None:
    _, decisions = follow([discharge(), moved("2026-11-20", 4), moved("2026-11-17", 3)])

    assert decisions[-1].outputs == ()
    assert [entry.facts for entry in decisions[-1].entries] == [("discharge_date",)]


def test_a_withdrawn_request_is_undone_in_reverse_order() -> None:
    begun = [
        discharge(),
        says("check-home", "completed", 1, steps_at_door=2),
        says("assess-care", "completed", 2, care_visits_a_day=2),
        says("fit-ramp", "completed", 3),
    ]
    case, decisions = follow([*begun, withdrawn(4)])
    undoing = [each.data.task for each in sent(decisions, TaskWithdrawn)]

    assert undoing == ["book-transport", "start-care"]
    assert case.status is CaseStatus.WITHDRAWN
    assert case.undoing == ("assess-care", "fit-ramp", "start-care", "book-transport")

    more = [
        stops("start-care", "cancelled", 5),
        stops("book-transport", "cancelled", 5),
        stops("fit-ramp", "cancelled", 6),
        stops("assess-care", "completed", 2),
    ]
    case, decisions = follow([*begun, withdrawn(4), *more])

    assert [each.data.task for each in sent(decisions, TaskWithdrawn)] == [
        "book-transport",
        "start-care",
        "fit-ramp",
        "assess-care",
    ]
    assert case.status is CaseStatus.WITHDRAWN


def needs_a_ramp() -> list[Event]:
    return [
        discharge(),
        says("check-home", "completed", 1, steps_at_door=3),
        says("fit-ramp", "accepted", 2, "00012346"),
    ]


def wanted_again() -> list[Event]:
    """A ramp that was ordered, stopped, and is needed after all."""
    return [
        *needs_a_ramp(),
        amended({"mobility": "walks"}, 3),
        stops("fit-ramp", "cancelled", 4),
        amended({"mobility": "wheelchair"}, 5),
    ]


def test_a_task_that_was_stopped_and_is_wanted_after_all_is_asked_for_again_and_in_hand() -> None:
    asked, decisions = follow(wanted_again())
    told = [each.data for each in sent(decisions, TaskRaised) if each.data.task == "fit-ramp"]
    accepted, _ = follow([*wanted_again(), answers_to("fit-ramp", 2, 0, "accepted", 6, reference="00012399")])

    assert [task.raising for task in told] == [1, 2]
    assert (task(asked, "fit-ramp").state, task(asked, "fit-ramp").reference) == (TaskState.ASKED, None)
    assert task(asked, "fit-ramp").since == MONDAY + timedelta(hours=5)
    assert (task(accepted, "fit-ramp").state, task(accepted, "fit-ramp").reference) == (TaskState.ACCEPTED, "00012399")
    assert "fit-ramp" in [deadline.task for deadline in decisions[-1].deadlines or ()]


def test_what_is_late_of_the_first_order_does_not_touch_the_second() -> None:
    again = [*wanted_again(), answers_to("fit-ramp", 2, 0, "in-progress", 6, reference="00012399")]

    case, decisions = follow([*again, says("fit-ramp", "completed", 3.5), says("fit-ramp", "cancelled", 9)])

    assert task(case, "fit-ramp").state is TaskState.IN_PROGRESS
    assert not decisions[-1].outputs
    assert not decisions[-2].outputs


def test_a_case_is_not_finished_while_a_task_that_was_asked_for_again_is_not() -> None:
    rest = [
        says("assess-care", "completed", 7, care_visits_a_day=0),
        says("book-transport", "completed", 8),
    ]
    case, decisions = follow([*wanted_again(), *rest, moved("2026-11-20", 9)])
    done, _ = follow([*wanted_again(), *rest, answers_to("fit-ramp", 2, 0, "completed", 9)])

    assert case.status is CaseStatus.OPEN
    assert [each.data.task for each in sent(decisions[-1:], TaskChanged)] == ["fit-ramp"]
    assert done.status is CaseStatus.FINISHED


@pytest.mark.parametrize("answered", [True, False])
def test_a_task_that_was_asked_for_again_can_be_stopped_again(*, answered: bool) -> None:
    answer = [answers_to("fit-ramp", 2, 0, "accepted", 6, reference="00012399")] if answered else []

    case, decisions = follow([*wanted_again(), *answer, withdrawn(7)])
    stopped, _ = follow(
        [
            *wanted_again(),
            *answer,
            withdrawn(7),
            stops("assess-care", "cancelled", 8),
            stops("fit-ramp", "cancelled", 8, raising=2),
        ]
    )

    told = [each.data for each in sent(decisions[-1:], TaskWithdrawn) if each.data.task == "fit-ramp"]
    assert [(each.raising, each.revision) for each in told] == [(2, 1)]
    assert "fit-ramp" in case.undoing
    assert stopped.undoing == ()


def test_a_task_is_asked_for_again_only_once_its_department_has_stopped_it() -> None:
    story = [*needs_a_ramp(), amended({"mobility": "walks"}, 3), amended({"mobility": "wheelchair"}, 4)]

    _, waiting = follow(story)
    _, stopped = follow([*story, stops("fit-ramp", "cancelled", 5)])
    done, too_late = follow([*story, stops("fit-ramp", "completed", 5)])
    _, kept = follow([*story, stops("fit-ramp", "rejected", 5)])

    assert not sent(waiting[-1:], TaskRaised)
    assert [each.data.raising for each in sent(stopped[-1:], TaskRaised)] == [2]
    assert not sent(too_late[-1:], TaskRaised)
    assert state(done, "fit-ramp") is TaskState.COMPLETED
    assert not sent(kept[-1:], TaskRaised)
    assert [(each.data.raising, each.data.revision) for each in sent(kept[-1:], TaskChanged)] == [(1, 2)]


def booked() -> list[Event]:
    return [
        discharge(),
        says("check-home", "completed", 1, steps_at_door=0),
        says("assess-care", "completed", 2, care_visits_a_day=0),
        says("book-transport", "accepted", 3, "B1"),
        moved("2026-11-20", 4),
    ]


def test_a_refused_change_is_no_refused_task() -> None:
    refused = answers_to("book-transport", 1, 1, "rejected", 5, reason="The depot could not use the file")
    case, decisions = follow([*booked(), refused])
    view = task(case, "book-transport")
    _, then = follow([*booked(), refused, withdrawn(6)])

    assert (case.status, view.state, view.since) == (CaseStatus.OPEN, TaskState.ACCEPTED, MONDAY + timedelta(hours=3))
    assert view.refusal is not None
    assert (view.refusal.withdrawal, view.refusal.reason) == (False, "The depot could not use the file")
    assert [(each.data.change, each.data.task) for each in sent(decisions[-1:], CaseUpdated)] == [
        ("change-refused", "book-transport")
    ]
    assert sent(decisions[-1:], CaseUpdated)[0].data.tells == ("journey-owner", "task-owner", "ward")
    assert [(entry.kind, entry.status) for entry in decisions[-1].entries] == [(EntryKind.CHANGE_ANSWERED, "rejected")]
    assert "book-transport" in [each.data.task for each in sent(then[-1:], TaskWithdrawn)]


def test_a_refused_change_matters_until_a_later_one_is_accepted_or_the_task_ends() -> None:
    refused = answers_to("book-transport", 1, 1, "rejected", 5)
    mended = [*booked(), refused, moved("2026-11-23", 6), answers_to("book-transport", 1, 2, "accepted", 7)]
    ended = [*booked(), refused, says("book-transport", "completed", 8)]

    for story in (mended, ended):
        assert task(follow(story)[0], "book-transport").refusal is None


def test_a_refusal_counts_however_the_departments_clock_goes() -> None:
    accepted = answers_to("book-transport", 1, 1, "accepted", 5)
    refused_at_a_clock_that_is_slow = answers_to("book-transport", 1, 1, "rejected", 4.5)

    case, _ = follow([*booked(), accepted, refused_at_a_clock_that_is_slow])

    assert task(case, "book-transport").refusal is not None


def test_an_accepted_change_says_nothing_of_the_task() -> None:
    case, decisions = follow([*booked(), answers_to("book-transport", 1, 1, "accepted", 5)])
    over, _ = follow([*booked(), answers_to("book-transport", 1, 1, "completed", 5)])

    assert task(case, "book-transport").since == MONDAY + timedelta(hours=3)
    assert decisions[-1].outputs == ()
    # The department's own system tells when the task ended, and the receipt of a change must not outrank it.
    assert state(over, "book-transport") is TaskState.ACCEPTED


def test_a_department_that_refuses_to_stop_still_has_the_task() -> None:
    story = [*booked(), withdrawn(5)]
    handed_over = stops("book-transport", "cancelled", 6, revision=2)
    refused = stops("book-transport", "rejected", 7, revision=2)

    case, decisions = follow([*story, handed_over, refused])
    view = task(case, "book-transport")

    assert (case.status, view.state) == (CaseStatus.WITHDRAWN, TaskState.ACCEPTED)
    assert "book-transport" not in case.undoing
    assert view.refusal is not None
    assert view.refusal.withdrawal
    assert [each.data.change for each in sent(decisions[-1:], CaseUpdated)] == ["change-refused"]
    assert [entry.kind for entry in decisions[-1].entries] == [EntryKind.WITHDRAWAL_ANSWERED]


def test_a_status_of_before_there_were_raisings_speaks_of_the_first() -> None:
    now = says("check-home", "accepted", 1, "00012345").model_dump(mode="json")
    before = now | {"data": {name: now["data"][name] for name in ("task", "department", "status", "reference")}}

    assert TaskStatusChanged.model_validate(before).data == TaskStatusChanged.model_validate(now).data


def test_a_refusal_the_journey_can_do_without_lets_the_rest_go_on() -> None:
    case, _ = follow([discharge(), says("check-home", "rejected", 1)])

    assert case.status is CaseStatus.OPEN
    assert state(case, "fit-ramp") is TaskState.NOT_NEEDED


def test_a_refusal_the_journey_cannot_do_without_undoes_the_rest_and_closes_the_case() -> None:
    case, decisions = follow([discharge(), says("assess-care", "rejected", 1)])

    assert [each.data.task for each in sent(decisions, TaskWithdrawn)] == ["check-home"]
    assert case.status is CaseStatus.CLOSED
    assert case.undoing == ("check-home",)

    case, _ = follow([discharge(), says("assess-care", "rejected", 1), stops("check-home", "cancelled", 2)])
    assert case.status is CaseStatus.CLOSED


ASKING_FILE = """
journey: ask
version: 1
title: Ask
owner: Somebody
starts: {request: asked}
requires:
  uprn: Where?
tasks:
  first: {department: housing, work: home-check, asks: Look}
  second: {department: transport, work: trip, asks: Go, after: first}
"""
ASKING = World(Journeys((parse(ASKING_FILE, "ask.v1.yaml"),)), CALENDAR, source="/E06000999/worker")


def test_a_refusal_that_a_person_must_weigh_waits_for_their_decision() -> None:
    refused = StatusChange(task="first", department=Department.HOUSING, status=TaskStatus.REJECTED)
    story = [event(RequestReceived, Request(request="asked"), "r"), event(TaskStatusChanged, refused, "no", 1)]
    waiting, _ = follow(story, ASKING)
    go_on = event(TaskDecided, Decided(task="first", verdict=Verdict.GO_ON, by="A. Manager"), "go", 2)
    close = event(TaskDecided, Decided(task="first", verdict=Verdict.CLOSE, by="A. Manager"), "close", 2)

    on, decisions = follow([*story, go_on], ASKING)
    closed, _ = follow([*story, close], ASKING)

    assert waiting.status is CaseStatus.NEEDS_DECISION
    assert [view.name for view in waiting.undecided] == ["first"]
    assert on.undecided == []
    assert tasks_raised(decisions)[-1] == "second"
    assert on.status is CaseStatus.OPEN
    assert closed.status is CaseStatus.CLOSED


def test_a_person_decides_only_about_refusals_that_the_journey_leaves_to_a_person() -> None:
    file = ASKING_FILE.replace("asks: Look", "asks: Look, if refused: go on without it").replace(", after: first", "")
    world = World(Journeys((parse(file, "ask.v1.yaml"),)), CALENDAR, source=WORLD.source)
    refused = [
        StatusChange(task="first", department=Department.HOUSING, status=TaskStatus.REJECTED),
        StatusChange(task="second", department=Department.TRANSPORT, status=TaskStatus.REJECTED),
    ]

    case, _ = follow(
        [
            event(RequestReceived, Request(request="asked"), "r"),
            *(event(TaskStatusChanged, each, each.task, 1) for each in refused),
        ],
        world,
    )

    assert [view.name for view in case.undecided] == ["second"]


def test_a_decision_is_about_one_refusal_and_not_about_a_later_one() -> None:
    early = event(TaskDecided, Decided(task="first", verdict=Verdict.CLOSE, by="A. Manager"), "early", 2)
    later = StatusChange(task="first", raising=2, department=Department.HOUSING, status=TaskStatus.REJECTED)

    case, _ = follow(
        [event(RequestReceived, Request(request="asked"), "r"), early, event(TaskStatusChanged, later, "later", 3)],
        ASKING,
    )

    assert case.status is CaseStatus.NEEDS_DECISION


def test_an_expired_deadline_is_told_once_and_a_moved_one_is_ignored() -> None:
    case, _ = follow([discharge()])
    due = next(view.due for view in case.tasks if view.name == "check-home")
    assert due is not None
    late = event(DeadlineExpired, ExpiredDeadline(task="check-home", due=due), "late", 40)
    stale = event(DeadlineExpired, ExpiredDeadline(task="check-home", due=due - timedelta(days=3)), "stale", 40)

    case, decisions = follow([discharge(), late, late])
    _, other_decisions = follow([discharge(), stale])

    assert [each.data.change for each in sent(decisions, CaseUpdated)] == ["accepted", "task-late"]
    assert next(view.late for view in case.tasks if view.name == "check-home")
    assert [each.data.change for each in sent(other_decisions, CaseUpdated)] == ["accepted"]
    assert "check-home" not in [deadline.task for deadline in decisions[1].deadlines or ()]


def test_a_task_done_in_time_is_not_late_however_late_the_clock_says_so() -> None:
    case, _ = follow([discharge()])
    due = next(view.due for view in case.tasks if view.name == "check-home")
    assert due is not None
    expired = event(DeadlineExpired, ExpiredDeadline(task="check-home", due=due), "late", 40)
    done = says("check-home", "completed", 2, steps_at_door=0)

    for story in ([discharge(), done, expired], [discharge(), expired, done]):
        case, _ = follow(story)
        assert not any(view.late for view in case.tasks)
    assert follow([discharge(), done, expired])[1][-1].entries == ()


def test_what_one_round_carries_along_is_what_the_database_would_give() -> None:
    stored, _ = follow(whole_story())
    carried, _ = follow(whole_story(), in_one_round=True)

    assert carried == stored


def test_news_that_comes_before_its_request_is_kept_for_it() -> None:
    early = [says("check-home", "completed", 2, "00012345", steps_at_door=2), discharge()]

    case, decisions = follow(early)

    assert follow(early[:1])[0].status is CaseStatus.UNKNOWN
    assert state(case, "check-home") is TaskState.COMPLETED
    assert "fit-ramp" in tasks_raised(decisions)


def test_a_request_no_journey_starts_with_is_refused_with_those_there_are() -> None:
    strange = event(RequestReceived, Request(request="moon-landing"), "moon")

    with pytest.raises(
        NotForThisHub, match=r"No journey starts with .moon-landing.\. There are: address-changed"
    ) as refusal:
        step(None, strange, WORLD)

    assert refusal.value.code == "no-journey"


def test_a_running_case_keeps_the_version_it_began_with() -> None:
    text = (SHIPPED / "fly-tipping.v1.yaml").read_text(encoding="utf-8")
    newer = parse(
        text.replace("version: 1", "version: 2").replace("collect-load:", "fetch-load:"), "fly-tipping.v2.yaml"
    )
    known = Facts.model_validate({"uprn": "100000000017", "waste_size": "tipper-lorry", "land_owner": "housing"})
    begun = step(None, event(RequestReceived, Request(request="fly-tipping-reported", facts=known), "tip"), WORLD).case
    done = StatusChange(task="clear-estate", department=Department.HOUSING, status=TaskStatus.COMPLETED)

    both = World(Journeys((*WORLD.journeys, newer)), CALENDAR, source=WORLD.source)
    after = step(begun, event(TaskStatusChanged, done, "done", 2), both)

    assert after.case.version == 1
    assert [output.event.data.task for output in after.outputs if isinstance(output.event, TaskRaised)] == [
        "collect-load"
    ]
    with pytest.raises(NotForThisHub, match=r"version 1, whose file is gone"):
        step(begun, event(TaskStatusChanged, done, "done", 2), World(Journeys((newer,)), CALENDAR, source=WORLD.source))


def test_the_timeline_names_facts_and_holds_none_of_their_values() -> None:
    _, decisions = follow(whole_story())

    lines = "\n".join(entry.write() for decision in decisions for entry in decision.entries)

    assert "person_name" in lines
    assert "Ada" not in lines
    assert [entry.kind for entry in decisions[0].entries] == [
        EntryKind.REQUEST_RECEIVED,
        EntryKind.TASK_RAISED,
        EntryKind.TASK_RAISED,
        EntryKind.CASE_STATUS,
    ][: len(decisions[0].entries)]


def whole_story() -> list[Event]:
    return [
        discharge(),
        says("check-home", "accepted", 1, "00012345"),
        says("check-home", "completed", 2, "00012345", steps_at_door=2, keysafe_present=True),
        says("assess-care", "accepted", 1.5, "R-77"),
        says("assess-care", "in-progress", 2.5, "R-77"),
        says("assess-care", "completed", 3, "R-77", care_visits_a_day=2),
        says("fit-ramp", "completed", 4, "00012346"),
        says("book-transport", "accepted", 5, "B-1", pickup_time="10:30"),
        says("book-transport", "completed", 6, "B-1"),
        says("start-care", "completed", 7, "R-78"),
    ]


def doubted(raised: Any, hours: float, means: str = "accepted") -> Event:
    """A connector cannot know whether its system has an instruction."""
    data = UncertainEffect(
        task=raised.data.task,
        raising=raised.data.raising,
        revision=raised.data.revision,
        withdrawal=isinstance(raised, TaskWithdrawn),
        department=raised.data.department,
        connector="taxi_firm",
        effect=raised.id,
        sent_at=raised.time,
        evidence="The connection was reset.",
        means=TaskStatus(means),
    )
    return event(EffectUncertain, data, f"doubted|{raised.id}", hours)


def found(raised: Any, what: str, hours: float, reference: str | None = None, by: str = "J. Invented") -> Event:
    """A person asked the department."""
    data = SettledEffect(
        task=raised.data.task,
        raising=raised.data.raising,
        revision=raised.data.revision,
        found=Found(what),
        reference=reference,
        by=by,
    )
    return event(EffectSettled, data, f"found|{raised.id}|{what}|{by}|{hours}", hours)


def told(decisions: Sequence[Decision], task: str) -> list[Any]:
    """Everything on a department's topic about a task, in order."""
    return [
        output.event
        for decision in decisions
        for output in decision.outputs
        if output.topic.endswith("-tasks") and getattr(output.event.data, "task", None) == task
    ]


def check_home() -> Any:
    """The instruction by which housing is asked."""
    return told(follow([discharge()])[1], "check-home")[0]


def test_while_nobody_knows_whether_a_task_arrived_a_person_is_asked_and_its_department_is_told_nothing_more() -> None:
    case, decisions = follow(
        [discharge(), doubted(check_home(), 1), moved("2026-11-20", 2), withdrawn(3)],
    )

    assert case.status is CaseStatus.WITHDRAWN
    assert [each.type for each in told(decisions, "check-home")] == ["task.raised.v1"]
    assert case.undoing[0] == "check-home"
    asked, _ = follow([discharge(), doubted(check_home(), 1)])
    ((view, doubt),) = asked.uncertain
    assert (asked.status, view.state, doubt.evidence) == (
        CaseStatus.NEEDS_DECISION,
        TaskState.ASKED,
        "The connection was reset.",
    )
    assert asked.undecided == []


def test_what_a_person_found_at_the_department_is_as_good_as_its_own_word_and_the_ledger_hears_of_it() -> None:
    raised = check_home()
    case, decisions = follow([discharge(), doubted(raised, 1), found(raised, "applied", 2, "4711")])

    view = task(case, "check-home")
    assert (case.status, view.state, view.reference) == (CaseStatus.OPEN, TaskState.ACCEPTED, "4711")
    *_, settled = told(decisions, "check-home")
    assert (settled.data.effect, settled.data.status, settled.data.reference) == (raised.id, "accepted", "4711")
    assert [update.data.change for update in sent(decisions, CaseUpdated) if update.data.task == "check-home"] == [
        "task-uncertain",
        "task-settled",
    ]
    line = next(entry for entry in decisions[-1].entries if entry.kind is EntryKind.EFFECT_SETTLED)
    assert (line.by, line.status, line.reference) == ("J. Invented", "applied", "4711")


def test_what_never_arrived_is_asked_for_anew_after_the_ledger_has_heard_of_it() -> None:
    raised = check_home()
    case, decisions = follow([discharge(), doubted(raised, 1), found(raised, "not-applied", 2)])

    _, settled, again = told(decisions, "check-home")
    assert (settled.type, settled.data.status) == ("task.settled.v1", None)
    assert (again.type, again.data.raising, again.data.revision) == ("task.raised.v1", 2, 0)
    assert again.id != raised.id
    assert state(case, "check-home") is TaskState.ASKED


def test_what_never_arrived_and_is_not_wanted_any_more_leaves_nothing_to_undo() -> None:
    raised = check_home()
    case, decisions = follow(
        [
            discharge(),
            doubted(raised, 1),
            withdrawn(2),
            stops("assess-care", "cancelled", 3),
            found(raised, "not-applied", 4),
        ]
    )

    assert (case.status, case.undoing) == (CaseStatus.WITHDRAWN, ())
    assert [each.type for each in told(decisions, "check-home")] == ["task.raised.v1", "task.settled.v1"]


@pytest.mark.parametrize("what", ["applied", "not-applied"])
def test_what_was_on_its_way_behind_an_instruction_in_doubt_is_told_anew_once_that_is_known(what: str) -> None:
    raised = check_home()
    before = [discharge(), withdrawn(1), doubted(raised, 2)]
    case, decisions = follow([*before, found(raised, what, 3)])

    types = [each.type for each in told(decisions, "check-home")]
    again = ["task.withdrawn.v1"] if what == "applied" else []
    assert types == ["task.raised.v1", "task.withdrawn.v1", "task.settled.v1", *again]
    assert ("check-home" in case.undoing) is (what == "applied")


def test_a_withdrawal_that_never_arrived_is_sent_again_and_one_that_did_has_stopped_the_task() -> None:
    before = [discharge(), says("check-home", "accepted", 1), withdrawn(2)]
    (withdrawal,) = [each for each in told(follow(before)[1], "check-home") if isinstance(each, TaskWithdrawn)]
    doubt = doubted(withdrawal, 3, means="cancelled")

    stopped, _ = follow([*before, doubt, found(withdrawal, "applied", 4)])
    not_stopped, decisions = follow([*before, doubt, found(withdrawal, "not-applied", 4)])

    assert state(stopped, "check-home") is TaskState.CANCELLED
    assert state(not_stopped, "check-home") is TaskState.ACCEPTED
    *_, settled, again = told(decisions, "check-home")
    assert (settled.type, again.type, again.data.revision) == ("task.settled.v1", "task.withdrawn.v1", 2)


def test_a_department_that_is_seen_to_work_on_it_settles_the_doubt_by_itself() -> None:
    raised = check_home()
    case, decisions = follow([discharge(), doubted(raised, 1), says("check-home", "in-progress", 2)])

    assert (case.status, case.uncertain) == (CaseStatus.OPEN, [])
    settled = told(decisions, "check-home")[-1]
    assert (settled.type, settled.data.status) == ("task.settled.v1", "accepted")


def test_whoever_says_it_late_or_again_changes_nothing_and_who_found_it_outweighs_who_did_not() -> None:
    raised = check_home()
    before = [discharge(), doubted(raised, 1), found(raised, "applied", 2, "4711")]
    case, _ = follow(before)

    after, decisions = follow([*before, found(raised, "not-applied", 3, by="B. Late")])

    assert after.tasks == case.tasks
    assert told(decisions[-1:], "check-home") == []
