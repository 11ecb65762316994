"""The heart: one event of one case in, what becomes of the case out. Pure: no clock, no I/O, no Faust.

Three moves, always the same: `_join` what was heard, `_derive` how every task stands, `_tell` the departments what changed for them.
Since the first is a join and the second a function of it, the same event twice changes nothing, a late event moves nothing back, and
every order of the same events ends in the same case.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from hub.journeys.clocks import Calendar
from hub.journeys.model import IfRefused, Journey, Journeys, TaskPlan
from hub.routing.case import (
    Case,
    DecisionHeard,
    Entry,
    EntryKind,
    Heard,
    KnownFact,
    ReferenceHeard,
    RequestHeard,
    StatusHeard,
    TaskState,
    TaskView,
    Told,
)
from schemas.cases import CaseChange, CaseStatus, CaseUpdated, TaskDecided, Update, Verdict
from schemas.envelope import Event
from schemas.facts import Facts
from schemas.requests import RequestAmended, RequestReceived, RequestWithdrawn
from schemas.tasks import (
    DeadlineExpired,
    StatusChange,
    Task,
    TaskChanged,
    TaskRaised,
    TaskStatus,
    TaskStatusChanged,
    TaskWithdrawal,
    TaskWithdrawn,
)
from schemas.topics import CASE_UPDATES, TASKS


class NotForThisHub(ValueError):
    """The event is well formed, but this hub cannot follow it; the worker sets it aside with this reason.

    Attributes:
        code: no-journey | no-journey-version; stable, for counting and filtering.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True)
class World:
    """What every step may look up; none of it changes while a worker runs."""

    journeys: Journeys
    calendar: Calendar
    source: str
    """The `source` of events the worker makes: /E06000999/worker."""


@dataclass(frozen=True)
class Output:
    """One event to send; its key is the event's `partitionkey`."""

    topic: str
    event: Event


@dataclass(frozen=True)
class Deadline:
    """One open deadline of a case."""

    task: str
    due: datetime


@dataclass(frozen=True)
class Decision:
    """What follows from one event.

    Attributes:
        case: the case as it now stands.
        outputs: events to send, in order.
        entries: lines for its timeline.
        deadlines: all open deadlines of the case when they changed, else None.
    """

    case: Case
    outputs: tuple[Output, ...] = ()
    entries: tuple[Entry, ...] = ()
    deadlines: tuple[Deadline, ...] | None = None


def step(case: Case | None, event: Event, world: World) -> Decision:
    """Apply one event to its case.

    Args:
        case: the case as stored; None the first time anything is heard of it.
        event: any event of `case-events`, keyed by the case.
        world: journeys, calendar and the worker's name.

    Raises:
        NotForThisHub: no journey starts with such a request, or the version a case began with is gone.
    """
    before = case or Case(reference=event.partitionkey, opened_at=event.effectiveat, updated_at=event.time)
    heard = _join(before.heard, event)
    if heard == before.heard:
        return Decision(before)
    journey = _journey(before, heard, world.journeys)
    after = before.model_copy(update={"heard": heard, "updated_at": max(before.updated_at, event.time)})
    if journey is None or heard.request is None:
        return Decision(after, entries=(_line(event, before, heard, journey),))

    tasks = _derive(journey, heard, world.calendar)
    status = _status(journey, heard, tasks)
    letters = _tell(journey, heard, tasks, before.told)
    updates = _updates(journey, before, after.heard, tasks, status)
    told = before.told | {letter.task: letter.told for letter in letters}
    after = after.model_copy(
        update={
            "journey": journey.name,
            "version": journey.version,
            "tasks": tasks,
            "status": status,
            "opened_at": heard.request.at,
            "told": told,
            "undoing": tuple(
                view.name
                for view in tasks
                if not view.wanted and not _settled(journey.by_name[view.name], view, heard, told)
            ),
        }
    )
    outputs = [letter.output(event, journey, world.source) for letter in letters]
    outputs += [
        Output(
            CASE_UPDATES.name,
            CaseUpdated.following(event, f"update|{data.change}|{data.task}", source=world.source, data=data),
        )
        for data in updates
    ]
    in_vain = isinstance(event, DeadlineExpired) and not _late_now(tasks, event)
    lines = [] if in_vain else [_line(event, before, heard, journey)]
    lines += [letter.line(event, journey) for letter in letters]
    if status is not before.status and status is not CaseStatus.OPEN:
        lines.append(
            Entry(
                kind=EntryKind.CASE_STATUS,
                at=event.effectiveat,
                heard_at=event.time,
                event=str(event.id),
                status=status,
            )
        )
    was, now = _deadlines(before.tasks), _deadlines(tasks)
    return Decision(after, tuple(outputs), tuple(lines), None if was == now else now)


