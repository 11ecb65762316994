"""This worker's place in the consumer group, as Faust sees it: what the rounds, the deadlines and the health port ask of it."""

from collections.abc import Collection, Mapping, Sequence
from typing import cast

import faust
from aiokafka import AIOKafkaProducer

from hub.admission import ADMISSION
from hub.memory.store import Partition
from hub.routing.transport import Consumer, Producer


class Membership:
    """Answers while the app runs, and says "nothing" before.

    Args:
        app: a worker's Faust app.
    """

    def __init__(self, app: faust.App) -> None:
        self._app = app

    @property
    def _consumer(self) -> Consumer:
        return cast("Consumer", self._app.consumer)

    @property
    def is_stopping(self) -> bool:
        """Whether the worker was asked to stop."""
        return bool(self._app.should_stop)

    @property
    def is_rebalancing(self) -> bool:
        """Whether the group is being rearranged, or this worker has not joined it yet."""
        return bool(self._app.rebalancing) or not self._app.started

    def is_ours(self, generation: int) -> bool:
        """Whether the partitions assigned in this generation are still this worker's."""
        return not self._app.rebalancing and self._app.consumer_generation_id == generation

    def on_duty(self) -> Sequence[int]:
        """Numbers of the partitions that are this worker's; none while the group is being rearranged."""
        return [] if self.is_rebalancing else [partition.number for partition in self._consumer.assigned()]

    def ends(self) -> Mapping[Partition, int]:
        """Where what can be read ends, of every partition that is this worker's."""
        if self.is_rebalancing:
            return {}
        return {partition: self._consumer.end_of(partition) for partition in self._consumer.assigned()}

    def refused(self) -> str:
        """Why Kafka does not let this worker in, or take part in its group; empty where it does."""
        return ADMISSION.why or (self._consumer.refused() if self._app.started else "")

    def producer(self) -> AIOKafkaProducer:
        """The producer of the running app."""
        return cast("Producer", self._app.producer).connected()

    async def steer(self, read_from: Mapping[Partition, int], hold: Collection[Partition]) -> None:
        """Read on from these offsets; fetch nothing of those held."""
        await self._consumer.steer(read_from, hold)

    async def begins(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        """First offset of each partition's log, as Kafka has it now."""
        return await self._consumer.begins(partitions)
