"""A connector's memory, on both databases."""

import re
import socket
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError, ProgrammingError

from connectors.sdk import Receipt
from hub.edge.engine import open_engine, trouble
from hub.edge.ledger import Begun, EffectRow, Intent, Kind, Outcome, State
from hub.edge.memory import EdgeMemory, Held
from hub.edge.messages import Place
from hub.errors import ConfigurationError, RestartMe
from schemas.tasks import TaskStatus

PLACE = Place("housing-tasks", 3, 17)


@pytest.fixture
def memory(database_url: str) -> Iterator[EdgeMemory]:
    engine = open_engine(database_url, "universal_housing")
    yield EdgeMemory(engine, "universal_housing")
    engine.dispose()


def begin(memory: EdgeMemory, key: str, kind: Kind = Kind.RAISED, at_ms: int = 1000) -> Begun:
    return memory.effects.begin([intent(key, kind=kind)], at_ms)[0]


def intent(key: str, case: str = "0TJ9-4QXM-7C2K-VN31", task: str = "check-home", kind: Kind = Kind.RAISED) -> Intent:
    return Intent(effect_key=key, case=case, task=task, kind=kind, place=PLACE)


def finish(memory: EdgeMemory, key: str, receipt: Receipt, at_ms: int, dropped: tuple[str, ...] = ()) -> EffectRow:
    return memory.effects.finish([Outcome(key, receipt, at_ms, dropped)])[0]


def test_an_intention_is_found_by_whoever_comes_next_and_an_outcome_ends_it(memory: EdgeMemory) -> None:
    assert begin(memory, "a").was is None
    assert len(memory.effects.unfinished()) == 1
    again = begin(memory, "a", at_ms=2000).was
    assert again is not None
    assert (again.state, again.receipt, again.open) == (State.INTENT, None, True)

    row = finish(memory, "a", Receipt(status=TaskStatus.ACCEPTED, reference="00012345"), 3000)

    assert (row.state, row.receipt) == (State.APPLIED, Receipt(status=TaskStatus.ACCEPTED, reference="00012345"))
    assert len(memory.effects.unfinished()) == 0
    assert memory.effects.rows_of(["00012345"]).get("00012345") == row == memory.effects.rows(["a"]).get("a")


def test_many_records_are_found_by_their_keys_together_and_strangers_are_left_out(memory: EdgeMemory) -> None:
    keys = [f"{number:032x}" for number in range(3)]
    for key in keys:
        begin(memory, key)
    linked = finish(memory, keys[0], Receipt(status=TaskStatus.ACCEPTED, reference="00012345"), 3000)

    strangers = {str(number) for number in range(1_200)}
    assert memory.effects.rows_of({"00012345", *strangers}) == {"00012345": linked}
    assert set(memory.effects.rows({*keys, *strangers})) == set(keys)
    assert memory.effects.rows(()) == memory.effects.rows_of(()) == {}


def test_an_effect_knows_which_instruction_it_is(memory: EdgeMemory) -> None:
    memory.effects.begin([replace(intent("a", kind=Kind.CHANGED), raising=2, revision=3)], 1000)

    row = memory.effects.rows(["a"]).get("a")

    assert row is not None
    assert (row.raising, row.revision) == (2, 3)


def test_what_the_legacy_system_refused_is_remembered_with_its_reason(memory: EdgeMemory) -> None:
    begin(memory, "a")
    row = finish(memory, "a", Receipt(status=TaskStatus.REJECTED, reason="No such tenancy"), 3000)
    assert (row.state, row.reason) == (State.REJECTED, "No such tenancy")


def test_an_instruction_set_aside_is_an_intention_again_once_it_is_replayed(memory: EdgeMemory) -> None:
    begin(memory, "a")
    memory.effects.set_aside("a")
    assert len(memory.effects.unfinished()) == 0

    before = begin(memory, "a").was

    assert before is not None
    assert before.state is State.ASIDE
    assert len(memory.effects.unfinished()) == 1


