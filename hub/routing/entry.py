"""The lines of a case's timeline."""

from datetime import datetime
from enum import StrEnum

import msgspec

from hub.routing import stored
from hub.routing.stored import CasePart
from schemas.envelope import Department


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
        return stored.read(_ENTRIES, body)


_ENTRIES = msgspec.json.Decoder(Entry)
