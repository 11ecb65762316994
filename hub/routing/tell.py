"""The third move of `step`: what departments, subscribers and the timeline are told of a change. Pure.

A department is told by a letter on its topic, `<department>-tasks`, where the sink runner of its connector takes it up.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from hub.journeys.model import Journey
from hub.routing.case import Case, Entry, EntryKind, Heard, TaskState, TaskView, Told
from hub.routing.decision import Output
from hub.routing.stand import is_settled
from schemas.cases import CaseChange, CaseStatus, RecordDiscarded, TaskDecided, Update
from schemas.envelope import Event
from schemas.facts import Facts
from schemas.requests import RequestAmended, RequestReceived
from schemas.tasks import (
    DeadlineExpired,
    Task,
    TaskChanged,
    TaskRaised,
    TaskStatusChanged,
    TaskWithdrawal,
    TaskWithdrawn,
)
from schemas.topics import TASKS


@dataclass(frozen=True)
class Letter:
    """One instruction to a department, and what it then has been told."""

    kind: EntryKind
    view: TaskView
    told: Told

    @property
    def task(self) -> str:
        """Name of its task."""
        return self.view.name

    def output(self, cause: Event, journey: Journey, source: str) -> Output:
        """The event that carries it to the department; its id is the effect key."""
        plan = journey.by_name[self.task]
        topic = TASKS[plan.department].name
        if self.kind is EntryKind.TASK_WITHDRAWN:
            undo = TaskWithdrawal(
                task=plan.name,
                raising=self.told.raising,
                revision=self.told.revision,
                department=plan.department,
                work=plan.work,
                undo=plan.undo or "Stop, nothing to undo",
            )
            return Output(topic, TaskWithdrawn.following(cause, f"withdraw|{plan.name}", source=source, data=undo))
        task = Task(
            task=plan.name,
            raising=self.told.raising,
            revision=self.told.revision,
            department=plan.department,
            work=plan.work,
            asks=plan.asks,
            due=self.told.due,
            facts=Facts.model_validate(self.told.facts),
        )
        raised = self.kind is EntryKind.TASK_RAISED
        event = (TaskRaised if raised else TaskChanged).following(
            cause, f"{'raise' if raised else 'change'}|{plan.name}", source=source, data=task
        )
        return Output(topic, event)

    def line(self, cause: Event, journey: Journey) -> Entry:
        """Its line in the timeline."""
        return Entry(
            kind=self.kind,
            at=cause.effectiveat,
            heard_at=cause.time,
            event=str(cause.id),
            task=self.task,
            raising=self.told.raising,
            department=journey.by_name[self.task].department,
            due=self.told.due,
            facts=tuple(sorted(self.told.facts)),
        )


def tell(journey: Journey, heard: Heard, tasks: tuple[TaskView, ...], told: Mapping[str, Told]) -> list[Letter]:
    """Instructions that bring every department from what it was told last to what now holds; undoing goes in reverse order."""
    known = Facts.model_validate(heard.values)
    letters = []
    for view in tasks:
        plan, last = journey.by_name[view.name], told.get(view.name)
        if not view.wanted or not view.state.in_hand:
            continue
        due, facts = view.due, known.only(plan.gives).known()
        if last is None or last.raising < view.raising:
            if view.state is TaskState.ASKED:
                letters.append(Letter(EntryKind.TASK_RAISED, view, Told(raising=view.raising, due=due, facts=facts)))
            continue
        # One that was withdrawn and is wanted after all waits for its department's answer: it is asked for again once it has stopped,
        # and told what now holds if it refused to stop.
        if _refused_to_stop(view.name, heard) if last.withdrawn else (last.due, last.facts) != (due, facts):
            now = last.model_copy(
                update={"revision": last.revision + 1, "withdrawn": False, "due": due, "facts": facts}
            )
            letters.append(Letter(EntryKind.TASK_CHANGED, view, now))
    for view in reversed(tasks):
        last = told.get(view.name)
        if view.wanted or last is None or last.withdrawn or is_settled(journey.by_name[view.name], view, heard, told):
            continue
        later = [each for each in tasks if view.name in journey.by_name[each.name].after]
        if all(each.wanted or is_settled(journey.by_name[each.name], each, heard, told) for each in later):
            now = Told(raising=last.raising, revision=last.revision + 1, withdrawn=True)
            letters.append(Letter(EntryKind.TASK_WITHDRAWN, view, now))
    return letters


def _refused_to_stop(task: str, heard: Heard) -> bool:
    said = heard.latest(task)
    return said is not None and said.answer is not None and said.answer.withdrawal and said.answer.refused


def updates(
    journey: Journey, before: Case, heard: Heard, tasks: tuple[TaskView, ...], status: CaseStatus
) -> Iterable[Update]:
    """What changed for the person."""
    was = {view.name: view for view in before.tasks}
    changes: list[tuple[CaseChange, str | None]] = []
    if before.heard.request is None:
        changes.append((CaseChange.ACCEPTED, None))
    knew, knows = before.heard.values, heard.values
    if any(name in knew and knew[name] != knows[name] for name in journey.moves):
        changes.append((CaseChange.DATE_MOVED, None))
    for view in tasks:
        old = was.get(view.name)
        if view.state in _CHANGES and (old is None or old.state is not view.state):
            changes.append((_CHANGES[view.state], view.name))
        if view.late and not (old and old.late):
            changes.append((CaseChange.TASK_LATE, view.name))
        if view.refusal and not (old and old.refusal == view.refusal):
            changes.append((CaseChange.CHANGE_REFUSED, view.name))
    if status is not before.status and status in _ENDS:
        changes.append((_ENDS[status], None))
    return [
        Update(journey=journey.name, change=change, status=status, task=task, tells=journey.told_of(change))
        for change, task in changes
    ]


_CHANGES = {
    TaskState.IN_PROGRESS: CaseChange.TASK_STARTED,
    TaskState.COMPLETED: CaseChange.TASK_DONE,
    TaskState.REJECTED: CaseChange.TASK_REFUSED,
}
_ENDS = {
    CaseStatus.NEEDS_DECISION: CaseChange.NEEDS_DECISION,
    CaseStatus.FINISHED: CaseChange.DONE,
    CaseStatus.CLOSED: CaseChange.CLOSED,
    CaseStatus.WITHDRAWN: CaseChange.WITHDRAWN,
}


def line_of(event: Event, heard: Heard, journey: Journey | None) -> Entry:
    """The timeline's line for what was heard."""
    common = {"at": event.effectiveat, "heard_at": event.time, "event": str(event.id)}
    match event:
        case TaskStatusChanged(data=said):
            answers = EntryKind.WITHDRAWAL_ANSWERED if said.withdrawal else EntryKind.CHANGE_ANSWERED
            return Entry(
                kind=answers if said.withdrawal or said.revision else EntryKind.TASK_STATUS,
                task=said.task,
                raising=said.raising,
                department=said.department,
                status=said.status,
                reference=said.reference,
                reason=said.reason,
                facts=_news(said.answers, heard, event.effectiveat),
                **common,
            )
        case DeadlineExpired(data=deadline):
            plan = journey.by_name.get(deadline.task) if journey else None
            department = plan.department if plan else None
            return Entry(
                kind=EntryKind.DEADLINE_EXPIRED, task=deadline.task, department=department, due=deadline.due, **common
            )
        case TaskDecided(data=decided):
            return Entry(kind=EntryKind.TASK_DECIDED, task=decided.task, status=decided.verdict, **common)
        case RecordDiscarded(data=discard):
            return Entry(kind=EntryKind.RECORD_DISCARDED, by=discard.by, reason=discard.why, **common)
        case RequestAmended() | RequestReceived():
            amended = isinstance(event, RequestAmended)
            kind = EntryKind.REQUEST_AMENDED if amended else EntryKind.REQUEST_RECEIVED
            return Entry(kind=kind, facts=_news(event.data.facts, heard, event.effectiveat), **common)
        case _:
            return Entry(kind=EntryKind.REQUEST_WITHDRAWN, **common)


def _news(said: Facts, heard: Heard, at: datetime) -> tuple[str, ...]:
    """Names of the facts that were not known to be so before that moment."""
    return tuple(sorted(name for name, value in said.known().items() if heard.facts[name].before(at) != value))
