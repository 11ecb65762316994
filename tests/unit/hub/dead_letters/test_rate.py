from hub.dead_letters.rate import Counted, Rate


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def test_there_is_room_until_so_many_were_set_aside_within_a_minute() -> None:
    clock = Clock()
    rate = Rate(3, clock)

    rate.count(2)
    clock.now += 30
    rate.count(1)

    assert (rate.room(), rate.wait_s()) == (0, 30)


def test_room_comes_back_as_the_minute_passes() -> None:
    clock = Clock()
    rate = Rate(3, clock)
    rate.count(2)
    clock.now += 30
    rate.count(1)

    clock.now += 30

    assert (rate.room(), rate.wait_s()) == (2, 0)


def test_nothing_is_kept_of_nothing() -> None:
    assert Rate(3, Clock()).count(0) is None


def test_what_was_counted_before_a_restart_counts_once() -> None:
    clock = Clock()
    first = Rate(3, clock)
    counted = first.count(2)
    assert counted is not None

    second = Rate(3, clock)
    second.remember([counted])
    second.remember([counted])

    assert second.room() == 1


def test_what_a_wrong_clock_counted_in_the_future_stops_nobody() -> None:
    clock = Clock()
    rate = Rate(3, clock)

    rate.remember([Counted(clock.now + 3600, 99)])

    assert rate.room() == 3


def test_what_was_counted_before_the_clock_was_set_back_stops_nobody_until_then() -> None:
    clock = Clock()
    rate = Rate(3, clock)
    rate.count(3)

    clock.now -= 3600

    assert (rate.room(), rate.wait_s()) == (3, 0)


def test_equal_numbers_that_two_partitions_counted_at_one_moment_are_two() -> None:
    clock = Clock()
    rate = Rate(10, clock)
    counted = [Counted(clock.now, 5, part) for part in ("case-events/0", "case-events/1")]

    rate.remember(counted)
    rate.remember(counted)

    assert rate.room() == 0


def test_what_this_process_counted_and_hears_of_again_from_its_memory_counts_once() -> None:
    clock = Clock()
    rate = Rate(10, clock)
    counted = rate.count(3, "case-events/0")
    assert counted is not None

    rate.remember([counted])

    assert rate.room() == 7


def test_why_says_what_happened_and_what_to_do() -> None:
    why = Rate(3, Clock()).why("not-json")

    assert "3 records were set aside within a minute, and the next would be too (not-json)" in why
    assert "put the old one back" in why
    assert "dead_letters.at_most_per_minute" in why