# --- what was heard


def _join(heard: Heard, event: Event) -> Heard:
    """What is known with this event added. Every part keeps the winner by a rule on the events alone."""
    at = event.effectiveat
    parts: dict[str, object] = {}
    match event:
        case RequestReceived():
            parts = _request(heard, event)
        case RequestAmended(data=amendment):
            parts["facts"] = _facts(heard.facts, amendment.facts, at)
        case RequestWithdrawn():
            parts["withdrawn"] = min(at, heard.withdrawn or at)
        case TaskStatusChanged(data=said):
            parts = _said(heard, said, at)
        case DeadlineExpired(data=deadline):
            parts["expired"] = heard.expired | {(deadline.task, deadline.due)}
        case TaskDecided(data=decided):
            known = heard.decisions.get(decided.task)
            if known is None or (at, decided.verdict) < (known.at, known.verdict):
                decision = DecisionHeard(verdict=decided.verdict, by=decided.by, at=at)
                parts["decisions"] = heard.decisions | {decided.task: decision}
        case _:
            raise NotForThisHub("not-for-cases", f"{event.type} does not move a case.")
    return heard.model_copy(update=parts)


def _request(heard: Heard, event: RequestReceived) -> dict[str, object]:
    request = RequestHeard(
        request=event.data.request,
        at=event.effectiveat,
        received=event.time,
        council=event.council,
        channel=event.channel,
        lgsl=event.data.lgsl,
    )
    first = heard.request
    keep = first is not None and (first.at, first.request) <= (request.at, request.request)
    return {"request": first if keep else request, "facts": _facts(heard.facts, event.data.facts, event.effectiveat)}


def _said(heard: Heard, said: StatusChange, at: datetime) -> dict[str, object]:
    """What a department says of a task: status, reference and answers each win or lose by themselves."""
    parts: dict[str, object] = {"facts": _facts(heard.facts, said.answers, at)}
    status, known = StatusHeard(status=said.status, at=at, reason=said.reason), heard.statuses.get(said.task)
    if known is None or status.rank > known.rank:
        parts["statuses"] = heard.statuses | {said.task: status}
    reference = heard.references.get(said.task)
    if said.reference and (reference is None or (reference.at, reference.reference) < (at, said.reference)):
        parts["references"] = heard.references | {said.task: ReferenceHeard(reference=said.reference, at=at)}
    if said.withdrawal:
        parts["undone"] = heard.undone | {said.task}
    return parts


def _facts(known: dict[str, KnownFact], said: Facts, at: datetime) -> dict[str, KnownFact]:
    """The later value of each fact; of two values for the same moment the one that sorts last, so that order does not matter."""
    newer = {
        name: KnownFact(value=value, at=at)
        for name, value in said.known().items()
        if name not in known or (known[name].at, repr(known[name].value)) < (at, repr(value))
    }
    return known | newer if newer else known


def _journey(case: Case, heard: Heard, journeys: Journeys) -> Journey | None:
    """The journey a case follows: the version it began with, or the newest for a request that has just been heard."""
    if case.journey is not None and case.version is not None:
        journey = journeys.get(case.journey, case.version)
        if journey is None:
            raise NotForThisHub(
                "no-journey-version",
                f"The case follows {case.journey} version {case.version}, whose file is gone. Put it back and replay.",
            )
        return journey
    if heard.request is None:
        return None
    journey = journeys.for_request(heard.request.request)
    if journey is None:
        raise NotForThisHub(
            "no-journey",
            f"No journey starts with {heard.request.request!r}. There are: {', '.join(journeys.requests)}. "
            "Add a journey file and replay.",
        )
    return journey


# --- what follows from it


