"""Stops partitions of the worker when too much is set aside, and says so: in the log, in a metric, and in /readyz.

A partition that is stopped stands before the record that would be set aside next; nothing behind it is lost, read or set aside. The others
go on until they meet such a record too: the limit is the process's, for a bad release is.
"""

from collections.abc import Collection

import structlog

from hub.dead_letters.rate import Rate
from hub.health.metrics import WorkerMetrics
from hub.memory.store import Partition
from hub.routing.share import Share


class Brake:
    """Which partitions stand still.

    Args:
        rate: of records that are set aside.
        metrics: a worker's.
    """

    def __init__(self, rate: Rate, metrics: WorkerMetrics) -> None:
        self.rate = rate
        self._metrics = metrics
        self._stopped: dict[Partition, str] = {}
        self._log = structlog.get_logger()

    @property
    def stopped(self) -> Collection[Partition]:
        """Those that stand still."""
        return tuple(self._stopped)

    @property
    def why(self) -> str:
        """In sentences, for whoever asks: which stand still, why, and what is to be done; empty where none does."""
        stopped = dict(self._stopped)  # asked for by another thread than the one that stops and releases
        if not stopped:
            return ""
        numbers = ", ".join(str(partition.number) for partition in sorted(stopped))
        return f"partitions {numbers} stand still: {next(iter(stopped.values()))}"

    def count(self, share: Share) -> None:
        """Count what a share sets aside, and stop its partition where it says so."""
        share.counted = self.rate.count(share.died, f"{share.partition.topic}/{share.partition.number}")
        if share.stopped_for:
            why = self.rate.why(share.stopped_for)
            self._stopped[share.partition] = why
            self._metrics.stopped_partitions.set(len(self._stopped))
            self._log.error("partition stopped", partition=share.partition.number, offset=share.new, reason=why)

    def release(self) -> list[Partition]:
        """Those that may go on, once there is room; they are to be read from where they stand."""
        if not self._stopped or not self.rate.room():
            return []
        released = sorted(self._stopped)
        self.forget()
        self._log.info("partitions go on", partitions=[partition.number for partition in released])
        return released

    def forget(self) -> None:
        """Partitions were assigned anew, and begin where they stand."""
        self._stopped.clear()
        self._metrics.stopped_partitions.set(0)
