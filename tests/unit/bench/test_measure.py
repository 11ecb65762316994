"""What a run comes to: rates from when outputs were appended, once something of it has a time of its own."""

from types import SimpleNamespace
from typing import Any, cast

from tests.bench.check import Oracle
from tests.bench.measure import _figures, _Sample

SECOND = 1000


def oracle(events: int, outputs: int) -> Oracle:
    return cast("Oracle", SimpleNamespace(events=events, outputs=outputs))


def look(at: float, outputs: int) -> _Sample:
    return _Sample(at, outputs, cpu_s=at, others_cpu_s=at / 2)


def figures(rounds: int, of: int) -> dict[str, Any]:
    """A worker that does a round of so many events in a second, and then sends all that follows at once."""
    times = [second * SECOND for second in range(1, rounds + 1) for _ in range(of)]
    looks = [look(second, second * of) for second in range(1, rounds + 1)]
    return _figures(oracle(rounds * of, rounds * of), looks, times)


def test_one_that_works_in_rounds_is_not_given_its_first_round_for_nothing() -> None:
    assert figures(rounds=4, of=500)["per_s"] == 500
    assert figures(rounds=4, of=500)["later_per_s"] == 500


def test_one_that_works_steadily_is_as_fast_as_it_looks() -> None:
    times = list(range(0, 10 * SECOND, 10))
    looks = [look(second, second * 100) for second in range(1, 11)]

    assert round(_figures(oracle(1000, 1000), looks, times)["per_s"]) == 100


def test_two_outputs_of_an_event_are_one_event() -> None:
    times = [second * SECOND for second in (1, 2, 3) for _ in range(200)]
    looks = [look(second, second * 200) for second in (1, 2, 3)]

    found = _figures(oracle(300, 600), looks, times)

    assert (found["events"], found["per_s"], found["cpu_s"]) == (300, 100, 10_000)


def test_a_story_that_was_over_at_the_first_look_has_no_rate() -> None:
    found = figures(rounds=1, of=500)

    assert (found["per_s"], found["later_per_s"]) == (0, 0)
    assert "cpu_s" not in found
