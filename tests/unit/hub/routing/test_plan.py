from typing import NamedTuple

from hub.memory.store import Partition
from hub.routing.plan import plan_round

P0, P1 = Partition("case-events", 0), Partition("case-events", 1)


class Fetched(NamedTuple):
    offset: int
    key: bytes | None = b"k"
    value: bytes | None = b"v"
    headers: tuple[tuple[str, bytes], ...] = ()


def fetched(*offsets: int) -> list[Fetched]:
    return [Fetched(offset) for offset in offsets]


def test_records_below_the_position_are_left_out() -> None:
    plan = plan_round({P0: fetched(3, 4, 5)}, {P0: 5}, under_way=())

    assert plan.take == {P0: (5, fetched(5))}
    assert not plan.again
    assert not plan.hold


def test_a_partition_that_was_applied_to_the_end_is_no_work() -> None:
    assert plan_round({P0: fetched(3, 4)}, {P0: 5}, under_way=()).take == {}


def test_gaps_inside_what_was_fetched_are_kafkas_own() -> None:
    assert plan_round({P0: fetched(5, 8)}, {P0: 5}, under_way=()).take == {P0: (5, fetched(5, 8))}


def test_a_hole_before_the_first_record_is_read_again_and_the_others_go_on() -> None:
    plan = plan_round({P0: fetched(9), P1: fetched(2)}, {P0: 5, P1: 2}, under_way=())

    assert plan.again == {P0: "hole"}
    assert plan.take == {P1: (2, fetched(2))}


def test_a_partition_whose_position_is_not_known_is_looked_up() -> None:
    assert plan_round({P0: fetched(0)}, {}, under_way=()).again == {P0: "unknown-position"}


def test_a_partition_whose_outputs_are_under_way_waits() -> None:
    plan = plan_round({P0: fetched(5)}, {P0: 5}, under_way={P0})

    assert plan.hold == [P0]
    assert not plan.take
