"""The page of the faults that were run is made of what was run, in however many parts."""

from pathlib import Path

from tests.faults.record import Record, Run


def run(test: str, result: str = "held", seen: str = "", at: str = "") -> Run:
    return Run("T17", "kill -9 of the worker", "I1", "O2", ("ids-are-drawn",), test, result, seen, at)


def test_what_was_not_run_this_time_keeps_its_row_and_the_day_it_was_run(tmp_path: Path) -> None:
    page = tmp_path / "REPORT.md"
    record = Record()
    record.note([run("one", seen="540 events", at="2026-11-03 abc1234"), run("two", at="2026-11-03 abc1234")])
    record.write(page)

    again = Record.of(page)
    again.note([run("one", "not run"), run("two", "BROKEN", at="2026-11-04 def5678")])
    again.write(page)

    one, two = Record.of(page).by_test.values()
    assert (one.result, one.seen, one.at) == ("held", "540 events", "2026-11-03 abc1234")
    assert (two.result, two.at) == ("BROKEN", "2026-11-04 def5678")
    assert "| T17 | kill -9 of the worker | I1 | O2 | 540 events | held | ids-are-drawn: not run |" in page.read_text()


def test_how_a_twin_ended_stays_until_it_is_run_again(tmp_path: Path) -> None:
    record = Record([run("one")])
    record.note_twin("one", "ids-are-drawn", "red")
    record.note([run("one", at="2026-11-04 def5678")])
    record.write(tmp_path / "REPORT.md")

    assert "ids-are-drawn: red (" in (tmp_path / "REPORT.md").read_text()


def test_a_test_that_is_gone_loses_its_row() -> None:
    record = Record([run("one"), run("gone")])
    record.note([run("one", "not run")], known={"one"})
    assert list(record.by_test) == ["one"]
