"""Reads one dataset of a legacy system for ever: read, translate, send, await, checkpoint.

The checkpoint never passes a record that is not safe on a topic: its events are acknowledged, or the record is among the dead letters and
in `held`, to be tried again whenever the process starts (an unmapped code is mended in the settings, which are read at the start).

A record that does not carry our reference may be one that the sink is just writing: until that instruction has ended, nobody knows whose it
is. That is waited for as long as a write can take; if the instruction itself waits for the legacy system by then, the record is held too,
and tried again once nothing is under way.

Records repeat: a poll looks back a little. A connector keeps the positions inside its overlap in its checkpoint; this runner remembers the
last thousands it has sent besides, so that one that does not still sends nothing twice while it runs. What is sent twice after a restart
has the same ids, and every consumer ignores the second.

The connector says what a record means; `wrapping.wrap` makes it events: facts for subscribers, and for the case what became of its task.
"""

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from threading import Event as Signal
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from connectors.sdk.contract import Batch, Fact, LegacyRecord, Progress, Said, SourceConnector
from connectors.sdk.errors import ContractBroken, RetryLater, TranslationError
from connectors.sdk.records import decode_record, encode_record
from hub.dead_letters.letter import record_key, record_letter, settled
from hub.edge.aside import Aside
from hub.edge.condition import Backoff, Conditions
from hub.edge.full_extracts import FullExtracts, Page
from hub.edge.full_extracts import Held as HeldExtract
from hub.edge.kafka import Sender
from hub.edge.ledger import EffectRow
from hub.edge.memory import EdgeMemory, Held
from hub.edge.messages import Outgoing
from hub.edge.metrics import ConnectorMetrics
from hub.edge.reach import ON_PURPOSE, Reach
from hub.edge.speech import Speech
from hub.edge.wrapping import Speaker, Wrapped, wrap
from hub.failpoints import Failpoint, Injected, reach
from schemas.topics import FACTS, LARGEST_LETTER_BYTES, LARGEST_RECORD_BYTES

BROKEN_FOR_S = 300.0
"""How long a dataset rests after its connector broke a promise."""
_REMEMBERED = 20_000
_AT_ONCE = 500
"""Held records that are tried together."""
_DOUBT_S = 0.2
"""How often to look whether an instruction under way has ended."""
_BESIDE_A_LETTER = 64 * 1024
"""Bytes, amply, of all that stands beside the record in its dead letter."""
_KEPT_AT_HOME = "The record is too large to lie here; the connector keeps it whole."


@dataclass(frozen=True, kw_only=True)
class Edge:
    """What source and sink of one connector's process share."""

    speaker: Speaker
    memory: EdgeMemory
    aside: Aside
    sender: Sender
    conditions: Conditions
    metrics: ConnectorMetrics
    speech: Speech
    stop: Signal


class TooMany(Exception):
    """More records cannot be understood than may be set aside now. In sentences: why, and what to do."""


