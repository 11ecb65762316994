"""What a connector says becomes an event: an envelope round a fact, a case round a progress or a receipt. Pure.

A fact goes to `<department>-events`, for subscribers. What became of a task goes to `case-events`, where the worker's `step` hears it and
the next department's turn comes. The source runner brings the records, the sink runner the receipts.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from connectors.sdk.contract import Fact, Instruction, LegacyRecord, Progress, Receipt, Said
from connectors.sdk.errors import TranslationError
from hub.edge.ledger import EffectRow, Kind
from schemas.effects import EVIDENCE_AT_MOST, EffectUncertain, UncertainEffect
from schemas.envelope import Channel, Department, Event, record_id
from schemas.tasks import StatusChange, TaskChanged, TaskRaised, TaskStatus, TaskStatusChanged, TaskWithdrawn
from schemas.topics import CASE_EVENTS, FACTS

KINDS: dict[type[Event], Kind] = {TaskRaised: Kind.RAISED, TaskChanged: Kind.CHANGED, TaskWithdrawn: Kind.WITHDRAWN}


@dataclass(frozen=True)
class Speaker:
    """Who says it."""

    council: str
    """GSS code."""
    key: bytes
    """The council's secret, from which ids of records are computed."""
    connector: str
    department: Department

    @property
    def source(self) -> str:
        """The envelope's source."""
        return f"/{self.council}/connectors/{self.connector}"

    def id_of(self, record: LegacyRecord, name: str = "") -> UUID:
        """Id of one version of a record, or of one thing it says."""
        position = f"{record.position}|{name}" if name else record.position
        return record_id(self.key, self.connector, record.dataset, position)


@dataclass(frozen=True)
class Wrapped:
    """What one record came to."""

    events: tuple[tuple[str, Event], ...]
    """Topic and event."""
    learned: dict[str, str]
    """Legacy references of effects that had none yet, by effect key."""
    strangers: int
    """Progress of nobody's task of ours."""


def wrap(
    speaker: Speaker,
    record: LegacyRecord,
    said: Iterable[Said],
    effect_of: Callable[[Progress], EffectRow | None],
    seen_at: datetime,
) -> Wrapped:
    """The events of one record.

    Args:
        speaker: who says it.
        record: what was read.
        said: what it says.
        effect_of: the instruction that a progress is about; None where it is nobody's.
        seen_at: now.

    Raises:
        TranslationError: a fact of a type that does not belong to the department's topic.
    """
    events: list[tuple[str, Event]] = []
    learned: dict[str, str] = {}
    strangers = 0
    ordinals: Counter[str] = Counter()
    for item in said:
        if isinstance(item, Fact):
            name = str(item.event.model_fields["type"].default)
            events.append(
                (FACTS[speaker.department].name, _fact(speaker, record, item, f"{name}|{ordinals[name]}", seen_at))
            )
        else:
            name = "progress"
            effect = effect_of(item)
            if effect is None:
                strangers += 1
            else:
                events.append(
                    (
                        CASE_EVENTS.name,
                        _progress(
                            speaker, record, item, effect=effect, name=f"{name}|{ordinals[name]}", seen_at=seen_at
                        ),
                    )
                )
                if item.reference and effect.reference is None:
                    learned[effect.effect_key] = item.reference
        ordinals[name] += 1
    return Wrapped(tuple(events), learned, strangers)


def _fact(speaker: Speaker, record: LegacyRecord, fact: Fact, name: str, seen_at: datetime) -> Event:
    topic = FACTS[speaker.department]
    if fact.event not in topic.events:
        raise TranslationError(
            f"{record.dataset}: {fact.event.__name__} does not belong on {topic.name}.", code="wrong-topic"
        )
    return fact.event(
        id=speaker.id_of(record, name),
        source=speaker.source,
        type=fact.event.model_fields["type"].default,
        subject=fact.subject,
        partitionkey=fact.subject,
        council=speaker.council,
        time=seen_at,
        effectiveat=fact.effective_at,
        recordedat=fact.recorded_at,
        channel=Channel.SYSTEM,
        dataclassification=fact.event.classification,
        data=fact.data,
    )


def _progress(
    speaker: Speaker, record: LegacyRecord, progress: Progress, *, effect: EffectRow, name: str, seen_at: datetime
) -> TaskStatusChanged:
    return TaskStatusChanged(
        id=speaker.id_of(record, name),
        source=speaker.source,
        correlationid=effect.case,
        causationid=UUID(hex=effect.effect_key),
        partitionkey=effect.case,
        council=speaker.council,
        time=seen_at,
        effectiveat=progress.effective_at,
        recordedat=progress.recorded_at,
        dataclassification=TaskStatusChanged.classification,
        data=StatusChange(
            task=effect.task,
            raising=effect.raising,
            revision=_answered(effect, progress),
            department=speaker.department,
            status=progress.status,
            reference=progress.reference or effect.reference,
            reason=progress.reason,
            answers=progress.answers,
            withdrawal=effect.kind is Kind.WITHDRAWN,
        ),
    )


def _answered(effect: EffectRow, progress: Progress) -> int:
    """Which instruction a record answers; 0: it speaks of the task.

    What is refused is what the record names: a file with a change in it. Whatever else became of a record became of the task, also where
    the system keeps the reference of the last instruction, or is known by its own key.
    """
    names_it = progress.effect_key is not None and progress.status is TaskStatus.REJECTED
    return effect.revision if names_it or effect.kind is Kind.WITHDRAWN else 0


def report(speaker: Speaker, instruction: Instruction, receipt: Receipt, at: datetime) -> TaskStatusChanged:
    """What became of an instruction, for its case. The same instruction and receipt make the same event, however often it is reported."""
    return TaskStatusChanged.following(
        instruction,
        "receipt",
        source=speaker.source,
        time=at,
        effectiveat=at,
        data=StatusChange(
            task=instruction.data.task,
            raising=instruction.data.raising,
            revision=instruction.data.revision,
            department=instruction.data.department,
            status=receipt.status,
            reference=receipt.reference,
            reason=receipt.reason,
            withdrawal=isinstance(instruction, TaskWithdrawn),
        ),
    )


def doubt(speaker: Speaker, instruction: Instruction, row: EffectRow, means: TaskStatus) -> EffectUncertain:
    """That nobody knows what became of an instruction, for its case; the same event however often it is said.

    Args:
        speaker: who says so.
        instruction: the one that is unknown.
        row: its row of the ledger.
        means: what it has come to if the system has it.
    """
    assert row.sent_at is not None
    assert row.unknown_at is not None
    return EffectUncertain.following(
        instruction,
        "uncertain",
        source=speaker.source,
        time=row.unknown_at,
        effectiveat=row.sent_at,
        data=UncertainEffect(
            task=instruction.data.task,
            raising=instruction.data.raising,
            revision=instruction.data.revision,
            withdrawal=isinstance(instruction, TaskWithdrawn),
            department=instruction.data.department,
            connector=speaker.connector[:64],
            effect=instruction.id,
            sent_at=row.sent_at,
            evidence=(row.evidence or "")[:EVIDENCE_AT_MOST],
            means=means,
        ),
    )
