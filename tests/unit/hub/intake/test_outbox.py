"""The outbox on SQLite: durable before answered, one commit for many, the same answer for the same key."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event, text
from structlog.testing import capture_logs

from hub.errors import ConfigurationError, RestartMe
from hub.intake import outbox as module
from hub.intake.outbox import Outbox, OutboxFull, OutboxUnavailable, Receipt, Row

LIMIT = 1000
WITHIN_S = 10.0


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'folder' / 'web.db'}"


@pytest.fixture
def outbox(url: str) -> Iterator[Outbox]:
    made = Outbox(url, LIMIT)
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
    again = Outbox(url, LIMIT)
    assert again.known("a") == Receipt("f", "first", 1000)
    again.close()


def test_what_arrives_together_shares_a_commit_and_the_first_of_a_key_wins(url: str) -> None:
    outbox = Outbox(url, LIMIT)
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


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An outbox that looks every few milliseconds whether it can accept again."""
    monkeypatch.setattr(module, "_LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(module, "_COUNT_EVERY_S", 0.0)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline, "it never held"
        time.sleep(0.005)


def hide_the_table(outbox: Outbox) -> None:
    with outbox._engine.begin() as connection:
        connection.execute(text("alter table outbox rename to elsewhere"))


def show_the_table(outbox: Outbox) -> None:
    with outbox._engine.begin() as connection:
        connection.execute(text("alter table elsewhere rename to outbox"))


def test_a_database_that_fails_is_said_to_be_away_and_the_next_commit_works(outbox: Outbox) -> None:
    hide_the_table(outbox)
    with pytest.raises(OutboxUnavailable):
        outbox.accept(row("a")).result(10)

    show_the_table(outbox)
    assert outbox.accept(row("a")).result(10).reference == "r"


def test_whatever_is_asked_of_a_database_that_fails_ends_in_the_same_words(outbox: Outbox) -> None:
    asked: list[Callable[[], object]] = [
        lambda: outbox.known("a"),
        lambda: outbox.opened("case-1"),
        outbox.count_unsent,
        lambda: outbox.unsent(10),
        lambda: outbox.sent([1], 2000),
        lambda: outbox.forget(2000),
    ]
    hide_the_table(outbox)

    for ask in asked:
        with pytest.raises(OutboxUnavailable, match=r"^The outbox's database fails \(SQLITE_ERROR\)\.$"):
            ask()


def test_a_database_that_fails_is_told_once_counted_each_time_and_its_return_is_noticed_though_nobody_asks(
    url: str, impatient: None
) -> None:
    failures: list[None] = []
    outbox = Outbox(url, LIMIT, lambda: failures.append(None))
    outbox.start()
    with capture_logs() as logs:
        hide_the_table(outbox)
        for key in "abc":
            with pytest.raises(OutboxUnavailable):
                outbox.accept(row(key)).result(10)
        assert outbox.health().reason == "The outbox's database fails (SQLITE_ERROR)."
        assert not outbox.health().ok
        assert len(failures) >= 3

        show_the_table(outbox)
        until(lambda: outbox.health().ok)

    assert [(line["log_level"], line["event"]) for line in logs] == [
        ("warning", "nothing can be accepted: the outbox's database fails"),
        ("info", "the outbox's database works again"),
    ]
    assert outbox.count_unsent() == 0
    outbox.close()


def test_a_disk_without_room_is_noticed_and_so_is_its_room_though_reading_works_all_the_while(
    url: str, impatient: None
) -> None:
    outbox = Outbox(url, LIMIT)
    room = {"pages": 1}

    @event.listens_for(outbox._engine, "checkout")
    def as_large_as_there_is_room(connection: Any, _record: Any, _proxy: Any) -> None:
        connection.execute(f"PRAGMA max_page_count={room['pages']}")

    outbox.start()
    for number in range(LIMIT):
        answer = outbox.accept(row(f"k{number}"))
        if answer.exception(10) is not None:
            break
    assert not outbox.health().ok
    assert "SQLITE_FULL" in outbox.health().reason
    accepted = outbox.count_unsent()

    room["pages"] = 1_000_000
    until(lambda: outbox.health().ok)

    assert outbox.accept(row("again")).result(10).reference == "r"
    assert outbox.count_unsent() == accepted + 1
    outbox.close()


def test_a_full_outbox_takes_nothing_new_answers_what_it_knows_and_says_so_once(url: str, impatient: None) -> None:
    outbox = Outbox(url, 3)
    outbox.start()
    with capture_logs() as logs:
        for key in "abc":
            outbox.accept(row(key)).result(10)
        assert outbox.health().ok
        for key in "de":
            with pytest.raises(OutboxFull, match=r"^3 acts wait for Kafka, as many as may\.$"):
                outbox.accept(row(key)).result(10)
        assert outbox.accept(row("b")).result(10) == Receipt("f", "r", 1000)
        assert outbox.health().reason == "3 acts wait for Kafka, as many as may."

        outbox.sent([each.seq for each in outbox.unsent(10)], 2000)
        until(lambda: outbox.health().ok)
        assert outbox.accept(row("d")).result(10).reference == "r"

    assert [(line["log_level"], line["event"]) for line in logs] == [
        ("warning", "nothing more is accepted: the outbox is full"),
        ("info", "the outbox has room again"),
    ]
    assert [each.event for each in outbox.unsent(10)] == ['{"key": "d"}']
    outbox.close()


def test_what_arrives_together_is_accepted_as_far_as_there_is_room(url: str) -> None:
    outbox = Outbox(url, 30)
    waiting = [outbox.accept(row(f"k{number}")) for number in range(100)]
    outbox.start()

    full = [isinstance(each.exception(10), OutboxFull) for each in waiting]

    assert full == [False] * 30 + [True] * 70
    assert outbox.count_unsent() == 30
    outbox.close()


def test_what_waited_before_a_restart_counts(url: str) -> None:
    before = Outbox(url, 2)
    before.start()
    for key in "ab":
        before.accept(row(key)).result(10)
    before.close()

    outbox = Outbox(url, 2)
    outbox.start()
    with pytest.raises(OutboxFull):
        outbox.accept(row("c")).result(10)
    outbox.close()


def test_a_caller_who_has_gone_away_stops_nobody_else(url: str) -> None:
    outbox = Outbox(url, LIMIT)
    gone, there = outbox.accept(row("gone")), outbox.accept(row("there"))
    assert gone.cancel()
    outbox.start()

    assert there.result(10).reference == "r"
    assert outbox.accept(row("later")).result(10).reference == "r"
    assert outbox.known("gone") is None
    outbox.close()


def test_a_defect_in_one_commit_is_told_to_its_callers_and_the_next_is_made(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(_rows: object) -> None:
        raise ArithmeticError

    with monkeypatch.context() as broken:
        broken.setattr(outbox, "_commit", defect)
        with pytest.raises(ArithmeticError):
            outbox.accept(row("a")).result(10)

    assert outbox.accept(row("a")).result(10).reference == "r"


def test_a_database_file_that_cannot_be_opened_wants_a_person_who_is_told_which(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ConfigurationError, match=rf"^web\.memory\.url: the folder {tmp_path}/file/in cannot be made"):
        Outbox(f"sqlite:///{tmp_path}/file/in/web.db", LIMIT)
    (tmp_path / "web.db").mkdir()
    with pytest.raises(ConfigurationError, match=rf"^web\.memory\.url: sqlite:///{tmp_path}/web\.db cannot be opened"):
        Outbox(f"sqlite:///{tmp_path}/web.db", LIMIT)
    (tmp_path / "text.db").write_text("This is no database, but it is long enough to be taken for one. " * 20)
    with pytest.raises(ConfigurationError, match="file is not a database"):
        Outbox(f"sqlite:///{tmp_path}/text.db", LIMIT)


@pytest.mark.parametrize(
    ("url", "told"), [("web.db", "is no URL"), ("mysql://root@localhost/hub", "begins with 'mysql'")]
)
def test_what_is_no_database_of_ours_is_told_with_those_there_are(url: str, told: str) -> None:
    with pytest.raises(
        ConfigurationError, match=rf"^web\.memory\.url {told}.* There are sqlite:///FILE and postgresql"
    ):
        Outbox(url, LIMIT)


def test_a_database_that_does_not_answer_may_do_so_at_the_next_start_and_its_password_is_not_told() -> None:
    with pytest.raises(
        RestartMe, match=r"hub:\*\*\*@127\.0\.0\.1:1/hub does not answer .*Is web\.memory\.url right"
    ) as error:
        Outbox("postgresql+psycopg://hub:0penSesame@127.0.0.1:1/hub", LIMIT)
    assert "0penSesame" not in str(error.value)


def test_what_was_handed_in_before_the_end_is_committed_and_nothing_after_it(url: str) -> None:
    outbox = Outbox(url, LIMIT)
    before = outbox.accept(row("a"))
    outbox.start()
    outbox.close()

    assert before.result(10).reference == "r"
    with pytest.raises(OutboxUnavailable):
        outbox.accept(row("b")).result(10)
