"""The story without an end: cases of a short one told again and again under other names and ids, as fast as anybody can send them.

Nobody knows the ids of what must come of it, only how much: it is for measurements that go on for long, not for those that are judged.
"""

import itertools
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from pydantic_core import from_json

from hub.bench.story import Turn, story
from hub.routing.step import World
from schemas.references import case_reference


class Told(NamedTuple):
    """One event, and how many outputs follow from it."""

    key: bytes
    value: bytes
    outputs: int


def endless(world: World, begins: datetime, *, active: int = 2000, cases: int = 400) -> Iterator[Told]:
    """Events of cases one among the other, for ever.

    Args:
        world: journeys and calendar.
        begins: when the first request comes in.
        active: so many cases are under way at a time.
        cases: so many different ones there are.
    """
    chance = random.Random("endless")
    by_case: dict[bytes, list[Turn]] = {}
    for turn in story(cases * 12, world, begins, active=cases):
        by_case.setdefault(turn.key, []).append(turn)
    patterns = itertools.cycle(by_case.values())
    numbers = itertools.count()
    under_way: list[Iterator[Told]] = []
    while True:
        place = chance.randrange(active)
        if place >= len(under_way):
            place = len(under_way)
            under_way.append(iter(()))
        told = next(under_way[place], None)
        if told is None:
            number = next(numbers)
            reference = case_reference(begins + timedelta(seconds=number), f"endless|{number}").encode()
            under_way[place] = _renamed(next(patterns), reference, chance)
            told = next(under_way[place])
        yield told


def _renamed(turns: list[Turn], reference: bytes, chance: random.Random) -> Iterator[Told]:
    for turn in turns:
        identifier = from_json(turn.value)["id"].encode()
        new = str(UUID(int=chance.getrandbits(128), version=4)).encode()
        value = turn.value.replace(turn.key, reference).replace(identifier, new)
        yield Told(reference, value, len(turn.outputs))
