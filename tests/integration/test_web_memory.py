"""What the web remembers and reads, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, insert
from sqlalchemy.exc import DBAPIError

from hub.intake.outbox import Outbox, Row
from hub.memory import tables
from hub.memory.reading import CaseReader, MemoryAway, Standing
from hub.routing.case import Case, Entry, EntryKind
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
                "body": case.model_dump_json(exclude_defaults=True),
            }
        )
    entries = [Entry(kind=EntryKind.REQUEST_RECEIVED, at=AT, heard_at=AT, event=str(n)) for n in range(3)]
    with engine.begin() as connection:
        connection.execute(insert(tables.cases), rows)
        connection.execute(
            insert(tables.timeline), [{"reference": "CASE-1", "body": each.model_dump_json()} for each in entries]
        )
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


def test_a_case_and_its_timeline_are_read(reader: CaseReader) -> None:
    case = reader.case("CASE-1")
    assert case is not None
    assert case.status is CaseStatus.OPEN
    assert [entry.event for entry in reader.timeline("CASE-1")] == ["0", "1", "2"]
    assert reader.case("CASE-9") is None
    assert reader.timeline("CASE-9") == ()


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


def test_two_doors_on_one_outbox_agree_on_a_key(database_url: str) -> None:
    doors = [Outbox(database_url), Outbox(database_url)]
    for door in doors:
        door.start()
    rows = [[Row(f"key-{n}", "f", f"{door}-{n}", "asked", 1, "{}") for n in range(50)] for door in range(2)]
    waiting = [[door.accept(row) for row in own] for door, own in zip(doors, rows, strict=True)]

    answers = [[each.result(30).reference for each in own] for own in waiting]

    assert answers[0] == answers[1]
    assert len(doors[0].unsent(200)) == 50
    for door in doors:
        door.close()
