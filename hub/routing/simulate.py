"""What would happen when: a journey run through the real `step`, given a start, facts, and how the departments answer. Pure.

Every department accepts a task an hour after it is asked, and does it in the time given (one working day unless told). No broker, no clock.
"""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid5

from hub.journeys.clocks import LONDON, Due, Unit
from hub.journeys.model import Journey
from hub.routing.case import Case
from hub.routing.entry import Entry
from hub.routing.step import World, step
from schemas.envelope import Event
from schemas.facts import Facts
from schemas.identifiers import parse_council_code
from schemas.references import case_reference
from schemas.requests import Request, RequestReceived
from schemas.tasks import (
    DeadlineExpired,
    ExpiredDeadline,
    StatusChange,
    TaskRaised,
    TaskStatus,
    TaskStatusChanged,
    TaskWithdrawn,
)
from schemas.times import LAST_YEAR

_SPACE = UUID("6b2f5c1e-8f4d-5f0a-9a57-1d0e8b7c4a33")
_COUNCIL = parse_council_code("E06000999")
_ACCEPTED_AFTER = timedelta(hours=1)
_A_DAY = Due("1 working day", 1, Unit.WORKING_DAY)
MOST_LINES = 2000
"""A simulation ends here; a hundred tasks, each with all that can happen to it, come to half of that."""
_LAST_YEAR = LAST_YEAR + 20
"""Behind every deadline that hangs on a date; a chain of tasks that take years each would go on beyond what an event can carry."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """How the departments behave.

    Attributes:
        facts: what each task finds out: {"check-home": Facts(steps_at_door=3)}.
        takes: how long each task takes, as a clock counted from when it is asked.
        refused: tasks that are refused.
    """

    facts: Mapping[str, Facts] = field(default_factory=dict)
    takes: Mapping[str, Due] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()


def simulate(
    journey: Journey, world: World, start: datetime, facts: Facts, answers: Answers
) -> tuple[Case, list[Entry]]:
    """The case at its end, and everything that happened to it in order of time.

    Args:
        journey: the journey to run; `world.journeys` must hold it.
        world: journeys and calendar.
        start: when the request comes in, with zone.
        facts: what the request says.
        answers: how the departments behave.
    """
    reference = case_reference(start, journey.name)
    numbers = count()
    queue: list[tuple[datetime, int, Event]] = []

    def later(kind: type[Event], at: datetime, data: Any) -> None:
        number = next(numbers)
        event = kind(
            id=uuid5(_SPACE, str(number)),
            source="/simulation",
            type=kind.model_fields["type"].default,
            time=at,
            effectiveat=at,
            correlationid=reference,
            partitionkey=reference,
            council=_COUNCIL,
            data=data,
        )
        heapq.heappush(queue, (at, number, event))

    later(RequestReceived, start, Request(request=journey.starts_with, lgsl=journey.lgsl, facts=facts))
    case: Case | None = None
    happened: list[Entry] = []
    while queue and len(happened) < MOST_LINES:
        now, _, event = heapq.heappop(queue)
        if now.year > _LAST_YEAR:
            break
        decision = step(case, event, world)
        case = decision.case
        happened += decision.entries
        for output in decision.outputs:
            told = output.event
            if isinstance(told, TaskRaised):
                for at, status in _course(told, now, world, answers):
                    said = answers.facts.get(told.data.task, Facts()) if status is TaskStatus.COMPLETED else Facts()
                    data = StatusChange(
                        task=told.data.task,
                        raising=told.data.raising,
                        department=told.data.department,
                        status=status,
                        answers=said,
                    )
                    later(TaskStatusChanged, at, data)
            elif isinstance(told, TaskWithdrawn):
                data = StatusChange(
                    task=told.data.task,
                    raising=told.data.raising,
                    revision=told.data.revision,
                    department=told.data.department,
                    status=TaskStatus.CANCELLED,
                    withdrawal=True,
                )
                later(TaskStatusChanged, now + _ACCEPTED_AFTER, data)
        for deadline in decision.deadlines or ():
            later(DeadlineExpired, max(now, deadline.due), ExpiredDeadline(task=deadline.task, due=deadline.due))
    if case is None:
        raise ValueError("nothing happened: there was no request")
    return case, sorted(happened, key=lambda entry: entry.at)


def _course(raised: TaskRaised, now: datetime, world: World, answers: Answers) -> list[tuple[datetime, TaskStatus]]:
    """What the department will say of a task, and when."""
    accepted = now + _ACCEPTED_AFTER
    if raised.data.task in answers.refused:
        return [(accepted, TaskStatus.REJECTED)]
    clock = answers.takes.get(raised.data.task, _A_DAY)
    done = clock.at(now, {}, world.calendar) or accepted
    if clock.unit is not Unit.HOUR:
        # A day's work is done in office hours; the clock itself runs to the end of the day.
        done = done.astimezone(LONDON).replace(hour=16, minute=0)
    return [(accepted, TaskStatus.ACCEPTED), (max(done, accepted), TaskStatus.COMPLETED)]
