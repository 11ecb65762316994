"""The second move of `step`: how every task and the case stand, derived from what was heard and nothing else. Pure."""

from collections.abc import Mapping
from datetime import datetime

from hub.journeys.clocks import Calendar
from hub.journeys.model import IfRefused, Journey, TaskPlan
from hub.routing.case import Heard, StatusHeard, TaskState, TaskView, Told
from schemas.cases import CaseStatus, Verdict
from schemas.tasks import TaskStatus


def derive(journey: Journey, heard: Heard, calendar: Calendar) -> tuple[TaskView, ...]:
    """Every task as it stands. Tasks come in an order in which each stands behind those it waits for."""
    if heard.request is None:
        raise ValueError("a case is derived only once its request is heard")
    views: dict[str, TaskView] = {}
    values = heard.values
    stopped = _stopped_at(journey, heard)
    for plan in journey.tasks:
        said = heard.latest(plan.name)
        ready = all(_lets_pass(journey, heard, views[name]) for name in plan.after)
        needed = ready and (plan.when is None or plan.when.holds(values))
        wanted = needed and stopped is None
        # What was stopped and is wanted after all begins anew.
        again = wanted and said is not None and said.was_stopped
        status = said.stands if said and not again else None
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
        views[plan.name] = TaskView(
            name=plan.name,
            raising=(said.raising if said else 1) + again,
            department=plan.department,
            state=state,
            wanted=wanted,
            since=since,
            due=due,
            late=_is_late(plan.name, due, status, heard),
            reference=said.reference.reference if said and said.reference and not again else None,
            reason=status.reason if status else None,
            undecided=_refused(plan, heard) and _after_refusal(plan, heard) is IfRefused.ASK,
            refusal=heard.refusal(plan.name),
            uncertain=heard.in_doubt(plan.name),
        )
    return tuple(views.values())


def _is_late(task: str, due: datetime | None, status: StatusHeard | None, heard: Heard) -> bool:
    """Whether the clock ran out before the department was done; a deadline that has moved since does not count."""
    in_time = status is not None and status.status.ended and due is not None and status.at <= due
    return due is not None and (task, due) in heard.expired and not in_time


def _stopped_at(journey: Journey, heard: Heard) -> datetime | None:
    """Since when the case only undoes what was begun: withdrawn, or closed by a refusal. None: it goes on."""
    closing = [heard.latest(plan.name) for plan in journey.tasks if _closes(plan, heard)]
    closed = [said.stands.at for said in closing if said and said.stands]
    return min([*closed, *([heard.withdrawn] if heard.withdrawn else [])], default=None)


def _refused(plan: TaskPlan, heard: Heard) -> bool:
    said = heard.latest(plan.name)
    stands = said.stands if said and not said.settled else None
    return stands is not None and stands.status is TaskStatus.REJECTED


def _closes(plan: TaskPlan, heard: Heard) -> bool:
    return _refused(plan, heard) and _after_refusal(plan, heard) is IfRefused.CLOSE


def _after_refusal(plan: TaskPlan, heard: Heard) -> IfRefused:
    """What follows the refusal of a task: a person's decision, else what the journey says."""
    said = heard.latest(plan.name)
    if plan.if_refused is not IfRefused.ASK or said is None or said.decision is None:
        return plan.if_refused
    return IfRefused.CLOSE if said.decision.verdict is Verdict.CLOSE else IfRefused.GO_ON


def _lets_pass(journey: Journey, heard: Heard, view: TaskView) -> bool:
    """Whether tasks after this one may begin."""
    if view.state is TaskState.REJECTED:
        return _after_refusal(journey.by_name[view.name], heard) is IfRefused.GO_ON
    return view.state in {TaskState.COMPLETED, TaskState.NOT_NEEDED, TaskState.CANCELLED}


def case_status(journey: Journey, heard: Heard, tasks: tuple[TaskView, ...]) -> CaseStatus:
    """Where the case stands as a whole. What is still being undone does not hold it open: see `Case.undoing`."""
    if heard.withdrawn is not None:
        return CaseStatus.WITHDRAWN
    if any(_closes(plan, heard) for plan in journey.tasks):
        return CaseStatus.CLOSED
    if any(view.undecided or view.uncertain for view in tasks):
        return CaseStatus.NEEDS_DECISION
    unfinished = any(view.state.in_hand or view.state is TaskState.WAITING for view in tasks)
    return CaseStatus.OPEN if unfinished else CaseStatus.FINISHED


def is_settled(plan: TaskPlan, view: TaskView, heard: Heard, told: Mapping[str, Told]) -> bool:
    """Whether nothing of this task is left to undo."""
    last, said = told.get(view.name), heard.latest(view.name)
    if last is not None and (said is None or said.raising < last.raising):
        return False  # it was asked for, and nothing has been heard of that yet
    if (said is not None and said.settled) or view.state in {TaskState.CANCELLED, TaskState.REJECTED}:
        return True
    if view.state is TaskState.COMPLETED:
        return plan.undo is None
    return not view.state.in_hand and last is None
