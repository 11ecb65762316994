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

    assert (rate.room(), rate.wait_s()) == (0, 60)


def test_room_comes_back_as_the_minute_passes() -> None:
    clock = Clock()
    rate = Rate(4, clock)
    rate.count(2)
    clock.now += 30
    rate.count(1)

    clock.now += 30

    assert (rate.room(), rate.wait_s()) == (3, 0)


def test_once_the_limit_was_reached_one_record_is_tried_when_a_minute_is_over() -> None:
    clock = Clock()
    rate = Rate(3, clock)
    rate.count(2)
    clock.now += 30
    rate.count(1)

    clock.now += 59
    assert (rate.room(), rate.wait_s()) == (0, 1)
    clock.now += 1
    assert (rate.room(), rate.wait_s()) == (1, 0)


def test_while_what_is_tried_dies_one_record_a_minute_is_set_aside_and_no_more() -> None:
    clock = Clock()
    rate = Rate(100, clock)
    rate.count(100)
    set_aside = 0

    for _ in range(600):
        clock.now += 1
        if room := rate.room():
            rate.count(room)
            set_aside += room

    assert set_aside == 10


def test_there_is_the_full_room_again_once_records_were_tried_for_a_minute_and_none_died() -> None:
    clock = Clock()
    rate = Rate(3, clock)
    rate.count(3)
    clock.now += 61
    rate.count(1)

    clock.now += 119.9
    assert rate.room() == 1
    clock.now += 0.1
    assert (rate.room(), rate.wait_s()) == (3, 0)


def test_a_process_that_starts_while_records_are_tried_tries_on() -> None:
    clock = Clock()
    first = Rate(3, clock)
    counted = [first.count(3)]
    clock.now += 60
    counted.append(first.count(1))

    second = Rate(3, clock)
    second.remember(each for each in counted[-1:] if each)

    assert (second.room(), second.wait_s()) == (0, 60)
    clock.now += 60
    assert second.room() == 1
    clock.now += 60
    assert second.room() == 3


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
