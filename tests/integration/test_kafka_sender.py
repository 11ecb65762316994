"""The sender on a broker that stops answering: it gives up in time, and leaves nothing behind."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hub.broker import nodes
from hub.edge.kafka import Sender, TopicFacts, topics_of
from hub.edge.messages import Outgoing
from hub.errors import RestartMe
from hub.settings import KafkaSettings

TOPIC = "sender-gives-up"
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
