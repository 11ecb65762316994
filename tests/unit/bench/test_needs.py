"""What a council, a region and the UK need: from measured figures and assumptions that are shown."""

from dataclasses import replace
from typing import Any

import pytest

from tests.bench.needs import DEMANDS, Assumed, Line, Measured, measured, need, needs
from tests.bench.page import page

COUNCIL, CELL, UK = DEMANDS
HOW = Measured(
    worker=Line(0.1, 100),
    broker=Line(0.02, 20),
    database=Line(0.01, 50),
    web_ms=4,
    connector_ms=8,
    source_us=300,
    worker_mb=150,
    case_kb=10,
)


def run(contestant: str, **figures: float) -> dict[str, Any]:
    verdict = {"seen": 10, "missing": 0, "doubled": 0, "foreign": 0, "unfinished": 0}
    return {"contestant": contestant, "number": 1, "verdict": verdict, "problem": "", **figures}


def at_rate(contestant: str, per_s: int, core_share: float, others_share: float) -> dict[str, Any]:
    waits = {"number": 9, "p50": 5.0, "p95": 8.0, "p99": 9.0, "most": 90.0}
    shares = {"core_share": core_share, "others_share": others_share}
    rates = {"per_s": per_s, "sent_per_s": per_s, "done_per_s": float(per_s)}
    return {"contestant": contestant, "number": 1, "waits": waits, "problem": "", **rates, **shares}


def source(cpu_us: float) -> dict[str, Any]:
    return {"path": "sources", "what": "", "measured": "", "cpu_us": cpu_us, "rows": 20, "events": 20}


@pytest.fixture
def results() -> dict[str, Any]:
    cost_ms = {"web": 4.0, "connector": 8.0, "worker": 2.0}
    return {
        "story": {"cases": 20_000},
        "runs": [
            run("hub", stored_mb=180.0, peak_mb=100.0),
            run("hub_postgresql", stored_mb=200.0, peak_mb=150.0),
        ],
        "latency": [
            at_rate("hub", 300, 0.5, 0.026),
            at_rate("hub", 3000, 0.9, 0.08),
            at_rate("hub_postgresql", 300, 0.13, 0.051),
            at_rate("hub_postgresql", 3000, 0.4, 0.24),
        ],
        "paths": [
            {"path": "effect", "what": "", "measured": "", "cost_ms": cost_ms},
            source(200.0),
            source(300.0),
        ],
    }


def test_what_counts_is_read_from_the_figures_of_the_same_page(results: dict[str, Any]) -> None:
    found = measured(results)

    assert found is not None
    for line, wanted in (
        (found.worker, HOW.worker),
        (found.broker, HOW.broker),
        (found.database, HOW.database),
    ):
        assert (line.fixed, line.event_us) == pytest.approx((wanted.fixed, wanted.event_us))
    assert replace(found, worker=HOW.worker, broker=HOW.broker, database=HOW.database) == HOW


@pytest.mark.parametrize("missing", ["story", "runs", "latency", "paths"])
def test_nothing_is_said_while_something_of_it_was_not_measured(results: dict[str, Any], missing: str) -> None:
    results[missing] = type(results[missing])()

    assert needs(results) == ""


@pytest.mark.parametrize("place", range(4))
def test_of_both_hubs_both_rates_are_wanted(results: dict[str, Any], place: int) -> None:
    results["latency"][place] |= {"waits": None, "problem": "it ended before it was done"}

    assert needs(results) == ""


@pytest.mark.parametrize("path", ["effect", "sources"])
def test_of_the_whole_paths_both_are_wanted(results: dict[str, Any], path: str) -> None:
    results["paths"] = [each for each in results["paths"] if each["path"] != path]

    assert needs(results) == ""


def test_figures_from_before_the_others_were_measured_say_nothing(results: dict[str, Any]) -> None:
    del results["latency"][0]["others_share"]

    assert needs(results) == ""


@pytest.mark.parametrize("wrong", [{"problem": "it ended before it was done"}, {"verdict": {"seen": 9, "missing": 1}}])
def test_a_run_that_went_wrong_does_not_count(results: dict[str, Any], wrong: dict[str, Any]) -> None:
    results["runs"][1] |= wrong

    assert needs(results) == ""


def test_neither_what_is_always_used_nor_what_an_event_takes_is_ever_below_nought() -> None:
    assert Line.through((300, 0.2), (3000, 0.1)) == Line(0.2, 0)
    steep = Line.through((300, 0.01), (3000, 0.37))
    assert steep is not None
    assert steep.fixed == 0
    assert Line.through((300, 0.2), (300, 0.2)) is None


