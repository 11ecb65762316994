"""Reads one dataset of a legacy system for ever: read, understand, send, await, checkpoint.

The checkpoint never passes a record that is not safe on a topic: its events are acknowledged, or the record is among the dead letters and
in `held`, to be tried again whenever the process starts (an unmapped code is mended in the settings, which are read at the start).

While the acknowledgements of one batch are awaited and its checkpoint is written, the next is read and understood, and not sent before the
one before it has its checkpoint: one batch is under way at a time, so checkpoints keep their order, and whatever of it fails ends the
process where it always did. What a batch under way has learned is not in the memory yet; the next is understood with it all the same.

Records repeat: a poll looks back a little. A connector keeps the positions inside its overlap in its checkpoint; this runner remembers the
last thousands it has sent besides, so that one that does not still sends nothing twice while it runs. What is sent twice after a restart
has the same ids, and every consumer ignores the second.
"""

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from threading import Event as Signal
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from connectors.sdk.contract import Batch, LegacyRecord, SourceConnector
from connectors.sdk.errors import ContractBroken, RetryLater
from connectors.sdk.records import decode_record
from hub.edge.aside import Aside
from hub.edge.behind import Behind
from hub.edge.condition import Backoff, Conditions
from hub.edge.full_extracts import FullExtracts, Page
from hub.edge.full_extracts import Held as HeldExtract
from hub.edge.kafka import Sender
from hub.edge.memory import EdgeMemory, Held
from hub.edge.messages import Place
from hub.edge.metrics import ConnectorMetrics
from hub.edge.puzzles import Puzzles, TooMany
from hub.edge.reach import ON_PURPOSE, Reach
from hub.edge.speech import Speech
from hub.edge.understanding import (
    Knowledge,
    Puzzle,
    Understanding,
    Understood,
    any_in_doubt,
    learned_from,
    records_of,
)
from hub.edge.wrapping import Speaker
from hub.errors import HubError
from hub.failpoints import Failpoint, Injected, reach

BROKEN_FOR_S = 300.0
"""How long a dataset rests after its connector broke a promise."""
_REMEMBERED = 20_000
_AT_ONCE = 500
"""Held records that are tried together."""


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


