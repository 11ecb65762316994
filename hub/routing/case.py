"""A case: what was heard of it, and what follows from that.

`Heard` is joined from events so that order and repeats do not matter: each part keeps the one value that wins by a rule that looks only at
the events themselves. Everything else of a case is derived from it. What the departments were told last is kept beside (`told`): it
depends on the order in which things became known, as it must, and is no part of what is true of the case.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal, Self, TypeVar
from uuid import UUID

import msgspec
from msgspec.structs import asdict, replace

from schemas.cases import CaseStatus, Verdict
from schemas.effects import Found
from schemas.envelope import Channel, Department
from schemas.tasks import TaskStatus

_T = TypeVar("_T")
_ENCODER = msgspec.json.Encoder()


UNREADABLE = "is damaged, or was written by a later version of the hub. Restore it from a backup or run that version"
"""What is the matter with a row that cannot be read, and what to do."""


class UnreadableCase(ValueError):
    """What is stored of a case cannot be read; the worker sets aside what it hears of that case."""

    code = "unreadable-case"

    def __init__(self) -> None:
        super().__init__(f"The row of its case in the worker's memory {UNREADABLE}; then replay.")


class CasePart(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A piece of a case. Immutable (each class says so again, for type checkers); stored as JSON without what is as it always is.

    Pieces lie in each other and never in a circle, so the garbage collector need not walk through them. A field that is not known here was
    written by a later version: it is refused, for what it says would be gone with the next event.
    """

    def write(self) -> str:
        """The piece as it is stored."""
        return _ENCODER.encode(self).decode()


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
    uncertain: dict[int, UncertainHeard] = {}
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
    facts: dict[str, KnownFact] = {}
    raisings: dict[str, dict[int, RaisingHeard]] = {}
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
    facts: dict[str, Any] = {}
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
    told: dict[str, Told] = {}
    undoing: tuple[str, ...] = ()
    rules: str = ""

    @classmethod
    def read(cls, body: str) -> "Case":
        """A case from where it is stored.

        Raises:
            UnreadableCase: it is none, or of another version of the hub.
        """
        return _decoded(_CASES, body)

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


class EntryKind(StrEnum):
    """What a line of the timeline tells."""

    REQUEST_RECEIVED = "request-received"
    REQUEST_AMENDED = "request-amended"
    REQUEST_WITHDRAWN = "request-withdrawn"
    TASK_RAISED = "task-raised"
    TASK_CHANGED = "task-changed"
    TASK_WITHDRAWN = "task-withdrawn"
    TASK_STATUS = "task-status"
    CHANGE_ANSWERED = "change-answered"
    WITHDRAWAL_ANSWERED = "withdrawal-answered"
    DEADLINE_EXPIRED = "deadline-expired"
    TASK_DECIDED = "task-decided"
    RECORD_DISCARDED = "record-discarded"
    EFFECT_UNCERTAIN = "effect-uncertain"
    EFFECT_SETTLED = "effect-settled"
    CASE_STATUS = "case-status"


class Entry(CasePart, frozen=True, kw_only=True):
    """One line of a case's timeline. `words` of the page are made of it; nothing in it is more private than a task's reason.

    Attributes:
        kind: what happened.
        at: when, in the world.
        heard_at: when the hub heard of it, or did it.
        event: id of the event it came from.
        task, department: which task, where it is about one.
        raising: which raising of it.
        status: the task's or the case's new status, where it is about one; of an answer, what became of the change or withdrawal; of
            an uncertain instruction, what it was (raised, changed, withdrawn), and then what was found.
        reference: the department's reference, where it gave one.
        reason: why, where somebody said; of an uncertain instruction, what is known of it.
        due: the due time told, where it is about one.
        facts: names of the facts that were given, found out or changed; never their values.
        by: the member of staff who did it, where it is told who.
    """

    kind: EntryKind
    at: datetime
    heard_at: datetime
    event: str
    task: str | None = None
    raising: int = 1
    department: Department | None = None
    status: str | None = None
    reference: str | None = None
    reason: str | None = None
    by: str | None = None
    due: datetime | None = None
    facts: tuple[str, ...] = ()

    @classmethod
    def read(cls, body: str) -> "Entry":
        """A line from where it is stored.

        Raises:
            UnreadableCase: it is none, or of another version of the hub.
        """
        return _decoded(_ENTRIES, body)


def _decoded(decoder: "msgspec.json.Decoder[_T]", body: str) -> _T:
    try:
        return decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise UnreadableCase from error


_CASES = msgspec.json.Decoder(Case)
_ENTRIES = msgspec.json.Decoder(Entry)
