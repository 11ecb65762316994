"""Sending a partition's records, each batch acknowledged before the next of its topic goes out."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from hub.admission import Right, refusal
from hub.edge.messages import Outgoing
from hub.errors import RestartMe


class Publisher:
    """Sends to the partition of the same number in every topic: all have as many, and the key is the case.

    Args:
        producer: the producer of the running app.
        prefix: before the name of every topic.
    """

    def __init__(self, producer: Callable[[], AIOKafkaProducer], prefix: str = "") -> None:
        self._producer = producer
        self._prefix = prefix

    async def send(self, partition: int, outgoing: Mapping[str, Sequence[Outgoing]], go_on: Callable[[], bool]) -> bool:
        """Send records by topic, topics side by side.

        Args:
            partition: number of the partition.
            outgoing: records in order, by topic.
            go_on: asked before every batch; when it says no, nothing more is sent.

        Returns:
            Whether everything was acknowledged.

        Raises:
            aiokafka.errors.KafkaError: a batch was refused or not acknowledged in time; it may be in the log all the same.
            RestartMe: this process may not write to one of the topics.
        """
        sent = await asyncio.gather(*(self._send(topic, partition, items, go_on) for topic, items in outgoing.items()))
        return all(sent)

    async def _send(self, topic: str, partition: int, items: Sequence[Outgoing], go_on: Callable[[], bool]) -> bool:
        # A batch that fails must not be overtaken by the one behind it, so there is never more than one.
        producer, done = self._producer(), 0
        while done < len(items):
            if not go_on():
                return False
            batch = producer.create_batch()
            while done < len(items):
                item = items[done]
                # A batch takes its first record whatever its size; later ones while there is room.
                if batch.append(key=item.key, value=item.value, timestamp=None, headers=list(item.headers)) is None:
                    break
                done += 1
            batch.close()
            try:
                await (await producer.send_batch(batch, self._prefix + topic, partition=partition))
            except KafkaError as error:
                if why := refusal(error, Right.WRITE, [self._prefix + topic]):
                    raise RestartMe(why) from error
                raise
        return True
