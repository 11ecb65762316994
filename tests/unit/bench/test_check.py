"""The oracle of a run: it misses nothing that is lost, doubled or not of the story."""

import orjson
import pytest

from tests.bench.check import Oracle, Verdict
from tests.bench.ground import Seen


def seen(topic: str, identifier: str, status: str = "open", case: bytes = b"one", partition: int = 0) -> Seen:
    return Seen((topic, partition), case, orjson.dumps({"id": identifier, "data": {"status": status}}), 1_000)


@pytest.fixture
def oracle() -> Oracle:
    made = Oracle(told_on="updates")
    made.expect(0, [("tasks", "a"), ("updates", "b")])
    made.expect(0, [("tasks", "c"), ("updates", "d")], ends=b"one")
    return made


ALL = [seen("tasks", "a"), seen("updates", "b"), seen("tasks", "c"), seen("updates", "d", "finished")]


def test_all_that_had_to_come_and_nothing_else_is_right(oracle: Oracle) -> None:
    verdict = oracle.judge(ALL, whole=True)

    assert verdict.right
    assert verdict.seen == oracle.outputs == 4


@pytest.mark.parametrize(
    ("records", "verdict"),
    [
        pytest.param(ALL[1:], Verdict(3, 1, 0, 0, 0), id="one is missing"),
        pytest.param([*ALL, ALL[0]], Verdict(5, 0, 1, 0, 0), id="one came twice"),
        pytest.param([*ALL, seen("tasks", "x")], Verdict(5, 0, 0, 1, 0), id="one is of no event"),
        pytest.param(
            [*ALL[1:], seen("tasks", "a", partition=1)], Verdict(4, 1, 0, 1, 0), id="one stands in another partition"
        ),
        pytest.param([*ALL[:3], seen("updates", "d")], Verdict(4, 0, 0, 0, 1), id="a case is not finished"),
    ],
)
def test_what_is_wrong_is_counted(oracle: Oracle, records: list[Seen], verdict: Verdict) -> None:
    assert oracle.judge(records, whole=True) == verdict
    assert not verdict.right


def test_of_a_run_that_was_stopped_what_came_is_what_had_to_come_first(oracle: Oracle) -> None:
    assert oracle.judge(ALL[:2], whole=False).right
    assert oracle.judge([ALL[1], ALL[2]], whole=False) == Verdict(2, 1, 0, 0, 0)
