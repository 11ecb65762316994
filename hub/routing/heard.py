"""What was heard of a case, joined from events so that order and repeats do not matter.

Each part keeps the one value that wins by a rule that looks only at the events themselves.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, Self
from uuid import UUID

from msgspec import field
from msgspec.structs import replace

from hub.routing.stored import CasePart
from schemas.cases import Verdict
from schemas.effects import Found
from schemas.envelope import Channel
from schemas.tasks import TaskStatus


class RequestHeard(CasePart, frozen=True):
    """The request as it came in."""

    request: str
    at: datetime
    """Effective time."""
    received: datetime
    council: str
    channel: Channel
    lgsl: int | None = None


class KnownFact(CasePart, frozen=True):
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
        since, counts = self.said[-1]
        for moment, value in reversed(self.said):
            if value != counts:
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
        return replace(self, said=tuple(said))


class StatusHeard(CasePart, frozen=True):
    """The status of a raising that wins over all others heard."""

    status: TaskStatus
    at: datetime
    reason: str | None = None

    @property
    def rank(self) -> tuple[Any, ...]:
        """What ended outranks what has not, whenever it is heard; the later end outranks the earlier; so nothing late moves a task back."""
        order = _ORDER[self.status]
        return (1, self.at, order, self.reason or "") if self.status.ended else (0, order, self.at, self.reason or "")


_ORDER = {status: place for place, status in enumerate(TaskStatus)}


class AnswerHeard(CasePart, frozen=True):
    """What the department made of a change or a withdrawal; of the latest one that it answered."""

    revision: int
    withdrawal: bool
    status: TaskStatus
    at: datetime
    reason: str | None = None

    @property
    def refused(self) -> bool:
        """Whether it goes by what it was told before."""
        return self.status is TaskStatus.REJECTED

    @property
    def rank(self) -> tuple[Any, ...]:
        """The later instruction; of one, the refusal: a file that was handed over may be refused when it is opened."""
        return (self.revision, self.withdrawal, self.refused, self.at, _ORDER[self.status], self.reason or "")


class ReferenceHeard(CasePart, frozen=True):
    """The department's own reference of a raising."""

    reference: str
    at: datetime


class DecisionHeard(CasePart, frozen=True):
    """What a person decided about a refused task."""

    verdict: Verdict
    by: str
    at: datetime


def asked(revision: int, *, withdrawal: bool) -> Literal["raised", "changed", "withdrawn"]:
    """Which kind of instruction it is that stands at this place of a raising."""
    return "withdrawn" if withdrawal else "changed" if revision else "raised"


class UncertainHeard(CasePart, frozen=True):
    """An instruction of which its connector cannot know whether the department has it."""

    raising: int
    revision: int
    withdrawal: bool
    connector: str
    effect: UUID
    at: datetime
    """When it was sent."""
    evidence: str
    means: TaskStatus
    """What it has come to if the department has it."""

    @property
    def asked(self) -> Literal["raised", "changed", "withdrawn"]:
        """Which kind of instruction it is."""
        return asked(self.revision, withdrawal=self.withdrawal)


class SettlementHeard(CasePart, frozen=True):
    """What a person found out about such an instruction."""

    revision: int
    found: Found
    reference: str | None
    by: str
    at: datetime

    @property
    def rank(self) -> tuple[Any, ...]:
        """Their order in a case, which says nothing of which counts."""
        return (self.revision, self.at, self.found, self.reference or "", self.by)


