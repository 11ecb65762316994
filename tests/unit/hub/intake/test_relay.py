"""The relay with a sender that fails on purpose: in order, at least once, nothing marked that was not acknowledged."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from hub.edge.messages import Headers, Outgoing
from hub.errors import RestartMe
from hub.intake.outbox import Outbox, Row
from hub.intake.relay import Relay
from schemas.envelope import EVENT_HEADERS


class FailingSender:
    """Kafka as it may be: away for so many attempts, then there."""

    def __init__(self, away_for: int, until: int) -> None:
        self.away_for, self.until = away_for, until
        self.values: list[bytes] = []
        self.keys: list[bytes | None] = []
        self.headers: set[Headers] = set()
        self.connections = 0
        self.arrived = Event()

    def connect(self) -> "FailingSender":
        self.connections += 1
        return self

    def send(self, records: Sequence[Outgoing]) -> None:
        if self.away_for > 0:
            self.away_for -= 1
            raise RestartMe("Kafka did not acknowledge records.")
        self.values += [record.value or b"" for record in records]
        self.keys += [record.key for record in records]
        self.headers |= {record.headers for record in records}
        if len(self.values) >= self.until:
            self.arrived.set()

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    made = Outbox(f"sqlite:///{tmp_path / 'web.db'}", 1000)
    made.start()
    yield made
    made.close()


def accept(outbox: Outbox, *keys: str) -> None:
    for key in keys:
        outbox.accept(Row(key, "f", f"case-{key}", "asked", 1000, key)).result(10)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, "it never held"
        time.sleep(0.005)


def test_rows_are_sent_in_order_under_their_case_and_marked(outbox: Outbox) -> None:
    accept(outbox, "a", "b", "c")
    sender = FailingSender(away_for=0, until=3)
    relay = Relay(outbox, sender.connect)
    relay.start()

    assert sender.arrived.wait(10)
    relay.stop()

    assert sender.values == [b"a", b"b", b"c"]
    assert sender.keys == [b"case-a", b"case-b", b"case-c"]
    assert sender.headers == {EVENT_HEADERS}
    assert outbox.count_unsent() == 0


def test_what_could_not_be_sent_waits_and_is_sent_once_kafka_is_back_with_one_line_for_each(outbox: Outbox) -> None:
    accept(outbox, "a", "b")
    sender = FailingSender(away_for=2, until=2)
    relay = Relay(outbox, sender.connect)

    with capture_logs() as logs:
        relay.start()
        assert sender.arrived.wait(10)
        relay.stop()

    assert sender.values == [b"a", b"b"]
    assert sender.connections == 3
    assert [line["log_level"] for line in logs] == ["warning", "info"]
    assert outbox.count_unsent() == 0


def test_what_was_sent_but_not_marked_before_a_crash_is_sent_again_with_the_same_bytes(outbox: Outbox) -> None:
    accept(outbox, "a")
    first = outbox.unsent(10)
    sender = FailingSender(away_for=0, until=1)
    relay = Relay(outbox, sender.connect)
    relay.start()

    assert sender.arrived.wait(10)
    relay.stop()

    assert [value.decode() for value in sender.values] == [row.event for row in first]


def test_an_outbox_that_cannot_be_written_sends_nothing_twice_and_is_not_said_to_be_kafkas_fault(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.intake.relay._LOOK_EVERY_S", 0.01)
    accept(outbox, "a", "b")
    with outbox._engine.begin() as connection:
        connection.execute(
            text("create trigger closed before update on outbox begin select raise(abort, 'no room'); end")
        )
    sender = FailingSender(away_for=0, until=2)
    relay = Relay(outbox, sender.connect)
    tried: list[int] = []
    mark = outbox.sent

    def counted(rows: Sequence[int], now_ms: int) -> None:
        tried.extend(rows)
        mark(rows, now_ms)

    monkeypatch.setattr(outbox, "sent", counted)
    with capture_logs() as logs:
        relay.start()
        until(lambda: len(tried) >= 6)
        with outbox._engine.begin() as connection:
            connection.execute(text("drop trigger closed"))
        until(lambda: outbox.count_unsent() == 0)
        relay.stop()

    assert sender.values == [b"a", b"b"]
    assert sender.connections == 1
    assert not [line for line in logs if "Kafka" in line["event"]]