class SourceRunner:
    """Reads one dataset until it is told to stop.

    Args:
        edge: what it shares.
        dataset: name in the manifest.
        connect: makes the connector; called in the thread that runs, again after a broken promise.
        extracts: its full extracts, where that is what it delivers; None where it delivers changes.
    """

    def __init__(
        self,
        edge: Edge,
        dataset: str,
        connect: Callable[[], SourceConnector[Any]],
        extracts: FullExtracts | None = None,
    ) -> None:
        self._edge, self._dataset, self._extracts = edge, dataset, extracts
        self._reach = Reach(connect, edge.speaker.connector)
        self._backoff: Backoff | None = None
        self._tried_held = False
        self._sent: OrderedDict[str, None] = OrderedDict()
        self._in_doubt_until = 0.0
        """This look waits no longer than that for instructions under way."""
        self._holds_doubt = False
        """Whether a record is held because an instruction was under way."""
        self._log = structlog.get_logger().bind(connector=edge.speaker.connector, dataset=dataset)

    def run(self) -> None:
        """Read until `stop`.

        Raises:
            RestartMe: Kafka refuses or does not answer.
            ConfigurationError: the legacy system says that the settings are wrong.
        """
        try:
            while not self._edge.stop.is_set():
                self._edge.stop.wait(self._look())
        finally:
            self._reach.let_go()

    def _look(self) -> float:
        """Read once to the end; the answer is how long to wait before the next look."""
        part, conditions = self._dataset, self._edge.conditions
        try:
            connector = self._reach.connector()
            settings = connector.settings
            self._backoff = self._backoff or Backoff(settings.retry_after_s, settings.retry_at_most_s)
            self._in_doubt_until = time.monotonic() + settings.timeout_s
            if not self._tried_held or (self._holds_doubt and not self._edge.memory.effects.unfinished()):
                self._holds_doubt = False
                self._try_held(connector)
                self._tried_held = True
            if self._edge.stop.is_set():
                return 0.0
            news = self._read(connector)
        except RetryLater as error:
            conditions.away(part, str(error))
            return self._backoff.next() if self._backoff else 1.0
        except ContractBroken as error:
            conditions.broken(part, str(error))
            self._reach.let_go()
            return BROKEN_FOR_S
        except HeldExtract as held:
            conditions.held(part, str(held))
            self._edge.speech.looked(part, datetime.now(UTC))
            return float(settings.poll_every_s)
        except TooMany as error:
            conditions.broken(part, str(error))
            return self._edge.aside.rate.wait_s()
        conditions.well(part)
        self._edge.speech.looked(part, datetime.now(UTC))
        # Said as such, for it is the other half of "no data is not no change": it was asked, and had nothing.
        self._edge.metrics.looks.labels(part, "news" if news else "nothing").inc()
        self._backoff.reset()
        return 0.0 if news else settings.poll_every_s

    def _read(self, connector: SourceConnector[Any]) -> bool:
        """Everything since the checkpoint, batch by batch; whether anything was new."""
        news = False
        for batch in self._batches(connector) if self._extracts is None else self._pages(connector, self._extracts):
            news |= self._take(connector, batch)
            self._edge.conditions.well(self._dataset)
            self._edge.speech.looked(self._dataset, datetime.now(UTC))
            if self._edge.stop.is_set():
                break
        return news

    def _batches(self, connector: SourceConnector[Any]) -> Iterator[Batch]:
        """What the connector reads. What fails here is the connector, and nothing that is done with a batch."""
        after = self._edge.memory.checkpoint(self._dataset)
        try:
            for answer in connector.read(self._dataset, after):
                yield _batch(answer)
        except ON_PURPOSE:
            raise
        except Exception as error:
            raise self._reach.broken(error, "read") from error

    def _pages(self, connector: SourceConnector[Any], extracts: FullExtracts) -> Iterator[Page]:
        """The news of the next full extract; what fails here is the connector, or our own memory, which ends the process."""
        after = self._edge.memory.checkpoint(self._dataset)
        try:
            yield from extracts.pages(connector, after, whole=self._whole, now_ms=lambda: round(time.time() * 1000))
        except (*ON_PURPOSE, HeldExtract, SQLAlchemyError, Injected):
            raise
        except Exception as error:
            raise self._reach.broken(error, "extract") from error

    def _whole(self, rows: int) -> None:
        """A full extract was read to its end: its feed has spoken, whether or not anything has changed."""
        now = datetime.now(UTC)
        self._edge.memory.spoke(self._dataset, rows, now)
        self._edge.speech.spoke(self._dataset, rows, now)
        self._edge.metrics.extract_rows.labels(self._dataset).set(rows)

    def _take(self, connector: SourceConnector[Any], batch: Batch | Page) -> bool:
        """One batch: translate, send, await, checkpoint. Whether anything in it was new."""
        began = time.monotonic()
        reach(Failpoint.SOURCE_READ)
        fresh = [record for record in batch.records if record.position not in self._sent]
        under_way = self._edge.memory.effects.unfinished()
        outcomes = [self._understand(connector, record, under_way) for record in fresh]
        if self._edge.stop.is_set() and any(outcome is None for outcome in outcomes):
            return False
        understood = [outcome for outcome in outcomes if isinstance(outcome, _Understood)]
        aside = self._set_aside([outcome for outcome in outcomes if isinstance(outcome, _Puzzle)])
        self._edge.sender.send([*_records(understood), *(letter for _, letter in aside)])
        reach(Failpoint.SOURCE_ACKNOWLEDGED)
        now = datetime.now(UTC)
        # A page of an extract moves no checkpoint; its rows were counted as the extract came.
        changes = isinstance(batch, Batch)
        self._edge.memory.move_on(
            self._dataset,
            batch.checkpoint if isinstance(batch, Batch) else None,
            learned=_learned(understood),
            held_records=[held for held, _ in aside],
            at_ms=round(now.timestamp() * 1000),
            spoke=len(fresh) if changes else 0,
            also=batch.acknowledged if isinstance(batch, Page) else None,
        )
        if fresh and changes:
            self._edge.speech.spoke(self._dataset, len(fresh), now)
        reach(Failpoint.SOURCE_CHECKPOINTED)
        self._remember(record.position for record in fresh)
        self._note(batch.remarks if isinstance(batch, Batch) else ())
        self._count(batch, understood, len(aside), took_s=time.monotonic() - began)
        return bool(fresh)

    def _note(self, remarks: tuple[str, ...]) -> None:
        for remark in remarks:
            self._log.warning("the legacy system has changed", outcome="remarked", reason=remark)
        self._edge.metrics.remarks.labels(self._dataset).inc(len(remarks))

    def _understand(
        self, connector: SourceConnector[Any], record: LegacyRecord, under_way: AbstractSet[str]
    ) -> "_Understood | _Puzzle | None":
        """What a record comes to; None when the process stops before its case is known.

        Args:
            connector: it knows.
            record: what was read.
            under_way: effect keys of the instructions that may have been writing it when it was read.
        """
        try:
            said = [_thing_said(item) for item in connector.translate(record)]
        except ON_PURPOSE:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the records behind this one go on
            return self._puzzle(record, error)
        try:
            # Only our own memory is asked with what was checked: whatever else fails there ends the process, and blames no record.
            effects = self._effects_of(said, under_way)
        except TranslationError as error:
            return self._puzzle(record, error)
        if effects is None:
            return None
        try:
            came_to = wrap(self._edge.speaker, record, said, lambda progress: effects[id(progress)], datetime.now(UTC))
            return _Understood(came_to, _outgoing(came_to))
        except Exception as error:  # noqa: BLE001 - as above: a connector may say anything at all
            return self._puzzle(record, error)

    def _puzzle(self, record: LegacyRecord, error: Exception) -> "_Puzzle":
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
        return _Puzzle(record, code, f"{self._edge.speaker.connector}: {what}")

    def _effects_of(self, said: Iterable[Said], under_way: AbstractSet[str]) -> dict[int, EffectRow | None] | None:
        """The instruction that each progress is about, by the id of the object; None on a stop.

        Waits for those under way where a progress does not carry our reference, and so may be of one of them.

        Raises:
            TranslationError: it cannot be known yet.
        """
        found: dict[int, EffectRow | None] = {}
        for progress in (item for item in said if isinstance(item, Progress)):
            while True:
                # In this order: what an instruction wrote is linked to it by the time it has ended.
                in_doubt = progress.effect_key is None and under_way & self._edge.memory.effects.unfinished()
                found[id(progress)] = self._effect_of(progress)
                if found[id(progress)] is not None or not in_doubt:
                    break
                left_s = self._in_doubt_until - time.monotonic()
                if left_s <= 0:
                    self._holds_doubt = True
                    raise TranslationError(
                        "an instruction is under way that may have written this record. It is tried again once that has ended.",
                        code="task-in-doubt",
                    )
                if self._edge.stop.wait(min(left_s, _DOUBT_S)):
                    return None
        return found

    def _effect_of(self, progress: Progress) -> EffectRow | None:
        memory = self._edge.memory
        if progress.effect_key is not None:
            return memory.effects.effect(progress.effect_key)
        return None if progress.legacy_key is None else memory.effects.effect_of(progress.legacy_key)

    def _try_held(self, connector: SourceConnector[Any]) -> None:
        """Try again what could not be understood, many at a time; what a stop leaves is tried at the next start."""
        under_way, held = self._edge.memory.effects.unfinished(), self._edge.memory.held(self._dataset)
        for first in range(0, len(held), _AT_ONCE):
            outcomes = {
                item: self._understand(connector, decode_record(item.body), under_way)
                for item in held[first : first + _AT_ONCE]
            }
            if self._edge.stop.is_set():
                return
            mended = {item: outcome for item, outcome in outcomes.items() if isinstance(outcome, _Understood)}
            if mended:
                self._edge.sender.send([*_records(mended.values()), *map(self._settled, mended)])
                self._edge.memory.release(mended, _learned(mended.values()))
            self._log.info(
                "held records tried again", outcome="mended", mended=len(mended), still_held=len(outcomes) - len(mended)
            )

    def _settled(self, item: Held) -> Outgoing:
        """The marker that settles the dead letter of a record that is understood now."""
        origin = f"{self._edge.speaker.connector}/{item.dataset}/{item.record_id}"
        key = record_key(decode_record(item.body).key, item.record_id)
        return Outgoing(self._letters, key, None, settled(origin, "mended", self._edge.speaker.connector))

    def _set_aside(self, puzzles: "list[_Puzzle]") -> list[tuple[Held, Outgoing]]:
        """What is kept of records that could not be understood, and their dead letters; those that are held have theirs.

        Raises:
            TooMany: they are more than may be set aside now. Those for which there is room are; the checkpoint stays, and the next look
                takes up the rest.
        """
        held = self._edge.memory.held_ids(self._dataset) if puzzles else frozenset()
        found = [(puzzle, *self._aside(puzzle)) for puzzle in puzzles]
        fresh = [each for each in found if each[1].record_id not in held]
        rate, room = self._edge.aside.rate, self._edge.aside.rate.room()
        self._edge.aside.count(min(room, len(fresh)))
        for puzzle, kept, _ in fresh[:room]:
            self._log.warning("record set aside", outcome="set-aside", code=puzzle.code, record=kept.record_id)
        if len(fresh) > room:
            self._edge.sender.send([letter for _, _, letter in fresh[:room]])
            self._edge.memory.hold([kept for _, kept, _ in fresh[:room]], round(time.time() * 1000))
            raise TooMany(rate.why(fresh[room][0].code))
        return [(kept, letter) for _, kept, letter in fresh]

    def _aside(self, puzzle: "_Puzzle") -> tuple[Held, Outgoing]:
        """What is kept of a record that could not be understood, and its dead letter.

        Raises:
            ContractBroken: it holds values that no legacy driver should hand over, and cannot be kept.
        """
        record, who = puzzle.record, self._edge.speaker
        try:
            body = encode_record(record)
        except (TypeError, ValueError) as error:
            raise self._reach.broken(error, "read") from error
        held = Held(who.id_of(record).hex, record.dataset, body)
        fits = len(body) <= LARGEST_LETTER_BYTES - _BESIDE_A_LETTER
        letter = record_letter(
            code=puzzle.code,
            reason=puzzle.reason if fits else f"{puzzle.reason} {_KEPT_AT_HOME}",
            component=who.connector,
            dataset=record.dataset,
            record_id=held.record_id,
            key=record.key,
            value=body if fits else None,
        )
        return held, Outgoing(self._letters, letter.key, letter.value, letter.headers)

    @property
    def _letters(self) -> str:
        return FACTS[self._edge.speaker.department].dead_letters

    def _remember(self, positions: Iterable[str]) -> None:
        for position in positions:
            self._sent[position] = None
        while len(self._sent) > _REMEMBERED:
            self._sent.popitem(last=False)

    def _count(self, batch: Batch | Page, understood: "list[_Understood]", aside: int, took_s: float) -> None:
        said = sum(1 for item in understood if item.outgoing)
        counts = {
            "said": said,
            "silent": len(understood) - said,
            "set-aside": aside,
            "repeated": len(batch.records) - len(understood) - aside,
        }
        metrics = self._edge.metrics
        for outcome, number in counts.items():
            metrics.records.labels(self._dataset, outcome).inc(number)
        metrics.strangers.labels(self._dataset).inc(sum(item.came_to.strangers for item in understood))
        if understood or aside:
            metrics.last_news.labels(self._dataset).set_to_current_time()
            words = {name.replace("-", "_"): number for name, number in counts.items() if number}
            self._log.info("batch read", outcome="read", took_ms=round(took_s * 1000), **words)


