"""What the web remembers and reads, on SQLite and on PostgreSQL."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, insert, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from hub.errors import ConfigurationError
from hub.intake.outbox import Outbox, Row
from hub.memory import tables
from hub.memory.reading import CaseReader, MemoryAway, Standing
from hub.routing.case import Case
from hub.routing.entry import Entry, EntryKind
from schemas.cases import CaseStatus
from schemas.envelope import Department

AT = datetime(2026, 11, 3, 10, 0, tzinfo=UTC)
NOW_MS = int(AT.timestamp() * 1000)


@pytest.fixture
def reader(database_url: str) -> Iterator[CaseReader]:
    """A reader of a memory with seven cases, due one minute apart around the present; two of them end."""
    engine = create_engine(database_url)
    tables.create(engine)
    statuses = [CaseStatus.OPEN] * 4 + [CaseStatus.NEEDS_DECISION, CaseStatus.FINISHED, CaseStatus.CLOSED]
    rows = []
    for number, status in enumerate(statuses):
        case = Case(reference=f"CASE-{number}", status=status, opened_at=AT, updated_at=AT + timedelta(minutes=number))
        rows.append(
            {
                "reference": case.reference,
                "journey": "x",
                "status": status,
                "opened_ms": NOW_MS,
                "updated_ms": NOW_MS + number * 60_000,
                "due_ms": None if number == 3 else NOW_MS + (number - 1) * 60_000,
                "waiting_on": "housing,transport" if number % 2 else "social-care",
                "uncertain": 2 if number == 4 else int(number == 1),
                "uncertain_ms": {1: NOW_MS, 4: NOW_MS - 1}.get(number),
                "body": case.write(),
            }
        )
    entries = [Entry(kind=EntryKind.REQUEST_RECEIVED, at=AT, heard_at=AT, event=str(n)) for n in range(3)]
    with engine.begin() as connection:
        connection.execute(insert(tables.cases), rows)
        connection.execute(insert(tables.timeline), [{"reference": "CASE-1", "body": each.write()} for each in entries])
    engine.dispose()
    made = CaseReader(database_url)
    yield made
    made.close()


def references(
    reader: CaseReader, standing: Standing, department: Department | None = None, size: int = 2
) -> list[str]:
    """Every reference of a list, page by page."""
    found: list[str] = []
    after = None
    while True:
        page = reader.page(standing, department, after, size, NOW_MS)
        found += [case.reference for case in page.cases]
        if page.after is None:
            return found
        after = page.after


def test_what_nobody_knows_is_counted_and_listed_the_longest_first_without_a_look_at_other_cases(
    reader: CaseReader,
) -> None:
    assert reader.uncertain() == 3
    assert [case.reference for case in reader.cases_in_doubt(9)] == ["CASE-4", "CASE-1"]
    assert [case.reference for case in reader.cases_in_doubt(1)] == ["CASE-4"]


def test_a_case_and_its_timeline_are_read(reader: CaseReader) -> None:
    case = reader.case("CASE-1")
    assert case is not None
    assert case.status is CaseStatus.OPEN
    assert [entry.event for entry in reader.timeline("CASE-1")] == ["0", "1", "2"]
    assert reader.case("CASE-9") is None
    assert reader.timeline("CASE-9") == ()


@pytest.mark.parametrize("table", ["cases", "timeline"])
def test_a_row_that_was_cut_is_said_in_words_and_the_others_are_read(
    reader: CaseReader, database_url: str, table: str
) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {table} SET body = substr(body, 1, 20) WHERE reference = 'CASE-1'"))
    engine.dispose()
    reads: list[Callable[[], object]] = (
        [
            lambda: reader.case("CASE-1"),
            lambda: reader.cases_in_doubt(9),
            lambda: reader.page(Standing.OPEN, None, None, 9, NOW_MS),
        ]
        if table == "cases"
        else [lambda: reader.timeline("CASE-1")]
    )

    for read in reads:
        with pytest.raises(MemoryAway) as damaged:
            read()
        assert str(damaged.value) == (
            "The row of case CASE-1 in the worker's memory is damaged, or was written by a later version of the hub. Restore it from a "
            "backup or run that version."
        )
    assert reader.case("CASE-2") is not None
    assert reader.health().ok


def test_the_numbers_a_team_leader_asks_for(reader: CaseReader) -> None:
    summary = reader.summary(NOW_MS)
    assert (summary.open, summary.overdue, summary.waiting_for_person, summary.ended) == (5, 1, 1, 2)
    assert summary.newest_ms == NOW_MS + 6 * 60_000


def test_open_cases_come_by_due_time_and_those_without_one_last(reader: CaseReader) -> None:
    assert references(reader, Standing.OPEN) == ["CASE-0", "CASE-1", "CASE-2", "CASE-4", "CASE-3"]
    assert references(reader, Standing.OVERDUE) == ["CASE-0"]
    assert references(reader, Standing.WAITING_FOR_PERSON) == ["CASE-4"]


def test_all_cases_come_newest_first_each_once(reader: CaseReader) -> None:
    assert references(reader, Standing.ALL) == [f"CASE-{number}" for number in range(6, -1, -1)]
    assert references(reader, Standing.FINISHED) == ["CASE-5"]


def test_a_list_shows_only_what_waits_for_a_department(reader: CaseReader) -> None:
    assert references(reader, Standing.OPEN, Department.TRANSPORT) == ["CASE-1", "CASE-3"]
    assert references(reader, Standing.OPEN, Department.SOCIAL_CARE) == ["CASE-0", "CASE-2", "CASE-4"]


@pytest.mark.parametrize("cursor", ["nonsense", "99999999999999999999999.x", "-1.x", ".", "²³.x"])
def test_what_is_no_cursor_begins_at_the_beginning(reader: CaseReader, cursor: str) -> None:
    page = reader.page(Standing.OPEN, None, cursor, 1, NOW_MS)
    assert [case.reference for case in page.cases] == ["CASE-0"]


def test_nothing_can_be_written_through_a_reader(reader: CaseReader) -> None:
    with reader._engine.connect() as connection, pytest.raises(DBAPIError, match=r"read-?only"):
        connection.execute(insert(tables.timeline), {"reference": "x", "body": "{}"})


def test_a_memory_whose_tables_are_not_made_yet_is_said_to_be_away(database_url: str) -> None:
    engine = create_engine(database_url)
    engine.connect().close()
    engine.dispose()
    reader = CaseReader(database_url)
    with pytest.raises(MemoryAway, match="making its memory"):
        reader.case("x")
    reader.close()


def test_a_memory_of_an_earlier_version_is_away_until_its_worker_has_completed_it(database_url: str) -> None:
    engine = create_engine(database_url)
    tables.create(engine)
    with engine.begin() as connection:
        connection.execute(text("DROP INDEX cases_uncertain"))
        connection.execute(text("ALTER TABLE cases DROP COLUMN uncertain"))
    reader = CaseReader(database_url)

    with pytest.raises(MemoryAway, match=r"is of another version of the hub: its worker completes it when it starts\."):
        reader.uncertain()
    tables.create(engine)

    assert reader.uncertain() == 0
    engine.dispose()
    reader.close()


def test_a_memory_that_is_not_made_yet_is_no_fault(database_url: str) -> None:
    engine = create_engine(database_url)
    engine.connect().close()
    engine.dispose()
    failures: list[None] = []
    reader = CaseReader(database_url, lambda: failures.append(None))
    with capture_logs() as logs:
        health = reader.health()

    assert health.ok
    assert not logs
    assert not failures
    reader.close()


def test_a_memory_that_cannot_be_read_is_told_once_counted_each_time_and_told_when_it_is_back(
    database_url: str, reader: CaseReader
) -> None:
    failures: list[None] = []
    watching = CaseReader(database_url, lambda: failures.append(None))
    engine = create_engine(database_url)
    with capture_logs() as logs:
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE cases RENAME COLUMN body TO hidden"))
        for _ in range(2):
            with pytest.raises(MemoryAway, match=r"^The worker's memory .* Try again in a moment\.$"):
                watching.case("CASE-1")
        assert len(failures) == 2
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE cases RENAME COLUMN hidden TO body"))
        assert watching.case("CASE-1") is not None

    assert [(line["log_level"], line["event"]) for line in logs] == [
        ("warning", "the worker's memory cannot be read"),
        ("info", "the worker's memory can be read again"),
    ]
    engine.dispose()
    watching.close()


@pytest.fixture
def plain_url(postgres_url: str) -> Iterator[str]:
    """The same PostgreSQL database as a user sees it to whom its owner has granted nothing."""
    engine = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE ROLE plain LOGIN PASSWORD '0penSesame'"))
        yield make_url(postgres_url).set(username="plain", password="0penSesame").render_as_string(hide_password=False)
        connection.execute(text("DROP OWNED BY plain"))
        connection.execute(text("DROP ROLE plain"))
    engine.dispose()


def test_a_memory_that_is_closed_to_the_web_says_what_to_grant_and_the_web_is_not_ready(
    postgres_url: str, plain_url: str
) -> None:
    engine = create_engine(postgres_url)
    tables.create(engine)
    reader = CaseReader(plain_url)

    with pytest.raises(MemoryAway, match="must be allowed to SELECT from its tables"):
        reader.case("x")
    assert not reader.health().ok
    assert "must be allowed to SELECT" in reader.health().reason

    with engine.begin() as connection:
        connection.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain"))
    assert reader.health().ok
    engine.dispose()
    reader.close()


def test_a_database_that_lets_nobody_make_tables_says_what_to_grant_and_keeps_the_password(plain_url: str) -> None:
    granted = r'web\.memory\.url: .* GRANT USAGE, CREATE ON SCHEMA public TO "plain";$'
    with pytest.raises(ConfigurationError, match=granted) as refused:
        Outbox(plain_url, 1000)

    assert "0penSesame" not in str(refused.value)


def test_doors_that_start_together_on_an_empty_database_do_not_collide(database_url: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        doors = list(pool.map(lambda _: Outbox(database_url, 1000), range(8)))

    assert [door.count_unsent() for door in doors] == [0] * 8
    for door in doors:
        door.close()


def test_what_a_statement_was_given_is_never_part_of_an_error(database_url: str, reader: CaseReader) -> None:
    door = Outbox(database_url, 1000)
    for engine in (door._engine, reader._engine):
        with engine.connect() as connection, pytest.raises(DBAPIError) as failed:
            connection.execute(text("SELECT * FROM nothing WHERE name = :name"), {"name": "Bernardina"})
        assert "Bernardina" not in str(failed.value)
    door.close()


def test_two_doors_on_one_outbox_agree_on_a_key(database_url: str) -> None:
    doors = [Outbox(database_url, 1000), Outbox(database_url, 1000)]
    for door in doors:
        door.start()
    rows = [[Row(f"key-{n}", "f", f"{door}-{n}", "asked", 1, "{}") for n in range(50)] for door in range(2)]
    waiting = [[door.accept(row) for row in own] for door, own in zip(doors, rows, strict=True)]

    answers = [[each.result(30).reference for each in own] for own in waiting]

    assert answers[0] == answers[1]
    assert len(doors[0].unsent(200)) == 50
    for door in doors:
        door.close()