@dataclass(frozen=True, kw_only=True)
class _Sent:
    """A batch that is with the producer.

    Attributes:
        batch: as it was read.
        began: when it was taken up, on the clock of `time.monotonic`.
        fresh: how many records in it were new.
        understood: what became of them.
        held: those that were set aside.
        acknowledged: waits until all of it is safe.
    """

    batch: Batch | Page
    began: float
    fresh: int
    understood: Sequence[Understood]
    held: Sequence[Held]
    acknowledged: Callable[[], Sequence[Place]]


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
        self._understanding = Understanding(edge.speaker, self._reach, edge.stop)
        self._puzzles = Puzzles(
            edge.speaker, dataset, memory=edge.memory, aside=edge.aside, sender=edge.sender, reach=self._reach
        )
        self._behind = Behind(f"{dataset}-behind")
        self._learned: Mapping[str, str] = {}
        """References that came with the batch under way, by effect key; in the memory once it has its checkpoint."""
        self._backoff: Backoff | None = None
        self._tried_held = False
        self._sent: OrderedDict[str, None] = OrderedDict()
        """Positions of records that were sent, whether or not they are acknowledged: where they are not, the process ends."""
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
            self._behind.close()
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
        try:
            for batch in self._batches(connector) if self._extracts is None else self._pages(connector, self._extracts):
                news |= self._take(connector, batch)
                self._edge.conditions.well(self._dataset)
                self._edge.speech.looked(self._dataset, datetime.now(UTC))
                if self._edge.stop.is_set():
                    break
        finally:
            # Whatever became of reading on: what was sent has its checkpoint before anybody looks, rests or stops.
            self._behind.wait()
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
        """The news of the next full extract; what fails here is the connector; or our own memory, or Kafka, which ends the process."""
        after = self._edge.memory.checkpoint(self._dataset)
        try:
            yield from extracts.pages(
                connector,
                after,
                whole=self._whole,
                settled=self._behind.wait,
                now_ms=lambda: round(time.time() * 1000),
            )
        except (*ON_PURPOSE, HubError, HeldExtract, SQLAlchemyError, Injected):
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
        """Understand one batch, and send it once the one before has its checkpoint. Whether anything in it was new."""
        began = time.monotonic()
        reach(Failpoint.SOURCE_READ)
        fresh = [record for record in batch.records if record.position not in self._sent]
        knowledge = Knowledge(self._edge.memory, self._learned, self._in_doubt_until)
        outcomes = self._understanding.of(connector, fresh, knowledge)
        if outcomes is None:
            return False
        self._behind.wait()
        self._holds_doubt |= any_in_doubt(outcomes)
        understood = [outcome for outcome in outcomes if isinstance(outcome, Understood)]
        aside = self._puzzles.set_aside([outcome for outcome in outcomes if isinstance(outcome, Puzzle)])
        acknowledged = self._edge.sender.begin([*records_of(understood), *(letter for _, letter in aside)])
        self._learned = learned_from(understood)
        self._remember(record.position for record in fresh)
        sent = _Sent(
            batch=batch,
            began=began,
            fresh=len(fresh),
            understood=understood,
            held=[held for held, _ in aside],
            acknowledged=acknowledged,
        )
        self._behind.begin(partial(self._move_on, sent))
        return bool(fresh)

    def _move_on(self, sent: _Sent) -> None:
        """Await a batch, and remember that it is safe. In a thread of its own."""
        sent.acknowledged()
        reach(Failpoint.SOURCE_ACKNOWLEDGED)
        batch, now = sent.batch, datetime.now(UTC)
        # A page of an extract moves no checkpoint; its rows were counted as the extract came.
        changes = isinstance(batch, Batch)
        self._edge.memory.move_on(
            self._dataset,
            batch.checkpoint if isinstance(batch, Batch) else None,
            learned=learned_from(sent.understood),
            held_records=sent.held,
            at_ms=round(now.timestamp() * 1000),
            spoke=sent.fresh if changes else 0,
            also=batch.acknowledged if isinstance(batch, Page) else None,
        )
        if sent.fresh and changes:
            self._edge.speech.spoke(self._dataset, sent.fresh, now)
        self._learned = {}
        reach(Failpoint.SOURCE_CHECKPOINTED)
        self._note(batch.remarks if isinstance(batch, Batch) else ())
        self._count(sent)

    def _note(self, remarks: tuple[str, ...]) -> None:
        for remark in remarks:
            self._log.warning("the legacy system has changed", outcome="remarked", reason=remark)
        self._edge.metrics.remarks.labels(self._dataset).inc(len(remarks))

    def _try_held(self, connector: SourceConnector[Any]) -> None:
        """Try again what could not be understood, many at a time; what a stop leaves is tried at the next start."""
        knowledge = Knowledge(self._edge.memory, {}, self._in_doubt_until)
        held = self._edge.memory.held(self._dataset)
        for first in range(0, len(held), _AT_ONCE):
            tried = held[first : first + _AT_ONCE]
            outcomes = self._understanding.of(connector, [decode_record(item.body) for item in tried], knowledge)
            if outcomes is None or self._edge.stop.is_set():
                return
            self._holds_doubt |= any_in_doubt(outcomes)
            mended = {
                item: outcome for item, outcome in zip(tried, outcomes, strict=True) if isinstance(outcome, Understood)
            }
            if mended:
                self._edge.sender.send([*records_of(mended.values()), *map(self._puzzles.mended, mended)])
                self._edge.memory.release(mended, learned_from(mended.values()))
            self._log.info(
                "held records tried again", outcome="mended", mended=len(mended), still_held=len(outcomes) - len(mended)
            )

    def _remember(self, positions: Iterable[str]) -> None:
        for position in positions:
            self._sent[position] = None
        while len(self._sent) > _REMEMBERED:
            self._sent.popitem(last=False)

    def _count(self, sent: _Sent) -> None:
        said, aside = sum(1 for item in sent.understood if item.outgoing), len(sent.held)
        counts = {
            "said": said,
            "silent": len(sent.understood) - said,
            "set-aside": aside,
            "repeated": len(sent.batch.records) - len(sent.understood) - aside,
        }
        metrics = self._edge.metrics
        for outcome, number in counts.items():
            metrics.records.labels(self._dataset, outcome).inc(number)
        metrics.strangers.labels(self._dataset).inc(sum(item.came_to.strangers for item in sent.understood))
        if sent.understood or aside:
            metrics.last_news.labels(self._dataset).set_to_current_time()
            words = {name.replace("-", "_"): number for name, number in counts.items() if number}
            took_ms = round((time.monotonic() - sent.began) * 1000)
            self._log.info("batch read", outcome="read", took_ms=took_ms, **words)


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