def test_a_database_beside_which_the_broker_has_less_to_do_takes_nothing(results: dict[str, Any]) -> None:
    for each in results["latency"][2:]:
        each["others_share"] = 0.01

    found = measured(results)

    assert found is not None
    assert found.database == Line(0, 0)


def test_a_council_needs_three_machines_because_kafka_does_however_little_they_have_to_do() -> None:
    found = need(COUNCIL, HOW, Assumed())

    request_s = 76 / 12 * (4 + 3 * 8) / 1e3
    assert found.cores == pytest.approx(
        (0.1 + 0.0285, 3 * 0.02 + 3 * 0.0057, 2 * (0.01 + 0.01425), request_s + (285 - 76) * 300e-6)
    )
    assert found.memory_gb == pytest.approx((5 * 2000 + 150 + 6 * 90 + 120) / 1e3)
    assert (found.machines, found.machine_cores) == (3, 2)
    assert found.kafka_gb == pytest.approx(69 * 2 * 30 / 365 * 3 * 2)
    assert found.database_gb == pytest.approx(0.75 * 10 * 7 * 2 * 2)
    assert found.money == pytest.approx(3 * 2 * 27 + (found.kafka_gb + found.database_gb) * 0.08)


def test_a_cell_has_machines_for_brokers_databases_and_workers_each() -> None:
    slow = replace(HOW, worker=Line(0.1, 3000))

    assert need(CELL, HOW, Assumed()).machines == 6 + 2 + 2
    assert need(CELL, slow, Assumed()).machines == 6 + 2 + 5


def test_there_are_as_many_workers_as_keep_their_cores_from_being_too_busy() -> None:
    assert need(CELL, HOW, Assumed()).cores[0] == pytest.approx(2 * 0.1 + 0.2)
    assert need(CELL, replace(HOW, worker=Line(0.1, 1000)), Assumed()).cores[0] == pytest.approx(4 * 0.1 + 2)


@pytest.mark.parametrize(("demand", "machines"), [(COUNCIL, 4), (CELL, 6 + 2 + 8)])
def test_where_memory_asks_for_more_machines_than_cores_do_there_are_more(demand: Any, machines: int) -> None:
    assumed = Assumed(connector_mb=3000 if demand is COUNCIL else 500)

    assert need(demand, HOW, assumed).machines == machines


def test_the_uk_is_ten_cells() -> None:
    cell, uk = need(CELL, HOW, Assumed()), need(UK, HOW, Assumed())

    assert uk.machines == 10 * cell.machines
    assert uk.memory_gb == pytest.approx(10 * cell.memory_gb)
    assert uk.cores == pytest.approx([10 * cores for cores in cell.cores])


def test_another_assumption_is_another_answer() -> None:
    assert need(CELL, HOW, Assumed(years=14)).database_gb == 2 * need(CELL, HOW, Assumed()).database_gb
    assert need(CELL, HOW, Assumed(core_month=54)).money > 1.9 * (need(CELL, HOW, Assumed(disk_month=0)).money)


def test_the_page_shows_every_assumption(results: dict[str, Any]) -> None:
    text = needs(results)

    assert "| a council of 500,000 | 285 | 0.13 | 0.08 | 0.05 | 0.24 | 11 | 3 of 2 cores |" in text
    assert "a worker takes 0.10 of a core and 100 µs for each event" in text
    assert "- 0.5: share of a core that may be busy at the peak" in text
    assert "- 3: departments that carry something out for a request" in text
    assert "- 6: connectors of a council" in text
    assert "- 27: pounds a month for a core with its memory" in text
    assert "- 0.08: pounds a month for a GB of SSD" in text
    assert "backups, network, people and tax are left out" in text


def test_it_stands_on_the_page_of_what_was_measured(results: dict[str, Any]) -> None:
    machine = {"cores": 2, "processor": "p", "memory_gb": 24, "system": "Linux", "python": "3.11.7"}
    go = {"date": "2026-11-24 12:00 UTC", "commit": "abc1234", "command": "make bench", "machine": machine}
    story = {"events": 300_000, "cases": 20_000, "outputs": 330_000, "bytes": 566, "partitions": 12}
    for each in results["runs"]:
        each |= {"per_s": 9000, "later_per_s": 9000, "peak_mb": 100, "cpu_s": 90.0, "others_cpu_s": 20.0}
    names = {name: {"title": name, "keeps": "all"} for name in ("hub", "hub_postgresql")}
    whole = {"gos": [go], "contestants": names, **results, "story": story}

    assert "## What a council, a region and the UK need" in page(whole)
