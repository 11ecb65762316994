"""One, two and four workers on one PostgreSQL, each with its part of the partitions.

On a small machine they share its cores with the broker and the database.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack

from hub.bench.story import story
from hub.memory.prepare import prepare
from tests.bench.check import Verdict
from tests.bench.ground import OUTPUTS, STORY
from tests.bench.measure import per_s
from tests.bench.paths import Bench, Row, row
from tests.bench.preload import begins, tell
from tests.bench.process import EVERYWHERE, hub, started, until, write_settings
from tests.bench.whole.worker_alone import TOO_SHORT

_ALL_WITHIN_S = 900.0


def measure(bench: Bench) -> Iterator[Row]:
    """A row for each number of workers."""
    ground = bench.ground
    ground.empty([STORY, *OUTPUTS])
    told = tell(story(bench.scaled(100_000), bench.world, begins()), ground)
    assert bench.server is not None
    for number in (1, 2, 4):
        begin = ground.ends(ground.places(OUTPUTS))
        with ExitStack() as stack:
            url = stack.enter_context(bench.server.database())
            prepare(url, "nobody").close()
            processes = []
            for place in range(1, number + 1):
                work = bench.work / f"workers-{number}-{place}"
                shutil.rmtree(work, ignore_errors=True)
                work.mkdir(parents=True)
                name = {"worker": {"name": f"worker-{place}"}}
                write_settings(work / "hub.toml", ground, f"bench-workers-{number}", url, name)
                processes.append(stack.enter_context(started(hub(work / "hub.toml", "worker"), work, cores=EVERYWHERE)))
            there = 0
            for _ in until(_ALL_WITHIN_S):
                came = sum(ground.ends(begin).values()) - sum(begin.values())
                there = there or came
                if came >= told.oracle.outputs:
                    break
                for process in processes:
                    assert not process.ended, process.last_lines()
            used = [process.used() for process in processes]
            for process in processes:
                process.stop()
        records = list(ground.read(begin, ground.ends(begin)))
        verdict = told.oracle.judge(records, whole=True)
        rate = per_s(told.oracle, sorted(record.at_ms for record in records), there)
        yield _row(number, rate, sum(each.cpu_s for each in used), verdict)
        ground.empty(OUTPUTS)
    ground.empty([STORY])


def _row(number: int, rate: float, cpu_s: float, verdict: Verdict) -> Row:
    found = row(
        f"workers on PostgreSQL: {number}",
        f"{rate:,.0f} events/s, {cpu_s:,.1f} s of a processor with all starts",
        per_s=round(rate),
    )
    # While partitions find their owners an output may come again, with the same id; nothing may be missing.
    if verdict.missing or verdict.foreign or verdict.unfinished:
        return found | {"problem": str(verdict)}
    return found if rate else found | {"problem": TOO_SHORT}
