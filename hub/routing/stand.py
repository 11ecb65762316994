"""The second move of `step`: how every task and the case stand, derived from what was heard and nothing else. Pure."""

from collections.abc import Mapping
from datetime import datetime

from hub.journeys.clocks import Calendar
from hub.journeys.model import IfRefused, Journey, TaskPlan
from hub.routing.case import Case, TaskState, TaskView, Told
from hub.routing.heard import Heard, RaisingHeard, StatusHeard
from schemas.cases import CaseStatus, Verdict
from schemas.tasks import TaskStatus

_STATES = {status: TaskState(status) for status in TaskStatus}
_PASSED = frozenset({TaskState.COMPLETED, TaskState.NOT_NEEDED, TaskState.CANCELLED})
_OVER = frozenset({TaskState.CANCELLED, TaskState.REJECTED})


def refusals(journey: Journey, heard: Heard) -> dict[str, IfRefused]:
    """What follows for each task that its department refused."""
    found = {}
    for plan in journey.tasks:
        said = heard.latest(plan.name)
        if said is None or said.settled:
            continue
        stands = said.stands
        if stands is not None and stands.status is TaskStatus.REJECTED:
            found[plan.name] = _after_refusal(plan, said)
    return found


def only_raisings_moved(before: Case, heard: Heard, refused: Mapping[str, IfRefused], rules: str) -> bool:
    """Whether what was heard since a case stood so can have moved no task but those that it is about, and those behind them.

    Args:
        before: the case.
        heard: what is known now.
        refused: from `refusals`.
        rules: by which tasks are derived now.
    """
    was = before.heard
    return (
        before.rules == rules
        and was.request is heard.request
        and was.facts is heard.facts
        and was.expired is heard.expired
        and heard.withdrawn is None
        and not refused
        and all(view.state is not TaskState.REJECTED for view in before.tasks)
    )


def derive(
    journey: Journey,
    heard: Heard,
    refused: Mapping[str, IfRefused],
    calendar: Calendar,
    before: Case | None = None,
) -> tuple[TaskView, ...]:
    """Every task as it stands. Tasks come in an order in which each stands behind those it waits for.

    Args:
        journey: which the case follows.
        heard: what is known; its request is.
        refused: from `refusals`.
        calendar: the council's working days.
        before: the case as it stood, where `only_raisings_moved`: a task of which nothing new was heard, nor of one that it comes after,
            stands as it did there.
    """
    if heard.request is None:
        raise ValueError("a case is derived only once its request is heard")
    views: dict[str, TaskView] = {}
    values = heard.values
    stood = {view.name: view for view in before.tasks} if before else {}
    stopped = _stopped_at(heard, refused)
    for plan in journey.tasks:
        name = plan.name
        if (
            before is not None
            and heard.raisings.get(name) is before.heard.raisings.get(name)
            and all(views[earlier] is stood[earlier] for earlier in plan.after)
        ):
            views[name] = stood[name]
            continue
        said = heard.latest(name)
        began, ready = heard.request.at, True
        for earlier in plan.after:
            view = views[earlier]
            began = max(began, view.since)
            ready = ready and _lets_pass(journey.by_name[earlier], heard, view)
        needed = ready
        if plan.when is not None:
            needed = ready and plan.when.holds(values)
            began = max([began, *(heard.facts[fact].at for fact in plan.when.facts if fact in heard.facts)])
        wanted = needed and stopped is None
        # What was stopped and is wanted after all begins anew.
        again = wanted and said is not None and said.was_stopped
        status = said.stands if said and not again else None
        if status is not None:
            state, since = _STATES[status.status], status.at
        elif wanted:
            state, since = TaskState.ASKED, began
        elif stopped is not None:
            state, since = TaskState.NOT_NEEDED, max(began, stopped)
        else:
            state, since = (TaskState.NOT_NEEDED if ready else TaskState.WAITING), began
        due = plan.due.at(began, values, calendar) if plan.due and (wanted or status) else None
        views[name] = TaskView(
            name=name,
            raising=(said.raising if said else 1) + again,
            department=plan.department,
            state=state,
            wanted=wanted,
            since=since,
            due=due,
            late=_is_late(name, due, status, heard),
            reference=said.reference.reference if said and said.reference and not again else None,
            reason=status.reason if status else None,
            undecided=refused.get(name) is IfRefused.ASK,
            refusal=heard.refusal(name),
            uncertain=heard.in_doubt(name),
        )
    return tuple(views.values())


def _is_late(task: str, due: datetime | None, status: StatusHeard | None, heard: Heard) -> bool:
    """Whether the clock ran out before the department was done; a deadline that has moved since does not count."""
    if due is None or (task, due) not in heard.expired:
        return False
    return not (status is not None and status.status.ended and status.at <= due)


def _stopped_at(heard: Heard, refused: Mapping[str, IfRefused]) -> datetime | None:
    """Since when the case only undoes what was begun: withdrawn, or closed by a refusal. None: it goes on."""
    closing = [heard.latest(task) for task, follows in refused.items() if follows is IfRefused.CLOSE]
    closed = [said.stands.at for said in closing if said and said.stands]
    return min([*closed, *([heard.withdrawn] if heard.withdrawn else [])], default=None)


def _after_refusal(plan: TaskPlan, said: RaisingHeard | None) -> IfRefused:
    """What follows the refusal of a task: a person's decision, else what the journey says."""
    if plan.if_refused is not IfRefused.ASK or said is None or said.decision is None:
        return plan.if_refused
    return IfRefused.CLOSE if said.decision.verdict is Verdict.CLOSE else IfRefused.GO_ON


def _lets_pass(plan: TaskPlan, heard: Heard, view: TaskView) -> bool:
    """Whether tasks after this one may begin."""
    if view.state is TaskState.REJECTED:
        return _after_refusal(plan, heard.latest(plan.name)) is IfRefused.GO_ON
    return view.state in _PASSED


def case_status(heard: Heard, tasks: tuple[TaskView, ...], refused: Mapping[str, IfRefused]) -> CaseStatus:
    """Where the case stands as a whole. What is still being undone does not hold it open: see `Case.undoing`."""
    if heard.withdrawn is not None:
        return CaseStatus.WITHDRAWN
    if IfRefused.CLOSE in refused.values():
        return CaseStatus.CLOSED
    unfinished = False
    for view in tasks:
        if view.undecided or view.uncertain:
            return CaseStatus.NEEDS_DECISION
        unfinished = unfinished or view.state.in_hand or view.state is TaskState.WAITING
    return CaseStatus.OPEN if unfinished else CaseStatus.FINISHED


def is_settled(plan: TaskPlan, view: TaskView, heard: Heard, told: Mapping[str, Told]) -> bool:
    """Whether nothing of this task is left to undo."""
    last, said = told.get(view.name), heard.latest(view.name)
    if last is not None and (said is None or said.raising < last.raising):
        return False  # it was asked for, and nothing has been heard of that yet
    if (said is not None and said.settled) or view.state in _OVER:
        return True
    if view.state is TaskState.COMPLETED:
        return plan.undo is None
    return not view.state.in_hand and last is None
