"""An instruction of which nobody knows whether a department's system has it: said so, asked after by a person, settled.

A system that keeps no key of ours and cannot be searched leaves no other way: whatever it was sent and did not answer is not sent again by
any machine. Its connector says so to the case, where everything else about that task waits; a person asks the department and says what
they found; the case goes on, and the connector's ledger hears of it.
"""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from schemas.envelope import Department, Event, Message
from schemas.privacy import Privacy
from schemas.references import Slug
from schemas.tasks import TaskStatus, Work
from schemas.times import Moment

EVIDENCE_AT_MOST = 300
"""Characters of what is known of an uncertain instruction."""


class UncertainEffect(Message):
    """An instruction that was sent, and what is known of it."""

    task: Annotated[Slug, Privacy.NONE]
    """Name in the journey."""
    raising: Annotated[int, Privacy.NONE, Field(ge=1)] = 1
    """Which raising of it."""
    revision: Annotated[int, Privacy.NONE, Field(ge=0)] = 0
    """Which instruction about this raising; 0: the one that raised it."""
    withdrawal: Annotated[bool, Privacy.NONE] = False
    """Whether it asked to stop."""
    department: Annotated[Department, Privacy.NONE]
    """Who is to be asked whether they have it."""
    connector: Annotated[str, Privacy.NONE, Field(max_length=64)]
    """Which connector sent it."""
    effect: Annotated[UUID, Privacy.NONE]
    """The effect key: the id of the instruction."""
    sent_at: Annotated[Moment, Privacy.NONE]
    """When it was sent."""
    evidence: Annotated[str, Privacy.NONE, Field(max_length=EVIDENCE_AT_MOST)]
    """What happened then, in words that hold nothing personal."""
    means: Annotated[TaskStatus, Privacy.NONE]
    """What it has come to if the department has it: what a receipt would have said."""


class EffectUncertain(Event):
    """A connector cannot know whether its system has an instruction, and will not send it again. On `case-events`."""

    type: Annotated[Literal["case.effect-uncertain.v1"], Privacy.NONE] = "case.effect-uncertain.v1"
    data: Annotated[UncertainEffect, Privacy.NONE]


class Found(StrEnum):
    """What a person found who asked after an uncertain instruction."""

    APPLIED = "applied"
    """The department has it."""
    NOT_APPLIED = "not-applied"
    """The department has nothing of it, and is to be asked again."""


class SettledEffect(Message):
    """What became of an uncertain instruction."""

    task: Annotated[Slug, Privacy.NONE]
    """The task it is about."""
    raising: Annotated[int, Privacy.NONE, Field(ge=1)] = 1
    """Which raising of it."""
    revision: Annotated[int, Privacy.NONE, Field(ge=0)] = 0
    """Which instruction about this raising."""
    found: Annotated[Found, Privacy.NONE]
    """Whether the department has it."""
    reference: Annotated[str | None, Privacy.NONE, Field(max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")] = None
    """The department's own reference, where it has one."""
    by: Annotated[str, Privacy.PERSONAL, Field(max_length=80)]
    """Who asked and says so."""


class EffectSettled(Event):
    """A member of staff asked a department whether it has an uncertain instruction. On `case-events`."""

    type: Annotated[Literal["case.effect-settled.v1"], Privacy.NONE] = "case.effect-settled.v1"
    data: Annotated[SettledEffect, Privacy.NONE]


class SettledTask(Message):
    """What is known by now of an instruction that a connector could not know the end of."""

    task: Annotated[Slug, Privacy.NONE]
    """Name in the journey."""
    raising: Annotated[int, Privacy.NONE, Field(ge=1)] = 1
    """Which raising of it."""
    revision: Annotated[int, Privacy.NONE, Field(ge=0)] = 0
    """Which instruction about this raising."""
    department: Annotated[Department, Privacy.NONE]
    """Whose it is."""
    work: Annotated[Work, Privacy.NONE]
    """What kind of work it is."""
    effect: Annotated[UUID, Privacy.NONE]
    """The effect key: the id of the instruction."""
    status: Annotated[TaskStatus | None, Privacy.NONE] = None
    """What it came to; none where the department has nothing of it."""
    reference: Annotated[str | None, Privacy.NONE, Field(max_length=64)] = None
    """The department's own reference, where it is known."""


class TaskSettled(Event):
    """It is known by now whether a department has an uncertain instruction: its connector's ledger is to say the same."""

    type: Annotated[Literal["task.settled.v1"], Privacy.NONE] = "task.settled.v1"
    data: Annotated[SettledTask, Privacy.NONE]
