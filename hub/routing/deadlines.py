"""The hub's clock: a deadline that passed becomes an event of its case, so that only `step` ever decides what follows.

A crash between sending and remembering sends the event again with the same id, and the case has heard it already.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID, uuid5

import structlog

from hub.edge.messages import Outgoing
from hub.failpoints import Failpoint, reach
from hub.health.metrics import WorkerMetrics
from hub.memory.store import DeadlineRow
from hub.routing.patience import Memory
from hub.routing.publish import Publisher
from hub.routing.share import moment_of
from schemas.envelope import output_id
from schemas.tasks import DeadlineExpired, ExpiredDeadline, deadline_name
from schemas.topics import CASE_EVENTS

_CASES = UUID("5f2c1e0a-7d34-5b1e-9a57-6c2f4d8b9e13")
"""Namespace of cases, from which the ids of their deadlines are computed; any constant would do, but never another."""
_AT_ONCE = 500
_COUNT_EVERY_S = 30.0
_SQL_BUDGET_S = 120.0


class Shift(Protocol):
    """Whether this worker is on duty, and for what."""

    @property
    def is_stopping(self) -> bool:
        """Whether the worker was asked to stop."""

    def on_duty(self) -> Sequence[int]:
        """Numbers of the partitions that are this worker's; none while the group is being rearranged."""


class DeadlineTimer:
    """Looks for deadlines that passed and publishes them.

    Args:
        every_s: how often to look.
        council: GSS code.
        source: `source` of the events.
        shift, memory, publisher, metrics: what it works with.
        now: microseconds since 1970 UTC.
    """

    def __init__(
        self,
        *,
        every_s: float,
        council: str,
        source: str,
        shift: Shift,
        memory: Memory,
        publisher: Publisher,
        metrics: WorkerMetrics,
        now: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._every_s = every_s
        self._council = council
        self._source = source
        self._shift = shift
        self._memory = memory
        self._publisher = publisher
        self._metrics = metrics
        self._now = now
        self._log = structlog.get_logger()

    async def run(self) -> None:
        """Look again and again until the worker stops.

        Raises:
            RestartMe: the database does not answer.
            aiokafka.errors.KafkaError: Kafka refused an event.
        """
        counted_at = 0.0
        while not self._shift.is_stopping:
            await asyncio.sleep(self._every_s)
            if time.monotonic() - counted_at >= _COUNT_EVERY_S:
                counted_at = time.monotonic()
                await self._count()
            while await self.publish_due() == _AT_ONCE:
                pass

    async def _count(self) -> None:
        parts = self._shift.on_duty()
        self._metrics.open_deadlines.set(await self._memory.ask(lambda s: s.count_deadlines(parts), _SQL_BUDGET_S))

    async def publish_due(self) -> int:
        """Publish the deadlines that have passed, at most some hundreds; how many were found."""
        parts, now = self._shift.on_duty(), self._now()
        if not parts:
            return 0
        due = await self._memory.ask(lambda store: store.due(parts, now, _AT_ONCE), _SQL_BUDGET_S)
        by_part: dict[int, list[DeadlineRow]] = {}
        for row in due:
            by_part.setdefault(row.part, []).append(row)
        await asyncio.gather(*(self._publish(part, rows, now) for part, rows in by_part.items()))
        return len(due)

    async def _publish(self, part: int, rows: list[DeadlineRow], now: int) -> None:
        records = [Outgoing.event(CASE_EVENTS.name, row.reference, self.event(row, now).encode()) for row in rows]
        sent = await self._publisher.send(part, {CASE_EVENTS.name: records}, lambda: part in self._shift.on_duty())
        if sent:
            reach(Failpoint.WORKER_DEADLINES_SENT)
            await self._memory.ask(lambda store: store.mark_published(rows), _SQL_BUDGET_S)
            self._metrics.expired_deadlines.inc(len(rows))
            self._log.info("deadlines expired", partition=part, deadlines=len(rows))

    def event(self, row: DeadlineRow, now: int) -> DeadlineExpired:
        """The event of one deadline; the same id whichever worker makes it, and however often."""
        due = moment_of(row.due_us)
        return DeadlineExpired(
            id=output_id(uuid5(_CASES, row.reference), deadline_name(row.task, due)),
            source=self._source,
            correlationid=row.reference,
            partitionkey=row.reference,
            council=self._council,
            time=moment_of(now),
            effectiveat=due,
            data=ExpiredDeadline(task=row.task, due=due),
        )
