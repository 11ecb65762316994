"""After an outage: the worker was away while events piled up. How long from its start until it has caught up."""

import shutil
import time
from collections.abc import Iterator
from itertools import islice

from hub.bench.story import Expected, story
from schemas.topics import CASE_UPDATES
from tests.bench.check import Oracle
from tests.bench.ground import OUTPUTS, STORY, Ground
from tests.bench.paths import Bench, Row, row
from tests.bench.preload import at_rate, begins, expecting, put
from tests.bench.process import Running, hub, started, until, write_settings
from tests.bench.whole.api import PEAK_PER_S

_BEFORE = 1000
_ALL_WITHIN_S = 900.0


def measure(bench: Bench) -> Iterator[Row]:
    """One row."""
    ground, work, number = bench.ground, bench.work / "drain", bench.scaled(100_000)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    ground.empty([STORY, *OUTPUTS])
    begin = ground.ends(ground.places(OUTPUTS))
    write_settings(work / "hub.toml", ground, "bench-drain", f"sqlite:///{work}/worker.db")
    expected, oracle = Expected(), Oracle(told_on=CASE_UPDATES.name)
    turns = expecting(story(_BEFORE + number, bench.world, begins()), ground, expected, oracle)
    with started(hub(work / "hub.toml", "worker"), work) as process:
        at_rate(islice(turns, _BEFORE), PEAK_PER_S, ground)
        _until(ground, begin, oracle.outputs, process)
        process.stop()
    producer = ground.producer()
    for turn in turns:
        put(producer, STORY, turn.key, turn.value)
    assert producer.flush(120) == 0
    piled_up = oracle.events - _BEFORE
    began = time.monotonic()
    with started(hub(work / "hub.toml", "worker"), work) as process:
        _until(ground, begin, oracle.outputs, process)
        took_s = time.monotonic() - began
        process.stop()
    verdict = oracle.judge(ground.read(begin, ground.ends(begin)), whole=True)
    ground.empty([STORY, *OUTPUTS])
    found = row(
        f"caught up after an outage, {piled_up:,} events later",
        f"{took_s:.1f} s from the worker's start, {piled_up / took_s:,.0f} events/s; at {PEAK_PER_S}/s an outage of "
        f"{piled_up / PEAK_PER_S / 60:.0f} minutes",
        took_s=round(took_s, 1),
        piled_up=piled_up,
    )
    yield found if verdict.right else found | {"problem": str(verdict)}


def _until(ground: Ground, begin: dict[tuple[str, int], int], outputs: int, process: Running) -> None:
    for _ in until(_ALL_WITHIN_S):
        if sum(ground.ends(begin).values()) - sum(begin.values()) >= outputs:
            return
        assert not process.ended, process.last_lines()
    raise TimeoutError(f"not caught up within {_ALL_WITHIN_S:.0f} s\n{process.last_lines()}")
