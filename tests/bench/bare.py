"""The prototype's job: small events of its own, a count for each case, one output each. It tells what real events and journeys cost."""

import random
from collections.abc import Iterator

import orjson

from hub.routing.share import partition_of
from tests.bench.check import Oracle
from tests.bench.ground import BARE_OUTPUTS, BARE_STORY, Ground
from tests.bench.measure import Told
from tests.bench.preload import put

_EVENTS_OF_A_CASE = 15
_ACTIVE = 2000
_KINDS = ("opened", "document-received", "status-changed", "note-added")


def events(number: int, seed: int = 1) -> Iterator[tuple[str, bytes, str]]:
    """Case, event and the id of what follows from it; cases one among the other, whole ones, at least so many events."""
    chance = random.Random(f"bare|{seed}")
    cases = -(-number // _EVENTS_OF_A_CASE)
    opened = min(_ACTIVE, cases)
    under_way = [[case, 0] for case in range(opened)]
    while under_way:
        place = chance.randrange(len(under_way))
        case, place_in_case = under_way[place]
        under_way[place][1] += 1
        reference = f"case-{case:07d}"
        identifier = f"{chance.getrandbits(128):032x}"
        yield reference, _event(reference, case, place_in_case, identifier), f"{identifier}.task"
        if place_in_case + 1 == _EVENTS_OF_A_CASE:
            if opened < cases:
                under_way[place] = [opened, 0]
                opened += 1
            else:
                under_way[place] = under_way[-1]
                under_way.pop()


def _event(reference: str, case: int, place: int, identifier: str) -> bytes:
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": identifier,
            "source": "/registry/population",
            "type": _KINDS[place % len(_KINDS)],
            "time": f"2026-11-03T09:{place:02d}:00Z",
            "subject": f"citizen/{case:07d}",
            "correlationid": reference,
            "sequence": place + 1,
            "data": {
                "citizen": f"{case:010d}",
                "department": "housing",
                "priority": place,
                "amount_pence": case + place,
                "note": "asked again by telephone, " * 8,
                "address": {"street": f"{case % 300} Heron Row", "postcode": "LE98 1AA", "town": "Thornmere"},
            },
        }
    )


def tell(number: int, ground: Ground) -> Told:
    """Put the bare story on its topic; what must come of it."""
    producer, oracle = ground.producer(), Oracle()
    for reference, value, output in events(number):
        put(producer, BARE_STORY, reference.encode(), value)
        oracle.expect(partition_of(reference, ground.partitions), [(BARE_OUTPUTS[0], output)])
    assert producer.flush(120) == 0
    return Told(oracle)
