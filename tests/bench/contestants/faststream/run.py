"""FastStream on aiokafka, by the batch, with the hub's own tables.

Tuned: batches in and out (records that are published one by one cost several times as much), one output batch per topic and partition,
topics side by side, uvloop, records taken as aiokafka read them, the SQL of the hub in one transaction a batch. Promises as the loop by
hand does: outputs acknowledged, then state and offset in one transaction, then the commit; a batch that fails is read again.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import uvloop
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker, KafkaMessage, KafkaPublishMessage

from hub.edge.messages import Outgoing
from hub.routing.collector import calm
from tests.bench.job import SOURCE, Job, Ledger

_AT_MOST = 2000
_WAIT_MS = 10
_BATCH_BYTES = 900_000

job = Job.told()
ledger = Ledger(job)
broker = KafkaBroker(
    job.kafka,
    acks="all",
    enable_idempotence=True,
    max_batch_size=_BATCH_BYTES,
    apply_types=False,
    logger=None,
)
app = FastStream(broker, logger=None)
begun: set[int] = set()


async def as_read(message: KafkaMessage) -> Any:
    """The batch as aiokafka gives it, and nothing decoded twice."""
    return message.raw_message


@broker.subscriber(  # type: ignore[untyped-decorator] # the library is not where types are checked
    SOURCE,
    group_id=job.group,
    batch=True,
    max_records=_AT_MOST,
    batch_timeout_ms=_WAIT_MS,
    max_partition_fetch_bytes=4 << 20,
    auto_offset_reset="earliest",
    ack_policy=AckPolicy.NACK_ON_ERROR,
    decoder=as_read,
)
async def decide(records: tuple[Any, ...]) -> None:
    """Decide a batch, send what follows, write it down."""
    taken: dict[int, list[Any]] = {}
    for record in records:
        taken.setdefault(record.partition, []).append(record)
    if new := taken.keys() - begun:
        ledger.positions({number: taken[number][0].offset for number in new})
        begun.update(new)
    shares = list(ledger.decide(taken))
    await asyncio.gather(
        *(
            send(topic, share.partition.number, outgoing)
            for share in shares
            for topic, outgoing in share.outgoing.items()
        )
    )
    ledger.keep(shares)


async def send(topic: str, partition: int, records: Sequence[Outgoing]) -> None:
    """Send records of one topic and partition, each batch acknowledged before the next one."""
    for batch in batches(records):
        await broker.publish_batch(
            *(KafkaPublishMessage(record.value, key=record.key) for record in batch),
            topic=topic,
            partition=partition,
            headers={name: value.decode() for name, value in batch[0].headers},
        )


def batches(records: Sequence[Outgoing]) -> Iterator[list[Outgoing]]:
    """Records in order, in batches that Kafka takes."""
    batch: list[Outgoing] = []
    room = _BATCH_BYTES
    for record in records:
        size = len(record.key or b"") + len(record.value or b"") + 500
        if batch and size > room:
            yield batch
            batch, room = [], _BATCH_BYTES
        batch.append(record)
        room -= size
    yield batch


if __name__ == "__main__":
    calm()
    uvloop.run(app.run())
