"""A memory full of cases: real ones, under names of their own."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from hub.routing.case import Case
from hub.routing.entry import Entry
from hub.routing.step import World
from schemas.cases import CaseStatus
from schemas.references import parse_case_reference
from tests.bench.furnish import LINES, furnish, references, templates

DAY = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def test_stored_cases_are_whole_cases_that_have_ended(world: World, tmp_path: Path) -> None:
    named = list(references(50, DAY))

    written = furnish(f"{tmp_path}/worker.db", templates(world, DAY, 20), named)

    with closing(sqlite3.connect(tmp_path / "worker.db")) as connection:
        cases = connection.execute("SELECT reference, status, body FROM cases ORDER BY rowid").fetchall()
        lines = connection.execute("SELECT reference, body FROM timeline").fetchall()
    assert written == len(cases) == 50
    assert [reference for reference, _, _ in cases] == named
    for reference, status, body in cases:
        case = Case.read(body)
        assert (case.reference, case.status, status) == (reference, CaseStatus.FINISHED, "finished")
    assert len(lines) == 50 * LINES
    assert {reference for reference, _ in lines} == set(named)
    assert all(Entry.read(body).event for _, body in lines)


def test_open_cases_are_in_the_middle_and_wait_for_somebody(world: World) -> None:
    found = templates(world, DAY, 20, ended=False)

    assert {each.row.status for each in found} == {"open"}
    assert all(each.row.waiting_on and each.row.due_ms for each in found)


def test_their_names_are_references_in_the_order_of_time(world: World) -> None:
    named = list(references(1000, DAY))

    assert len(set(named)) == 1000
    assert named == sorted(named)
    assert [parse_case_reference(name) for name in named] == named
