"""The heart: one event of one case in, what becomes of the case out. Pure: no clock, no I/O, no Faust.

Three moves, always the same: `hear` joins what is known, `stand` derives how every task stands, `tell` brings everybody up to date.
Since the first is a join and the second a function of it, the same event twice changes nothing, a late event moves nothing back, and
every order of the same events ends in the same case.

`share` calls it for every event of a round. What it puts out goes to the departments' topics and `case-updates`, and what a department
makes of it comes back as another event of the case.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from hub.journeys.model import Journey, Journeys
from hub.routing.case import Case, TaskView
from hub.routing.decision import Deadline, Decision, NotForThisHub, Output, World
from hub.routing.entry import Entry, EntryKind
from hub.routing.hear import join
from hub.routing.heard import Heard
from hub.routing.stand import case_status, derive, is_settled, only_raisings_moved, refusals
from hub.routing.tell import line_of, settle, tell, updates
from schemas.cases import CaseStatus, CaseUpdated
from schemas.envelope import Event
from schemas.tasks import DeadlineExpired
from schemas.topics import CASE_UPDATES

__all__ = ["Deadline", "Decision", "NotForThisHub", "Output", "World", "step"]


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
    heard = join(before.heard, event)
    if heard == before.heard:
        return Decision(before)
    journey = _journey(before, heard, world.journeys)
    after = replace(before, heard=heard, updated_at=max(before.updated_at, event.time))
    if journey is None or heard.request is None:
        return Decision(after, entries=(line_of(event, heard, journey),))

    refused = refusals(journey, heard)
    stood = before if only_raisings_moved(before, heard, refused, world.rules) else None
    tasks = derive(journey, heard, refused, world.calendar, stood)
    status = case_status(heard, tasks, refused)
    letters = tell(journey, heard, tasks, before.told)
    changes = updates(journey, before, heard, tasks, status)
    told = before.told | {letter.task: letter.told for letter in letters}
    undoing = [
        view.name for view in tasks if not view.wanted and not is_settled(journey.by_name[view.name], view, heard, told)
    ]
    after = replace(
        after,
        journey=journey.name,
        version=journey.version,
        tasks=tasks,
        status=status,
        opened_at=heard.request.at,
        told=told,
        undoing=tuple(undoing),
        rules=world.rules,
    )
    outputs = [*settle(event, journey, before.heard, heard, world.source)]
    outputs += [letter.output(event, journey, world.source) for letter in letters]
    outputs += [
        Output(
            CASE_UPDATES.name,
            CaseUpdated.following(event, f"update|{data.change}|{data.task}", source=world.source, data=data),
        )
        for data in changes
    ]
    in_vain = isinstance(event, DeadlineExpired) and not _late_now(tasks, event)
    lines = [] if in_vain else [line_of(event, heard, journey)]
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


def _late_now(tasks: Iterable[TaskView], event: DeadlineExpired) -> bool:
    """Whether an expired deadline still says something: its task is late for it."""
    return any(view.late and view.name == event.data.task and view.due == event.data.due for view in tasks)


def _deadlines(tasks: Iterable[TaskView]) -> tuple[Deadline, ...]:
    return tuple(
        [
            Deadline(view.name, view.due)
            for view in tasks
            if view.due is not None and view.state.in_hand and not view.late
        ]
    )
