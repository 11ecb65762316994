"""What records of a legacy system come to: the connector says what each means, `wrapping.wrap` makes it events. Nothing is sent here.

A record that does not carry our reference may be one that the sink is just writing: until that instruction has ended, nobody knows whose it
is. That is waited for as long as a write can take; if the instruction itself waits for the legacy system by then, the record is held, and
tried again once nothing is under way.
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from threading import Event as Signal
from typing import Any

from pydantic import ValidationError

from connectors.sdk.contract import Fact, LegacyRecord, Progress, Said, SourceConnector
from connectors.sdk.errors import TranslationError
from hub.edge.ledger import EffectRow
from hub.edge.memory import EdgeMemory
from hub.edge.messages import Outgoing
from hub.edge.reach import ON_PURPOSE, Reach
from hub.edge.wrapping import Speaker, Wrapped, wrap
from schemas.topics import LARGEST_RECORD_BYTES

_IN_DOUBT = "task-in-doubt"
"""Code of a record that may be of an instruction which is still under way."""
_DOUBT_S = 0.2
"""How often to look whether an instruction under way has ended."""


@dataclass(frozen=True)
class Understood:
    """What a record came to, as it is sent: what cannot be encoded is not understood."""

    came_to: Wrapped
    outgoing: tuple[Outgoing, ...]


@dataclass(frozen=True)
class Puzzle:
    """A record that could not be understood, and why."""

    record: LegacyRecord
    code: str
    reason: str


class Knowledge:
    """Whose records are whose, while those that were read together are understood: what the memory knows, and what it is about to.

    Args:
        memory: of the connector; it is asked at once for the instructions that may have been writing the records when they were read.
        learned: references of effects, by effect key, that came with records before these and may not be in the memory yet.
        doubt_until: how long instructions under way are waited for, on the clock of `time.monotonic`.
    """

    def __init__(self, memory: EdgeMemory, learned: Mapping[str, str], doubt_until: float) -> None:
        self._memory, self.doubt_until = memory, doubt_until
        self._under_way = memory.effects.unfinished()
        self._asked: set[str] = set()
        self._rows: dict[str, EffectRow] = {}
        self._links: dict[str, str] = {}
        self._references: dict[str, str] = {}
        self.learn(learned)

    def look_up(self, said: Iterable[Said]) -> None:
        """Ask the memory, once, for all that records speak of."""
        progress = [item for item in said if isinstance(item, Progress)]
        self._asked = {item.legacy_key for item in progress if item.effect_key is None and item.legacy_key is not None}
        named = {item.effect_key for item in progress if item.effect_key is not None}
        named |= {self._links[key] for key in self._asked & self._links.keys()}
        self._rows |= self._memory.effects.rows(named)
        self._follow_links(self._asked - self._links.keys())

    def learn(self, learned: Mapping[str, str]) -> None:
        """Records have told these references of effects, by effect key; a later one may say no more than the reference."""
        self._references |= learned
        self._links |= {reference: effect_key for effect_key, reference in learned.items()}

    def effect_of(self, progress: Progress) -> EffectRow | None:
        """The effect that a progress of the records is about, as far as is known by now; None where it is nobody's."""
        effect_key, legacy_key = progress.effect_key, progress.legacy_key
        if effect_key is None and legacy_key is not None:
            if self._under_way and legacy_key not in self._links:
                self._follow_links([legacy_key])
            effect_key = self._links.get(legacy_key)
        row = None if effect_key is None else self._rows.get(effect_key)
        if row is None or row.reference is not None:
            return row
        return replace(row, reference=self._references.get(row.effect_key))

    def in_doubt(self) -> bool:
        """Whether an instruction is still under way that was when the records were read."""
        if self._under_way:
            self._under_way &= self._memory.effects.unfinished()
            if not self._under_way:
                # What an instruction wrote is linked to it by the time it has ended.
                self._follow_links(self._asked - self._links.keys())
        return bool(self._under_way)

    def _follow_links(self, legacy_keys: Collection[str]) -> None:
        found = self._memory.effects.rows_of(legacy_keys)
        self._links |= {legacy_key: row.effect_key for legacy_key, row in found.items()}
        self._rows |= {row.effect_key: row for row in found.values()}


