"""What the rows of whole paths say, and when an effect has happened."""

import itertools
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from tests.bench.check import Verdict
from tests.bench.measure import Run
from tests.bench.whole import sources, workers
from tests.bench.whole.effect import Watcher
from tests.bench.whole.worker_alone import row_of

RIGHT = Verdict(10, 0, 0, 0, 0)
JOURNAL = "CREATE TABLE rmworder_journal (id INTEGER PRIMARY KEY, op TEXT, hub_ref TEXT)"
ORDER = "INSERT INTO rmworder_journal (op, hub_ref) VALUES (?, ?)"


def test_a_story_that_was_too_short_to_be_timed_says_so() -> None:
    short, timed = (Run("hub", 1, per_s=per_s, verdict=RIGHT) for per_s in (0.0, 9_000.0))

    assert row_of("a story", short)["problem"] == "the story was too short to be timed"
    assert row_of("a story", timed)["problem"] == ""


def test_what_went_wrong_is_said_before_that_it_was_short() -> None:
    assert "it ended" in row_of("a story", Run("hub", 1, verdict=RIGHT, problem="it ended"))["problem"]


@pytest.mark.parametrize(
    ("rate", "verdict", "problem"),
    [
        pytest.param(9_000, RIGHT, "", id="right"),
        pytest.param(0, RIGHT, "the story was too short to be timed", id="too short"),
        pytest.param(9_000, Verdict(11, 0, 1, 0, 0), "", id="one came again"),
        pytest.param(0, Verdict(9, 1, 0, 0, 0), str(Verdict(9, 1, 0, 0, 0)), id="one is missing"),
    ],
)
def test_workers_are_judged(rate: float, verdict: Verdict, problem: str) -> None:
    assert workers._row(2, rate, 3.0, verdict)["problem"] == problem


def test_of_a_source_it_is_said_what_a_row_costs() -> None:
    found = sources._row("housing", 20_000, sources._Read(seconds=4.0, events=19_000, cpu_s=3.0))

    assert found["measured"] == "5,000 rows/s (20,000 rows, 19,000 events); of a processor a row takes 150 µs"
    assert found["cpu_us"] == 150.0


def test_an_order_has_come_when_somebody_else_first_sees_it_and_not_before_its_commit(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/housing.db")
    with engine.begin() as made:
        made.exec_driver_sql("PRAGMA journal_mode = WAL")
        made.exec_driver_sql(JOURNAL)
    watcher = Watcher(engine, clock=map(float, itertools.count(1)).__next__)

    with engine.connect() as connector:
        connector.exec_driver_sql(ORDER, ("insert", "first"))
        watcher.look()
        assert watcher.seen == {}
        connector.commit()
        watcher.look()
        connector.exec_driver_sql(ORDER, ("update", "first"))
        connector.exec_driver_sql(ORDER, ("insert", ""))
        connector.exec_driver_sql(ORDER, ("insert", "second"))
        connector.commit()
        watcher.look()
        watcher.look()

    engine.dispose()
    assert watcher.seen == {"first": 2.0, "second": 3.0}
