"""What the pages about cases show, made of a case and its timeline. Pure; templates only place it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from hub.journeys.model import Journey, Journeys
from hub.memory.reading import CasePage, Standing
from hub.pages import dates, words
from hub.pages.lanes import Drawing, draw
from hub.pages.timeline import Line, lines
from hub.routing.case import Case, TaskState, TaskView
from hub.routing.entry import Entry
from schemas.cases import CaseStatus
from schemas.envelope import Department

_WIDE, _NARROW = 900.0, 340.0
_SHAPES = {
    CaseStatus.FINISHED: "done",
    CaseStatus.CLOSED: "refused",
    CaseStatus.WITHDRAWN: "cancelled",
    CaseStatus.NEEDS_DECISION: "decide",
}
_TASK_SHAPES = {
    TaskState.WAITING: "waiting",
    TaskState.COMPLETED: "done",
    TaskState.REJECTED: "refused",
    TaskState.CANCELLED: "cancelled",
    TaskState.NOT_NEEDED: "cancelled",
}
STANDINGS = {
    Standing.OPEN: "Open",
    Standing.OVERDUE: "Overdue",
    Standing.WAITING_FOR_PERSON: "Waiting for a person",
    Standing.FINISHED: "Finished",
    Standing.CLOSED: "Closed",
    Standing.WITHDRAWN: "Withdrawn",
    Standing.ALL: "All cases",
}


@dataclass(frozen=True)
class Moment:
    """A moment in words, and as machines write it."""

    words: str
    machine: str

    @classmethod
    def of(cls, at: datetime, text: str) -> "Moment":
        """With these words."""
        return cls(text, at.astimezone(UTC).isoformat(timespec="seconds"))


@dataclass(frozen=True)
class Status:
    """A status by word, shape and colour; `code` is what machines call it."""

    words: str
    shape: str
    code: str


@dataclass(frozen=True)
class TaskLine:
    """One task in the list below the drawing."""

    department: str
    title: str
    name: str
    asks: str
    status: Status
    since: Moment
    due: Moment | None
    no_due: str
    overdue: bool
    reference: str
    note: str


@dataclass(frozen=True)
class CaseView:
    """A case's page."""

    reference: str
    title: str
    status: Status
    first_line: str
    turns: list[words.Turn]
    opened: Moment
    updated: Moment
    wide: Drawing
    narrow: Drawing
    tasks: list[TaskLine]
    timeline: list[Line]
    facts: list[str]
    journey: str
    questions: list[tuple[str, str]]
    in_doubt: bool
    ended: bool


@dataclass(frozen=True)
class CaseLine:
    """One case in a list."""

    reference: str
    title: str
    status: Status
    where: str
    since: Moment
    due: Moment | None
    overdue: bool


def case_view(case: Case, entries: Sequence[Entry], journey: Journey | None, now: datetime) -> CaseView:
    """A case's page, made."""
    return CaseView(
        reference=case.reference,
        title=journey.title
        if journey
        else "A case whose request has not arrived"
        if not case.journey
        else case.journey,
        status=_status(case, now),
        first_line=words.first_line(case, journey, now),
        turns=words.next_turns(case, journey, now),
        opened=Moment.of(case.opened_at, dates.day_and_time(case.opened_at, now)),
        updated=Moment.of(case.updated_at, dates.ago(case.updated_at, now)),
        wide=draw(case, entries, journey, now, width=_WIDE, beside=True),
        narrow=draw(case, entries, journey, now, width=_NARROW, beside=False),
        tasks=[_task_line(case, view, journey, now) for view in case.tasks],
        timeline=lines(case, entries, journey, now),
        facts=[words.fact_meaning(name).rstrip(".") for name in case.heard.facts],
        journey=f"{case.journey}, version {case.version}" if case.journey else "",
        questions=[(view.name, words.task_title(view.name)) for view in case.undecided],
        in_doubt=bool(case.uncertain),
        ended=case.status.ended,
    )


def case_lines(page: CasePage, journeys: Journeys, now: datetime) -> list[CaseLine]:
    """A list's lines."""
    return [_case_line(case, journeys, now) for case in page.cases]


def _case_line(case: Case, journeys: Journeys, now: datetime) -> CaseLine:
    journey = journeys.get(case.journey, case.version) if case.journey and case.version else None
    since = words.standing_since(case)
    return CaseLine(
        reference=case.reference,
        title=journey.title if journey else case.journey or "Request not yet known",
        status=_status(case, now),
        where=words.where_it_stands(case, now),
        since=Moment.of(since, dates.short(since, now)),
        due=Moment.of(case.next_due, dates.short_due(case.next_due, now))
        if case.next_due and not case.status.ended
        else None,
        overdue=any(words.overdue(view, now) for view in case.tasks) and not case.status.ended,
    )


def _status(case: Case, now: datetime) -> Status:
    late = not case.status.ended and any(words.overdue(view, now) for view in case.tasks)
    if case.status is CaseStatus.OPEN and late:
        return Status("Overdue", "late", "open")
    return Status(words.STATUSES[case.status], _SHAPES.get(case.status, "open"), case.status)


def _task_line(case: Case, view: TaskView, journey: Journey | None, now: datetime) -> TaskLine:
    late = words.overdue(view, now)
    notes = [note for note in (view.reason, words.unheeded(view), words.doubt(view)) if note]
    if view.state is TaskState.WAITING and (names := words.waits_for(view, case, journey)):
        notes.append(f"Waits for {dates.listed([name.lower() for name in names])}")
    return TaskLine(
        department=words.DEPARTMENTS[view.department],
        title=words.task_title(view.name),
        name=view.name,
        asks=words.asks(view, journey),
        status=Status(words.STATES[view.state], "late" if late else _TASK_SHAPES.get(view.state, "open"), view.state),
        since=Moment.of(view.since, dates.short_with_time(view.since, now)),
        due=Moment.of(view.due, dates.short_due(view.due, now))
        if view.due and view.state is not TaskState.NOT_NEEDED
        else None,
        no_due=_no_due(view, journey),
        overdue=late,
        reference=words.reference(view),
        note=". ".join(notes),
    )


def _no_due(view: TaskView, journey: Journey | None) -> str:
    """Why a task shows no due time."""
    plan = journey.by_name.get(view.name) if journey else None
    return "set when it begins" if view.state is TaskState.WAITING and plan and plan.due else "no deadline"


def departments() -> list[tuple[Department, str]]:
    """Departments by code and name, for a filter."""
    return list(words.DEPARTMENTS.items())
