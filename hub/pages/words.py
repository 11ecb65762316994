"""A case in plain English: the first line of its page, who must act next, how each task stands. Pure.

People read these sentences aloud on the telephone: departments by name, days with their weekday, always since when and by when.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from hub.journeys.model import Journey
from hub.memory.reading import Summary
from hub.pages.dates import due_by, listed, plural, since, when
from hub.routing.case import Case, TaskState, TaskView
from hub.routing.heard import AnswerHeard
from schemas.cases import CaseStatus
from schemas.envelope import Channel, Department
from schemas.facts import LABELS

DEPARTMENTS: Mapping[Department, str] = {
    Department.HOUSING: "Housing",
    Department.SOCIAL_CARE: "Social care",
    Department.TRANSPORT: "Transport",
}
REFERENCES: Mapping[Department, str] = {
    Department.HOUSING: "works order",
    Department.SOCIAL_CARE: "referral",
    Department.TRANSPORT: "booking",
}
"""What a department calls the record its reference stands for."""

STATUSES: Mapping[CaseStatus, str] = {
    CaseStatus.UNKNOWN: "Waiting for its request",
    CaseStatus.OPEN: "Open",
    CaseStatus.NEEDS_DECISION: "Waiting for a person",
    CaseStatus.FINISHED: "Finished",
    CaseStatus.CLOSED: "Closed",
    CaseStatus.WITHDRAWN: "Withdrawn",
}
STATES: Mapping[TaskState, str] = {
    TaskState.WAITING: "Not yet begun",
    TaskState.ASKED: "Asked",
    TaskState.ACCEPTED: "Accepted",
    TaskState.IN_PROGRESS: "In progress",
    TaskState.COMPLETED: "Done",
    TaskState.REJECTED: "Refused",
    TaskState.CANCELLED: "Cancelled",
    TaskState.NOT_NEEDED: "Not needed",
}
CHANNELS: Mapping[Channel, str] = {
    Channel.ONLINE: "online",
    Channel.PHONE: "by phone",
    Channel.PAPER: "on paper",
    Channel.IN_PERSON: "in person",
    Channel.EMAIL: "by e-mail",
    Channel.ASSISTED: "with help from staff",
    Channel.PROACTIVE: "by the council itself",
    Channel.SYSTEM: "from another system",
}
_ABBREVIATIONS = {"nhs": "NHS", "uprn": "UPRN", "ref": "reference", "id": "number"}


@dataclass(frozen=True)
class Turn:
    """Who must act next: who, to do what, by when (in words)."""

    who: str
    what: str
    by: str
    where: str = ""
    """The page on which it is done; empty where that is no page of ours."""


def task_title(name: str) -> str:
    """A task's name as a heading: check-home is Check home."""
    return name.replace("-", " ").capitalize()


def fact_title(name: str) -> str:
    """A fact's name as words: nhs_number is NHS number."""
    return " ".join(_ABBREVIATIONS.get(word, word) for word in name.split("_"))


def fact_meaning(name: str) -> str:
    """What a fact is, in a sentence."""
    return LABELS.get(name, fact_title(name))


def department(which: Department | None) -> str:
    """A department's name, as it begins a sentence."""
    return DEPARTMENTS[which] if which else "A department"


def reference(view: TaskView) -> str:
    """The department's own reference: works order 00012345; empty where it gave none."""
    return f"{REFERENCES[view.department]} {view.reference}" if view.reference else ""


def overdue(view: TaskView, now: datetime) -> bool:
    """Whether a task that is in hand has passed its deadline, by the clock or by what the hub was told."""
    return view.state.in_hand and view.due is not None and (view.late or view.due < now)


def due(view: TaskView, now: datetime) -> str:
    """By when: due Friday 13 November; overdue: it was due yesterday, ...; empty where there is no deadline."""
    if view.due is None or not view.state.in_hand:
        return ""
    return f"overdue: it was due {due_by(view.due, now)}" if overdue(view, now) else f"due {due_by(view.due, now)}"


def first_line(case: Case, journey: Journey | None, now: datetime) -> str:
    """How the case stands: what the contact-centre officer tells the citizen."""
    match case.status:
        case CaseStatus.UNKNOWN:
            return (
                f"A department has reported on this case since {since(case.opened_at, now)}, but its request has not arrived. "
                "It is routed as soon as the request does."
            )
        case CaseStatus.NEEDS_DECISION:
            decisions = [_decision_line(case, journey, now)] if case.undecided else []
            return " ".join([*decisions, *_doubts(case, now), *_unheeded(case), *_rest(case)])
        case CaseStatus.FINISHED:
            return " ".join([f"Finished {when(ended_at(case), now)}.", *_outcome(case), *_unheeded(case)])
        case CaseStatus.CLOSED:
            return " ".join([f"Closed {when(ended_at(case), now)}.", *_refusals(case, now), *_undone(case, now)])
        case CaseStatus.WITHDRAWN:
            return " ".join([f"Withdrawn {when(case.heard.withdrawn or case.updated_at, now)}.", *_undone(case, now)])
        case CaseStatus.OPEN:
            return _open_line(case, now)


