"""What a journey is, once it is read and checked: immutable, complete, and free of I/O.

A journey says which departments a request needs, in what order, under what conditions, by when, and who is told. `load` makes it of a
YAML file, `step` follows it, `draw` and `simulate` show it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from hub.journeys.clocks import Due
from hub.journeys.language import Condition
from schemas.cases import CaseChange
from schemas.envelope import Department
from schemas.tasks import Work


class IfRefused(StrEnum):
    """What follows when a department refuses a task."""

    GO_ON = "go on without it"
    CLOSE = "undo and close"
    ASK = "ask its owner"


@dataclass(frozen=True, kw_only=True)
class TaskPlan:
    """One task of a journey.

    Attributes:
        name: check-home.
        department: whose work it is.
        work: what kind of work.
        asks: the question or order in plain words.
        after: tasks that must have ended (or turned out not to be needed) first.
        when: condition for it to be needed; None: always.
        due: its clock; None: no deadline.
        gives: names of the facts the department is told.
        answers: names of the facts it is expected to find out.
        undo: what to do if it was begun and is not wanted any more; None: nothing needs undoing, it is just withdrawn.
        if_refused: what follows a refusal.
    """

    name: str
    department: Department
    work: Work
    asks: str
    after: tuple[str, ...] = ()
    when: Condition | None = None
    due: Due | None = None
    gives: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    undo: str | None = None
    if_refused: IfRefused = IfRefused.ASK


@dataclass(frozen=True, kw_only=True)
class Journey:
    """A journey, checked.

    Attributes:
        name, version: together they name it for ever; a running case keeps the version it began with.
        title: for pages: Coming home from hospital.
        owner: who answers for it: Head of Adult Social Care.
        starts_with: kind of request it begins with: discharge-notified.
        lgsl: service code of such requests, or None.
        requires: facts a request must carry, each with the question a person is asked for it.
        may_carry: facts it may carry, likewise.
        tasks: in an order in which every task stands behind those it waits for.
        moves: facts whose change re-times tasks and is told as a moved date.
        tells: who is told of which change: {"citizen": {accepted, done}}.
    """

    name: str
    version: int
    title: str
    owner: str
    starts_with: str
    lgsl: int | None
    requires: Mapping[str, str]
    may_carry: Mapping[str, str]
    tasks: tuple[TaskPlan, ...]
    moves: frozenset[str]
    tells: Mapping[str, frozenset[CaseChange]]

    @cached_property
    def by_name(self) -> Mapping[str, TaskPlan]:
        """Its tasks by name."""
        return {task.name: task for task in self.tasks}

    def told_of(self, change: CaseChange) -> tuple[str, ...]:
        """Who is told of a change, sorted."""
        return self._told_of[change]

    @cached_property
    def _told_of(self) -> Mapping[CaseChange, tuple[str, ...]]:
        return {
            change: tuple(sorted(who for who, changes in self.tells.items() if change in changes))
            for change in CaseChange
        }


class Journeys:
    """All journeys a worker knows, every version of each."""

    def __init__(self, journeys: tuple[Journey, ...]) -> None:
        self._all = {(journey.name, journey.version): journey for journey in journeys}
        self._newest: dict[str, Journey] = {}
        for journey in sorted(journeys, key=lambda each: each.version):
            self._newest[journey.starts_with] = journey

    def __iter__(self) -> Iterator[Journey]:
        return iter(self._all.values())

    def for_request(self, request: str) -> Journey | None:
        """The newest journey that starts with this kind of request."""
        return self._newest.get(request)

    def get(self, name: str, version: int) -> Journey | None:
        """The version a case began with; None if its file is gone."""
        return self._all.get((name, version))

    @property
    def requests(self) -> list[str]:
        """Every kind of request some journey starts with, sorted."""
        return sorted(self._newest)