def _derive(journey: Journey, heard: Heard, calendar: Calendar) -> tuple[TaskView, ...]:
    """Every task as it stands. Tasks come in an order in which each stands behind those it waits for."""
    if heard.request is None:
        raise ValueError("a case is derived only once its request is heard")
    views: dict[str, TaskView] = {}
    values = heard.values
    stopped = _stopped_at(journey, heard)
    for plan in journey.tasks:
        status = heard.statuses.get(plan.name)
        ready = all(_lets_pass(journey, heard, views[name]) for name in plan.after)
        needed = ready and (plan.when is None or plan.when.holds(values))
        wanted = needed and stopped is None
        moments = [heard.request.at, *(views[name].since for name in plan.after)]
        moments += [heard.facts[name].at for name in (plan.when.facts if plan.when else ()) if name in heard.facts]
        began = max(moments)
        if status is not None:
            state, since = TaskState(status.status), status.at
        elif wanted:
            state, since = TaskState.ASKED, began
        elif stopped is not None:
            state, since = TaskState.NOT_NEEDED, max(began, stopped)
        else:
            state, since = (TaskState.NOT_NEEDED if ready else TaskState.WAITING), began
        due = plan.due.at(began, values, calendar) if plan.due and (wanted or status) else None
        reference = heard.references.get(plan.name)
        views[plan.name] = TaskView(
            name=plan.name,
            department=plan.department,
            state=state,
            wanted=wanted,
            since=since,
            due=due,
            late=_is_late(plan.name, due, heard),
            reference=reference.reference if reference else None,
            reason=status.reason if status else None,
        )
    return tuple(views.values())


def _is_late(task: str, due: datetime | None, heard: Heard) -> bool:
    """Whether the clock ran out before the department was done; a deadline that has moved since does not count."""
    status = heard.statuses.get(task)
    in_time = status is not None and status.status.ended and due is not None and status.at <= due
    return due is not None and (task, due) in heard.expired and not in_time


def _late_now(tasks: Iterable[TaskView], event: DeadlineExpired) -> bool:
    """Whether an expired deadline still says something: its task is late for it."""
    return any(view.late and view.name == event.data.task and view.due == event.data.due for view in tasks)


def _stopped_at(journey: Journey, heard: Heard) -> datetime | None:
    """Since when the case only undoes what was begun: withdrawn, or closed by a refusal. None: it goes on."""
    closed = [heard.statuses[plan.name].at for plan in journey.tasks if _closes(plan, heard)]
    return min([*closed, *([heard.withdrawn] if heard.withdrawn else [])], default=None)


def _refused(plan: TaskPlan, heard: Heard) -> bool:
    status = heard.statuses.get(plan.name)
    return status is not None and status.status is TaskStatus.REJECTED and plan.name not in heard.undone


def _closes(plan: TaskPlan, heard: Heard) -> bool:
    return _refused(plan, heard) and _after_refusal(plan, heard) is IfRefused.CLOSE


def _after_refusal(plan: TaskPlan, heard: Heard) -> IfRefused:
    """What follows the refusal of a task: a person's decision, else what the journey says."""
    decision = heard.decisions.get(plan.name)
    if plan.if_refused is not IfRefused.ASK or decision is None:
        return plan.if_refused
    return IfRefused.CLOSE if decision.verdict is Verdict.CLOSE else IfRefused.GO_ON


def _lets_pass(journey: Journey, heard: Heard, view: TaskView) -> bool:
    """Whether tasks after this one may begin."""
    if view.state is TaskState.REJECTED:
        return _after_refusal(journey.by_name[view.name], heard) is IfRefused.GO_ON
    return view.state in {TaskState.COMPLETED, TaskState.NOT_NEEDED, TaskState.CANCELLED}


def _status(journey: Journey, heard: Heard, tasks: tuple[TaskView, ...]) -> CaseStatus:
    """Where the case stands as a whole. What is still being undone does not hold it open: see `Case.undoing`."""
    if heard.withdrawn is not None:
        return CaseStatus.WITHDRAWN
    if any(_closes(plan, heard) for plan in journey.tasks):
        return CaseStatus.CLOSED
    if any(_refused(plan, heard) and _after_refusal(plan, heard) is IfRefused.ASK for plan in journey.tasks):
        return CaseStatus.NEEDS_DECISION
    unfinished = any(view.state.in_hand or view.state is TaskState.WAITING for view in tasks)
    return CaseStatus.OPEN if unfinished else CaseStatus.FINISHED


def _settled(plan: TaskPlan, view: TaskView, heard: Heard, told: Mapping[str, Told]) -> bool:
    """Whether nothing of this task is left to undo."""
    if view.name in heard.undone or view.state in {TaskState.CANCELLED, TaskState.REJECTED}:
        return True
    if view.state is TaskState.COMPLETED:
        return plan.undo is None
    return not view.state.in_hand and view.name not in told


