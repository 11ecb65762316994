"""The short comparison with a commit from before."""

from pathlib import Path

from tests.bench.compare import BASELINE, baseline, compared
from tests.bench.measure import Run


def run(per_s: float, cpu_s: float) -> Run:
    return Run("hub", 1, events=20_000, per_s=per_s, cpu_s=cpu_s, peak_mb=120)


def test_it_says_by_how_much_this_checkout_is_faster_or_slower() -> None:
    lines = compared([run(9_000, 40), run(11_000, 60)], [run(8_000, 50), run(8_000, 50)], "abc123")

    assert lines[0].split() == ["now", "abc123", "now", "/", "before"]
    assert lines[1].split() == ["events/s", "10,000.0", "8,000.0", "1.25"]
    assert lines[2].split() == ["CPU", "s/million", "50.0", "50.0", "1.00"]
    assert lines[-1].startswith("20,000 events, 2 times each, in turns")


def test_a_run_that_was_too_short_to_be_timed_does_not_count() -> None:
    lines = compared([run(0, 0), run(10_000, 50)], [run(8_000, 50), run(8_000, 50)], "abc123")

    assert lines[1].split() == ["events/s", "10,000.0", "8,000.0", "1.25"]
    assert lines[2].split() == ["CPU", "s/million", "50.0", "50.0", "1.00"]
    assert lines[-1] == "Left out, as too short to be timed: 1 of 4 runs."


def test_where_all_were_too_short_nothing_was_measured() -> None:
    lines = compared([run(0, 0)], [run(8_000, 50)], "abc123")

    assert lines[1].split() == ["events/s", "not", "measured", "8,000.0", "-"]


def test_a_commit_that_is_not_in_the_history_is_not_there(tmp_path: Path) -> None:
    assert baseline("0" * 40, tmp_path / "baseline") is None


def test_the_commit_to_compare_with_is_named_whole() -> None:
    assert len(BASELINE.read_text(encoding="ascii").strip()) == 40
