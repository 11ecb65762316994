"""The third move of `step`: what departments, subscribers and the timeline are told of a change. Pure.

A department is told by a letter on its topic, `<department>-tasks`, where the sink runner of its connector takes it up.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.journeys.model import Journey
from hub.routing.case import Case, TaskState, TaskView, Told
from hub.routing.decision import Output
from hub.routing.entry import Entry, EntryKind
from hub.routing.heard import Heard, RaisingHeard, UncertainHeard, asked
from hub.routing.stand import is_settled
from schemas.cases import CaseChange, CaseStatus, RecordDiscarded, TaskDecided, Update
from schemas.effects import EffectSettled, EffectUncertain, SettledTask, TaskSettled
from schemas.envelope import Department, Event
from schemas.facts import Facts, only
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
    """Instructions that bring every department from what it was told last to what now holds; undoing goes in reverse order.

    While nobody knows whether it has one of them, it is told nothing more of that task. What was already on its way behind it is not
    applied either (`hub/edge/history.py`): once it is known, the department is told anew what then holds.
    """
    letters, values = [], heard.values
    for view in tasks:
        plan, last = journey.by_name[view.name], told.get(view.name)
        if not view.wanted or not view.state.in_hand or view.uncertain:
            continue
        due, facts = view.due, only(plan.gives, values)
        if last is None or last.raising < view.raising:
            if view.state is TaskState.ASKED:
                letters.append(Letter(EntryKind.TASK_RAISED, view, Told(raising=view.raising, due=due, facts=facts)))
            continue
        # One that was withdrawn and is wanted after all waits for its department's answer: it is asked for again once it has stopped,
        # and told what now holds if it refused to stop.
        news = _refused_to_stop(view.name, heard) if last.withdrawn else (last.due, last.facts) != (due, facts)
        if news or _was_lost(view.name, last, heard):
            letters.append(Letter(EntryKind.TASK_CHANGED, view, _next(view.name, last, heard, due=due, facts=facts)))
    for view in reversed(tasks):
        last = told.get(view.name)
        if view.wanted or last is None or view.uncertain or is_settled(journey.by_name[view.name], view, heard, told):
            continue
        if last.withdrawn and not _was_lost(view.name, last, heard):
            continue
        later = [each for each in tasks if view.name in journey.by_name[each.name].after]
        if all(each.wanted or is_settled(journey.by_name[each.name], each, heard, told) for each in later):
            letters.append(Letter(EntryKind.TASK_WITHDRAWN, view, _next(view.name, last, heard, withdrawn=True)))
    return letters


def _next(task: str, last: Told, heard: Heard, **now: Any) -> Told:
    """What a department is told after what it was told last."""
    return Told(raising=last.raising, revision=last.revision + 1, after=_last_known(task, last, heard), **now)


def _last_known(task: str, last: Told, heard: Heard) -> int:
    """The last uncertain instruction of a raising whose end is known; -1 where there is none."""
    said = _raising_of(task, last, heard)
    return max((each for each in said.uncertain if said.knows(each)), default=-1)


def _was_lost(task: str, last: Told, heard: Heard) -> bool:
    """Whether what a department was told last never arrived: it was uncertain and is not there, or stood behind one that was uncertain."""
    known = _last_known(task, last, heard)
    if known <= last.after:
        return False
    return last.revision > known or not _raising_of(task, last, heard).has(known)


def _raising_of(task: str, last: Told, heard: Heard) -> RaisingHeard:
    return heard.raisings.get(task, {}).get(last.raising, RaisingHeard(raising=last.raising))


def settle(event: Event, journey: Journey, before: Heard, after: Heard, source: str) -> Iterator[Output]:
    """What ledgers are told: every uncertain instruction whose end is known since this event. They stand before any new instruction."""
    if not (known := [*_known_ends(after)]):
        return
    knew = {doubt.effect for _, _, doubt in _known_ends(before)} if before.request is not None else set()
    for task, said, doubt in known:
        plan = journey.by_name.get(task)
        if plan is None or doubt.effect in knew:
            continue
        has = said.has(doubt.revision)
        data = SettledTask(
            task=task,
            raising=said.raising,
            revision=doubt.revision,
            department=plan.department,
            work=plan.work,
            effect=doubt.effect,
            status=doubt.means if has else None,
            reference=said.reference.reference if has and said.reference else None,
        )
        settled = TaskSettled.following(event, f"settled|{doubt.effect}", source=source, data=data)
        yield Output(TASKS[plan.department].name, settled)


def _known_ends(heard: Heard) -> Iterator[tuple[str, RaisingHeard, UncertainHeard]]:
    """Every instruction that was uncertain and is no more, with its task and raising."""
    for task, raisings in heard.raisings.items():
        for said in raisings.values():
            if said.uncertain:
                yield from ((task, said, doubt) for revision, doubt in said.uncertain.items() if said.knows(revision))


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
    if heard.facts is not before.heard.facts:
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
        if view.uncertain and not (old and old.uncertain == view.uncertain):
            changes.append((CaseChange.TASK_UNCERTAIN, view.name))
        if old and old.uncertain and not view.uncertain:
            changes.append((CaseChange.TASK_SETTLED, view.name))
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
    parts: dict[str, Any]
    match event:
        case TaskStatusChanged(data=said):
            answers = EntryKind.WITHDRAWAL_ANSWERED if said.withdrawal else EntryKind.CHANGE_ANSWERED
            parts = {
                "kind": answers if said.withdrawal or said.revision else EntryKind.TASK_STATUS,
                "raising": said.raising,
                "department": said.department,
                "status": said.status,
                "reference": said.reference,
                "reason": said.reason,
                "facts": _news(said.answers, heard, event.effectiveat),
            }
        case DeadlineExpired(data=deadline):
            parts = {
                "kind": EntryKind.DEADLINE_EXPIRED,
                "department": _whose(deadline.task, journey),
                "due": deadline.due,
            }
        case TaskDecided(data=decided):
            parts = {"kind": EntryKind.TASK_DECIDED, "status": decided.verdict}
        case RecordDiscarded(data=discard):
            parts = {"kind": EntryKind.RECORD_DISCARDED, "by": discard.by, "reason": discard.why}
        case EffectUncertain(data=doubt):
            parts = {
                "kind": EntryKind.EFFECT_UNCERTAIN,
                "raising": doubt.raising,
                "department": doubt.department,
                "status": asked(doubt.revision, withdrawal=doubt.withdrawal),
                "reason": doubt.evidence,
            }
        case EffectSettled(data=settled):
            parts = {
                "kind": EntryKind.EFFECT_SETTLED,
                "raising": settled.raising,
                "department": _whose(settled.task, journey),
                "status": settled.found,
                "reference": settled.reference,
                "by": settled.by,
            }
        case RequestAmended(data=amendment):
            parts = {"kind": EntryKind.REQUEST_AMENDED, "facts": _news(amendment.facts, heard, event.effectiveat)}
        case RequestReceived(data=request):
            parts = {"kind": EntryKind.REQUEST_RECEIVED, "facts": _news(request.facts, heard, event.effectiveat)}
        case _:
            parts = {"kind": EntryKind.REQUEST_WITHDRAWN}
    task = getattr(event.data, "task", None)
    return Entry(at=event.effectiveat, heard_at=event.time, event=str(event.id), task=task, **parts)


def _whose(task: str, journey: Journey | None) -> Department | None:
    plan = journey.by_name.get(task) if journey else None
    return plan.department if plan else None


def _news(said: Facts, heard: Heard, at: datetime) -> tuple[str, ...]:
    """Names of the facts that were not known to be so before that moment."""
    return tuple(sorted(name for name, value in said.known().items() if heard.facts[name].before(at) != value))
