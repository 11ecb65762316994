"""What follows from an event: the specification of the router, without Faust, Kafka or SQL."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.journeys.check import parse
from hub.journeys.clocks import Calendar
from hub.journeys.load import SHIPPED, load_files
from hub.journeys.model import Journeys
from hub.routing.case import Case, EntryKind, TaskState
from hub.routing.step import Decision, NotForThisHub, World, step
from schemas.cases import CaseStatus, CaseUpdated, Decided, TaskDecided, Verdict
from schemas.envelope import Department, Event
from schemas.facts import Facts
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


def says(
    task: str, status: str, hours: float, reference: str | None = None, *, withdrawal: bool = False, **answers: Any
) -> Event:
    journey = WORLD.journeys.for_request("discharge-notified")
    assert journey is not None
    department = journey.by_name[task].department
    data = StatusChange(
        task=task,
        department=department,
        status=TaskStatus(status),
        reference=reference,
        withdrawal=withdrawal,
        answers=Facts.model_validate(answers),
    )
    return event(TaskStatusChanged, data, f"{task}|{status}|{hours}|{reference}|{withdrawal}", hours)


def withdrawn(hours: float) -> Event:
    return event(RequestWithdrawn, Withdrawal(), f"withdrawn|{hours}", hours)


def moved(day: str, hours: float) -> Event:
    return event(RequestAmended, Amendment(facts=Facts.model_validate({"discharge_date": day})), f"moved|{day}", hours)


def follow(events: Iterable[Event], world: World = WORLD, *, in_one_round: bool = False) -> tuple[Case, list[Decision]]:
    """Every event in turn; through the stored form of the case each time, or carried along as in one round of the worker."""
    case: Case | None = None
    decisions = []
    for each in events:
        if case is not None and not in_one_round:
            case = Case.model_validate_json(case.model_dump_json(exclude_defaults=True))
        decision = step(case, each, world)
        case = decision.case
        decisions.append(decision)
    assert case is not None
    return case, decisions


def sent(decisions: Sequence[Decision], kind: type[Event]) -> list[Any]:
    return [output.event for decision in decisions for output in decision.outputs if isinstance(output.event, kind)]


def tasks_raised(decisions: Sequence[Decision]) -> list[str]:
    return [raised.data.task for raised in sent(decisions, TaskRaised)]


def state(case: Case, task: str) -> TaskState:
    return next(view.state for view in case.tasks if view.name == task)


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


def test_the_home_of_a_protected_person_is_told_to_nobody() -> None:
    _, decisions = follow([discharge(protected_address=True)])

    assert all(raised.data.facts.uprn is None for raised in sent(decisions, TaskRaised))


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
        says("start-care", "cancelled", 5, withdrawal=True),
        says("book-transport", "cancelled", 5, withdrawal=True),
        says("fit-ramp", "cancelled", 6, withdrawal=True),
        says("assess-care", "completed", 2, withdrawal=True),
    ]
    case, decisions = follow([*begun, withdrawn(4), *more])

    assert [each.data.task for each in sent(decisions, TaskWithdrawn)] == [
        "book-transport",
        "start-care",
        "fit-ramp",
        "assess-care",
    ]
    assert case.status is CaseStatus.WITHDRAWN


def test_a_refusal_the_journey_can_do_without_lets_the_rest_go_on() -> None:
    case, _ = follow([discharge(), says("check-home", "rejected", 1)])

    assert case.status is CaseStatus.OPEN
    assert state(case, "fit-ramp") is TaskState.NOT_NEEDED


def test_a_refusal_the_journey_cannot_do_without_undoes_the_rest_and_closes_the_case() -> None:
    case, decisions = follow([discharge(), says("assess-care", "rejected", 1)])

    assert [each.data.task for each in sent(decisions, TaskWithdrawn)] == ["check-home"]
    assert case.status is CaseStatus.CLOSED
    assert case.undoing == ("check-home",)

    case, _ = follow(
        [discharge(), says("assess-care", "rejected", 1), says("check-home", "cancelled", 2, withdrawal=True)]
    )
    assert case.status is CaseStatus.CLOSED


ASKING = World(
    Journeys(
        (
            parse(
                """
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
""",
                "ask.v1.yaml",
            ),
        )
    ),
    CALENDAR,
    source="/E06000999/worker",
)


def test_a_refusal_that_a_person_must_weigh_waits_for_their_decision() -> None:
    refused = StatusChange(task="first", department=Department.HOUSING, status=TaskStatus.REJECTED)
    story = [event(RequestReceived, Request(request="asked"), "r"), event(TaskStatusChanged, refused, "no", 1)]
    waiting, _ = follow(story, ASKING)
    go_on = event(TaskDecided, Decided(task="first", verdict=Verdict.GO_ON, by="A. Manager"), "go", 2)
    close = event(TaskDecided, Decided(task="first", verdict=Verdict.CLOSE, by="A. Manager"), "close", 2)

    on, decisions = follow([*story, go_on], ASKING)
    closed, _ = follow([*story, close], ASKING)

    assert waiting.status is CaseStatus.NEEDS_DECISION
    assert tasks_raised(decisions)[-1] == "second"
    assert on.status is CaseStatus.OPEN
    assert closed.status is CaseStatus.CLOSED


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

    lines = "\n".join(entry.model_dump_json() for decision in decisions for entry in decision.entries)

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


STORIES = [
    whole_story(),
    [*whole_story()[:4], withdrawn(3), says("check-home", "cancelled", 4, withdrawal=True)],
    [*whole_story()[:6], moved("2026-11-20", 4), moved("2026-11-17", 3), *whole_story()[6:]],
    [*whole_story()[:3], says("assess-care", "rejected", 3), says("check-home", "cancelled", 5, withdrawal=True)],
]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_every_order_of_the_same_events_ends_in_the_same_case(data: st.DataObject) -> None:
    story = data.draw(st.sampled_from(STORIES))
    shuffled = data.draw(st.permutations(story))
    repeats = data.draw(st.lists(st.sampled_from(story), max_size=4))

    in_order, _ = follow(story)
    in_disorder, _ = follow([*shuffled, *repeats], in_one_round=data.draw(st.booleans()))

    assert in_disorder.truth() == in_order.truth()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_prefix_replayed_after_a_crash_ends_in_the_same_case_and_repeats_only_known_outputs(
    data: st.DataObject,
) -> None:
    story = data.draw(st.sampled_from(STORIES))
    cut = data.draw(st.integers(0, len(story)))

    once, decisions = follow(story)
    twice, again = follow([*story[:cut], *story])

    assert twice == once
    known = {output.event.id for decision in decisions for output in decision.outputs}
    assert {output.event.id for decision in again for output in decision.outputs} <= known