def next_turns(case: Case, journey: Journey | None, now: datetime) -> list[Turn]:
    """Who must act next, the most pressing first. Never empty: where nobody must, it says so."""
    turns = []
    owner = journey.owner if journey else "The journey's owner"
    for view in case.undecided:
        what = f"decide what follows now that {_inside(view.department)} refused “{task_title(view.name)}”"
        turns.append(Turn(owner, what, "as soon as possible"))
    for view, _ in case.uncertain:
        what = f"ask {_inside(view.department)} whether {_arrived(view)}, and say so"
        turns.append(Turn(owner, what, "as soon as possible", "/unknown-effects"))
    for view in (each for each in case.tasks if each.refusal):
        what = f"speak with {_inside(view.department)}, which refused {_refused(view)}"
        turns.append(Turn(owner, what, "as soon as possible"))
    begun = undoing(case)
    for view in sorted(case.tasks, key=lambda each: (each.due is None, each.due or now)):
        if view.uncertain:
            continue
        if view in begun:
            plan = journey.by_name.get(view.name) if journey else None
            turns.append(
                Turn(department(view.department), (plan and plan.undo) or f"Stop “{task_title(view.name)}”", "")
            )
        elif view.state.in_hand and view.wanted:
            turns.append(Turn(department(view.department), asks(view, journey), due(view, now)))
    if turns:
        return turns
    if case.status is CaseStatus.UNKNOWN:
        return [Turn("The hub", "waits for the request of this case", "")]
    if case.status.ended:
        return [Turn("Nobody", f"the case is {STATUSES[case.status].lower()}", "")]
    return [Turn("The hub", "works out the next step", "")]


def standing_still_line(cases: int, records: int) -> str:
    """How many cases wait for a dead letter."""
    if not cases:
        return "No case waits for a record that could not be used."
    of = "theirs" if cases > 1 else "it"
    lie = plural(records, f"record of {of} lies", f"records of {of} lie")
    return f"{plural(cases, 'case stands', 'cases stand')} still: {lie} there."


def parked_line(lying: Sequence[int], now: datetime) -> str:
    """That a case waits for a record that could not be read, and since when; empty where it waits for none.

    Args:
        lying: when each record that lies among its dead letters was sent, the earliest place first (milliseconds since 1970).
        now: the present.
    """
    if not lying:
        return ""
    at = datetime.fromtimestamp(lying[0] / 1000, now.tzinfo)
    behind = f" {plural(len(lying) - 1, 'later one lies', 'later ones lie')} behind it." if len(lying) > 1 else ""
    return (
        f"This case has stood still since {since(at, now)}: a record about it could not be used, and nothing that came later is until a "
        f"person has replayed, fixed or discarded it.{behind}"
    )


def summary_line(summary: Summary) -> str:
    """All cases in one line: 41 open, 3 overdue, 2 waiting for a person."""
    return f"{plural(summary.open, 'open', 'open')}, {summary.overdue:,} overdue, {summary.waiting_for_person:,} waiting for a person"


def unknown_line(count: int) -> str:
    """How many instructions somebody has to ask about; empty where there is none."""
    return (
        plural(count, "instruction may or may not have arrived.", "instructions may or may not have arrived.")
        if count
        else ""
    )


def asks(view: TaskView, journey: Journey | None) -> str:
    """What a task asks, in the journey's words; its name where the journey's file is gone."""
    plan = journey.by_name.get(view.name) if journey else None
    return plan.asks if plan else task_title(view.name)


def where_it_stands(case: Case, now: datetime) -> str:
    """A case in a list, in a few words: Waiting for Housing and Transport; since is told beside it."""
    if case.status is CaseStatus.OPEN:
        names = [DEPARTMENTS[each] for each in case.waiting_on]
        parts = [f"Waiting for {_listed(names)}" if names else "Open"]
        parts += ["overdue"] if any(overdue(view, now) for view in case.tasks) else []
    else:
        parts = [STATUSES[case.status], *(["being undone"] if case.status.ended and undoing(case) else [])]
    if case.uncertain:
        whose = [view.department for view, _ in case.uncertain]
        parts.append(f"{_departments(whose)} may or may not have what was sent")
    refusals = [view.refusal for view in case.tasks if view.refusal]
    parts += ["a department refused to stop"] if any(each.withdrawal for each in refusals) else []
    parts += ["a change was refused"] if any(not each.withdrawal for each in refusals) else []
    return ", ".join(parts)


