"""What the transport overrides in Faust 0.15.3, and what it relies on: this fails when a new version moved any of it."""

import inspect
from importlib.metadata import version
from typing import Any

import faust
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from faust.transport.consumer import Consumer as BaseConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import ConsumerMessage

from hub.routing import transport


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_faust_is_the_version_that_was_read() -> None:
    assert version("faust-streaming") == "0.15.3"


@pytest.mark.parametrize(
    ("ours", "theirs", "name", "expected"),
    [
        (transport.Consumer, driver.Consumer, "seek_to_committed", ["self"]),
        (transport.Consumer, driver.Consumer, "_new_offset", ["self", "tp"]),
        (transport.Consumer, driver.Consumer, "_drain_messages", ["self", "fetcher"]),
        (transport.Consumer, driver.Consumer, "_new_consumer_thread", ["self"]),
        (
            transport.ConsumerThread,
            driver.AIOKafkaConsumerThread,
            "_create_worker_consumer",
            ["self", "transport"],
        ),
        (transport.ConsumerThread, driver.AIOKafkaConsumerThread, "crash", ["self", "exc"]),
        (transport.Producer, driver.Producer, "_settings_extra", ["self"]),
        (transport.Producer, driver.Producer, "flush", ["self"]),
    ],
)
def test_every_method_overridden_is_there_and_takes_the_same(
    ours: Any, theirs: Any, name: str, expected: list[str]
) -> None:
    assert getattr(ours, name) is not getattr(theirs, name)
    assert parameters(getattr(theirs, name)) == expected == parameters(getattr(ours, name))
    assert inspect.iscoroutinefunction(getattr(ours, name)) == inspect.iscoroutinefunction(getattr(theirs, name))


@pytest.mark.parametrize(
    ("owner", "name", "expected"),
    [
        (BaseConsumer, "_wait_next_records", ["self", "timeout"]),
        (BaseConsumer, "perform_seek", ["self"]),
        (driver.AIOKafkaConsumerThread, "seek_wait", ["self", "partitions"]),
        (driver.AIOKafkaConsumerThread, "_ensure_consumer", ["self"]),
        (driver.Consumer, "earliest_offsets", ["self", "partitions"]),
        (AIOKafkaConsumer, "position", ["self", "partition"]),
        (AIOKafkaConsumer, "last_stable_offset", ["self", "partition"]),
        (driver.Producer, "_ensure_producer", ["self"]),
        (AIOKafkaClient, "_metadata_update", ["self", "cluster_metadata", "topics"]),
        (faust.Schema, "compile", ["self", "app", "on_key_decode_error", "on_value_decode_error", "default_propagate"]),
    ],
)
def test_every_method_relied_on_is_there_and_takes_the_same(owner: Any, name: str, expected: list[str]) -> None:
    assert parameters(getattr(owner, name)) == expected


def test_a_message_is_made_of_the_same_parts() -> None:
    assert parameters(ConsumerMessage.__init__)[1:14] == [
        "topic", "partition", "offset", "timestamp", "timestamp_type", "headers", "key", "value", "checksum",
        "serialized_key_size", "serialized_value_size", "tp", "time_in",
    ]  # fmt: skip
    assert "generation_id" in parameters(ConsumerMessage.__init__)


def test_faust_seeks_in_one_place_only_and_asks_us_there() -> None:
    assert "await self.seek_to_committed()" in inspect.getsource(BaseConsumer.perform_seek)


def test_what_is_read_and_how_long_a_fetch_waits_is_asked_for_when_the_consumer_starts() -> None:
    start = inspect.getsource(AIOKafkaConsumer.start)

    assert "isolation_level=self._isolation_level" in start
    assert "fetch_max_wait_ms=self._fetch_max_wait_ms" in start


def test_the_producer_is_idempotent_and_waits_for_all_copies() -> None:
    producer: Any = object()
    assert transport.Producer._settings_extra(producer) == {"acks": "all", "enable_idempotence": True}