def test_an_instruction_set_aside_that_may_have_been_written_is_in_doubt_when_it_is_replayed(
    memory: EdgeMemory,
) -> None:
    begin(memory, "a")
    memory.effects.set_aside("a", perhaps_written=True)
    assert len(memory.effects.unfinished()) == 0

    before = begin(memory, "a").was

    assert before is not None
    assert before.state is State.IN_DOUBT
    assert before.perhaps_written
    assert len(memory.effects.unfinished()) == 1


def test_what_left_is_under_way_and_what_nobody_knows_waits_until_somebody_has_found_out(memory: EdgeMemory) -> None:
    for key in ("a", "b", "c"):
        begin(memory, key)
        memory.effects.send(key, 2000)
    memory.effects.not_sent("c")
    assert memory.effects.unfinished() == {"a", "b", "c"}

    doubts = [memory.effects.doubt(key, "The connection was reset.", 3000) for key in ("a", "b")]
    assert {(row.state, row.open, row.evidence) for row in doubts} == {
        (State.UNKNOWN, True, "The connection was reset.")
    }
    assert memory.effects.unfinished() == {"c"}
    assert memory.effects.unknown() == {"a", "b"}
    waits = begin(memory, "a").was
    assert waits is not None
    assert waits.state is State.UNKNOWN
    receipt = Receipt(status=TaskStatus.COMPLETED, reference="4711")
    settled = [
        memory.effects.settle("a", receipt, 4000),
        memory.effects.settle("b", None, 4000),
        memory.effects.settle("a", None, 5000),
    ]

    assert settled == [True, True, False]
    assert memory.effects.settle("another connector's", receipt, 4000) is False
    there, not_there = memory.effects.rows_of(["4711"]).get("4711"), memory.effects.rows(["b"]).get("b")
    assert there is not None
    assert not_there is not None
    assert (there.effect_key, there.state, there.receipt) == ("a", State.APPLIED, receipt)
    assert (not_there.state, not_there.receipt, not_there.open) == (State.NOT_APPLIED, None, False)
    assert memory.effects.unknown() == frozenset()


def test_a_memory_of_an_earlier_version_gets_the_columns_that_it_lacks_and_keeps_its_ledger(database_url: str) -> None:
    engine = open_engine(database_url, "universal_housing")
    begin(EdgeMemory(engine, "universal_housing"), "a")
    with engine.begin() as connection:
        connection.execute(text("DROP INDEX effects_under_way"))
        connection.execute(text("ALTER TABLE effects DROP COLUMN sent_ms"))

    memory = EdgeMemory(engine, "universal_housing")
    memory.effects.send("a", 2000)

    assert memory.effects.unfinished() == {"a"}
    assert "effects_under_way" in {index["name"] for index in inspect(engine).get_indexes("effects")}
    engine.dispose()


def test_a_memory_that_lost_a_table_or_column_while_it_ran_does_not_pass_for_one_that_is_away(
    database_url: str,
) -> None:
    engine = open_engine(database_url, "universal_housing")
    memory = EdgeMemory(engine, "universal_housing")
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE links"))
        connection.execute(text("ALTER TABLE checkpoints DROP COLUMN body"))

    for fails in (lambda: memory.effects.rows_of(["x"]).get("x"), lambda: memory.checkpoint("x")):
        with pytest.raises((OperationalError, ProgrammingError)) as caught:
            fails()
        told = trouble(engine, "universal_housing", caught.value)
        assert isinstance(told, RestartMe)
        assert "is not as this version of the hub makes it" in str(told)
        assert "The next start adds what is missing, or says what to do." in str(told)
    engine.dispose()


