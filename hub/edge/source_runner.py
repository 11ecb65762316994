"""Reads one dataset of a legacy system for ever: read, translate, send, await, checkpoint.

The checkpoint never passes a record that is not safe on a topic: its events are acknowledged, or the record is among the dead letters and
in `held`, to be tried again whenever the process starts (an unmapped code is mended in the settings, which are read at the start).

Records repeat: a poll looks back a little. A connector keeps the positions inside its overlap in its checkpoint; this runner remembers the
last thousands it has sent besides, so that one that does not still sends nothing twice while it runs. What is sent twice after a restart
has the same ids, and every consumer ignores the second.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event as Signal
from typing import Any

import structlog
from pydantic import ValidationError

from connectors.sdk.contract import Batch, LegacyRecord, Progress, SourceConnector
from connectors.sdk.errors import ContractBroken, RetryLater, TranslationError
from connectors.sdk.records import decode_record, encode_record
from hub.dead_letters.letter import DeadLetter, record_letter, settled
from hub.edge.condition import Backoff, Conditions
from hub.edge.kafka import Sender
from hub.edge.memory import EdgeMemory, EffectRow, Held
from hub.edge.messages import Outgoing
from hub.edge.metrics import ConnectorMetrics
from hub.edge.wrapping import Speaker, Wrapped, wrap
from hub.failpoints import Failpoint, reach
from schemas.envelope import EVENT_HEADERS
from schemas.topics import FACTS

BROKEN_FOR_S = 300.0
"""How long a dataset rests after its connector broke a promise."""
_REMEMBERED = 20_000
_DOUBT_S = 0.2


@dataclass(frozen=True, kw_only=True)
class Edge:
    """What source and sink of one connector's process share."""

    speaker: Speaker
    memory: EdgeMemory
    sender: Sender
    conditions: Conditions
    metrics: ConnectorMetrics
    stop: Signal


