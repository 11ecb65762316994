"""A case drawn: one lane per department on one time axis, tasks as bars, deadlines as marks, waits as dashed gaps. Pure geometry.

Two sizes are made of the same case, one with the departments' names beside the lanes and one, for a phone, with the names above.
What a colour says a word and a shape say too.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from hub.journeys.model import Journey
from hub.pages.axis import Axis, Tick
from hub.pages.dates import due_by, listed, short_date
from hub.pages.words import DEPARTMENTS, ended_at, overdue, task_title, waits_for
from hub.routing.case import Case, TaskState, TaskView
from hub.routing.entry import Entry, EntryKind
from schemas.envelope import Department

_ROW, _LANE_PAD, _AXIS, _HEADING, _GUTTER = 48.0, 10.0, 34.0, 26.0, 124.0
_BAR_Y, _BAR = 25.0, 12.0
_LEAST_BAR = 7.0
_LETTER = 6.9
"""Width of a letter on average, to tell on which side a label fits."""
_SHORTEST = timedelta(seconds=30)
_MARKS = {TaskState.COMPLETED: "done", TaskState.REJECTED: "refused", TaskState.CANCELLED: "cancelled"}


@dataclass(frozen=True)
class Bar:
    """A stretch of time in which a task stood in one way: asked, accepted, in-progress."""

    x: float
    y: float
    width: float
    height: float
    state: str


@dataclass(frozen=True)
class Mark:
    """A shape at a moment: due, overdue, done, refused, cancelled; words for its tooltip."""

    x: float
    y: float
    shape: str
    words: str


@dataclass(frozen=True)
class Label:
    """Words above a bar: the task, and how it stands."""

    x: float
    y: float
    anchor: str
    title: str
    words: str


@dataclass(frozen=True)
class Wait:
    """A gap: the task waits for others, or for its turn."""

    x1: float
    x2: float
    y: float


@dataclass(frozen=True)
class Row:
    """One task."""

    label: Label
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    wait: Wait | None


@dataclass(frozen=True)
class Lane:
    """One department."""

    name: str
    y: float
    height: float
    name_x: float
    name_y: float
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Drawing:
    """The whole drawing, in units that fit its width.

    Attributes:
        now_x: where the present lies; None for a case that has ended.
        description: the drawing in a sentence, for those who do not see it.
    """

    width: float
    height: float
    left: float
    axis_y: float
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    now_x: float | None
    description: str


@dataclass(frozen=True)
class _Subject:
    """What is drawn."""

    case: Case
    told: list[Entry]
    journey: Journey | None
    now: datetime


def draw(
    case: Case, entries: Iterable[Entry], journey: Journey | None, now: datetime, *, width: float, beside: bool
) -> Drawing:
    """The case drawn.

    Args:
        case: with its tasks derived; one without tasks gives a drawing without lanes.
        entries: its timeline: from it, when each task was raised and moved.
        journey: what it follows, to say what a task waits for.
        now: the present.
        width: of the drawing.
        beside: whether the departments' names stand beside the lanes, or above them.
    """
    told = [entry for entry in entries if entry.task]
    subject = _Subject(case, told, journey, now)
    axis = _axis(case, told, now, left=_GUTTER if beside else 8.0, right=width - 10.0)
    lanes, y = [], _AXIS
    for which in Department:
        views = [view for view in case.tasks if view.department is which]
        if not views:
            continue
        heading = 0.0 if beside else _HEADING
        height = heading + _ROW * len(views) + _LANE_PAD
        first = y + heading + _LANE_PAD / 2
        rows = tuple(_row(subject, view, axis, first + _ROW * index) for index, view in enumerate(views))
        name_y = y + height / 2 + 5 if beside else y + 20
        lanes.append(Lane(DEPARTMENTS[which], y, height, 12.0 if beside else 8.0, name_y, rows))
        y += height
    return Drawing(
        width=width,
        height=y + 6,
        left=axis.left,
        axis_y=_AXIS,
        lanes=tuple(lanes),
        ticks=tuple(axis.ticks()),
        now_x=None if case.status.ended else axis.x(now),
        description=_description(case, journey, now),
    )


def _axis(case: Case, told: list[Entry], now: datetime, left: float, right: float) -> Axis:
    """From the first thing that happened to the end of the case, or to the last deadline that is still open."""
    start = min([case.opened_at, *(entry.at for entry in told)])
    if case.status.ended:
        end = max([ended_at(case), *(entry.at for entry in told)])
    else:
        end = max([now, *(view.due for view in case.tasks if view.due and view.state.in_hand)])
    length = max(end - start, _SHORTEST)
    return Axis(start, start + length * 1.04, left, right)


def _row(subject: _Subject, view: TaskView, axis: Axis, y: float) -> Row:
    case, journey, now = subject.case, subject.journey, subject.now
    # Of a task that was stopped and asked for again, the bars show how it goes now; the timeline tells what was before.
    told = [entry for entry in subject.told if entry.task == view.name and entry.raising == view.raising]
    moments = _moments(view, told)
    stop = view.since if view.state in _MARKS else min(now, axis.end)
    bars = []
    for (state, at), (_, until) in pairwise([*moments, (view.state, stop)]):
        if state in _MARKS:
            break
        x = axis.x(at)
        bars.append(Bar(x, y + _BAR_Y, max(_LEAST_BAR, round(axis.x(until) - x, 1)), _BAR, str(state)))
    marks = []
    middle = y + _BAR_Y + _BAR / 2
    if view.due is not None and view.state is not TaskState.NOT_NEEDED and axis.holds(view.due):
        shape = "overdue" if overdue(view, now) else "due"
        marks.append(Mark(axis.x(view.due), middle, shape, f"due {due_by(view.due, now)}"))
    if view.uncertain is not None and axis.holds(view.uncertain.at):
        marks.append(Mark(axis.x(view.uncertain.at), middle, "unknown", "sent, and never answered"))
    if view.state in _MARKS:
        x = max(axis.x(view.since), bars[-1].x + bars[-1].width if bars else 0.0)
        marks.append(Mark(x, middle, _MARKS[view.state], _words(case, view, journey, now)))
    begins = bars[0].x if bars else marks[-1].x if marks else axis.left
    waiting = view.state is TaskState.WAITING
    reach = axis.x(now) if waiting else begins
    wait = (
        Wait(axis.left, reach, middle)
        if reach - axis.left > _LEAST_BAR and view.state is not TaskState.NOT_NEEDED
        else None
    )
    label = _label(view, _words(case, view, journey, now), axis.left if waiting else begins, y, axis)
    return Row(label, tuple(bars), tuple(marks), wait)


def _moments(view: TaskView, told: list[Entry]) -> list[tuple[TaskState, datetime]]:
    """When a task came to stand how, in order; the timeline's word, and what is derived where that is silent."""
    if view.state in {TaskState.WAITING, TaskState.NOT_NEEDED}:
        return []
    moments = [(TaskState.ASKED, entry.at) for entry in told if entry.kind is EntryKind.TASK_RAISED][:1]
    said = sorted(
        (entry.at, TaskState(entry.status)) for entry in told if entry.kind is EntryKind.TASK_STATUS and entry.status
    )
    moments += [(state, at) for at, state in said if at <= view.since]
    if not moments or moments[-1][0] is not view.state:
        moments.append((view.state, max([view.since, *(at for _, at in moments)])))
    return moments