# --- what the departments are told


@dataclass(frozen=True)
class _Letter:
    """One instruction to a department, and what it then has been told."""

    kind: EntryKind
    view: TaskView
    told: Told

    @property
    def task(self) -> str:
        return self.view.name

    def output(self, cause: Event, journey: Journey, source: str) -> Output:
        plan = journey.by_name[self.task]
        topic = TASKS[plan.department].name
        if self.kind is EntryKind.TASK_WITHDRAWN:
            undo = TaskWithdrawal(
                task=plan.name, department=plan.department, work=plan.work, undo=plan.undo or "Stop, nothing to undo"
            )
            return Output(topic, TaskWithdrawn.following(cause, f"withdraw|{plan.name}", source=source, data=undo))
        task = Task(
            task=plan.name,
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
        return Entry(
            kind=self.kind,
            at=cause.effectiveat,
            heard_at=cause.time,
            event=str(cause.id),
            task=self.task,
            department=journey.by_name[self.task].department,
            due=self.told.due,
            facts=tuple(sorted(self.told.facts)),
        )


def _tell(journey: Journey, heard: Heard, tasks: tuple[TaskView, ...], told: Mapping[str, Told]) -> list[_Letter]:
    """Instructions that bring every department from what it was told last to what now holds; undoing goes in reverse order."""
    known = Facts.model_validate(heard.values)
    letters = []
    for view in tasks:
        plan, last = journey.by_name[view.name], told.get(view.name)
        if not view.wanted or not (
            view.state.in_hand or (last and last.withdrawn and view.state is TaskState.CANCELLED)
        ):
            continue
        now = Told(due=view.due, facts=known.only(plan.gives).known())
        if last is None or last.withdrawn:
            if view.state is TaskState.ASKED or last is not None:
                letters.append(_Letter(EntryKind.TASK_RAISED, view, now))
        elif last != now:
            letters.append(_Letter(EntryKind.TASK_CHANGED, view, now))
    for view in reversed(tasks):
        last = told.get(view.name)
        if view.wanted or last is None or last.withdrawn or _settled(journey.by_name[view.name], view, heard, told):
            continue
        later = [each for each in tasks if view.name in journey.by_name[each.name].after]
        if all(each.wanted or _settled(journey.by_name[each.name], each, heard, told) for each in later):
            letters.append(_Letter(EntryKind.TASK_WITHDRAWN, view, Told(withdrawn=True)))
    return letters


def _updates(
    journey: Journey, before: Case, heard: Heard, tasks: tuple[TaskView, ...], status: CaseStatus
) -> Iterable[Update]:
    """What changed for the person."""
    was = {view.name: view for view in before.tasks}
    changes: list[tuple[CaseChange, str | None]] = []
    if before.heard.request is None:
        changes.append((CaseChange.ACCEPTED, None))
    if any(before.heard.facts.get(name) not in (None, heard.facts.get(name)) for name in journey.moves):
        changes.append((CaseChange.DATE_MOVED, None))
    for view in tasks:
        old = was.get(view.name)
        if view.state in _CHANGES and (old is None or old.state is not view.state):
            changes.append((_CHANGES[view.state], view.name))
        if view.late and not (old and old.late):
            changes.append((CaseChange.TASK_LATE, view.name))
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


def _deadlines(tasks: Iterable[TaskView]) -> tuple[Deadline, ...]:
    return tuple(
        Deadline(view.name, view.due) for view in tasks if view.state.in_hand and view.due is not None and not view.late
    )


def _line(event: Event, before: Case, heard: Heard, journey: Journey | None) -> Entry:
    """The timeline's line for what was heard."""
    common = {"at": event.effectiveat, "heard_at": event.time, "event": str(event.id)}
    changed = tuple(sorted(name for name, fact in heard.facts.items() if before.heard.facts.get(name) != fact))
    match event:
        case TaskStatusChanged(data=said):
            return Entry(
                kind=EntryKind.TASK_STATUS,
                task=said.task,
                department=said.department,
                status=said.status,
                reference=said.reference,
                reason=said.reason,
                facts=changed,
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
        case RequestWithdrawn():
            return Entry(kind=EntryKind.REQUEST_WITHDRAWN, **common)
        case RequestAmended():
            return Entry(kind=EntryKind.REQUEST_AMENDED, facts=changed, **common)
        case _:
            return Entry(kind=EntryKind.REQUEST_RECEIVED, facts=changed, **common)
