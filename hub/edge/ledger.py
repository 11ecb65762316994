"""What a connector's effect ledger holds: a row for each instruction, and how far it has come. Kept by `effects.py`."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row

from connectors.sdk.contract import Receipt
from hub.edge.messages import Place
from schemas.tasks import TaskStatus


class Kind(StrEnum):
    """What an instruction asks."""

    RAISED = "raised"
    CHANGED = "changed"
    WITHDRAWN = "withdrawn"


class State(StrEnum):
    """How far an instruction has come."""

    INTENT = "intent"
    """It may have been written into the legacy system: whoever finds it so must look, or repeat only what may be repeated. For a system of
    class D: it has not left yet."""
    SENT = "sent"
    """Class D: it is leaving, or has left. Whoever finds it so knows nothing more, and must not send it again."""
    UNKNOWN = "unknown"
    """Class D: it left, and nobody knows whether the system has it. No machine tries it again: a person asks, and says."""
    APPLIED = "applied"
    """The legacy system has it."""
    REJECTED = "rejected"
    """The legacy system refused it."""
    ASIDE = "aside"
    """It could not be put into the system's words and lies among the dead letters; later instructions of its task wait there too."""
    IN_DOUBT = "in-doubt"
    """It lies among the dead letters too, but may have been written: whoever tries it again must look, as with an intent."""
    DROPPED = "dropped"
    """It was withdrawn while it lay among the dead letters: the legacy system has nothing of it, and gets nothing of it."""
    NOT_APPLIED = "not-applied"
    """It was unknown, and a person found that the legacy system has nothing of it; its case asks anew."""
    SUPERSEDED = "superseded"
    """It came behind one that was unknown: it is not applied, and its case says anew what it wants once that is settled."""


@dataclass(frozen=True)
class EffectRow:
    """One row of the effect ledger."""

    effect_key: str
    case: str
    task: str
    kind: Kind
    state: State
    status: TaskStatus | None
    reference: str | None
    reason: str | None
    ended_at: datetime | None
    raising: int = 1
    revision: int = 0
    sent_at: datetime | None = None
    """When it left for a system of class D."""
    unknown_at: datetime | None = None
    """Since when it is known that nobody knows."""
    evidence: str | None = None
    """What happened then."""

    @property
    def receipt(self) -> Receipt | None:
        """What the legacy system made of it; None until that is known."""
        return Receipt(status=self.status, reference=self.reference, reason=self.reason) if self.status else None

    @property
    def perhaps_written(self) -> bool:
        """Whether nobody knows if the legacy system has it."""
        return self.state in {State.INTENT, State.SENT, State.UNKNOWN, State.IN_DOUBT}

    @property
    def open(self) -> bool:
        """Whether nobody knows what the legacy system makes of it."""
        return self.perhaps_written or self.state is State.ASIDE


@dataclass(frozen=True, kw_only=True)
class Intent:
    """An instruction that somebody is about to apply, as the ledger is to know it.

    Attributes:
        effect_key: id of the instruction.
        case: the case reference.
        task: name of the task.
        kind: what it asks.
        place: where it stands.
        raising: which raising of the task it is about.
        revision: which instruction about that it is.
    """

    effect_key: str
    case: str
    task: str
    kind: Kind
    place: Place
    raising: int = 1
    revision: int = 0


@dataclass(frozen=True)
class Outcome:
    """What became of an instruction.

    Attributes:
        effect_key: the instruction.
        receipt: what the legacy system made of it.
        at_ms: when that was known.
        dropped: effect keys of those that lie aside and are settled with it, for it withdraws them.
    """

    effect_key: str
    receipt: Receipt
    at_ms: int
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True)
class Begun:
    """An instruction that somebody is about to apply.

    Attributes:
        was: its row as it was before; None for a new one.
        earlier: the rows of its task that came before it, oldest first.
    """

    was: EffectRow | None
    earlier: tuple[EffectRow, ...]


def effect_row(row: Row[Any]) -> EffectRow:
    """A row as it was read."""
    return EffectRow(
        effect_key=row.effect_key,
        case=row.case_ref,
        task=row.task,
        kind=Kind(row.kind),
        state=State(row.state),
        status=TaskStatus(row.status) if row.status else None,
        reference=row.reference,
        reason=row.reason,
        ended_at=_moment(row.ended_ms),
        raising=row.raising,
        revision=row.revision,
        sent_at=_moment(row.sent_ms),
        unknown_at=_moment(row.unknown_ms),
        evidence=row.evidence,
    )


def _moment(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC)