def _label(view: TaskView, words: str, x: float, y: float, axis: Axis) -> Label:
    title = task_title(view.name)
    room = (len(title) + len(words) + 2) * _LETTER
    if x + room <= axis.right:
        return Label(x, y + 16, "start", title, words)
    if axis.right - room >= axis.left:
        return Label(axis.right, y + 16, "end", title, words)
    return Label(axis.left, y + 16, "start", title, words)


_SHORT = {
    TaskState.COMPLETED: "done",
    TaskState.REJECTED: "refused",
    TaskState.CANCELLED: "cancelled",
    TaskState.ASKED: "asked",
    TaskState.ACCEPTED: "accepted",
    TaskState.IN_PROGRESS: "in progress",
}


def _words(case: Case, view: TaskView, journey: Journey | None, now: datetime) -> str:
    """How a task stands, short enough for a label."""
    if view.state is TaskState.NOT_NEEDED:
        return "not needed"
    if view.state is TaskState.WAITING:
        names = waits_for(view, case, journey)
        return f"waits for {listed([name.lower() for name in names])}" if names else "waits for its turn"
    if view.uncertain:
        return "may or may not have arrived"
    if view.state in _MARKS:
        return f"{_SHORT[view.state]} {short_date(view.since, now)}"
    if view.due is None:
        return _SHORT[view.state]
    return f"{_SHORT[view.state]}, {'overdue since' if overdue(view, now) else 'due'} {short_date(view.due, now)}"


def _description(case: Case, journey: Journey | None, now: datetime) -> str:
    tasks = [
        f"{DEPARTMENTS[view.department]}, {task_title(view.name)}: {_words(case, view, journey, now)}"
        for view in case.tasks
    ]
    return f"{'; '.join(tasks)}." if tasks else "Nothing has been asked of any department yet."
