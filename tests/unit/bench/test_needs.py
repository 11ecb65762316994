"""What a council, a region and the UK need: from measured figures and assumptions that are shown."""

from typing import Any

import pytest

from tests.bench.needs import PLACES, Assumed, Measured, measured, need, needs
from tests.bench.page import page

COUNCIL, CELL, UK = PLACES
HOW = Measured(worker_us=100, broker_us=20, database_us=50, edge_ms=12, case_kb=10)


def run(contestant: str, **figures: float) -> dict[str, Any]:
    verdict = {"seen": 10, "missing": 0, "doubled": 0, "foreign": 0, "unfinished": 0}
    return {"contestant": contestant, "number": 1, "verdict": verdict, "problem": "", **figures}


@pytest.fixture
def results() -> dict[str, Any]:
    cost_ms = {"web": 4.0, "connector": 8.0, "worker": 2.0}
    return {
        "story": {"cases": 20_000},
        "runs": [
            run("hub", cpu_s=90.0, others_cpu_s=20.0, stored_mb=180.0),
            run("hub_postgresql", cpu_s=100.0, others_cpu_s=70.0, stored_mb=200.0),
        ],
        "paths": [{"path": "effect", "what": "", "measured": "", "cost_ms": cost_ms}],
    }


def test_what_counts_is_read_from_the_figures_of_the_same_page(results: dict[str, Any]) -> None:
    assert measured(results) == HOW


@pytest.mark.parametrize("missing", ["story", "runs", "paths"])
def test_nothing_is_said_while_something_of_it_was_not_measured(results: dict[str, Any], missing: str) -> None:
    results[missing] = type(results[missing])()

    assert needs(results) == ""


def test_a_run_that_went_wrong_does_not_count(results: dict[str, Any]) -> None:
    results["runs"][1]["problem"] = "it ended before it was done"

    assert needs(results) == ""


def test_a_council_needs_three_machines_because_kafka_does_however_little_they_have_to_do() -> None:
    found = need(COUNCIL, HOW, Assumed())

    assert found.cores == pytest.approx((0.0285, 0.0171, 0.0285, 0.076))
    assert (found.machines, found.machine_cores) == (3, 2)
    assert found.kafka_gb == pytest.approx(69 * 2 * 30 / 365 * 3 * 2)
    assert found.database_gb == pytest.approx(0.75 * 10 * 7 * 2 * 2)
    assert found.money == pytest.approx(3 * 2 * 27 + (found.kafka_gb + found.database_gb) * 0.08)


def test_a_cell_has_machines_for_brokers_databases_and_workers_each() -> None:
    slow = Measured(worker_us=3000, broker_us=20, database_us=50, edge_ms=12, case_kb=10)

    assert need(CELL, HOW, Assumed()).machines == 6 + 2 + 2
    assert need(CELL, slow, Assumed()).machines == 6 + 2 + 4


def test_the_uk_is_ten_cells() -> None:
    assert need(UK, HOW, Assumed()).machines == 10 * need(CELL, HOW, Assumed()).machines


def test_another_assumption_is_another_answer() -> None:
    assert need(CELL, HOW, Assumed(years=14)).database_gb == 2 * need(CELL, HOW, Assumed()).database_gb
    assert need(CELL, HOW, Assumed(core_month=54)).money > 1.9 * (need(CELL, HOW, Assumed(disk_month=0)).money)


def test_the_page_shows_every_assumption(results: dict[str, Any]) -> None:
    text = needs(results)

    assert "| a council of 500,000 | 285 | 0.03 | 0.02 | 0.03 | 0.08 | 3 of 2 cores |" in text
    assert "an event takes 100 µs of a processor in the worker" in text
    assert "- 0.5: share of a core that may be busy at the peak" in text
    assert "- 27: pounds a month for a core with 4 GB of memory" in text
    assert "- 0.08: pounds a month for a GB of SSD" in text


def test_it_stands_on_the_page_of_what_was_measured(results: dict[str, Any]) -> None:
    machine = {"cores": 2, "processor": "p", "memory_gb": 24, "system": "Linux", "python": "3.11.7"}
    go = {"date": "2026-11-24 12:00 UTC", "commit": "abc1234", "command": "make bench", "machine": machine}
    story = {"events": 300_000, "cases": 20_000, "outputs": 330_000, "bytes": 566, "partitions": 12}
    for each in results["runs"]:
        each |= {"per_s": 9000, "later_per_s": 9000, "peak_mb": 100}
    names = {name: {"title": name, "keeps": "all"} for name in ("hub", "hub_postgresql")}
    whole = {"gos": [go], "contestants": names, **results, "story": story}

    assert "## What a council, a region and the UK need" in page(whole)
