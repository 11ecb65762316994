"""From a request on the topic to its task on the topic, at a steady rate, and what share of a core that takes: its own, and others'."""

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any
from uuid import UUID

import orjson

from hub.bench import vitals
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
        done_per_s: the rate at which they were done, from the first that was sent to the last output.
        core_share: how much of a core it took meanwhile.
        others_share: the same of the broker and, where it uses it, the database.
        waits: how long outputs took; None where something was wrong.
        problem: what was.
    """

    contestant: str
    number: int
    per_s: int
    sent_per_s: float = 0.0
    done_per_s: float = 0.0
    core_share: float = 0.0
    others_share: float = 0.0
    waits: Waits | None = None
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)


@dataclass(frozen=True)
class _Steady:
    """How events at one rate went, as `Latency` has it."""

    sent_per_s: float
    done_per_s: float
    core_share: float
    others_share: float
    waits: Waits


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
        to_come, others = iter(turns), [ground.pid, *heat.busy_beside()]
        warm = _at(started, others, ground, to_come, number=_WARM_UP, per_s=_WARM_UP_PER_S)
        for rate in rates:
            if isinstance(warm, str):
                found.append(Latency(name, heat.number, rate, problem=f"{warm}\n{started.last_lines()}"))
                continue
            how = _at(started, others, ground, to_come, number=round(rate * seconds), per_s=rate)
            if isinstance(how, str):
                found.append(Latency(name, heat.number, rate, problem=f"{how}\n{started.last_lines()}"))
            else:
                found.append(_kept(name, heat.number, rate, how))
        started.stop()
    ground.empty([STORY, *OUTPUTS])
    return found


def turns_for(seconds: float, rates: Sequence[int] = RATES) -> int:
    """How many turns a measurement needs."""
    return _WARM_UP + sum(round(rate * seconds) for rate in rates)


def _kept(name: str, number: int, rate: int, how: _Steady) -> Latency:
    return Latency(
        name,
        number,
        rate,
        sent_per_s=round(how.sent_per_s),
        done_per_s=round(how.done_per_s, 1),
        core_share=round(how.core_share, 3),
        others_share=round(how.others_share, 3),
        waits=how.waits,
    )


def _at(
    started: Running, others: Collection[int], ground: Ground, turns: Iterator[Turn], *, number: int, per_s: float
) -> _Steady | str:
    """So many turns at a rate; how it went, or what was wrong."""
    asked, outputs = ground.places([STORY]), ground.places(OUTPUTS)
    began, begin = ground.ends(asked), ground.ends(outputs)
    expected = Expected()
    oracle = Oracle()
    before, others_before, first = started.used().cpu_s, _cpu_s(others), time.monotonic()
    sent_per_s = at_rate(expecting(islice(turns, number), ground, expected, oracle), per_s, ground)
    for _ in until(_ALL_WITHIN_S):
        if sum(ground.ends(outputs).values()) - sum(begin.values()) >= oracle.outputs:
            break
        if started.ended:
            return "it ended before it was done"
    else:
        return f"not all had come after {_ALL_WITHIN_S:.0f} s"
    # Before anything is read back: that is the broker's work, too, and nobody's but the measurement's.
    took_s = time.monotonic() - first
    core_s, others_s = started.used().cpu_s - before, _cpu_s(others) - others_before
    came_in = {
        UUID(orjson.loads(record.value)["id"]): float(record.at_ms) for record in ground.read(began, ground.ends(asked))
    }
    came_out = [
        (UUID(orjson.loads(record.value)["causationid"]), float(record.at_ms))
        for record in ground.read(begin, ground.ends(outputs))
    ]
    waits = Waits.of(waits_ms(came_in, came_out))
    return _Steady(sent_per_s, number / took_s, core_s / took_s, others_s / took_s, waits)


def _cpu_s(pids: Collection[int]) -> float:
    return sum(vitals.used(pid).cpu_s for pid in pids)
