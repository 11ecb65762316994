"""A case: what was heard of it, and what follows from that.

`Heard` is joined from events so that order and repeats do not matter: each part keeps the one value that wins by a rule that looks only at
the events themselves. Everything else of a case is derived from it. What the departments were told last is kept beside (`told`): it
depends on the order in which things became known, as it must, and is no part of what is true of the case.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from schemas.cases import CaseStatus, Verdict
from schemas.envelope import Channel, Department
from schemas.tasks import TaskStatus


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


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
        return self in {TaskState.ASKED, TaskState.ACCEPTED, TaskState.IN_PROGRESS}


class RequestHeard(_Part):
    """The request as it came in."""

    request: str
    at: datetime
    """Effective time."""
    received: datetime
    council: str
    channel: Channel
    lgsl: int | None = None


class KnownFact(_Part):
    """One fact: every value that was given for it, with the moment from which it was said to be true, in the order of the world.

    All are kept, for a value that is heard late may come between any two; of two for the same moment the one that sorts last counts.
    """

    said: tuple[tuple[datetime, Any], ...]

    @property
    def value(self) -> Any:
        """What counts."""
        return self.said[-1][1]

    @property
    def at(self) -> datetime:
        """Since when it is so; saying it again is no news."""
        since, _ = self.said[-1]
        for moment, value in reversed(self.said):
            if value != self.value:
                break
            since = moment
        return since

    def before(self, at: datetime) -> Any:
        """What was said to be true until then; None where nothing was."""
        return next((value for moment, value in reversed(self.said) if moment < at), None)

    def joined(self, at: datetime, value: Any) -> Self:
        """With one more value; itself where that was said before."""
        if (at, value) in self.said:
            return self
        said = sorted([*self.said, (at, value)], key=lambda given: (given[0], repr(given[1])))
        return self.model_copy(update={"said": tuple(said)})


class StatusHeard(_Part):
    """The status of a task that wins over all others heard."""

    status: TaskStatus
    at: datetime
    reason: str | None = None

    @property
    def rank(self) -> tuple[Any, ...]:
        """What ended outranks what has not, whenever it is heard; the later end outranks the earlier; so nothing late moves a task back."""
        order = _ORDER[self.status]
        return (1, self.at, order, self.reason or "") if self.status.ended else (0, order, self.at, self.reason or "")


_ORDER = {status: place for place, status in enumerate(TaskStatus)}


class ReferenceHeard(_Part):
    """The department's own reference of a task."""

    reference: str
    at: datetime


class DecisionHeard(_Part):
    """What a person decided about a refused task."""

    verdict: Verdict
    by: str
    at: datetime


class Heard(_Part):
    """The join of every event of a case. Equal whatever the order and however often they came."""

    request: RequestHeard | None = None
    facts: dict[str, KnownFact] = {}
    statuses: dict[str, StatusHeard] = {}
    references: dict[str, ReferenceHeard] = {}
    undone: frozenset[str] = frozenset()
    """Tasks whose withdrawal the department answered."""
    expired: frozenset[tuple[str, datetime]] = frozenset()
    """Deadlines that passed: task and due time."""
    decisions: dict[str, DecisionHeard] = {}
    withdrawn: datetime | None = None

    @property
    def values(self) -> dict[str, Any]:
        """The facts' values by name."""
        return {name: fact.value for name, fact in self.facts.items()}


class TaskView(_Part):
    """One task as it stands, derived."""

    name: str
    department: Department
    state: TaskState
    wanted: bool
    since: datetime
    """Since when it stands so, in the world."""
    due: datetime | None = None
    late: bool = False
    reference: str | None = None
    reason: str | None = None


class Told(_Part):
    """What the department of a task was told last."""

    withdrawn: bool = False
    due: datetime | None = None
    facts: dict[str, Any] = {}


class Case(_Part):
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
    """

    reference: str
    journey: str | None = None
    version: int | None = None
    heard: Heard = Heard()
    tasks: tuple[TaskView, ...] = ()
    status: CaseStatus = CaseStatus.UNKNOWN
    opened_at: datetime
    updated_at: datetime
    told: dict[str, Told] = Field(default_factory=dict)
    undoing: tuple[str, ...] = ()

    def truth(self) -> dict[str, Any]:
        """The case without the traces of the order in which it was heard: what two histories of the same events must agree on."""
        return self.model_dump(exclude={"told", "undoing", "updated_at", "opened_at"})

    @property
    def next_due(self) -> datetime | None:
        """The earliest due time among tasks in hand."""
        return min((task.due for task in self.tasks if task.state.in_hand and task.due), default=None)

    @property
    def waiting_on(self) -> tuple[Department, ...]:
        """Departments that have a task in hand, sorted."""
        return tuple(sorted({task.department for task in self.tasks if task.state.in_hand}))


class EntryKind(StrEnum):
    """What a line of the timeline tells."""

    REQUEST_RECEIVED = "request-received"
    REQUEST_AMENDED = "request-amended"
    REQUEST_WITHDRAWN = "request-withdrawn"
    TASK_RAISED = "task-raised"
    TASK_CHANGED = "task-changed"
    TASK_WITHDRAWN = "task-withdrawn"
    TASK_STATUS = "task-status"
    DEADLINE_EXPIRED = "deadline-expired"
    TASK_DECIDED = "task-decided"
    CASE_STATUS = "case-status"


class Entry(_Part):
    """One line of a case's timeline. `words` of the page are made of it; nothing in it is more private than a task's reason.

    Attributes:
        kind: what happened.
        at: when, in the world.
        heard_at: when the hub heard of it, or did it.
        event: id of the event it came from.
        task, department: which task, where it is about one.
        status: the task's or the case's new status, where it is about one.
        reference: the department's reference, where it gave one.
        reason: why, where somebody said.
        due: the due time told, where it is about one.
        facts: names of the facts that were given, found out or changed; never their values.
    """

    kind: EntryKind
    at: datetime
    heard_at: datetime
    event: str
    task: str | None = None
    department: Department | None = None
    status: str | None = None
    reference: str | None = None
    reason: str | None = None
    due: datetime | None = None
    facts: tuple[str, ...] = ()
