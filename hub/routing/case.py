"""A case: what was heard of it, and what follows from that.

Everything of a case is derived from `Heard`, but for what the departments were told last (`told`), which is kept beside: that depends on
the order in which things became known, as it must, and is no part of what is true of the case.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import field
from msgspec.structs import asdict

from hub.routing import stored
from hub.routing.heard import AnswerHeard, Heard, UncertainHeard
from hub.routing.stored import CasePart
from schemas.cases import CaseStatus
from schemas.envelope import Department


class TaskState(StrEnum):
    """Where a task stands: what its department said last, or what the hub makes of it before that."""

    WAITING = "waiting"
    """For the tasks it comes after."""
    ASKED = "asked"
    """The department was asked and has not answered."""
    ACCEPTED = "accepted"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    NOT_NEEDED = "not-needed"
    """Its condition does not hold, or the request ended before it began."""

    @property
    def in_hand(self) -> bool:
        """Whether a department has it and owes an answer."""
        return self in _IN_HAND


_IN_HAND = frozenset({TaskState.ASKED, TaskState.ACCEPTED, TaskState.IN_PROGRESS})


class TaskView(CasePart, frozen=True, kw_only=True):
    """One task as it stands, derived."""

    name: str
    raising: int = 1
    """Which raising of it: 1, and one more each time it was withdrawn and is wanted again."""
    department: Department
    state: TaskState
    wanted: bool
    since: datetime
    """Since when it stands so, in the world."""
    due: datetime | None = None
    late: bool = False
    reference: str | None = None
    reason: str | None = None
    undecided: bool = False
    """Whether it was refused and a person has to say what follows."""
    refusal: AnswerHeard | None = None
    """What its department was told since and refused: a change, or to stop. It goes by what it was told before."""
    uncertain: UncertainHeard | None = None
    """What it was asked or told last, while nobody knows whether it has that: a person has to ask, and everything else waits."""


class Told(CasePart, frozen=True):
    """What the department of a task was told last: which instruction, and what is in it."""

    raising: int = 1
    revision: int = 0
    withdrawn: bool = False
    due: datetime | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    after: int = -1
    """The last uncertain instruction of this raising whose end was known by then; -1: none. See `tell`."""


class Case(CasePart, frozen=True, kw_only=True):
    """One citizen's request across departments.

    Attributes:
        reference: the case reference; the Kafka key.
        journey, version: which journey it follows; None until its request is heard.
        heard: what is known.
        tasks: every task of its journey as it stands, in the journey's order.
        status: where the case stands.
        opened_at: when its request came in (effective), or the first thing heard of it.
        updated_at: when the hub last heard something new of it.
        told: what each department was told last.
        undoing: tasks not wanted any more whose department has not yet said that it stopped or undid them.
        rules: by which rules its tasks were derived (`World.rules`).
    """

    reference: str
    journey: str | None = None
    version: int | None = None
    heard: Heard = Heard()
    tasks: tuple[TaskView, ...] = ()
    status: CaseStatus = CaseStatus.UNKNOWN
    opened_at: datetime
    updated_at: datetime
    told: dict[str, Told] = field(default_factory=dict)
    undoing: tuple[str, ...] = ()
    rules: str = ""

    @classmethod
    def read(cls, body: str) -> "Case":
        """A case from where it is stored.

        Raises:
            UnreadableCase: it is none, or of another version of the hub.
        """
        return stored.read(_CASES, body)

    def truth(self) -> dict[str, Any]:
        """The case without the traces of the order in which it was heard: what two histories of the same events must agree on."""
        traces = {"told", "undoing", "updated_at", "opened_at", "rules"}
        return {name: value for name, value in asdict(self).items() if name not in traces}

    @property
    def next_due(self) -> datetime | None:
        """The earliest due time among tasks in hand."""
        return min([task.due for task in self.tasks if task.due and task.state.in_hand], default=None)

    @property
    def undecided(self) -> list[TaskView]:
        """Tasks that were refused and of which a person has to say what follows."""
        return [task for task in self.tasks if task.undecided] if self.status is CaseStatus.NEEDS_DECISION else []

    @property
    def uncertain(self) -> list[tuple[TaskView, UncertainHeard]]:
        """Tasks of which nobody knows whether the department has what it was asked or told, the longest first."""
        found = [(task, task.uncertain) for task in self.tasks if task.uncertain]
        return sorted(found, key=lambda each: each[1].at) if found else found

    @property
    def waiting_on(self) -> tuple[Department, ...]:
        """Departments that have a task in hand, sorted."""
        return tuple(sorted({task.department for task in self.tasks if task.state.in_hand}))


_CASES = msgspec.json.Decoder(Case)
