"""What a measurement is made of: real events of real cases, in the order in which they come in, and what must follow from each. Pure.

A plot says what the people of one case do; the real `step` says what the hub makes of it. So it is known beforehand which outputs a
worker has to send, by topic and id, and how many lines its timelines must have. The same seed and the same day tell the same story.
"""

import heapq
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import lru_cache
from itertools import count
from typing import NamedTuple
from uuid import UUID, uuid5

from connectors.sdk.simulation import Citizen
from hub.demo.council import CODE, HOSPITAL, citizens
from hub.routing.case import Case
from hub.routing.step import World, step
from schemas.cases import CaseStatus
from schemas.envelope import Department, Event, Message
from schemas.facts import Facts, Mobility
from schemas.references import case_reference
from schemas.requests import Request, RequestReceived
from schemas.tasks import StatusChange, Task, TaskRaised, TaskStatus, TaskStatusChanged

_SPACE = UUID("0d6b6f3a-3c52-5a0e-8f0e-2f0c6a1d9b57")
_PEOPLE = 5000
_ACTIVE = 2000
_A_CASE_EVERY = timedelta(seconds=1)
_PADDING = b',"padding":"'


class Said(NamedTuple):
    """What somebody will say of a case."""

    at: datetime
    kind: type[Event]
    data: Message


@dataclass(frozen=True)
class Plot:
    """What the people of a case do.

    Attributes:
        opens: given the number of a case and when it begins, what is said of it whatever the hub answers; the request first.
        answers: given the number, a task that was raised and when, what its department says of it.
    """

    opens: Callable[[int, datetime], Iterable[Said]]
    answers: Callable[[int, Task, datetime], Iterable[Said]]


class Turn(NamedTuple):
    """One event of the story, and what must follow from it.

    Attributes:
        key, value: as they stand on `case-events`.
        outputs: topic and id of every event that a worker must send because of it, in order.
        lines: how many lines it adds to its case's timeline.
        ends: whether its case is finished by it.
    """

    key: bytes
    value: bytes
    outputs: tuple[tuple[str, UUID], ...]
    lines: int
    ends: bool


@dataclass
class Expected:
    """What must have come of a story in the end.

    Attributes:
        events: how many were told.
        cases, finished: how many there are, and how many of them have come to their end.
        lines: how many lines their timelines have.
        outputs: how many outputs there are, by topic and id.
    """

    events: int = 0
    finished: int = 0
    lines: int = 0
    cases: set[bytes] = field(default_factory=set, repr=False)
    outputs: dict[str, set[UUID]] = field(default_factory=dict, repr=False)

    def add(self, turn: Turn) -> None:
        """Count one more turn."""
        self.events += 1
        self.finished += turn.ends
        self.lines += turn.lines
        self.cases.add(turn.key)
        for topic, output in turn.outputs:
            self.outputs.setdefault(topic, set()).add(output)

    @property
    def sent(self) -> int:
        """How many outputs there are."""
        return sum(map(len, self.outputs.values()))


def story(
    events: int,
    world: World,
    begins: datetime,
    *,
    plot: Plot | None = None,
    seed: int = 1,
    active: int = _ACTIVE,
    size: int = 0,
) -> Iterator[Turn]:
    """Whole cases one among the other, until there are so many events or a few more.

    Args:
        events: at least so many.
        world: journeys and calendar of the worker that is to be measured.
        begins: when the first request comes in, with zone. Behind the day of the measurement, lest the worker's clock has its say: no
            deadline of the story passes while it is told.
        plot: what the people do; they come home from hospital, unless it says otherwise.
        seed: another seed, another order.
        active: so many cases are under way at a time.
        size: an event has at least so many bytes. What is added stands in a field of the kind that a later version might have.
    """
    chance = random.Random(f"story|{seed}")  # noqa: S311 - invents an order, guards nothing
    numbers = count()
    planned = 0

    def begin() -> Iterator[Turn]:
        nonlocal planned
        number = next(numbers)
        start = begins + number * _A_CASE_EVERY
        turns = _case(number, start, world, plot=plot or HOMECOMING, seed=seed, size=size)
        planned += len(turns)
        return iter(turns)

    under_way: list[Iterator[Turn]] = []
    while planned < events and len(under_way) < active:
        under_way.append(begin())
    while under_way:
        place = chance.randrange(len(under_way))
        turn = next(under_way[place], None)
        if turn is not None:
            yield turn
        elif planned < events:
            under_way[place] = begin()
        else:
            under_way[place] = under_way[-1]
            under_way.pop()