class Understanding:
    """What the records of one dataset come to.

    Args:
        speaker: who says it.
        reach: for the log, where the connector has a defect.
        stop: set when the process stops.
    """

    def __init__(self, speaker: Speaker, reach: Reach[SourceConnector[Any]], stop: Signal) -> None:
        self._speaker, self._reach, self._stop = speaker, reach, stop

    def of(
        self, connector: SourceConnector[Any], records: Sequence[LegacyRecord], knowledge: Knowledge
    ) -> list[Understood | Puzzle] | None:
        """What records come to, in their order; None when the process stops before all their cases are known.

        Args:
            connector: it knows.
            records: what was read.
            knowledge: taken after it was read.
        """
        heard = [self._heard(connector, record) for record in records]
        # Only our own memory is asked with what was checked: whatever fails there ends the process, and blames no record.
        knowledge.look_up(item for said in heard if not isinstance(said, Puzzle) for item in said)
        outcomes: list[Understood | Puzzle] = []
        for record, said in zip(records, heard, strict=True):
            outcome = said if isinstance(said, Puzzle) else self._understood(record, said, knowledge)
            if outcome is None:
                return None
            if isinstance(outcome, Understood):
                knowledge.learn(outcome.came_to.learned)
            outcomes.append(outcome)
        return outcomes

    def _heard(self, connector: SourceConnector[Any], record: LegacyRecord) -> list[Said] | Puzzle:
        """What the connector says of a record."""
        try:
            return [_thing_said(item) for item in connector.translate(record)]
        except ON_PURPOSE:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the records behind this one go on
            return self._puzzle(record, error)

    def _understood(
        self, record: LegacyRecord, said: Sequence[Said], knowledge: Knowledge
    ) -> Understood | Puzzle | None:
        try:
            effects = self._effects_of(said, knowledge)
        except TranslationError as error:
            return self._puzzle(record, error)
        if effects is None:
            return None
        try:
            came_to = wrap(self._speaker, record, said, lambda progress: effects[id(progress)], datetime.now(UTC))
            return Understood(came_to, _outgoing(came_to))
        except Exception as error:  # noqa: BLE001 - as above: a connector may say anything at all
            return self._puzzle(record, error)

    def _effects_of(self, said: Iterable[Said], knowledge: Knowledge) -> dict[int, EffectRow | None] | None:
        """The instruction that each progress is about, by the id of the object; None on a stop.

        Waits for those under way where a progress does not carry our reference, and so may be of one of them.

        Raises:
            TranslationError: it cannot be known yet.
        """
        found: dict[int, EffectRow | None] = {}
        for progress in (item for item in said if isinstance(item, Progress)):
            effect = knowledge.effect_of(progress)
            while effect is None and progress.effect_key is None:
                # In this order: what an instruction wrote is linked to it by the time it has ended.
                in_doubt = knowledge.in_doubt()
                effect = knowledge.effect_of(progress)
                if effect is not None or not in_doubt:
                    break
                left_s = knowledge.doubt_until - time.monotonic()
                if left_s <= 0:
                    raise TranslationError(
                        "an instruction is under way that may have written this record. It is tried again once that has ended.",
                        code=_IN_DOUBT,
                    )
                if self._stop.wait(min(left_s, _DOUBT_S)):
                    return None
            found[id(progress)] = effect
        return found

    def _puzzle(self, record: LegacyRecord, error: Exception) -> Puzzle:
        """Why a record cannot be understood, without anything that stands in it."""
        code, what = "defect", f"{record.dataset}: {type(error).__name__} in the connector's translate, a defect."
        if isinstance(error, TranslationError):
            code, what = error.code, str(error)
        elif isinstance(error, ValidationError):
            problems = error.errors(include_input=False, include_url=False)
            places = sorted({".".join(str(part) for part in item["loc"]) for item in problems})
            code, what = "wrong-data", f"{record.dataset}: not a valid event: {', '.join(places)}."
        else:
            self._reach.failed(error)
        return Puzzle(record, code, f"{self._speaker.connector}: {what}")


def any_in_doubt(outcomes: Iterable[Understood | Puzzle]) -> bool:
    """Whether one of them is to be tried again once instructions under way have ended."""
    return any(isinstance(outcome, Puzzle) and outcome.code == _IN_DOUBT for outcome in outcomes)


def records_of(understood: Iterable[Understood]) -> list[Outgoing]:
    """What is to be sent."""
    return [record for item in understood for record in item.outgoing]


def learned_from(understood: Iterable[Understood]) -> dict[str, str]:
    """References of effects that had none yet, by effect key."""
    return {key: reference for item in understood for key, reference in item.came_to.learned.items()}


def _thing_said(item: object) -> Said:
    """What a connector makes of a record, if it is a fact or progress.

    Raises:
        TypeError: it is neither.
        ValueError: it is progress that the memory cannot be asked about.
    """
    if isinstance(item, Progress):
        # As a receipt's, its class may be the connector's own.
        return Progress(**{part.name: getattr(item, part.name) for part in fields(Progress)})
    if isinstance(item, Fact):
        return item
    raise TypeError(f"a {type(item).__name__} instead of a fact or progress")


def _outgoing(came_to: Wrapped) -> tuple[Outgoing, ...]:
    """What is to be sent of a record.

    Raises:
        TranslationError: it would be too large for its topic.
    """
    records = tuple(Outgoing.event(topic, event.partitionkey, event.encode()) for topic, event in came_to.events)
    if any(not record.fits(LARGEST_RECORD_BYTES) for record in records):
        raise TranslationError(
            f"what this record says is larger than the {LARGEST_RECORD_BYTES:,} bytes that a topic takes. Shorten it in mapping.py.",
            code="too-large",
        )
    return records