class SourceRunner:
    """Reads one dataset until it is told to stop.

    Args:
        edge: what it shares.
        dataset: name in the manifest.
        connect: makes the connector; called in the thread that runs, again after a broken promise.
    """

    def __init__(self, edge: Edge, dataset: str, connect: Callable[[], SourceConnector[Any]]) -> None:
        self._edge, self._dataset, self._connect = edge, dataset, connect
        self._connector: SourceConnector[Any] | None = None
        self._sent: OrderedDict[str, None] = OrderedDict()
        self._log = structlog.get_logger().bind(connector=edge.speaker.connector, dataset=dataset)

    def run(self) -> None:
        """Read until `stop`.

        Raises:
            RestartMe: Kafka refuses or does not answer.
            ConfigurationError: the legacy system says that the settings are wrong.
        """
        try:
            connector = self._reach()
            settings = connector.settings
            backoff = Backoff(settings.retry_after_s, settings.retry_at_most_s)
            self._try_held(connector)
            while not self._edge.stop.is_set():
                wait_s = self._look(backoff, settings.poll_every_s)
                self._edge.stop.wait(wait_s)
        finally:
            self._let_go()

    def _look(self, backoff: Backoff, poll_every_s: float) -> float:
        """Read once to the end; the answer is how long to wait before the next look."""
        part, conditions = self._dataset, self._edge.conditions
        try:
            news = self._read(self._reach())
        except RetryLater as error:
            conditions.away(part, str(error))
            return backoff.next()
        except ContractBroken as error:
            conditions.broken(part, str(error))
        except (TranslationError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            # A defect of the connector: its own words may hold a record, so only their kind is told.
            conditions.broken(
                part, f"{type(error).__name__} in the connector's read; this is a defect of the connector"
            )
            self._log.error("the connector failed", outcome="defect", exc_info=error)
        else:
            conditions.well(part)
            backoff.reset()
            return 0.0 if news else poll_every_s
        self._let_go()
        return BROKEN_FOR_S

    def _read(self, connector: SourceConnector[Any]) -> bool:
        """Everything since the checkpoint, batch by batch; whether anything was new."""
        news = False
        for batch in connector.read(self._dataset, self._edge.memory.checkpoint(self._dataset)):
            news |= self._take(connector, batch)
            self._edge.conditions.well(self._dataset)
            if self._edge.stop.is_set():
                break
        return news

    def _take(self, connector: SourceConnector[Any], batch: Batch) -> bool:
        """One batch: translate, send, await, checkpoint. Whether anything in it was new."""
        began = time.monotonic()
        reach(Failpoint.SOURCE_READ)
        fresh = [record for record in batch.records if record.position not in self._sent]
        outcomes = [self._understand(connector, record) for record in fresh]
        if self._edge.stop.is_set() and any(outcome is None for outcome in outcomes):
            return False
        understood = [outcome for outcome in outcomes if isinstance(outcome, Wrapped)]
        aside = [outcome for outcome in outcomes if isinstance(outcome, _Aside)]
        self._edge.sender.send([*_outgoing(understood), *(self._letter(item.letter) for item in aside)])
        reach(Failpoint.SOURCE_ACKNOWLEDGED)
        self._edge.memory.move_on(
            self._dataset,
            batch.checkpoint,
            learned={key: reference for item in understood for key, reference in item.learned.items()},
            held_records=[item.held for item in aside],
            at_ms=round(time.time() * 1000),
        )
        reach(Failpoint.SOURCE_CHECKPOINTED)
        self._remember(record.position for record in fresh)
        self._count(batch, understood, aside, took_s=time.monotonic() - began)
        return bool(fresh)

    def _understand(self, connector: SourceConnector[Any], record: LegacyRecord) -> "Wrapped | _Aside | None":
        """What a record comes to; None when the process stops before its case is known."""
        edge = self._edge
        code = "defect"
        try:
            said = list(connector.translate(record))
            if not self._settle_doubt(said):
                return None
            return wrap(edge.speaker, record, said, self._effect_of, datetime.now(UTC))
        except TranslationError as error:
            code, reason = error.code, f"{edge.speaker.connector}: {error}"
        except ValidationError as error:
            places = sorted(
                {
                    ".".join(str(part) for part in item["loc"])
                    for item in error.errors(include_input=False, include_url=False)
                }
            )
            code, reason = (
                "wrong-data",
                f"{edge.speaker.connector}: {record.dataset}: not a valid event: {', '.join(places)}.",
            )
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            reason = f"{edge.speaker.connector}: {record.dataset}: {type(error).__name__} in the connector's translate, a defect."
            self._log.error("the connector failed", outcome="defect", exc_info=error)
        held = Held(edge.speaker.id_of(record).hex, record.dataset, encode_record(record))
        letter = record_letter(
            code=code,
            reason=reason,
            component=edge.speaker.connector,
            dataset=record.dataset,
            record_id=held.record_id,
            key=record.key,
            value=held.body,
        )
        self._log.warning("record set aside", outcome="set-aside", code=code, record=held.record_id)
        return _Aside(letter, held)

    def _effect_of(self, progress: Progress) -> EffectRow | None:
        memory = self._edge.memory
        if progress.effect_key is not None:
            return memory.effect(progress.effect_key)
        return None if progress.legacy_key is None else memory.effect_of(progress.legacy_key)

    def _settle_doubt(self, said: Iterable[object]) -> bool:
        """Wait while the sink may just be writing the record that a progress knows by its legacy key alone; False on a stop."""
        for progress in (item for item in said if isinstance(item, Progress) and item.effect_key is None):
            while self._effect_of(progress) is None and self._edge.memory.unfinished():
                if self._edge.stop.wait(_DOUBT_S):
                    return False
        return True

    def _try_held(self, connector: SourceConnector[Any]) -> None:
        """Try again what could not be understood when the process last ran."""
        edge = self._edge
        for item in edge.memory.held(self._dataset):
            record = decode_record(item.body)
            outcome = self._understand(connector, record)
            if not isinstance(outcome, Wrapped):
                continue
            origin = f"{edge.speaker.connector}/{item.dataset}/{item.record_id}"
            marker = Outgoing(
                self._letters, record.key.encode(), None, settled(origin, "mended", edge.speaker.connector)
            )
            edge.sender.send([*_outgoing([outcome]), marker])
            edge.memory.release(item, outcome.learned)
            self._log.info("record understood at last", outcome="mended", record=item.record_id)

    @property
    def _letters(self) -> str:
        return FACTS[self._edge.speaker.department].dead_letters

    def _letter(self, letter: DeadLetter) -> Outgoing:
        return Outgoing(self._letters, letter.key, letter.value, letter.headers)

    def _remember(self, positions: Iterable[str]) -> None:
        for position in positions:
            self._sent[position] = None
        while len(self._sent) > _REMEMBERED:
            self._sent.popitem(last=False)

    def _count(self, batch: Batch, understood: list[Wrapped], aside: list["_Aside"], took_s: float) -> None:
        said = sum(1 for item in understood if item.events)
        counts = {
            "said": said,
            "silent": len(understood) - said,
            "set-aside": len(aside),
            "repeated": len(batch.records) - len(understood) - len(aside),
        }
        metrics = self._edge.metrics
        for outcome, number in counts.items():
            metrics.records.labels(self._dataset, outcome).inc(number)
        metrics.strangers.labels(self._dataset).inc(sum(item.strangers for item in understood))
        if understood or aside:
            metrics.last_news.labels(self._dataset).set_to_current_time()
            words = {name.replace("-", "_"): number for name, number in counts.items() if number}
            self._log.info("batch read", outcome="read", took_ms=round(took_s * 1000), **words)

    def _reach(self) -> SourceConnector[Any]:
        if self._connector is None:
            self._connector = self._connect()
        return self._connector

    def _let_go(self) -> None:
        if self._connector is not None:
            self._connector.close()
            self._connector = None


@dataclass(frozen=True)
class _Aside:
    """A record that could not be understood."""

    letter: DeadLetter
    held: Held


def _outgoing(understood: Iterable[Wrapped]) -> list[Outgoing]:
    return [
        Outgoing(topic, event.partitionkey.encode(), event.encode(), EVENT_HEADERS)
        for item in understood
        for topic, event in item.events
    ]
