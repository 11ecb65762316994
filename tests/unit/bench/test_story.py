"""The story of a measurement: what it tells is real, and it knows what must come of it."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import orjson

from hub.bench.story import Expected, Turn, story
from hub.memory.store import Partition
from hub.routing.share import partition_of, route
from hub.routing.step import World
from schemas.requests import RequestReceived
from schemas.topics import CASE_EVENTS

BEGINS = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
PARTITIONS = 4


class Fetched(NamedTuple):
    offset: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int = 1_000


def test_the_same_seed_and_day_tell_the_same_story(world: World) -> None:
    assert list(story(200, world, BEGINS)) == list(story(200, world, BEGINS))
    assert list(story(200, world, BEGINS)) != list(story(200, world, BEGINS, seed=2))


def test_it_is_as_long_as_was_asked_and_all_its_cases_come_to_their_end(world: World) -> None:
    turns = list(story(500, world, BEGINS))

    assert 500 <= len(turns) < 520
    assert sum(turn.ends for turn in turns) == len({turn.key for turn in turns})
    assert {turn.key for turn in turns if turn.ends} == {turn.key for turn in turns}


def test_so_many_cases_are_under_way_at_a_time(world: World) -> None:
    left: dict[bytes, int] = defaultdict(int)
    turns = list(story(600, world, BEGINS, active=10))
    for turn in turns:
        left[turn.key] += 1

    begun: set[bytes] = set()
    for turn in turns:
        begun.add(turn.key)
        left[turn.key] -= 1
        assert sum(left[key] > 0 for key in begun) <= 10


def test_references_begin_with_the_second_in_which_the_request_came_in(world: World) -> None:
    received = [
        event
        for turn in story(400, world, BEGINS)
        if isinstance(event := CASE_EVENTS.decode(turn.value, turn.key), RequestReceived)
    ]

    in_order = sorted(received, key=lambda event: event.partitionkey)
    assert in_order == sorted(received, key=lambda event: event.time)
    assert in_order[1].time - in_order[0].time == timedelta(seconds=1)


def test_what_it_expects_is_what_the_worker_makes_of_it(world: World) -> None:
    expected = Expected()
    by_partition: dict[int, list[Turn]] = defaultdict(list)
    for turn in story(300, world, BEGINS):
        expected.add(turn)
        by_partition[partition_of(turn.key.decode(), PARTITIONS)].append(turn)

    lines, finished = 0, 0
    for number, turns in by_partition.items():
        records = [Fetched(offset, turn.key, turn.value) for offset, turn in enumerate(turns)]
        share = route(
            Partition("case-events", number),
            0,
            records,
            {},
            world=world,
            partitions=PARTITIONS,
            lying={},
            room=0,
        )
        sent = {topic: [orjson.loads(each.value or b"")["id"] for each in out] for topic, out in share.outgoing.items()}
        wanted = defaultdict(list)
        for turn in turns:
            for topic, output in turn.outputs:
                wanted[topic].append(str(output))
        assert sent == wanted
        assert not share.set_aside
        lines += len(share.timeline)
        finished += sum(row.status == "finished" for row in share.rows.values())
    assert (lines, finished) == (expected.lines, expected.finished)
    assert expected.finished == len(expected.cases)
    assert expected.sent == sum(len(turn.outputs) for turns in by_partition.values() for turn in turns)


def test_events_can_be_as_large_as_was_asked_and_say_the_same(world: World) -> None:
    for small, large in zip(story(100, world, BEGINS), story(100, world, BEGINS, size=2000), strict=True):
        assert len(large.value) == 2000
        assert CASE_EVENTS.decode(large.value, large.key) == CASE_EVENTS.decode(small.value, small.key)
        assert large.outputs == small.outputs