def test_what_a_later_process_has_in_hand_no_earlier_one_takes_or_moves(memory: EdgeMemory, database_url: str) -> None:
    engine = open_engine(database_url, "universal_housing")
    later = EdgeMemory(engine, "universal_housing")
    begin(memory, "from before processes had numbers")
    memory.effects.take_over()
    for key in ("a", "b"):
        begin(memory, key)
    memory.effects.send("b", 2000)

    later.effects.take_over()
    for key in ("a", "b", "from before processes had numbers"):
        begin(later, key)
    begin(later, "c")

    receipt = Receipt(status=TaskStatus.ACCEPTED)
    for act in (
        lambda: memory.effects.still_ours(["a"]),
        lambda: memory.effects.send("a", 3000),
        lambda: memory.effects.not_sent("b"),
        lambda: memory.effects.doubt("b", "no answer", 3000),
        lambda: finish(memory, "a", receipt, 3000),
        lambda: memory.effects.set_aside("a"),
        lambda: begin(memory, "c"),
    ):
        with pytest.raises(RestartMe, match="taken this one's place"):
            act()
    assert finish(later, "a", receipt, 4000).receipt == receipt
    with pytest.raises(RestartMe):
        finish(later, "a", Receipt(status=TaskStatus.REJECTED), 5000)
    later.effects.doubt("b", "no answer", 4000)
    assert later.effects.unanswered() == 1
    engine.dispose()


def test_an_outcome_without_an_intention_is_a_defect(memory: EdgeMemory) -> None:
    with pytest.raises(LookupError, match="begin"):
        finish(memory, "a", Receipt(status=TaskStatus.ACCEPTED), 3000)


def test_an_instruction_is_begun_after_those_of_its_task_that_came_before_whatever_the_clock_says(
    memory: EdgeMemory,
) -> None:
    for at_ms, key in ((3000, "b"), (2000, "a"), (3000, "c")):
        begin(memory, key, at_ms=at_ms)
    memory.effects.begin([intent("d", task="fit-ramp")], 1000)

    earlier = [[row.effect_key for row in begin(memory, key).earlier] for key in ("b", "a", "c")]

    assert earlier == [[], ["b"], ["b", "a"]]
    assert len(memory.effects.unfinished()) == 4


CASES = [f"0TJ9-4QXM-7C2K-VN{number}" for number in range(10, 13)]


def test_a_round_of_instructions_is_begun_and_ended_each_with_what_came_before_it_in_its_own_task(
    memory: EdgeMemory,
) -> None:
    first = [intent(f"a{at}", case) for at, case in enumerate(CASES[:2])]
    memory.effects.begin(first, 1000)
    memory.effects.finish([Outcome("a0", Receipt(status=TaskStatus.ACCEPTED, reference="1"), 2000)])

    second = [intent("b0", CASES[0], kind=Kind.CHANGED), intent("a1", CASES[1]), intent("b2", CASES[2])]
    changed, again, new = memory.effects.begin(second, 3000)
    refused = Receipt(status=TaskStatus.REJECTED, reason="No such home")
    receipts = [Receipt(status=TaskStatus.ACCEPTED, reference=reference) for reference in ("1", "2")]
    rows = memory.effects.finish(
        [Outcome("b2", refused, 4000), Outcome("b0", receipts[0], 4000), Outcome("a1", receipts[1], 5000)]
    )

    assert [row.effect_key for row in changed.earlier] == ["a0"]
    assert (changed.was, new.was, new.earlier, again.earlier) == (None, None, (), ())
    assert again.was is not None
    assert again.was.perhaps_written
    assert [(row.effect_key, row.receipt) for row in rows] == [
        ("b2", refused),
        ("b0", receipts[0]),
        ("a1", receipts[1]),
    ]
    linked = memory.effects.rows_of(["1", "2"])
    assert {key: row.effect_key for key, row in linked.items()} == {"1": "b0", "2": "a1"}
    assert memory.effects.unfinished() == frozenset()


def test_of_a_round_of_which_another_process_has_one_nothing_is_begun_ended_or_still_ours(
    memory: EdgeMemory, database_url: str
) -> None:
    engine = open_engine(database_url, "universal_housing")
    later = EdgeMemory(engine, "universal_housing").effects
    ours = [intent(key, case) for key, case in zip("abc", CASES, strict=True)]
    memory.effects.take_over()
    memory.effects.begin(ours[:2], 1000)
    later.take_over()
    later.begin(ours[1:2], 2000)
    receipt = Receipt(status=TaskStatus.ACCEPTED)

    for act in (
        lambda: memory.effects.begin([ours[2], ours[1]], 3000),
        lambda: memory.effects.still_ours(["a", "b"]),
        lambda: memory.effects.finish([Outcome("a", receipt, 3000), Outcome("b", receipt, 3000)]),
    ):
        with pytest.raises(RestartMe, match="taken this one's place"):
            act()

    memory.effects.still_ours(["a"])
    assert memory.effects.rows(["c"]).get("c") is None
    assert memory.effects.unfinished() == {"a", "b"}
    engine.dispose()


