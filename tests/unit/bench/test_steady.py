"""The long measurement: the story without an end, and how it is judged."""

import itertools
from datetime import UTC, datetime

import pytest

from hub.bench.story import story
from hub.routing.step import World
from schemas.topics import CASE_EVENTS
from tests.bench.endless import endless
from tests.bench.whole.steady import Look, judged

BEGINS = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def test_the_endless_story_tells_real_events_each_with_an_id_of_its_own(world: World) -> None:
    told = list(itertools.islice(endless(world, BEGINS, active=20, cases=10), 3000))

    events = [CASE_EVENTS.decode(each.value, each.key) for each in told]
    assert len({event.id for event in events}) == 3000
    assert len({each.key for each in told}) > 100


def test_every_case_of_it_is_one_of_the_short_story_from_its_beginning_on(world: World) -> None:
    short: dict[bytes, list[tuple[str, int]]] = {}
    for turn in story(10 * 12, world, BEGINS, active=10):
        event = CASE_EVENTS.decode(turn.value, turn.key)
        short.setdefault(turn.key, []).append((event.data.model_dump_json(), len(turn.outputs)))

    long: dict[bytes, list[tuple[str, int]]] = {}
    for each in itertools.islice(endless(world, BEGINS, active=20, cases=10), 1000):
        event = CASE_EVENTS.decode(each.value, each.key)
        long.setdefault(each.key, []).append((event.data.model_dump_json(), each.outputs))

    assert all(any(case == known[: len(case)] for known in short.values()) for case in long.values())


@pytest.mark.parametrize(
    ("last", "sent", "verdict"),
    [
        pytest.param(Look(600, 100, 105), 1_800_000, "kept", id="as it was"),
        pytest.param(Look(600, 100, 150), 1_800_000, "MISSED", id="memory grows"),
        pytest.param(Look(600, 50_000, 105), 1_800_000, "MISSED", id="it falls behind"),
        pytest.param(Look(600, 100, 105), 1_200_000, "MISSED", id="not so many could be sent"),
    ],
)
def test_it_is_held_when_memory_is_flat_and_nothing_piles_up(last: Look, sent: int, verdict: str) -> None:
    looks = [Look(1, 0, 60), Look(60, 200, 100), Look(300, 900, 110), last]

    assert judged(looks, sent, 600, 0.5)["verdict"] == verdict
