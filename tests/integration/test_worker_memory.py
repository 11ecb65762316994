"""The worker's memory, on SQLite and on PostgreSQL alike."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy.pool import NullPool

from hub.dead_letters.rate import Counted
from hub.errors import ConfigurationError, RestartMe
from hub.memory import tables
from hub.memory.prepare import prepare
from hub.memory.store import Advance, CaseRow, DeadlineRow, ParkedRow, Partition, Store, call

P0, P1 = Partition("case-events", 0), Partition("case-events", 1)
AWKWARD = '{"said":"tab\\t line\\n back\\\\slash \\\\. quote\\" é 家"}\t\n\r\\N'


def case(reference: str, status: str = "open", body: str = "{}", journey: str | None = "fly-tipping") -> CaseRow:
    return CaseRow(reference, journey, status, 1_000, 2_000, None, "housing", 0, None, body)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    made = prepare(database_url, "hub")
    made.positions({P0: 0, P1: 0})
    yield made
    made.close()


@pytest.fixture
def another(database_url: str, store: Store) -> Iterator[Store]:
    """The same memory, opened by another worker."""
    made = prepare(database_url, "hub")
    yield made
    made.close()


@pytest.fixture
def rows(database_url: str) -> Callable[[sqlalchemy.Table], list[Any]]:
    """Every row of a table, read past the store."""
    engine = sqlalchemy.create_engine(database_url, poolclass=NullPool)

    def read(table: sqlalchemy.Table) -> list[Any]:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sqlalchemy.select(table).order_by(*table.c))]

    return read


def test_a_partition_never_seen_begins_at_the_offset_given_and_then_stays_where_it_is(store: Store) -> None:
    fresh = Partition("case-events", 2)

    assert store.positions({fresh: 7}) == {fresh: 7}
    assert store.positions({fresh: 99, P0: 99}) == {fresh: 7, P0: 0}


def test_progress_is_kept_per_group(store: Store, database_url: str) -> None:
    store.apply([Advance(P0, 0, 5)])

    other = prepare(database_url, "another-hub")

    assert other.positions({P0: 1}) == {P0: 1}
    other.close()


def test_a_round_is_written_with_its_position(store: Store, rows: Callable[..., list[Any]]) -> None:
    moved = store.apply([Advance(P0, 0, 3, [case("A")], [("A", "first"), ("A", "second")])])

    assert moved == {P0}
    assert store.snapshot([P0], ["A", "B"]).positions == {P0: 3}
    assert store.snapshot([P0], ["A", "B"]).bodies == {"A": "{}"}
    assert [row[1:] for row in rows(tables.timeline)] == [("A", "first"), ("A", "second")]


def test_a_case_that_is_written_again_has_every_column_anew(store: Store, rows: Callable[..., list[Any]]) -> None:
    store.apply([Advance(P0, 0, 1, [case("A", journey=None)])])
    later = CaseRow("A", "fly-tipping", "finished", 3, 4, 5, "", 1, 3, '{"later":true}')

    store.apply([Advance(P0, 1, 2, [later])])

    assert rows(tables.cases) == [tuple(later)]


def test_what_lies_among_the_dead_letters_is_read_with_its_cases_until_it_is_settled(store: Store) -> None:
    store.apply([Advance(P0, 0, 3, parked=[ParkedRow("A", 1, 1_000), ParkedRow("A", 2, 2_000), ParkedRow("B", 0, 0)])])
    store.apply([Advance(P0, 3, 4, parked=[ParkedRow("A", 1, 9_000)], settled=[("B", 0)])])

    assert {case: sorted(lying) for case, lying in store.snapshot([P0], ["A", "B", "C"]).parked.items()} == {
        "A": [1, 2]
    }
    assert store.snapshot([P0], ["B"]).parked == {}


def test_nothing_is_parked_by_a_round_that_is_not_written(store: Store) -> None:
    store.apply([Advance(P0, 7, 8, parked=[ParkedRow("A", 7, 0)], counted=Counted(1.0, 1))])

    assert store.snapshot([P0], ["A"]).parked == {}
    assert store.counted([P0]) == []


def test_what_was_set_aside_lately_is_kept_per_partition(store: Store, another: Store) -> None:
    store.apply([Advance(P0, 0, 1, counted=Counted(100.0, 3)), Advance(P1, 0, 1, counted=Counted(100.0, 1))])
    store.apply([Advance(P0, 1, 2, counted=Counted(130.5, 2))])
    assert sorted(each.number for each in another.counted([P0])) == [2, 3]

    store.apply([Advance(P0, 2, 3, counted=Counted(290.0, 1))])

    assert {each.at for each in another.counted([P0])} == {130.5, 290.0}
    assert another.counted([P0, P1]) != another.counted([P0])


def test_whoever_read_an_older_position_writes_nothing_and_the_others_of_its_round_are_written(
    store: Store, another: Store, rows: Callable[..., list[Any]]
) -> None:
    another.apply([Advance(P0, 0, 2)])

    moved = store.apply(
        [
            Advance(P0, 0, 1, [case("A")], [("A", "line")], {"A": [DeadlineRow("A", "task", 1, 0)]}),
            Advance(P1, 0, 1, [case("B")]),
        ]
    )

    assert moved == {P1}
    assert [row[0] for row in rows(tables.cases)] == ["B"]
    assert rows(tables.timeline) == []
    assert rows(tables.deadlines) == []
    assert store.positions({P0: 0, P1: 0}) == {P0: 2, P1: 1}


def test_two_workers_that_write_the_same_partitions_at_once_never_both_win(store: Store, another: Store) -> None:
    wins: list[frozenset[Partition]] = []
    ready = threading.Barrier(2)

    def write(by: Store, order: list[Partition]) -> None:
        for offset in range(20):
            ready.wait()
            wins.append(call(by, by.apply, [Advance(partition, offset, offset + 1) for partition in order]))
            ready.wait()

    workers = [
        threading.Thread(target=write, args=(store, [P0, P1])),
        threading.Thread(target=write, args=(another, [P1, P0])),
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert len(wins) == 40
    assert sum(len(won) for won in wins) == 40
    assert store.positions({P0: 0, P1: 0}) == {P0: 20, P1: 20}


def test_text_of_any_kind_comes_back_as_it_was(store: Store, rows: Callable[..., list[Any]]) -> None:
    store.apply([Advance(P0, 0, 1, [case("A", body=AWKWARD)], [("A", AWKWARD)])])

    assert store.snapshot([P0], ["A"]).bodies == {"A": AWKWARD}
    assert [row[2] for row in rows(tables.timeline)] == [AWKWARD]


def test_a_round_of_thousands_is_one_snapshot_and_one_write(store: Store) -> None:
    many = [case(f"case-{number:05}") for number in range(5000)]

    store.apply([Advance(P0, 0, 5000, many, [(row.reference, "line") for row in many])])

    assert len(store.snapshot([P0], [row.reference for row in many]).bodies) == 5000


def test_the_deadlines_of_a_case_are_replaced_as_a_whole(store: Store, rows: Callable[..., list[Any]]) -> None:
    first = {
        "A": [DeadlineRow("A", "check", 10, 0), DeadlineRow("A", "fit", 20, 0)],
        "B": [DeadlineRow("B", "check", 10, 0)],
    }
    store.apply([Advance(P0, 0, 1, deadlines=first)])

    store.apply([Advance(P0, 1, 2, deadlines={"A": [DeadlineRow("A", "fit", 25, 0), DeadlineRow("A", "move", 30, 0)]})])

    assert [row[:3] for row in rows(tables.deadlines)] == [("A", "fit", 25), ("A", "move", 30), ("B", "check", 10)]

    store.apply([Advance(P0, 2, 3, deadlines={"A": [], "B": []})])

    assert rows(tables.deadlines) == []


def test_deadlines_that_passed_are_found_once_the_oldest_first_and_only_in_ones_own_partitions(store: Store) -> None:
    a, b, later = DeadlineRow("A", "t", 20, 0), DeadlineRow("B", "t", 10, 0), DeadlineRow("C", "t", 31, 0)
    elsewhere = DeadlineRow("D", "t", 5, 1)
    store.apply([Advance(P0, 0, 1, deadlines={row.reference: [row] for row in (a, b, later, elsewhere)})])

    assert store.due([0], now_us=30, limit=10) == [b, a]
    assert store.due([0], now_us=30, limit=1) == [b]
    assert store.due([], now_us=30, limit=10) == []
    assert store.count_deadlines([0]) == 3

    store.mark_published([a, b])

    assert store.due([0, 1], now_us=30, limit=10) == [elsewhere]


def test_a_deadline_that_stays_stays_published_and_one_that_moves_is_due_again(store: Store) -> None:
    stays, moves = DeadlineRow("A", "stays", 10, 0), DeadlineRow("A", "moves", 10, 0)
    store.apply([Advance(P0, 0, 1, deadlines={"A": [stays, moves]})])
    store.mark_published([stays, moves])

    store.apply([Advance(P0, 1, 2, deadlines={"A": [stays, moves._replace(due_us=20)]})])
    store.mark_published([moves])

    assert store.due([0], now_us=30, limit=10) == [moves._replace(due_us=20)]


def test_a_store_whose_connection_was_thrown_away_goes_on_with_a_fresh_one(store: Store) -> None:
    def fails() -> None:
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - it has no words
        call(store, fails)

    assert store.positions({P0: 0}) == {P0: 0}


def test_two_workers_that_make_the_tables_at_once_do_not_collide(database_url: str) -> None:
    ready = threading.Barrier(4)
    stores: list[Store] = []

    def make() -> None:
        ready.wait()
        stores.append(prepare(database_url, "hub"))

    makers = [threading.Thread(target=make) for _ in range(4)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()

    assert [store.has_tables() for store in stores] == [True] * 4
    for store in stores:
        store.close()


def test_a_memory_of_an_earlier_version_gets_the_columns_that_it_lacks_and_keeps_its_cases(
    database_url: str, rows: Callable[..., list[Any]]
) -> None:
    engine = sqlalchemy.create_engine(database_url, poolclass=NullPool)
    tables.create(engine)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("DROP INDEX cases_uncertain"))
        for column in ("uncertain", "uncertain_ms"):
            connection.execute(sqlalchemy.text(f"ALTER TABLE cases DROP COLUMN {column}"))
        known = "INSERT INTO cases (reference, status, opened_ms, updated_ms, waiting_on, body) VALUES"
        connection.execute(sqlalchemy.text(f"{known} ('A', 'open', 1, 2, 'housing', '{{}}')"))

    with closing(prepare(database_url, "hub")) as store:
        store.positions({P0: 0})
        store.apply([Advance(P0, 0, 1, cases=[case("B")])])

    assert [row[0] for row in rows(tables.cases)] == ["A", "B"]
    assert {(row.uncertain, row.uncertain_ms) for row in _all(engine, tables.cases)} == {(0, None)}
    assert "cases_uncertain" in {index["name"] for index in sqlalchemy.inspect(engine).get_indexes("cases")}


def test_a_memory_whose_rows_nobody_can_complete_says_which_column_and_what_to_do(database_url: str) -> None:
    engine = sqlalchemy.create_engine(database_url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE parked (reference TEXT PRIMARY KEY)"))

    with pytest.raises(
        ConfigurationError,
        match=r"^worker\.memory\.url: .* was made by another version of the hub: its table parked has no column first_offset, since_ms, "
        r"and nobody knows what its rows have there\. Run the version that made it, or name an empty database there\.$",
    ):
        prepare(database_url, "hub")


def _all(engine: sqlalchemy.Engine, table: sqlalchemy.Table) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(sqlalchemy.select(table)))


def test_a_database_that_does_not_answer_is_worth_another_start() -> None:
    with pytest.raises(RestartMe, match=r"Is worker.memory.url right, and does it run\?"):
        prepare("postgresql+psycopg://nobody@127.0.0.1:1/none", "hub")


def test_a_database_that_lets_nobody_make_tables_says_what_to_grant(postgres_url: str) -> None:
    engine = sqlalchemy.create_engine(postgres_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    url = sqlalchemy.make_url(postgres_url).set(username="plain", password="0penSesame")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("CREATE ROLE plain LOGIN PASSWORD '0penSesame'"))
        with pytest.raises(ConfigurationError, match='GRANT USAGE, CREATE ON SCHEMA public TO "plain";') as refused:
            prepare(url.render_as_string(hide_password=False), "hub")
        connection.execute(sqlalchemy.text("DROP ROLE plain"))

    assert "0penSesame" not in str(refused.value)


def test_a_file_that_cannot_be_opened_and_written_wants_a_person(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder, and no database, but long enough to be taken for one. " * 20)
    (tmp_path / "folder").mkdir()

    for name, told in {
        "file/worker.db": "cannot be made",
        "file": "is damaged, or no memory of the hub",
        "folder": "cannot be opened",
    }.items():
        with pytest.raises(ConfigurationError, match=rf"^worker\.memory\.url: .*{re.escape(told)}"):
            prepare(f"sqlite:///{tmp_path / name}", "hub")


def test_any_other_kind_of_database_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match=r"begins with 'mysql'. There are sqlite:///FILE and postgresql"):
        prepare("mysql://root@localhost/hub", "hub")
