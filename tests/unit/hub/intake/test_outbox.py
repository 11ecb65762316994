"""The outbox on SQLite: durable before answered, one commit for many, the same answer for the same key."""

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event, text

from hub.intake.outbox import Outbox, OutboxUnavailable, Receipt, Row


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'folder' / 'web.db'}"


@pytest.fixture
def outbox(url: str) -> Iterator[Outbox]:
    made = Outbox(url)
    made.start()
    yield made
    made.close()


def row(key: str, fingerprint: str = "f", reference: str = "r", request: str | None = "asked") -> Row:
    return Row(key, fingerprint, reference, request, 1000, f'{{"key": "{key}"}}')


def test_what_is_answered_is_in_the_database_for_another_connection_to_see(outbox: Outbox, url: str) -> None:
    receipt = outbox.accept(row("a")).result(10)

    other = create_engine(url)
    with other.connect() as connection:
        assert connection.execute(text("select key, event from outbox")).all() == [("a", '{"key": "a"}')]
    other.dispose()
    assert receipt == Receipt("f", "r", 1000)


def test_the_same_key_gets_the_first_answer_for_ever(outbox: Outbox, url: str) -> None:
    outbox.accept(row("a", reference="first")).result(10)

    assert outbox.accept(row("a", "other", "second")).result(10) == Receipt("f", "first", 1000)
    assert outbox.known("a") == Receipt("f", "first", 1000)
    assert outbox.known("b") is None
    again = Outbox(url)
    assert again.known("a") == Receipt("f", "first", 1000)
    again.close()


def test_what_arrives_together_shares_a_commit_and_the_first_of_a_key_wins(url: str) -> None:
    outbox = Outbox(url)
    commits: list[Any] = []
    event.listen(outbox._engine, "commit", commits.append)
    waiting: list[Future[Receipt]] = [outbox.accept(row(f"k{n % 50}", reference=f"r{n}")) for n in range(100)]
    outbox.start()
    receipts = [each.result(10) for each in waiting]

    assert len(commits) == 1
    assert [receipt.reference for receipt in receipts] == [f"r{n % 50}" for n in range(100)]
    assert [each.reference for each in outbox.unsent(1000)] == [f"r{n}" for n in range(50)]
    outbox.close()


def test_what_was_sent_is_not_sent_again_and_its_event_is_forgotten(outbox: Outbox, url: str) -> None:
    for key in "abc":
        outbox.accept(row(key)).result(10)
    first, second, _third = outbox.unsent(10)

    outbox.sent([first.seq, second.seq], 2000)

    assert [each.event for each in outbox.unsent(10)] == ['{"key": "c"}']
    assert outbox.count_unsent() == 1
    other = create_engine(url)
    with other.connect() as connection:
        assert connection.execute(text("select count(event) from outbox")).scalar() == 1
    other.dispose()


def test_old_keys_are_forgotten_but_never_what_still_waits(outbox: Outbox) -> None:
    outbox.accept(row("sent")).result(10)
    outbox.sent([each.seq for each in outbox.unsent(10)], 2000)
    outbox.accept(row("waits")).result(10)

    assert outbox.forget(2001) == 1
    assert outbox.known("sent") is None
    assert outbox.known("waits") is not None


def test_a_case_that_came_through_this_door_is_known_before_it_is_routed(outbox: Outbox) -> None:
    outbox.accept(row("a", reference="case-1")).result(10)
    outbox.accept(row("b", reference="case-1", request=None)).result(10)

    found = outbox.opened("case-1")

    assert found is not None
    assert found.request == "asked"
    assert outbox.opened("case-2") is None


def test_a_database_that_fails_is_said_to_be_away_and_the_next_commit_works(outbox: Outbox) -> None:
    with outbox._engine.begin() as connection:
        connection.execute(text("alter table outbox rename to elsewhere"))
    with pytest.raises(OutboxUnavailable):
        outbox.accept(row("a")).result(10)

    with outbox._engine.begin() as connection:
        connection.execute(text("alter table elsewhere rename to outbox"))
    assert outbox.accept(row("a")).result(10).reference == "r"


def test_what_was_handed_in_before_the_end_is_committed_and_nothing_after_it(url: str) -> None:
    outbox = Outbox(url)
    before = outbox.accept(row("a"))
    outbox.start()
    outbox.close()

    assert before.result(10).reference == "r"
    with pytest.raises(OutboxUnavailable):
        outbox.accept(row("b")).result(10)
