"""Where the sender puts records, in which order, and what it does when a broker stops answering."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]  # it exports them, and does not say so

from hub.broker import nodes
from hub.edge.kafka import Sender, TopicFacts, topics_of
from hub.edge.messages import Outgoing
from hub.errors import RestartMe
from hub.settings import KafkaSettings

TOPIC, GROWS = "sender-gives-up", "sender-grows"
ONE = KafkaSettings(partitions=1)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "it never held"
        time.sleep(0.02)


@pytest.fixture
def frozen(broker: Any) -> Iterator[Callable[[], None]]:
    """Call it, and the broker stands still until the test ends."""
    (state,) = nodes.status(broker.folder)
    assert state.pid is not None
    pid = state.pid
    yield lambda: os.kill(pid, signal.SIGSTOP)
    os.kill(pid, signal.SIGCONT)


def threads_of(client: str) -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(client)]


def partitions_of(kafka: str, topic: str) -> int:
    there = AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=30).topics.get(topic)
    return len(there.partitions) if there else 0


@pytest.fixture
def three(broker: Any) -> Iterator[KafkaSettings]:
    """Settings of a hub with three partitions, whose topic is there."""
    settings = KafkaSettings(partitions=3)
    with topics_of(settings, broker.bootstrap) as topics:
        topics.create([TopicFacts(GROWS, 3, 1)])
    yield settings
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.delete_topics([GROWS])[GROWS].result(30)
    until(lambda: partitions_of(broker.bootstrap, GROWS) == 0)


def test_a_key_stays_in_the_partition_where_every_client_puts_it_also_when_its_topic_has_grown(
    broker: Any, three: KafkaSettings
) -> None:
    keys = [f"case-{number}".encode() for number in range(40)]
    theirs: dict[bytes | None, int | None] = {}
    producer = Producer({"bootstrap.servers": broker.bootstrap, "partitioner": "murmur2_random", "log_level": 0})
    for key in keys:
        producer.produce(GROWS, b"", key, on_delivery=lambda _, sent: theirs.update({sent.key(): sent.partition()}))
    producer.flush(60)

    with closing(Sender(three, broker.bootstrap, "before")) as sender:
        before = [place.partition for place in sender.send([Outgoing(GROWS, key, b"") for key in keys])]
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.create_partitions([NewPartitions(GROWS, 5)])[GROWS].result(30)
    until(lambda: partitions_of(broker.bootstrap, GROWS) == 5)
    with closing(Sender(three, broker.bootstrap, "after")) as sender:
        after = [place.partition for place in sender.send([Outgoing(GROWS, key, b"") for key in keys])]

    assert before == after == [theirs[key] for key in keys]


def test_a_partition_that_a_topic_has_not_is_not_waited_for(broker: Any, three: KafkaSettings) -> None:
    with (
        closing(Sender(three.model_copy(update={"partitions": 50}), broker.bootstrap, "too-far")) as sender,
        pytest.raises(RestartMe, match=f"did not acknowledge records for {GROWS}"),
    ):
        sender.send([Outgoing(GROWS, str(number).encode(), b"") for number in range(10)])


def test_what_was_begun_is_sent_in_its_order_whoever_is_waited_for_first(broker: Any, three: KafkaSettings) -> None:
    with closing(Sender(three, broker.bootstrap, "two-at-a-time")) as sender:
        first = sender.begin([Outgoing(GROWS, b"key", str(number).encode()) for number in range(6_000)])
        second = sender.begin([Outgoing(GROWS, b"key", b"last")])

        (last,) = second()
        offsets = [place.offset for place in first()]

    assert offsets == list(range(offsets[0], offsets[0] + 6_000))
    assert last.offset == offsets[-1] + 1


def test_a_sender_that_gave_up_sends_no_more_and_its_thread_ends(broker: Any, frozen: Callable[[], None]) -> None:
    with topics_of(ONE, broker.bootstrap) as topics:
        topics.create([TopicFacts(TOPIC, 1, 1)])
    sender = Sender(ONE, broker.bootstrap, "gives-up", acknowledged_within_s=1)
    sender.send([Outgoing(TOPIC, b"key", b"first")])
    frozen()

    with pytest.raises(RestartMe, match=f"did not acknowledge records for {TOPIC}"):
        sender.send([Outgoing(TOPIC, b"key", b"second")])
    sender.close()

    until(lambda: not threads_of("gives-up"))


@pytest.fixture
def silent() -> Iterator[str]:
    """A port that takes every connection and says nothing on it: a broker that is frozen, or a forwarded port with none behind it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL"])
def test_a_broker_that_takes_the_connection_and_says_nothing_is_given_up(
    protocol: str, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("connection", "sender"):
        monkeypatch.setattr(f"hub.edge.kafka.{module}.ANSWER_WITHIN_S", 2.0)

    with pytest.raises(RestartMe, match="does not answer"):
        Sender(KafkaSettings(security_protocol=protocol), silent, "meets-silence")