@dataclass(frozen=True)
class _Understood:
    """What a record came to, as it is sent: what cannot be encoded is not understood."""

    came_to: Wrapped
    outgoing: tuple[Outgoing, ...]


@dataclass(frozen=True)
class _Puzzle:
    """A record that could not be understood, and why."""

    record: LegacyRecord
    code: str
    reason: str


def _batch(answer: object) -> Batch:
    """What a connector read, if it is a batch.

    Raises:
        TypeError: it is not, or its checkpoint cannot be kept.
        ValueError: its checkpoint cannot be kept.
    """
    if not isinstance(answer, Batch):
        raise TypeError(f"a {type(answer).__name__} instead of a batch")
    records = tuple(answer.records)
    for record in records:
        if not isinstance(record, LegacyRecord):
            raise TypeError(f"a {type(record).__name__} in a batch instead of a legacy record")
    checkpoint = json.loads(json.dumps(dict(answer.checkpoint)))
    return Batch(records=records, checkpoint=checkpoint, remarks=tuple(map(str, answer.remarks)))


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


def _records(understood: Iterable[_Understood]) -> list[Outgoing]:
    return [record for item in understood for record in item.outgoing]


def _learned(understood: Iterable[_Understood]) -> dict[str, str]:
    return {key: reference for item in understood for key, reference in item.came_to.learned.items()}
