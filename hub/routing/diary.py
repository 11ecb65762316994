"""What the worker tells of its rounds: metrics for each, a log line for those that matter, a summary every ten seconds."""

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence

import structlog

from hub.health.metrics import WorkerMetrics
from hub.routing.share import Share

_SLOW_S = 1.0
_SUMMARY_EVERY_S = 10.0
_DEFECT_LINES_PER_MINUTE = 10


class Diary:
    """Keeps count.

    Args:
        metrics: a worker's.
        clock: seconds that only grow.
    """

    def __init__(self, metrics: WorkerMetrics, clock: Callable[[], float] = time.monotonic) -> None:
        self._metrics = metrics
        self._clock = clock
        self._log = structlog.get_logger()
        self._since: Counter[str] = Counter()
        self._summed_at = clock()
        self._defects: deque[float] = deque()

    def note_defects(self, share: Share) -> None:
        """Log the hub's own faults, before anything of the share is sent; at most some lines a minute."""
        now = self._clock()
        while self._defects and self._defects[0] <= now - 60:
            self._defects.popleft()
        for defect in share.defects:
            self._defects.append(now)
            if len(self._defects) <= _DEFECT_LINES_PER_MINUTE:
                self._log.error(
                    "the hub failed on a record; it is set aside",
                    partition=share.partition.number,
                    offset=defect.offset,
                    error=defect.error,
                    place=defect.place,
                )

    def note_round(self, shares: Sequence[Share], took_s: float) -> None:
        """Count a round that was written.

        Args:
            shares: those that were.
            took_s: from fetch to commit.
        """
        if not shares:
            return
        self._metrics.rounds.observe(took_s)
        outcomes: Counter[tuple[str, str]] = Counter()
        set_aside: Counter[str] = Counter()
        outputs = 0
        for share in shares:
            outcomes += share.outcomes
            set_aside += share.set_aside
            for topic, items in share.outgoing.items():
                self._metrics.outputs.labels(topic).inc(len(items))
                outputs += len(items)
        for labels, count in outcomes.items():
            self._metrics.events.labels(*labels).inc(count)
        for code, count in set_aside.items():
            self._metrics.dead_letters.labels(code).inc(count)
        facts = {
            "events": outcomes.total(),
            "outputs": outputs,
            "cases": sum(len(share.rows) for share in shares),
            "took_ms": round(took_s * 1000),
        }
        if set_aside:
            self._log.warning("round applied", dead_letters=dict(set_aside), **facts)
        elif took_s > _SLOW_S:
            self._log.info("round applied", **facts)
        else:
            self._log.debug("round applied", **facts)
        self._since += Counter(rounds=1, events=facts["events"], outputs=outputs, dead_letters=set_aside.total())

    def sum_up(self) -> None:
        """Write what was done since the last summary, if anything was and ten seconds have passed."""
        now = self._clock()
        if self._since and now - self._summed_at >= _SUMMARY_EVERY_S:
            self._log.info("applied", **self._since, over_s=round(now - self._summed_at, 1))
            self._since.clear()
            self._summed_at = now