def test_what_lies_aside_is_dropped_together_with_the_withdrawal_that_settles_it(memory: EdgeMemory) -> None:
    cancelled = Receipt(status=TaskStatus.CANCELLED, reason="Never sent")
    begin(memory, "a")
    memory.effects.set_aside("a")
    begin(memory, "b", Kind.WITHDRAWN)

    finish(memory, "b", cancelled, 3000, dropped=("a",))

    dropped, withdrawal = memory.effects.rows(["a"]).get("a"), memory.effects.rows(["b"]).get("b")
    assert dropped is not None
    assert withdrawal is not None
    assert (dropped.state, dropped.receipt) == (State.DROPPED, cancelled)
    assert (withdrawal.state, withdrawal.receipt) == (State.APPLIED, cancelled)
    assert len(memory.effects.unfinished()) == 0


def test_a_checkpoint_moves_on_with_what_was_learned_and_what_was_held(memory: EdgeMemory) -> None:
    begin(memory, "a")
    finish(memory, "a", Receipt(status=TaskStatus.ACCEPTED), 3000)
    held = Held("0" * 32, "works-orders", b"{}")
    assert memory.checkpoint("works-orders") is None

    for version in (1, 2):
        memory.move_on("works-orders", {"version": version}, learned={"a": "00012345"}, held_records=[held], at_ms=4000)

    assert memory.checkpoint("works-orders") == {"version": 2}
    learned = memory.effects.rows_of(["00012345"]).get("00012345")
    assert learned is not None
    assert learned.reference == "00012345"
    assert memory.held("works-orders") == [held]
    memory.release([held], {})
    assert memory.held("works-orders") == []


def test_connectors_that_share_a_database_do_not_see_each_other(database_url: str) -> None:
    engine = open_engine(database_url, "universal_housing")
    ours, theirs = EdgeMemory(engine, "ours"), EdgeMemory(engine, "theirs")

    begin(ours, "a")
    ours.move_on("d", {"n": 1}, learned={}, at_ms=1)

    assert (theirs.effects.rows(["a"]).get("a"), theirs.checkpoint("d"), theirs.effects.unfinished()) == (
        None,
        None,
        frozenset(),
    )
    engine.dispose()


