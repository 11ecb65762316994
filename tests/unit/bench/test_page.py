"""The page of what was measured: medians, ranges, what was promised, and what went wrong. Nothing is left out because it is bad."""

from typing import Any

import pytest

from tests.bench.latency import RATES
from tests.bench.limits import LIMITS
from tests.bench.page import GOALS, is_all_right, page

RIGHT = {"seen": 10, "missing": 0, "doubled": 0, "foreign": 0, "unfinished": 0}


def run(contestant: str, number: int, per_s: float, **more: Any) -> dict[str, Any]:
    return {
        "contestant": contestant,
        "number": number,
        "per_s": per_s,
        "later_per_s": per_s,
        "cpu_s": 20.0,
        "others_cpu_s": 5.0,
        "peak_mb": 100,
        "verdict": RIGHT,
        "problem": "",
        **more,
    }


def latency(contestant: str, per_s: int, p99: float, core_share: float, sent_per_s: int = 0) -> dict[str, Any]:
    waits = {"number": 9, "p50": 5.0, "p95": 8.0, "p99": p99, "most": 90.0}
    return {
        "contestant": contestant,
        "number": 1,
        "per_s": per_s,
        "sent_per_s": sent_per_s or per_s,
        "core_share": core_share,
        "waits": waits,
        "problem": "",
    }


@pytest.fixture
def results() -> dict[str, Any]:
    machine = {"cores": 2, "processor": "a processor", "memory_gb": 24, "system": "Linux", "python": "3.11.7"}
    return {
        "gos": [
            {
                "date": "2026-11-24 12:00 UTC",
                "commit": "abc1234",
                "command": 'make bench BENCH="--runs 3"',
                "machine": machine,
            }
        ],
        "story": {"events": 300_000, "cases": 20_000, "outputs": 330_000, "bytes": 566, "partitions": 12},
        "contestants": {
            name: {"title": title, "keeps": "something"} for name, title in (("hub", "The hub"), ("quix", "Quix"))
        },
        "not_prepared": {},
        "runs": [run("hub", 1, 30_000), run("quix", 1, 25_000), run("hub", 2, 40_000), run("hub", 3, 20_000)],
        "latency": [],
        "paths": [],
    }


def test_it_says_when_where_and_how_to_do_it_again(results: dict[str, Any]) -> None:
    text = page(results)

    assert "2026-11-24 12:00 UTC, commit abc1234, on 2 cores of a processor, 24 GB" in text
    assert 'make bench BENCH="--runs 3"' in text
    assert "300,000 events of 20,000 cases" in text


def test_what_was_measured_in_several_goes_says_each_of_them(results: dict[str, Any]) -> None:
    first = results["gos"][0]
    results["gos"].append(first | {"commit": "def5678", "command": 'make bench BENCH="--only none"'})

    text = page(results)

    assert "- 2026-11-24 12:00 UTC, commit abc1234," in text
    assert "- 2026-11-24 12:00 UTC, commit def5678," in text
    assert 'make bench BENCH="--runs 3"\nmake bench BENCH="--only none"\n' in text


def test_a_figure_is_the_median_with_the_range_behind_it(results: dict[str, Any]) -> None:
    assert "| The hub | 30,000 (20,000 to 40,000) |" in page(results)


def test_a_goal_is_kept_missed_by_so_much_or_not_measured(results: dict[str, Any]) -> None:
    text = page(results)
    assert "| hub / quix | at least 1.3, aim 2 | 1.20 | MISSED by 8% |" in text
    assert "| hub / stock_faust | at least 10 | not measured |  |" in text

    results["runs"][1] = run("quix", 1, 20_000)
    assert "| hub / quix | at least 1.3, aim 2 | 1.50 | kept |" in page(results)


def test_a_run_that_was_not_right_counts_for_nothing_and_is_told(results: dict[str, Any]) -> None:
    results["runs"] += [
        run("hub", 4, 90_000, verdict=RIGHT | {"missing": 3, "doubled": 1}),
        run("quix", 2, 90_000, problem="it ended before it was done\na trace"),
    ]

    text = page(results)

    assert "30,000 (20,000 to 40,000)" in text
    assert "- hub, run 4: 3 missing, 1 doubled\n" in text
    assert "- quix, run 2: it ended before it was done\n" in text
    assert not is_all_right(results)


