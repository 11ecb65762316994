"""Whatever happens to a case, in whatever order it is heard: histories that hypothesis makes up, lived through by departments that answer.

A history is lived in order first: departments answer only what they were told, people decide only what they are asked, deadlines pass that
are open, and people find out what became of what nobody knows. Then its events come in any order and more than once.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.journeys.clocks import Calendar
from hub.journeys.load import load_files
from hub.routing.case import Case
from hub.routing.step import Decision, World, step
from schemas.cases import Decided, TaskDecided, Verdict
from schemas.effects import EffectSettled, EffectUncertain, Found, SettledEffect, TaskSettled, UncertainEffect
from schemas.envelope import Event
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
CASE = case_reference(MONDAY, "any history")
SEED = UUID("1d0b8f0a-53a0-4c0e-8f8e-0d1d4b0c7a55")
CALENDAR = Calendar("england-and-wales", frozenset(), datetime(2028, 12, 31, tzinfo=UTC).date())
JOURNEYS = load_files([Path(__file__).with_name("any-history.v1.yaml")])
WORLD = World(JOURNEYS, CALENDAR, source="/E06000999/worker")
LIVE = {TaskStatus.ACCEPTED, TaskStatus.IN_PROGRESS}


@dataclass
class Work:
    """One raising of a task as its department has it."""

    raised: TaskRaised
    status: TaskStatus
    stopped_at: TaskStatus | None = None
    """How it stood when it was stopped at the hub's word."""
    refuses_to_stop: bool = False

    @property
    def goes_on(self) -> bool:
        """Whether its department works on it, and not because it refuses to stop."""
        return self.status in LIVE and not self.refuses_to_stop


