"""What the hub asks of a department (`<department>-tasks`) and what the department says back (`case-events`)."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from schemas.envelope import Classification, Department, Event, Message
from schemas.facts import Facts
from schemas.privacy import Privacy
from schemas.references import Slug
from schemas.times import Moment


class Work(StrEnum):
    """What kind of work a task is; a connector's code table maps each to an order type of its legacy system."""

    HOME_CHECK = "home-check"
    ADAPTATION = "adaptation"
    VOID_INSPECTION = "void-inspection"
    ESTATE_CLEARANCE = "estate-clearance"
    CARE_ASSESSMENT = "care-assessment"
    CARE_PACKAGE = "care-package"
    CARE_ADDRESS_CHANGE = "care-address-change"
    WELFARE_CHECK = "welfare-check"
    TRIP = "trip"
    TRAVEL_REVIEW = "travel-review"
    WASTE_COLLECTION = "waste-collection"


class TaskStatus(StrEnum):
    """What became of a task, as its department says it. The last three end it."""

    ACCEPTED = "accepted"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more is expected of the department."""
        return self in {TaskStatus.COMPLETED, TaskStatus.REJECTED, TaskStatus.CANCELLED}


class Task(Message):
    """One piece of work for one department."""

    task: Annotated[Slug, Privacy.NONE]
    """Name in the journey: check-home."""
    department: Annotated[Department, Privacy.NONE]
    """Whose it is."""
    work: Annotated[Work, Privacy.NONE]
    """What kind of work."""
    asks: Annotated[str, Privacy.NONE, Field(max_length=200)]
    """What is asked, in plain words."""
    due: Annotated[AwareDatetime | None, Privacy.NONE] = None
    """By when; none where the journey sets no deadline."""
    facts: Annotated[Facts, Privacy.NONE] = Facts()
    """What the department needs to know for it, and no more."""


class TaskRaised(Event):
    """A department is asked to do something. Its id is the effect key: a sink applies it once."""

    classification = Classification.SPECIAL_CATEGORY
    type: Annotated[Literal["task.raised.v1"], Privacy.NONE] = "task.raised.v1"
    data: Annotated[Task, Privacy.NONE]


class TaskChanged(Event):
    """A task already raised has another due date or other facts; `data` is the whole task as it now stands."""

    classification = Classification.SPECIAL_CATEGORY
    type: Annotated[Literal["task.changed.v1"], Privacy.NONE] = "task.changed.v1"
    data: Annotated[Task, Privacy.NONE]


class TaskWithdrawal(Message):
    """A task that is not wanted any more."""

    task: Annotated[Slug, Privacy.NONE]
    """Name in the journey."""
    department: Annotated[Department, Privacy.NONE]
    """Whose it is."""
    work: Annotated[Work, Privacy.NONE]
    """What kind of work it was."""
    undo: Annotated[str, Privacy.NONE, Field(max_length=200)]
    """What to do about what was begun, in plain words."""


class TaskWithdrawn(Event):
    """A department is asked to stop, or to undo."""

    type: Annotated[Literal["task.withdrawn.v1"], Privacy.NONE] = "task.withdrawn.v1"
    data: Annotated[TaskWithdrawal, Privacy.NONE]


class StatusChange(Message):
    """What a department's system says of a task."""

    task: Annotated[Slug, Privacy.NONE]
    """Name in the journey."""
    department: Annotated[Department, Privacy.NONE]
    """Who says so."""
    status: Annotated[TaskStatus, Privacy.NONE]
    """What became of it."""
    reference: Annotated[str | None, Privacy.NONE, Field(max_length=64)] = None
    """The department's own reference: works order 00012345."""
    reason: Annotated[str | None, Privacy.NONE, Field(max_length=200)] = None
    """Why it was rejected or cancelled, in words that hold nothing personal."""
    answers: Annotated[Facts, Privacy.NONE] = Facts()
    """What was found out in doing it."""
    withdrawal: Annotated[bool, Privacy.NONE] = False
    """Whether this answers a `task.withdrawn`: then it settles the task, whatever its status."""


class TaskStatusChanged(Event):
    """A department's system says that a task moved. On `case-events`."""

    classification = Classification.SPECIAL_CATEGORY
    type: Annotated[Literal["case.task-status-changed.v1"], Privacy.NONE] = "case.task-status-changed.v1"
    data: Annotated[StatusChange, Privacy.NONE]


class ExpiredDeadline(Message):
    """A deadline that passed."""

    task: Annotated[Slug, Privacy.NONE]
    """The task that was due."""
    due: Annotated[Moment, Privacy.NONE]
    """When it was due; a deadline that has moved since is ignored."""


class DeadlineExpired(Event):
    """The hub's clock says that a task is late. On `case-events`; its id is computed from case, task and due date."""

    type: Annotated[Literal["case.deadline-expired.v1"], Privacy.NONE] = "case.deadline-expired.v1"
    data: Annotated[ExpiredDeadline, Privacy.NONE]


def deadline_name(task: str, due: datetime) -> str:
    """The name from which a deadline's event id is computed: it expires once, however often the timer looks."""
    return f"deadline|{task}|{due.isoformat()}"