@pytest.fixture
def ordinary_url(postgres: Any, postgres_url: str) -> Iterator[str]:
    """SQLAlchemy's URL of an empty PostgreSQL database for a user who owns nothing there."""
    name = f"edge_{uuid4().hex[:12]}"
    with psycopg.connect(postgres.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'a-secret'")
    yield str(make_url(postgres_url).set(username=name, password="a-secret").render_as_string(hide_password=False))
    for uri in (postgres_url.replace("+psycopg", ""), postgres.get_uri()):
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute(f"DROP OWNED BY {name}")
            if uri == postgres.get_uri():
                connection.execute(f"DROP ROLE {name}")


def test_a_database_that_is_closed_to_its_user_is_a_matter_for_a_person_and_works_once_it_is_granted(
    ordinary_url: str, postgres_url: str
) -> None:
    user = make_url(ordinary_url).username
    engine = open_engine(ordinary_url, "universal_housing")

    with pytest.raises(ConfigurationError) as caught:
        EdgeMemory(engine, "universal_housing")
    for sentence in re.findall(r"GRANT [^;]*;", str(caught.value))[:1]:
        with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(sentence)
    memory = EdgeMemory(engine, "universal_housing")

    assert f'GRANT USAGE, CREATE ON SCHEMA public TO "{user}";' in str(caught.value)
    assert str(caught.value).startswith("connectors.universal_housing.memory.url: postgresql+psycopg://")
    assert "a-secret" not in str(caught.value)
    assert begin(memory, "a").was is None
    engine.dispose()


def test_a_database_that_does_not_answer_is_tried_by_a_fresh_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    engine = open_engine(
        f"postgresql+psycopg://hub:a-secret@127.0.0.1:{port}/hub?password=another-secret", "universal_housing"
    )

    with pytest.raises(RestartMe) as caught:
        EdgeMemory(engine, "universal_housing")

    assert str(caught.value).startswith(
        f"connectors.universal_housing.memory.url: postgresql+psycopg://hub:***@127.0.0.1:{port}/hub does not answer ("
    )
    assert not re.search("a-secret|another-secret", str(caught.value))


def test_tables_of_another_user_are_a_matter_for_a_person_and_work_once_they_are_granted(
    ordinary_url: str, postgres_url: str
) -> None:
    owners = open_engine(postgres_url, "universal_housing")
    EdgeMemory(owners, "universal_housing")
    owners.dispose()
    engine = open_engine(ordinary_url, "universal_housing")
    memory = EdgeMemory(engine, "universal_housing")

    with pytest.raises(ProgrammingError) as caught:
        memory.effects.unfinished()
    told = trouble(engine, "universal_housing", caught.value)
    (sentence,) = re.findall(r"GRANT [^;]*;", str(told))
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(sentence)

    assert isinstance(told, ConfigurationError)
    assert str(told).startswith("connectors.universal_housing.memory.url: postgresql+psycopg://")
    assert begin(memory, "a").was is None
    engine.dispose()


def test_a_disk_that_is_full_is_said_to_be(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'edge.db'}", "universal_housing")
    memory = EdgeMemory(engine, "universal_housing")
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("PRAGMA max_page_count = 1"))

    with pytest.raises(OperationalError) as caught:
        deque(begin(memory, f"{number}") for number in range(1_000))

    told = trouble(engine, "universal_housing", caught.value)
    assert isinstance(told, RestartMe)
    assert "edge.db: its disk is full (OperationalError). Make room there" in str(told)
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "connectors.universal_housing.memory.url is no URL of a database. There are sqlite:///FILE and"),
        ("nosuch://host/name", "connectors.universal_housing.memory.url begins with 'nosuch'. There are"),
        ("postgresql+pg8000://host/name", "begins with 'postgresql+pg8000'. There are"),
    ],
)
def test_a_memory_that_the_hub_does_not_know_is_answered_with_what_there_is(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        open_engine(url, "universal_housing")


def test_a_folder_that_cannot_be_made_is_named_and_is_made_once_nothing_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "hub").write_text("a file")
    url = f"sqlite:///{tmp_path}/hub/edge.db"

    with pytest.raises(ConfigurationError, match=re.escape(f"{tmp_path}/hub cannot be made (File exists)")):
        open_engine(url, "universal_housing")
    (tmp_path / "hub").unlink()
    engine = open_engine(url, "universal_housing")

    assert begin(EdgeMemory(engine, "universal_housing"), "a").was is None
    engine.dispose()


def test_what_was_given_back_is_as_it_was_before_it_was_begun(memory: EdgeMemory) -> None:
    begin(memory, "lay")
    memory.effects.set_aside("lay")
    begin(memory, "ended")
    finish(memory, "ended", Receipt(status=TaskStatus.ACCEPTED, reference="1"), 2000)
    for key in ("lay", "new", "doubted"):
        begin(memory, key)

    memory.effects.give_back([("lay", State.ASIDE), ("new", None), ("doubted", State.INTENT), ("ended", None)])

    rows = memory.effects.rows(["lay", "new", "doubted", "ended"])
    assert {key: row.state for key, row in rows.items()} == {
        "lay": State.ASIDE,
        "doubted": State.INTENT,
        "ended": State.APPLIED,
    }


def test_nobody_gives_back_what_another_process_has_in_hand(memory: EdgeMemory) -> None:
    begin(memory, "a")
    successor = EdgeMemory(memory._engine, "universal_housing")
    successor.effects.take_over()
    begin(successor, "a")

    memory.effects.give_back([("a", None)])

    assert memory.effects.unfinished() == {"a"}