def standing_since(case: Case) -> datetime:
    """Since when a case waits as it does: the longest wait in hand, or its end, or the last thing heard."""
    if case.status.ended:
        return ended_at(case)
    return min((view.since for view in case.tasks if view.state.in_hand), default=case.updated_at)


def ended_at(case: Case) -> datetime:
    """When the last thing of a case that has ended was done, in the world."""
    return max((view.since for view in case.tasks if view.state is not TaskState.NOT_NEEDED), default=case.updated_at)


def waits_for(view: TaskView, case: Case, journey: Journey | None) -> list[str]:
    """Titles of the tasks that one which has not begun waits for."""
    plan = journey.by_name.get(view.name) if journey else None
    unfinished = {other.name for other in case.tasks if other.state.in_hand or other.state in _BLOCKS}
    return [task_title(name) for name in (plan.after if plan else ()) if name in unfinished]


def undoing(case: Case) -> list[TaskView]:
    """Tasks that departments were asked to stop or undo, and that they have neither stopped nor refused to."""
    return [
        view
        for view in case.tasks
        if view.name in case.undoing or (view.state.in_hand and not view.wanted and view.refusal is None)
    ]


_BLOCKS = {TaskState.WAITING, TaskState.REJECTED}
_OVER = {TaskState.COMPLETED, TaskState.NOT_NEEDED, TaskState.CANCELLED, TaskState.REJECTED}


def _open_line(case: Case, now: datetime) -> str:
    sentences = _waits(case, now)
    sentences += [
        f"{DEPARTMENTS[view.department]} was asked to stop “{task_title(view.name)}”." for view in undoing(case)
    ]
    sentences += _unheeded(case)
    if not sentences:
        return f"Open since {since(case.opened_at, now)}. The hub works out the next step."
    return " ".join([*sentences, *_rest(case)])


def unheeded(view: TaskView) -> str:
    """What a department refused of what it was told of a task since, in a few words; empty where it refused nothing."""
    if view.refusal is None:
        return ""
    return f"Refused {'to stop' if view.refusal.withdrawal else 'a change'}{_why(view.refusal)}"


def _undone(case: Case, now: datetime) -> list[str]:
    """How far the departments are with undoing what was begun, in a case that has ended."""
    begun, unheeded = [view for view in undoing(case) if not view.uncertain], [*_doubts(case, now), *_unheeded(case)]
    if begun:
        return [f"Waiting for {_departments([view.department for view in begun])} to undo what was begun.", *unheeded]
    return unheeded or _left(case)


def _left(case: Case) -> list[str]:
    """What is left of a case that has ended and in which nothing is to be undone any more."""
    undone = any(_was_undone(view, case) for view in case.tasks)
    done = [view for view in case.tasks if view.state is TaskState.COMPLETED and not _was_undone(view, case)]
    sentences = ["What was begun has been undone."] if undone else []
    if done:
        titles = listed([f"“{task_title(view.name)}”" for view in done])
        sentences.append(f"{titles} {'was done and stays' if len(done) == 1 else 'were done and stay'} done.")
    return sentences or ["Nothing had to be undone."]


def _was_undone(view: TaskView, case: Case) -> bool:
    """Whether its department stopped a task, or agreed to undo what it had done."""
    said = case.heard.latest(view.name)
    agreed = said is not None and said.settled and said.answer is not None and not said.answer.status.ended
    return view.state is TaskState.CANCELLED or (view.state is TaskState.COMPLETED and agreed)


def doubt(view: TaskView) -> str:
    """That nobody knows whether a department has what it was asked or told, in a few words; empty where that is known."""
    return f"Nobody knows whether {_arrived(view)}" if view.uncertain else ""


def _doubts(case: Case, now: datetime) -> list[str]:
    """What nobody knows, and since when."""
    return [
        f"Nobody knows whether {_arrived(view)}, sent to {DEPARTMENTS[view.department]} {when(each.at, now)}: somebody has to ask."
        for view, each in case.uncertain
    ]


def _arrived(view: TaskView) -> str:
    return f"{instruction(view.uncertain.asked if view.uncertain else None, view.name)} arrived"


def instruction(asked: str | None, task: str) -> str:
    """What a department was sent about a task: the task, a change to it, or that it is to stop.

    Args:
        asked: raised, changed or withdrawn.
        task: its name.
    """
    title = f"“{task_title(task)}”"
    return {"changed": f"the change to {title}", "withdrawn": f"the word to stop {title}"}.get(asked or "", title)