def test_where_no_run_was_right_there_is_no_figure(results: dict[str, Any]) -> None:
    results["runs"][1] = run("quix", 1, 20_000, problem="it could not")

    text = page(results)

    assert "| Quix | no run was right |" in text
    assert "| hub / quix | at least 1.3, aim 2 | not measured |" in text


def test_latency_and_cpu_are_held_against_those_of_quix(results: dict[str, Any]) -> None:
    results["latency"] = [latency("hub", 300, 30, 0.25), latency("quix", 300, 60, 0.20)]

    text = page(results)

    assert "| 300/s | The hub | 5 | 8 | 30 | 90 | 0.25 |" in text
    assert "- 300/s, p99, ours / Quix, promised at most 1: 0.50, kept" in text
    assert "- 300/s, CPU, ours / Quix, promised at most 1: 1.25, MISSED by 25%" in text


@pytest.mark.parametrize(
    "found",
    [
        pytest.param([latency("hub", 300, 30, 0.25)], id="Quix was not there"),
        pytest.param([latency("quix", 300, 30, 0.25)], id="the hub was not there"),
        pytest.param(
            [latency("hub", 300, 30, 0.25), latency("quix", 300, 60, 0.2) | {"waits": None, "problem": "it ended"}],
            id="no run of Quix was good",
        ),
        pytest.param([latency("hub", 300, 0.0, 0.0), latency("quix", 300, 60, 0.2)], id="ours is nought"),
        pytest.param([latency("hub", 300, 30, 0.2), latency("quix", 300, 0.0, 0.0)], id="theirs is nought"),
    ],
)
def test_a_rate_at_which_they_cannot_be_compared_is_told(results: dict[str, Any], found: list[dict[str, Any]]) -> None:
    results["latency"] = found

    text = page(results)

    assert "- 300/s, p99, ours / Quix, promised at most 1: not measured\n" in text
    assert "- 300/s, CPU, ours / Quix, promised at most 1: not measured\n" in text
    assert "- 300/s, p99, ours / Quix: " not in text


def test_a_rate_that_could_not_be_sent_is_told(results: dict[str, Any]) -> None:
    results["latency"] = [latency("hub", 3000, 30, 0.25, sent_per_s=2700)]

    assert "| 3,000/s, of which 2,700 were sent | The hub |" in page(results)


def test_a_whole_path_that_could_not_be_measured_is_told(results: dict[str, Any]) -> None:
    results["paths"] = [
        {"what": "a page", "measured": "12 ms", "promised": "", "verdict": "", "problem": ""},
        {"what": "drain", "measured": "", "promised": "", "verdict": "", "problem": "TimeoutError: no end"},
    ]

    text = page(results)

    assert "| a page | 12 ms |  |  |" in text
    assert "| drain | not measured |" in text
    assert "- drain: TimeoutError: no end" in text


def test_a_contestant_that_cannot_be_had_is_told(results: dict[str, Any]) -> None:
    assert is_all_right(results)

    results["not_prepared"]["bytewax"] = "no wheel for this Python"

    assert "- bytewax: no wheel for this Python" in page(results)
    assert not is_all_right(results)


def test_of_what_was_missed_it_says_what_limits_it(results: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    results["latency"] = [latency("hub", 3000, 20.0, 0.2), latency("quix", 3000, 10.0, 0.3)]
    results["paths"] = [{"what": "a long way", "measured": "9 s", "promised": "1 s", "verdict": "MISSED"}]
    monkeypatch.setattr("tests.bench.page.LIMITS", {"a long way": "the disk."})

    limits = page(results).partition("## What limits what was missed\n\n")[2].splitlines()

    assert limits == [
        "- hub / quix: not looked into yet.",
        "- 3,000/s, p99, ours / Quix: not looked into yet.",
        "- a long way: the disk.",
    ]


def test_nothing_limits_what_was_kept(results: dict[str, Any]) -> None:
    results["runs"] = [run("hub", 1, 50_000), run("quix", 1, 25_000)]

    assert "What limits" not in page(results)


def test_every_limit_is_of_a_promise_that_the_page_makes() -> None:
    promises = {f"{goal.ours} / {goal.theirs}" for goal in GOALS}
    promises |= {f"{rate:,}/s, {what}, ours / Quix" for rate in RATES for what in ("p99", "CPU")}

    assert set(LIMITS) <= promises
