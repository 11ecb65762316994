"""Quix Streams: a streaming dataframe with its state in RocksDB and on a changelog topic.

Tuned: state and outputs as raw bytes, with no JSON of Quix's own around them; librdkafka asks again at once where its queue was full (by
default it waits a second, which shows in the latency). The rest are its defaults, which are good ones: an idempotent producer, a
checkpoint every five seconds. Promises at least once: outputs and changelog are flushed before the offset is committed; after a crash the
outputs since the last checkpoint come again, and cases are restored from the changelog.
"""

from typing import Any

from quixstreams import Application, State, message_context
from quixstreams.models.serializers import Serializer

from hub.edge.messages import Outgoing
from hub.routing.collector import calm
from tests.bench.job import OUTPUTS, SOURCE, Input, Job

_CASE = "case"


class _Value(Serializer):  # type: ignore[misc] # the library is not where types are checked
    """A record's bytes, as they are."""

    def __call__(self, value: Outgoing, *args: Any, **kwargs: Any) -> bytes | None:
        return value.value


def main() -> None:
    """Run until SIGTERM."""
    job = Job.told()
    app = Application(
        broker_address=job.kafka,
        consumer_group=job.group,
        auto_offset_reset="earliest",
        state_dir=job.work / "state",
        consumer_extra_config={"fetch.queue.backoff.ms": 5},
        loglevel="WARNING",
    )
    source = app.topic(SOURCE, key_deserializer="bytes", value_deserializer="bytes")
    outputs = {name: app.topic(name, key_serializer="bytes", value_serializer=_Value()) for name in OUTPUTS}

    def decide(value: bytes, key: bytes, _timestamp: int, _headers: Any, state: State) -> list[Outgoing]:
        place = message_context()
        before = state.get_bytes(_CASE)
        after, sends = job.one(place.partition, Input(place.offset, key, value), before)
        if after is not None and after is not before:
            state.set_bytes(_CASE, after)
        return sends

    app.dataframe(source).apply(decide, stateful=True, expand=True, metadata=True).to_topic(
        lambda send, *_: outputs[send.topic]
    )
    calm()
    app.run()


if __name__ == "__main__":
    main()
