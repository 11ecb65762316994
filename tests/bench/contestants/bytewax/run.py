"""Bytewax: a dataflow with keyed state in memory, and snapshots of it in its recovery store.

Tuned: batches of a thousand, an idempotent producer with room for large batches, a snapshot of what changed every five seconds. Its sink
flushes after every batch. Promises at least once from the last snapshot on, in which offsets and state are together; but its Kafka sink
does not look at what became of a record, so that one which Kafka refuses is lost.
"""

from datetime import timedelta

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from hub.routing.collector import calm
from tests.bench.job import SOURCE, Input, Job


def main() -> None:
    """Run until SIGTERM."""
    job = Job.told()

    def decide(
        before: bytes | None, message: KafkaSourceMessage[bytes, bytes]
    ) -> tuple[bytes | None, list[KafkaSinkMessage[bytes, bytes]]]:
        after, sends = job.one(message.partition, Input(message.offset, message.key, message.value), before)
        return after, [KafkaSinkMessage(send.key, send.value, send.topic, list(send.headers)) for send in sends]

    flow = Dataflow("hub")
    events = op.input("events", flow, KafkaSource([job.kafka], [SOURCE], batch_size=1000))
    by_case = op.key_on("case", events, lambda message: message.key.decode())
    sends = op.key_rm("sends", op.stateful_flat_map("decide", by_case, decide))
    producer = {
        "enable.idempotence": "true",
        "acks": "all",
        "partitioner": "murmur2",
        "linger.ms": "2",
        "batch.size": "262144",
        "queue.buffering.max.messages": "500000",
    }
    op.output("out", sends, KafkaSink([job.kafka], None, producer))

    store = job.work / "recovery"
    if not store.exists():
        store.mkdir()
        init_db_dir(store, 1)
    calm()
    cli_main(flow, epoch_interval=timedelta(seconds=5), recovery_config=RecoveryConfig(store))


if __name__ == "__main__":
    main()