class History:
    """A case lived through.

    Attributes:
        asked: what departments were told and have not answered, in order.
        answered: the changes and withdrawals that they have.
        work: what departments have, by task and raising.
        knows: what departments were told of each task last.
        doubts: the instructions of which nobody knows whether their departments have them, by task, and whether they do.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.at = MONDAY
        self.case: Case | None = None
        self.asked: deque[TaskRaised | TaskChanged | TaskWithdrawn] = deque()
        self.answered: list[TaskChanged | TaskWithdrawn] = []
        self.work: dict[tuple[str, int], Work] = {}
        self.knows: dict[str, Facts] = {}
        self.doubts: dict[str, tuple[TaskRaised | TaskChanged | TaskWithdrawn, bool]] = {}

    def __repr__(self) -> str:
        """What happened, a line each."""
        return "\n".join(
            f"{event.effectiveat:%d %H}h {event.type} {event.data.model_dump(mode='json', exclude_defaults=True)}"
            for event in self.events
        )

    def happens(self, kind: type[Event], data: Any) -> None:
        event = kind(
            id=uuid5(SEED, str(len(self.events))),
            source="/E06000999/test",
            type=kind.model_fields["type"].default,
            time=self.at,
            effectiveat=self.at,
            correlationid=CASE,
            partitionkey=CASE,
            council="E06000999",
            data=data,
        )
        decision = step(self.case, event, WORLD)
        self.case = decision.case
        self.events.append(event)
        for output in decision.outputs:
            if isinstance(output.event, TaskRaised | TaskChanged | TaskWithdrawn):
                self.is_told(output.event)
            elif isinstance(output.event, TaskSettled):
                told, has = self.doubts.pop(output.event.data.task)
                assert output.event.data.effect == told.id
                work = self.work.get((told.data.task, told.data.raising))
                # What stands before it on the topic was behind one that was in doubt, and is not applied.
                self.asked = deque(each for each in self.asked if each.data.task != told.data.task)
                over = work is not None and work.status.ended
                assert over or (output.event.data.status is not None) == has, "the ledger is told what nobody found"
        if self.case.status.ended and not self.case.undoing:
            assert not any(work.goes_on for work in self.work.values()), "ended, and something goes on"
            # One that refuses to stop after the work was asked for again has it twice; the case hears of it with the second's answer.
            unstopped = {task for (task, _), work in self.work.items() if work.refuses_to_stop}
            asked = {told.data.task for told in self.asked if isinstance(told, TaskRaised)}
            assert asked <= unstopped, "ended, and something is asked"

    def is_told(self, told: TaskRaised | TaskChanged | TaskWithdrawn) -> None:
        if isinstance(told, TaskRaised):
            others = [work for (task, _), work in self.work.items() if task == told.data.task]
            assert not any(work.goes_on for work in others), "asked for twice"
        assert told.data.task not in self.doubts, "told of what nobody knows whether it is there"
        if isinstance(told, TaskRaised | TaskChanged):
            self.knows[told.data.task] = told.data.facts
        self.asked.append(told)

    def says(self, work: Work, status: TaskStatus, revision: int = 0, **more: Any) -> None:
        task = work.raised.data
        said = StatusChange(
            task=task.task, raising=task.raising, revision=revision, department=task.department, status=status, **more
        )
        self.happens(TaskStatusChanged, said)

    # What may happen, each with what is drawn for it.

    def answers(self, pick: int) -> None:
        """A department takes the next instruction and says what it made of it; nothing behind one that nobody knows the end of."""
        told = self.asked.popleft()
        key = (told.data.task, told.data.raising)
        if told.data.task in self.doubts:
            return
        if isinstance(told, TaskRaised):
            status = TaskStatus.REJECTED if pick % 4 == 0 else TaskStatus.ACCEPTED
            self.work[key] = Work(told, status)
            self.says(self.work[key], status, reference=f"{told.data.task}-{told.data.raising}")
            return
        work = self.work[key]
        if isinstance(told, TaskChanged):
            status = TaskStatus.REJECTED if pick % 3 == 0 else TaskStatus.ACCEPTED
            self.answered += [told] if status is TaskStatus.ACCEPTED else []
            self.says(work, status if work.status in LIVE else work.status, told.data.revision)
        elif work.status is TaskStatus.COMPLETED and pick % 2:
            self.says(work, TaskStatus.COMPLETED, told.data.revision, withdrawal=True)
        elif pick % 4 == 0:
            work.refuses_to_stop = True
            self.says(work, TaskStatus.REJECTED, told.data.revision, withdrawal=True)
        else:
            self.answered.append(told)
            work.stopped_at, work.status = work.status, TaskStatus.CANCELLED
            self.says(work, TaskStatus.CANCELLED, told.data.revision, withdrawal=True)

    def is_lost(self, pick: int) -> None:
        """The next instruction is sent and never answered; its department may have it all the same."""
        told = self.asked.popleft()
        if told.data.task in self.doubts:
            return
        key, has = (told.data.task, told.data.raising), pick % 2 == 0
        self.doubts[told.data.task] = (told, has)
        if has and isinstance(told, TaskRaised):
            self.work[key] = Work(told, TaskStatus.ACCEPTED)
        elif has and isinstance(told, TaskWithdrawn) and self.work[key].status in {*LIVE, TaskStatus.COMPLETED}:
            self.work[key].stopped_at, self.work[key].status = self.work[key].status, TaskStatus.CANCELLED
        withdrawal = isinstance(told, TaskWithdrawn)
        doubt = UncertainEffect(
            task=told.data.task,
            raising=told.data.raising,
            revision=told.data.revision,
            withdrawal=withdrawal,
            department=told.data.department,
            connector="taxi_firm",
            effect=told.id,
            sent_at=self.at,
            evidence="The connection was reset.",
            means=TaskStatus.CANCELLED if withdrawal else TaskStatus.ACCEPTED,
        )
        self.happens(EffectUncertain, doubt)

    def is_found(self, pick: int) -> None:
        """Somebody asks a department, or two do, and they say what it has."""
        told, has = list(self.doubts.values())[pick % len(self.doubts)]
        for number in range(1 + pick % 2):
            settled = SettledEffect(
                task=told.data.task,
                raising=told.data.raising,
                revision=told.data.revision,
                found=Found.APPLIED if has else Found.NOT_APPLIED,
                reference=f"{told.data.task}-{told.data.raising}" if has else None,
                by=f"Person {number}",
            )
            self.happens(EffectSettled, settled)

    def refuses_late(self, pick: int) -> None:
        """What was handed over is refused when it is opened: a file of a change or a withdrawal."""
        told = self.answered.pop(pick % len(self.answered))
        work = self.work[told.data.task, told.data.raising]
        if isinstance(told, TaskWithdrawn):
            assert work.stopped_at is not None
            work.status, work.stopped_at, work.refuses_to_stop = work.stopped_at, None, True
        self.says(work, TaskStatus.REJECTED, told.data.revision, withdrawal=isinstance(told, TaskWithdrawn))

    def works(self, pick: int) -> None:
        """A department gets on with something."""
        live = [work for work in self.work.values() if work.status in LIVE]
        work = live[pick % len(live)]
        work.status = (TaskStatus.IN_PROGRESS, TaskStatus.COMPLETED, TaskStatus.COMPLETED, TaskStatus.CANCELLED)[
            pick % 4
        ]
        found = work.raised.data.task == "look" and work.status is TaskStatus.COMPLETED
        self.says(work, work.status, answers=Facts(steps_at_door=pick % 3) if found else Facts())

    def is_amended(self, pick: int) -> None:
        """Somebody says something again, or something else."""
        changes = [
            {"mobility": "walks"},
            {"mobility": "wheelchair"},
            {"mobility": "walks"},
            {"mobility": "wheelchair"},
            {"receives_care": True},
            {"receives_care": False},
            {"discharge_date": "2026-11-20"},
            {"discharge_date": "2026-11-13"},
        ]
        self.happens(RequestAmended, Amendment(facts=Facts.model_validate(changes[pick % len(changes)])))

    def is_withdrawn(self, pick: int) -> None:
        """The request is not wanted any more; seldom, for it ends so much."""
        if pick % 6 == 0:
            self.happens(RequestWithdrawn, Withdrawal())

    def is_late(self, pick: int) -> None:
        """An open deadline passes."""
        assert self.case is not None
        due = [view for view in self.case.tasks if view.state.in_hand and view.due is not None]
        view = due[pick % len(due)]
        self.happens(DeadlineExpired, ExpiredDeadline(task=view.name, due=view.due))

    def is_decided(self, pick: int) -> None:
        """A person says what follows a refusal, or two do at once."""
        assert self.case is not None
        for view in self.case.undecided:
            for number in range(1 + pick % 2):
                verdict = Verdict.CLOSE if (pick + number) % 4 == 0 else Verdict.GO_ON
                decided = Decided(task=view.name, raising=view.raising, verdict=verdict, by=f"Person {-number}")
                self.happens(TaskDecided, decided)

    def may(self) -> list[Callable[[int], None]]:
        """What may happen next; what is more likely stands there more often."""
        assert self.case is not None
        live = any(work.status in LIVE for work in self.work.values())
        return [
            *([self.answers] * 5 if self.asked else []),
            *([self.is_lost] * 2 if self.asked else []),
            *([self.is_found] * 2 if self.doubts else []),
            *([self.works] * 2 if live else []),
            *([self.is_amended] * 3),
            *([self.is_decided] * 3 if self.case.undecided else []),
            *([self.refuses_late] if self.answered else []),
            *([self.is_late] if self.case.next_due else []),
            self.is_withdrawn,
        ]


PICKS = st.integers(0, 59)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """A case and everything that happened to it; some of it at one moment."""
    history = History()
    facts = Facts.model_validate({"mobility": "wheelchair", "discharge_date": "2026-11-13", "receives_care": True})
    history.happens(RequestReceived, Request(request="asked", facts=facts))
    for choice, pick, hours in draw(st.lists(st.tuples(PICKS, PICKS, st.integers(0, 9)), min_size=10, max_size=50)):
        history.at += timedelta(hours=hours)
        acts = history.may()
        acts[choice % len(acts)](pick)
    return history


def heard(events: list[Event], *, in_one_round: bool = False, anew: bool = False) -> tuple[Case, set[UUID]]:
    """What becomes of the case when its events are heard so, and the ids of all that was said of it.

    Through the stored form of the case each time, or carried along as in one round of the worker; of every event all tasks are derived
    anew, or those alone that it can have moved.
    """
    case: Case | None = None
    said: set[UUID] = set()
    for number, event in enumerate(events):
        if case is not None and not in_one_round:
            case = Case.read(case.write())
        decision = step(case, event, replace(WORLD, rules=str(number)) if anew else WORLD)
        case = decision.case
        said |= {output.event.id for output in decision.outputs}
    assert case is not None
    return case, said


@settings(max_examples=150, deadline=None)
@given(histories(), st.data())
def test_every_order_of_the_events_of_a_history_ends_in_the_same_case(history: History, data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(history.events))
    repeats = data.draw(st.lists(st.sampled_from(history.events), max_size=4))

    in_disorder, _ = heard([*shuffled, *repeats], in_one_round=data.draw(st.booleans()))

    assert history.case is not None
    assert in_disorder.truth() == history.case.truth()


@settings(max_examples=150, deadline=None)
@given(histories(), st.data())
def test_a_case_of_which_only_what_is_new_is_derived_stands_as_if_all_of_it_were(
    history: History, data: st.DataObject
) -> None:
    events, in_one_round = data.draw(st.permutations(history.events)), data.draw(st.booleans())

    anew, said_anew = heard(events, in_one_round=in_one_round, anew=True)
    as_it_stood, said = heard(events, in_one_round=in_one_round)

    assert as_it_stood.truth() == anew.truth()
    assert (as_it_stood.told, as_it_stood.undoing, said) == (anew.told, anew.undoing, said_anew)


@settings(max_examples=60, deadline=None)
@given(histories(), st.data())
def test_any_part_of_a_history_heard_again_after_a_crash_changes_nothing_and_repeats_only_what_was_said(
    history: History, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(history.events)))

    once, said = heard(history.events)
    twice, said_again = heard([*history.events[:cut], *history.events])

    assert once == twice == history.case
    assert said_again == said
    assert all(step(once, event, WORLD) == Decision(once) for event in history.events)


@settings(max_examples=150, deadline=None)
@given(histories())
def test_once_everything_is_answered_the_case_says_what_the_departments_have(history: History) -> None:
    while history.asked or history.doubts:
        history.at += timedelta(hours=1)
        if history.asked:
            history.answers(1)
        else:
            history.is_found(0)

    case = history.case
    assert case is not None
    assert not (case.status.ended and case.undoing)
    for view in case.tasks:
        work = history.work.get((view.name, view.raising))
        if work is None:
            continue
        assert view.state.value == work.status.value, view.name
        assert not (view.wanted and work.stopped_at), f"{view.name} is wanted, and was not asked for again"
        if view.wanted and work.goes_on:
            told, known = history.knows[view.name].known(), case.heard.values
            assert told.items() <= known.items(), f"{view.name} goes by something else"
