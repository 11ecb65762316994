"""The arithmetic of a measurement."""

from uuid import UUID

import pytest

from hub.bench.figures import Spread, Waits, percentile, waits_ms

A, B, C = (UUID(int=number) for number in (1, 2, 3))


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100)])
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(share: float, value: int) -> None:
    assert percentile(range(1, 101), share) == value


def test_of_one_value_every_percentile_is_that_value() -> None:
    assert Waits.of([7.0]) == Waits(number=1, p50=7, p95=7, p99=7, most=7)


def test_the_middle_of_several_runs_stands_with_the_least_and_the_most() -> None:
    assert Spread.of([30, 10, 20]) == Spread(median=20, least=10, most=30)


def test_an_output_has_waited_since_its_cause_came() -> None:
    asked = {A: 1000.0, B: 1010.0}

    assert waits_ms(asked, [(A, 1015.0), (A, 1016.0), (B, 1030.0), (C, 5000.0)]) == [15, 16, 20]


def test_where_nothing_came_out_nothing_was_measured() -> None:
    with pytest.raises(ValueError, match="nothing came out"):
        Waits.of([])
