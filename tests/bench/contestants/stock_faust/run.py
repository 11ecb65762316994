"""Faust as its documentation shows it: an agent, a table, a send; one event at a time.

Tuned: uvloop, Faust's Cython as it was repaired, a producer that lingers so that records travel together (by default it sends nearly every
one alone), large fetches, raw bytes in the table and on the topics, outputs before the table. Promises what Faust does: it commits when the
agent is done with an event and after it has tried to flush its producer, which it gives up after a tenth of a second; an output that
Kafka refuses later is logged and lost. The table is in memory and on its changelog, which a kill may find ahead of the outputs: those are
lost, too (7 and 157 of 4,500 in two of three tries).
"""

from collections.abc import Mapping
from typing import Any

import mode.loop

mode.loop.use("uvloop")

import faust  # noqa: E402 - the loop is chosen before it is imported
from faust.worker import Worker  # noqa: E402 - as said

from hub.routing.collector import calm  # noqa: E402 - as said
from tests.bench.job import OUTPUTS, SOURCE, Input, Job  # noqa: E402 - as said

job = Job.told()
app = faust.App(
    job.group,
    broker=f"kafka://{job.kafka}",
    datadir=job.work / "faust",
    topic_partitions=job.partitions,
    topic_replication_factor=1,
    topic_disable_leader=True,
    cython_optimizations=True,
    consumer_auto_offset_reset="earliest",
    consumer_max_fetch_size=4 << 20,
    broker_max_poll_records=5000,
    producer_linger=0.02,
    producer_max_batch_size=256 << 10,
    web_enabled=False,
)
RAW: Mapping[str, Any] = {"key_type": bytes, "key_serializer": "raw", "value_type": bytes, "value_serializer": "raw"}
cases = app.Table("cases", partitions=job.partitions, key_type=bytes, value_type=bytes)
outputs = {name: app.topic(name, **RAW) for name in OUTPUTS}


@app.agent(app.topic(SOURCE, **RAW))
async def decide(events: Any) -> None:
    """Decide event by event."""
    async for event in events.events():
        message = event.message
        before = cases.get(event.key)
        after, sends = job.one(message.partition, Input(message.offset, message.key, message.value), before)
        for send in sends:
            await outputs[send.topic].send(
                key=send.key, value=send.value, partition=message.partition, headers=list(send.headers)
            )
        # Last: an event that is read again after a kill, and is remembered, has no outputs any more. It does not always help.
        if after is not None and after is not before:
            cases[event.key] = after


if __name__ == "__main__":
    calm()
    Worker(app, loglevel="INFO").execute_from_commandline()
