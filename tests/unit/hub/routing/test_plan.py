from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from hub.memory.store import Partition
from hub.routing.plan import Hole, Plan, plan_round
from hub.routing.records import Fetch

P0, P1 = Partition("case-events", 0), Partition("case-events", 1)


class Fetched(NamedTuple):
    offset: int
    key: bytes | None = b"k"
    value: bytes | None = b"v"
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int = 0


def fetched(*offsets: int) -> list[Fetched]:
    return [Fetched(offset) for offset in offsets]


def plan(
    records: Mapping[Partition, Sequence[Fetched]],
    positions: Mapping[Partition, int],
    *,
    under_way: Collection[Partition] = (),
    passed: Mapping[Partition, int] | None = None,
    holes: Mapping[Partition, Hole] | None = None,
) -> Plan:
    done: Any = None
    return plan_round(Fetch(records, 1, passed or {}, done), positions, under_way, holes or {})


def test_records_below_the_position_are_left_out() -> None:
    made = plan({P0: fetched(3, 4, 5)}, {P0: 5})

    assert made.take == {P0: (5, fetched(5))}
    assert not made.again
    assert not made.hold


def test_a_partition_that_was_applied_to_the_end_is_no_work() -> None:
    assert plan({P0: fetched(3, 4)}, {P0: 5}).take == {}
    assert plan({}, {P0: 5}, passed={P0: 5}) == Plan()


def test_gaps_inside_what_was_fetched_are_kafkas_own() -> None:
    assert plan({P0: fetched(5, 8)}, {P0: 5}).take == {P0: (5, fetched(5, 8))}


def test_a_hole_before_the_first_record_is_read_again_and_the_others_go_on() -> None:
    made = plan({P0: fetched(9), P1: fetched(2)}, {P0: 5, P1: 2})

    assert made.again == {P0: "hole"}
    assert made.holes == {P0: Hole(5, 9)}
    assert made.take == {P1: (2, fetched(2))}


def test_a_hole_that_is_there_again_when_it_is_read_again_is_gone_over() -> None:
    made = plan({P0: fetched(9, 10)}, {P0: 5}, holes={P0: Hole(5, 9)})

    assert made.take == {P0: (5, fetched(9, 10))}
    assert made.over == {P0: Hole(5, 9)}
    assert not made.again


def test_a_hole_of_another_size_or_at_another_place_is_another_one() -> None:
    for before in (Hole(5, 7), Hole(4, 9)):
        made = plan({P0: fetched(9)}, {P0: 5}, holes={P0: before})

        assert made.again == {P0: "hole"}
        assert made.holes == {P0: Hole(5, 9)}
        assert not made.take


def test_what_was_missing_the_first_time_is_taken_the_second() -> None:
    assert plan({P0: fetched(5, 9)}, {P0: 5}, holes={P0: Hole(5, 9)}).take == {P0: (5, fetched(5, 9))}


def test_a_hole_at_the_end_of_the_log_is_read_again_and_then_left_behind() -> None:
    first = plan({}, {P0: 5}, passed={P0: 6})
    second = plan({}, {P0: 5}, passed={P0: 6}, holes=first.holes)

    assert first.again == {P0: "hole"}
    assert second.take == {P0: (5, ())}
    assert second.over == {P0: Hole(5, 6)}


def test_a_partition_whose_position_is_not_known_is_looked_up() -> None:
    assert plan({P0: fetched(0)}, {}).again == {P0: "unknown-position"}


def test_a_partition_whose_outputs_are_under_way_waits() -> None:
    made = plan({P0: fetched(5)}, {P0: 5}, under_way={P0}, passed={P0: 9})

    assert made.hold == [P0]
    assert not made.take
