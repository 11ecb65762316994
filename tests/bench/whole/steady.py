"""3,000 events a second for ten minutes: whether the worker keeps up, and whether its memory stays as it is."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass

from hub.bench import vitals
from tests.bench.endless import endless
from tests.bench.ground import OUTPUTS, STORY
from tests.bench.paths import Bench, Row, row
from tests.bench.preload import begins, put
from tests.bench.process import hub, started, until, write_settings

_RATE = 3000
_LOOK_S = 1.0
_WARM_S = 60.0
"""After so long its memory has the size that it is to keep."""
_GROWTH = 1.1
_LAG_S = 3.0
"""So much may wait at the end, in seconds of the rate."""
_STARTS_WITHIN_S = 60.0


@dataclass(frozen=True)
class Look:
    """How it stood at a moment: seconds since the beginning, outputs that had not come, and memory."""

    at_s: float
    waiting: int
    memory_mb: float


def measure(bench: Bench) -> Iterator[Row]:
    """One row."""
    ground, work, seconds = bench.ground, bench.work / "steady", float(bench.asked.steady)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    ground.empty([STORY, *OUTPUTS])
    places = ground.places(OUTPUTS)
    before = sum(ground.ends(places).values())
    write_settings(work / "hub.toml", ground, "bench-steady", f"sqlite:///{work}/worker.db")
    producer, turns, outputs, sent = ground.producer(linger_ms=5), endless(bench.world, begins()), 0, 0
    looks: list[Look] = []
    with started(hub(work / "hub.toml", "worker"), work) as process:
        for _ in until(_STARTS_WITHIN_S):
            if "worker ready" in process.log.read_text():
                break
        began = time.monotonic()
        while (now := time.monotonic() - began) < seconds:
            while sent < now * _RATE:
                turn = next(turns)
                put(producer, STORY, turn.key, turn.value)
                sent, outputs = sent + 1, outputs + turn.outputs
            if not looks or now - looks[-1].at_s >= _LOOK_S:
                came = sum(ground.ends(places).values()) - before
                looks.append(Look(now, outputs - came, vitals.memory_mb(process.process.pid)))
                assert not process.ended, process.last_lines()
                # What has been read is not needed any more, and would fill the disk.
                if len(looks) % 60 == 0:
                    ground.empty(OUTPUTS)
            time.sleep(0.001)
        used = process.used()
        process.stop()
    ground.empty([STORY, *OUTPUTS])
    yield judged(looks, sent, seconds, used.cpu_s / seconds)


def judged(looks: list[Look], sent: int, seconds: float, core_share: float) -> Row:
    """The row of the page.

    Args:
        looks: how it stood, second by second.
        sent: how many events there were.
        seconds: how long it went on.
        core_share: how much of a core it took.
    """
    warm = next(look for look in looks if look.at_s >= min(_WARM_S, seconds / 2))
    last, most = looks[-1], max(look.waiting for look in looks)
    kept = (
        last.memory_mb <= warm.memory_mb * _GROWTH and last.waiting <= _LAG_S * _RATE and sent >= 0.99 * _RATE * seconds
    )
    return row(
        f"{_RATE:,}/s held for {seconds:.0f} s",
        f"{sent / seconds:,.0f} events/s sent; memory {warm.memory_mb:.0f} MB when warm, {last.memory_mb:.0f} MB at the end; outputs that "
        f"waited: {most:,} at most, {last.waiting:,} at the end; {core_share:.2f} of a core",
        promised="flat memory, no growing lag",
        kept=kept,
        memory_mb=[round(look.memory_mb) for look in looks],
        waiting=[look.waiting for look in looks],
    )
