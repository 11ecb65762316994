"""A loop by hand on confluent-kafka, with the hub's own tables: what a good programmer writes who needs no framework.

Tuned: thousands of records a turn, fewer when it is quiet; queues so large that librdkafka fetches while Python works; output sent while
the next partition is still being decided; one flush and one SQL transaction a turn. Promises what the hub does while nobody else has its
partitions: outputs first, then state and offset in one transaction, so at least once on the topics, with the same ids again, and exactly
once in SQL. It has no answer to a partition that is late, a poison event that others wait for, or a member of its group that only seems
dead.
"""

from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from hub.routing.collector import calm
from tests.bench.job import SOURCE, Input, Job, Ledger

_AT_MOST = 2000
_WAIT_S = 0.01


def main() -> None:
    """Read, decide, send, write, until SIGTERM."""
    job = Job.told()
    ledger = Ledger(job)
    refused: list[Any] = []
    consumer = Consumer(
        {
            "bootstrap.servers": job.kafka,
            "group.id": job.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 5,
            "queued.max.messages.kbytes": 16384,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": job.kafka,
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 2,
            "batch.size": 262144,
            "queue.buffering.max.messages": 500_000,
        }
    )

    def begin(consumer: Consumer, partitions: list[TopicPartition]) -> None:
        begins = {each.partition: consumer.get_watermark_offsets(each)[0] for each in partitions}
        found = ledger.positions(begins)
        consumer.assign([TopicPartition(SOURCE, number, offset) for number, offset in found.items()])

    def refuse(error: Any, _message: Any) -> None:
        if error is not None:
            refused.append(error)

    consumer.subscribe([SOURCE], on_assign=begin)
    calm()
    while True:
        taken = by_partition(consumer.consume(_AT_MOST, _WAIT_S))
        shares = []
        for share in ledger.decide(taken) if taken else ():
            shares.append(share)
            for topic, records in share.outgoing.items():
                for record in records:
                    producer.produce(
                        topic,
                        record.value,
                        record.key,
                        share.partition.number,
                        on_delivery=refuse,
                        headers=list(record.headers),
                    )
            producer.poll(0)
        if not shares:
            continue
        producer.flush()
        if refused:
            raise SystemExit(f"Kafka did not take an output: {refused[0]}.")
        ledger.keep(shares)
        consumer.commit(
            offsets=[TopicPartition(SOURCE, share.partition.number, share.new) for share in shares], asynchronous=True
        )


def by_partition(messages: list[Any]) -> dict[int, list[Input]]:
    """Records that were read, by partition and in order.

    Raises:
        SystemExit: Kafka says that something is wrong which does not pass.
    """
    taken: dict[int, list[Input]] = {}
    for message in messages:
        if (error := message.error()) is not None:
            if error.retriable():
                continue
            raise SystemExit(f"Kafka: {error}.")
        record = Input(message.offset(), message.key(), message.value())
        taken.setdefault(message.partition(), []).append(record)
    return taken


if __name__ == "__main__":
    main()