def _unheeded(case: Case) -> list[str]:
    """What departments were told and refused, and what that means."""
    return [
        f"{DEPARTMENTS[view.department]} refused {_refused(view)}{_why(view.refusal)}. "
        + ("It may still happen." if view.refusal.withdrawal else "It goes by what it was told before.")
        for view in case.tasks
        if view.refusal
    ]


def _refused(view: TaskView) -> str:
    title = f"“{task_title(view.name)}”"
    return f"to stop {title}" if view.refusal and view.refusal.withdrawal else f"a change to {title}"


def _waits(case: Case, now: datetime) -> list[str]:
    """One sentence for each department that has something in hand, the most pressing first."""
    in_hand = [view for view in case.tasks if view.state.in_hand and view.wanted]
    far = datetime.max.replace(tzinfo=now.tzinfo)
    order = {dept: min(view.due or far for view in views) for dept, views in _by_department(in_hand)}
    sentences: list[str] = []
    for dept, views in sorted(_by_department(in_hand), key=lambda pair: (order[pair[0]], pair[0])):
        details = "; ".join(_in_hand(view, now) for view in views)
        begin = "Also waiting for" if sentences else "Waiting for"
        sentences.append(
            f"{begin} {DEPARTMENTS[dept]} since {since(min(view.since for view in views), now)}: {details}."
        )
    return sentences


def _in_hand(view: TaskView, now: datetime) -> str:
    return ", ".join(part for part in (reference(view) or task_title(view.name).lower(), due(view, now)) if part)


def _rest(case: Case) -> list[str]:
    """What the departments do that nobody waits for: those that are ready, those that come later."""
    states = [(dept, {view.state for view in views}) for dept, views in _by_department(case.tasks)]
    ready = [dept for dept, stands in states if stands <= _OVER and TaskState.COMPLETED in stands]
    in_hand = {view.department for view in case.tasks if view.state.in_hand}
    later = [dept for dept, stands in states if TaskState.WAITING in stands and dept not in in_hand]
    sentences = []
    if ready:
        sentences.append(f"{_departments(ready)} {'is' if len(set(ready)) == 1 else 'are'} ready.")
    if later:
        sentences.append(f"{_departments(later)} {'comes' if len(set(later)) == 1 else 'come'} after that.")
    return sentences


def _decision_line(case: Case, journey: Journey | None, now: datetime) -> str:
    who = journey.owner if journey else "a person"
    view = case.undecided[0]
    why = f" ({view.reason})" if view.reason else ""
    what = f"{department(view.department)} refused “{task_title(view.name)}”{why}"
    return f"Waiting for {who} to decide since {since(view.since, now)}: {what}."


def _outcome(case: Case) -> list[str]:
    """What a finished case brought: who did their part, who could not."""
    done = [view.department for view in case.tasks if view.state is TaskState.COMPLETED]
    sentences = []
    if done:
        has = "has" if len(set(done)) == 1 else "have"
        sentences.append(f"{_departments(done)} {has} done {'its' if has == 'has' else 'their'} part.")
    for view in case.tasks:
        if view.state in {TaskState.REJECTED, TaskState.CANCELLED}:
            verb = "refused" if view.state is TaskState.REJECTED else "cancelled"
            sentences.append(f"{DEPARTMENTS[view.department]} {verb} “{task_title(view.name)}”{_why(view)}.")
    return sentences or ["Nothing was needed of any department."]


def _refusals(case: Case, now: datetime) -> list[str]:
    refused = [view for view in case.tasks if view.state is TaskState.REJECTED]
    return [
        f"{DEPARTMENTS[view.department]} refused “{task_title(view.name)}” {when(view.since, now)}{_why(view)}."
        for view in refused
    ]


def _why(said: TaskView | AnswerHeard) -> str:
    return f": {said.reason.rstrip('.')}" if said.reason else ""


def _by_department(views: Sequence[TaskView]) -> list[tuple[Department, list[TaskView]]]:
    order = list(Department)
    ordered = sorted(views, key=lambda view: order.index(view.department))
    return [(dept, list(group)) for dept, group in groupby(ordered, key=lambda view: view.department)]


def _departments(which: Sequence[Department]) -> str:
    """Departments in a row, each once: Social care and transport."""
    return _listed([DEPARTMENTS[each] for each in Department if each in which])


def _listed(names: list[str]) -> str:
    """Names in a row; those behind the first are written small, as in running text."""
    return listed([*names[:1], *(name[:1].lower() + name[1:] for name in names[1:])])


def _inside(which: Department) -> str:
    """A department's name inside a sentence."""
    return DEPARTMENTS[which].lower()