def _case(number: int, start: datetime, world: World, *, plot: Plot, seed: int, size: int) -> list[Turn]:
    """One case from its request to its end, as the real `step` has it."""
    reference = case_reference(start, f"{seed}|{number}")
    order = count()
    to_come = [(said.at, next(order), said) for said in plot.opens(number, start)]
    heapq.heapify(to_come)
    case: Case | None = None
    turns: list[Turn] = []
    while to_come:
        at, _, said = heapq.heappop(to_come)
        event = said.kind(
            id=uuid5(_SPACE, f"{seed}|{number}|{len(turns)}"),
            source=f"/{CODE}/bench",
            type=said.kind.model_fields["type"].default,
            time=at,
            effectiveat=at,
            correlationid=reference,
            partitionkey=reference,
            council=CODE,
            dataclassification=said.kind.classification,
            data=said.data,
        )
        was = case.status if case else None
        decision = step(case, event, world)
        case = decision.case
        for output in decision.outputs:
            if isinstance(output.event, TaskRaised):
                for answer in plot.answers(number, output.event.data, at):
                    heapq.heappush(to_come, (answer.at, next(order), answer))
        turns.append(
            Turn(
                key=reference.encode(),
                value=_padded(event.encode(), size),
                outputs=tuple((output.topic, output.event.id) for output in decision.outputs),
                lines=len(decision.entries),
                ends=case.status is CaseStatus.FINISHED and was is not CaseStatus.FINISHED,
            )
        )
    return turns


def _padded(value: bytes, size: int) -> bytes:
    missing = size - len(value)
    if missing <= 0:
        return value
    return value[:-1] + _PADDING + b"x" * max(1, missing - len(_PADDING) - 1) + b'"}'


@lru_cache(maxsize=1)
def _people() -> tuple[Citizen, ...]:
    return citizens(_PEOPLE, seed=1)


def _comes_home(number: int, start: datetime) -> Iterable[Said]:
    who = _people()[number % _PEOPLE]
    facts = Facts.model_validate(
        {
            "discharge_date": (start + timedelta(days=10)).date(),
            "mobility": who.mobility,
            "nhs_number": who.nhs_number,
            "person_name": f"{who.forename} {who.surname}",
            "uprn": who.uprn,
            "date_of_birth": who.date_of_birth,
            "phone": who.phone,
            "hospital_site": f"{HOSPITAL}, ward {1 + number % 12}",
            "pathway": 1 if who.mobility is Mobility.WALKS else 2,
            "social_care_id": who.social_care_id,
        }
    )
    return [Said(start, RequestReceived, Request(request="discharge-notified", lgsl=209, facts=facts))]


def _is_done(number: int, task: Task, asked: datetime) -> Iterable[Said]:
    """A department accepts what it is asked, begins with it, and does it."""
    who = _people()[number % _PEOPLE]
    found = {
        "check-home": Facts(steps_at_door=who.steps_at_door, keysafe_present=who.keysafe_present),
        "assess-care": Facts(care_visits_a_day=who.care_visits_a_day),
        "book-transport": Facts(pickup_time=time(10 + number % 6)),
    }
    course = ((1, TaskStatus.ACCEPTED), (2, TaskStatus.IN_PROGRESS), (4, TaskStatus.COMPLETED))
    for place, (hours, status) in enumerate(course):
        yield Said(
            # No two departments at the same moment, and not always in the same order.
            asked + timedelta(hours=hours, seconds=(number * 7 + len(task.task) * 13 + place) % 3000),
            TaskStatusChanged,
            StatusChange(
                task=task.task,
                raising=task.raising,
                department=task.department,
                status=status,
                reference=f"{_PREFIX[task.department]}{100_000 + number}",
                answers=found.get(task.task, Facts()) if status is TaskStatus.COMPLETED else Facts(),
            ),
        )


_PREFIX = {Department.HOUSING: "WO", Department.SOCIAL_CARE: "SC", Department.TRANSPORT: "T"}

HOMECOMING = Plot(_comes_home, _is_done)
"""Somebody comes home from hospital, and every department does its part."""
