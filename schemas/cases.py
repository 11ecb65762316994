"""What subscribers and the citizen's page are told about a case, on `case-updates`, and what staff decide."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import Event, Message
from schemas.privacy import Privacy
from schemas.references import Slug


class CaseStatus(StrEnum):
    """Where a case stands."""

    UNKNOWN = "unknown"
    """Something was heard of it before its request was; it waits for the request."""
    OPEN = "open"
    NEEDS_DECISION = "needs-decision"
    """A person has to say how it goes on: what follows a refusal, or whether a department has what it was asked."""
    FINISHED = "finished"
    """Everything its journey asked for is done."""
    CLOSED = "closed"
    """It ended without all of it: a refusal, see the reason."""
    WITHDRAWN = "withdrawn"

    @property
    def ended(self) -> bool:
        """Whether nothing more is expected."""
        return self in {CaseStatus.FINISHED, CaseStatus.CLOSED, CaseStatus.WITHDRAWN}


class CaseChange(StrEnum):
    """What changed for the person."""

    ACCEPTED = "accepted"
    TASK_STARTED = "task-started"
    TASK_DONE = "task-done"
    TASK_REFUSED = "task-refused"
    TASK_LATE = "task-late"
    CHANGE_REFUSED = "change-refused"
    """A department refused a change of a task, or to stop it; it goes by what it was told before, until somebody speaks with it."""
    TASK_UNCERTAIN = "task-uncertain"
    """Nobody knows whether a department has what it was asked or told; the task waits until a person has found out."""
    TASK_SETTLED = "task-settled"
    """That is known by now, and the task goes on."""
    DATE_MOVED = "date-moved"
    NEEDS_DECISION = "needs-decision"
    DONE = "done"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


class Update(Message):
    """One change of a case."""

    journey: Annotated[Slug, Privacy.NONE]
    """Which journey the case follows."""
    change: Annotated[CaseChange, Privacy.NONE]
    """What changed."""
    status: Annotated[CaseStatus, Privacy.NONE]
    """Where the case now stands."""
    task: Annotated[Slug | None, Privacy.NONE] = None
    """The task it is about, where it is about one."""
    tells: Annotated[tuple[Slug, ...], Privacy.NONE] = ()
    """Who is told of it, as the journey says: citizen, ward, task-owner, journey-owner."""


class CaseUpdated(Event):
    """A case changed in a way somebody outside it wants to know."""

    type: Annotated[Literal["case.updated.v1"], Privacy.NONE] = "case.updated.v1"
    data: Annotated[Update, Privacy.NONE]


class Verdict(StrEnum):
    """What a person decides when a department refused a task."""

    GO_ON = "go-on"
    """Go on without the task."""
    CLOSE = "close"
    """Undo what was begun and close the case."""


class Decided(Message):
    """A person's decision about a refused task."""

    task: Annotated[Slug, Privacy.NONE]
    """The refused task."""
    raising: Annotated[int, Privacy.NONE, Field(ge=1)] = 1
    """Which raising of it was refused."""
    verdict: Annotated[Verdict, Privacy.NONE]
    """What is to be done."""
    by: Annotated[str, Privacy.PERSONAL, Field(max_length=80)]
    """Who decided."""


class Discard(Message):
    """A record about the case that could not be read, and that nobody will mend."""

    record: Annotated[str, Privacy.NONE, Field(pattern=r"^[a-z-]+/\d+/\d+$", max_length=100)]
    """Where it first stood: topic/partition/offset."""
    by: Annotated[str, Privacy.PERSONAL, Field(max_length=80)]
    """Who discarded it."""
    why: Annotated[str, Privacy.PERSONAL, Field(max_length=200)]
    """Their reason."""


class RecordDiscarded(Event):
    """A person gave up a dead letter of the case: what waited for it goes on. On the topic of the record, and on `case-events`."""

    type: Annotated[Literal["case.record-discarded.v1"], Privacy.NONE] = "case.record-discarded.v1"
    data: Annotated[Discard, Privacy.NONE]


class TaskDecided(Event):
    """A member of staff decided how a case goes on after a refusal. On `case-events`."""

    type: Annotated[Literal["case.task-decided.v1"], Privacy.NONE] = "case.task-decided.v1"
    data: Annotated[Decided, Privacy.NONE]
