"""From a request on the topic to its task on the topic, at a steady rate, and what share of a core that takes."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any
from uuid import UUID

import orjson

from hub.bench.figures import Waits, waits_ms
from hub.bench.story import Expected, Turn
from tests.bench.check import Oracle
from tests.bench.ground import OUTPUTS, STORY, Ground
from tests.bench.preload import at_rate, expecting
from tests.bench.process import Heat, Running, running, until

RATES = (300, 3000)
_WARM_UP, _WARM_UP_PER_S = 3000, 1000
_ALL_WITHIN_S = 120.0


@dataclass(frozen=True)
class Latency:
    """What was measured at one rate.

    Attributes:
        contestant, number: which, and which of its runs.
        per_s: the rate that was asked for.
        sent_per_s: the rate at which they were sent.
        core_share: how much of a core it took meanwhile.
        waits: how long outputs took; None where something was wrong.
        problem: what was.
    """

    contestant: str
    number: int
    per_s: int
    sent_per_s: float = 0.0
    core_share: float = 0.0
    waits: Waits | None = None
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)


def measure(
    heat: Heat, ground: Ground, turns: Sequence[Turn], seconds: float, rates: Sequence[int] = RATES
) -> list[Latency]:
    """Let a contestant wait for events that come at each rate in turn.

    Args:
        heat: which, and where.
        ground: what it reads and writes; emptied before and behind.
        turns: a story that is long enough for all of it (`turns_for`).
        seconds: how long each rate lasts.
        rates: events in a second.
    """
    ground.empty([STORY, *OUTPUTS])
    name = heat.contestant.name
    found = []
    with heat.database() as url, running(heat, ground, url) as started:
        # Joins its group, loads what it loads, and is warm before anything counts.
        to_come = iter(turns)
        warm = _at(started, ground, to_come, _WARM_UP, _WARM_UP_PER_S)
        for rate in rates:
            if isinstance(warm, str):
                found.append(Latency(name, heat.number, rate, problem=f"{warm}\n{started.last_lines()}"))
                continue
            before, began = started.used().cpu_s, time.monotonic()
            how = _at(started, ground, to_come, round(rate * seconds), rate)
            share = (started.used().cpu_s - before) / (time.monotonic() - began)
            if isinstance(how, str):
                found.append(Latency(name, heat.number, rate, problem=f"{how}\n{started.last_lines()}"))
            else:
                sent_per_s, waits = how
                found.append(Latency(name, heat.number, rate, round(sent_per_s), round(share, 3), waits))
        started.stop()
    ground.empty([STORY, *OUTPUTS])
    return found


def turns_for(seconds: float, rates: Sequence[int] = RATES) -> int:
    """How many turns a measurement needs."""
    return _WARM_UP + sum(round(rate * seconds) for rate in rates)


def _at(
    started: Running, ground: Ground, turns: Iterator[Turn], number: int, per_s: float
) -> tuple[float, Waits] | str:
    """So many turns at a rate; at which they were sent, and how long their outputs took, or what was wrong."""
    asked, outputs = ground.places([STORY]), ground.places(OUTPUTS)
    began, begin = ground.ends(asked), ground.ends(outputs)
    expected = Expected()
    oracle = Oracle()
    sent_per_s = at_rate(expecting(islice(turns, number), ground, expected, oracle), per_s, ground)
    for _ in until(_ALL_WITHIN_S):
        if sum(ground.ends(outputs).values()) - sum(begin.values()) >= oracle.outputs:
            break
        if started.ended:
            return "it ended before it was done"
    else:
        return f"not all had come after {_ALL_WITHIN_S:.0f} s"
    came_in = {
        UUID(orjson.loads(record.value)["id"]): float(record.at_ms) for record in ground.read(began, ground.ends(asked))
    }
    came_out = [
        (UUID(orjson.loads(record.value)["causationid"]), float(record.at_ms))
        for record in ground.read(begin, ground.ends(outputs))
    ]
    return sent_per_s, Waits.of(waits_ms(came_in, came_out))