class RaisingHeard(CasePart, frozen=True):
    """What was heard of one raising of a task. Each part wins or loses by itself."""

    raising: int = 1
    status: StatusHeard | None = None
    """What the department says of the task."""
    reference: ReferenceHeard | None = None
    answer: AnswerHeard | None = None
    decision: DecisionHeard | None = None
    uncertain: dict[int, UncertainHeard] = field(default_factory=dict)
    """Every instruction of which it was said that nobody knows its end, by its revision."""
    settlements: tuple[SettlementHeard, ...] = ()
    """What people found out about these. Who found it outweighs who did not: the former counts as the department's own word."""

    def knows(self, revision: int) -> bool:
        """Whether it is known what became of an uncertain instruction: a person said so, or the department's word shows it."""
        if any(each.revision == revision for each in self.settlements):
            return True
        if revision == 0:
            return self.status is not None
        if self.answer is not None and self.answer.revision >= revision:
            return True
        # What has ended is neither changed nor stopped; only what was done may still have to be undone.
        status, undoes = self.status, self.uncertain[revision].withdrawal
        return status is not None and status.status.ended and not (undoes and status.status is TaskStatus.COMPLETED)

    def has(self, revision: int) -> bool:
        """Whether the department has an instruction of which `knows` says that its end is known."""
        if revision == 0:
            return self.status is not None
        ruled_out = any(each.revision == revision for each in self.settlements)
        return not ruled_out or (self.answer is not None and self.answer.revision >= revision)

    @property
    def in_doubt(self) -> UncertainHeard | None:
        """The first instruction of which nobody knows whether the department has it."""
        if not self.uncertain:
            return None
        return next((self.uncertain[each] for each in sorted(self.uncertain) if not self.knows(each)), None)

    @property
    def never_arrived(self) -> bool:
        """Whether a person found that the department was never asked."""
        return 0 in self.uncertain and self.knows(0) and not self.has(0)

    @property
    def stands(self) -> StatusHeard | None:
        """How the task stands: as its department says of it, or in answer to a withdrawal."""
        said, answer = self.status, self.answer
        if answer is None or not answer.withdrawal or answer.refused:
            return said
        stopped = StatusHeard(status=answer.status, at=answer.at, reason=answer.reason)
        return stopped if said is None or stopped.rank > said.rank else said

    @property
    def settled(self) -> bool:
        """Whether its withdrawal was answered, or there is nothing to withdraw: nothing more is expected of that."""
        return self.never_arrived or (self.answer is not None and self.answer.withdrawal)

    @property
    def was_stopped(self) -> bool:
        """Whether it was withdrawn and came to nothing, or never arrived: who wants the task must ask again."""
        stopped = self.settled and self.stands is not None and self.stands.status is TaskStatus.CANCELLED
        return self.never_arrived or stopped

    @property
    def refusal(self) -> AnswerHeard | None:
        """The change or withdrawal that was refused last, as long as that matters: what has ended is neither changed nor stopped."""
        if self.answer is None or not self.answer.refused or self.never_arrived:
            return None
        if self.stands is None:
            return self.answer
        # What was done may still have to be undone.
        over = self.stands.status.ended and not (self.settled and self.stands.status is TaskStatus.COMPLETED)
        return None if over else self.answer


class Heard(CasePart, frozen=True, dict=True, gc=True):
    """The join of every event of a case. Equal whatever the order and however often they came."""

    request: RequestHeard | None = None
    facts: dict[str, KnownFact] = field(default_factory=dict)
    raisings: dict[str, dict[int, RaisingHeard]] = field(default_factory=dict)
    """By task, and by which raising of it."""
    expired: frozenset[tuple[str, datetime]] = frozenset()
    """Deadlines that passed: task and due time."""
    withdrawn: datetime | None = None
    discarded: frozenset[str] = frozenset()
    """Records about the case that could not be read and that a person gave up: where each first stood."""

    @cached_property
    def values(self) -> Mapping[str, Any]:
        """The facts' values by name."""
        return {name: fact.said[-1][1] for name, fact in self.facts.items()}

    def latest(self, task: str) -> RaisingHeard | None:
        """The latest raising of a task of which anything was heard."""
        raisings = self.raisings.get(task)
        return raisings[max(raisings)] if raisings else None

    def refusal(self, task: str) -> AnswerHeard | None:
        """What the department refused to change or stop and still does, of the latest raising first."""
        if not (raisings := self.raisings.get(task)):
            return None
        return next((found for number in sorted(raisings, reverse=True) if (found := raisings[number].refusal)), None)

    def in_doubt(self, task: str) -> UncertainHeard | None:
        """The instruction of which nobody knows whether the department has it, of the latest raising first."""
        if not (raisings := self.raisings.get(task)):
            return None
        return next((found for number in sorted(raisings, reverse=True) if (found := raisings[number].in_doubt)), None)
