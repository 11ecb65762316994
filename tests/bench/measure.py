"""One run of one contestant through the whole story, from its start to its last output, and what it used meanwhile."""

import shutil
import time
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy
from sqlalchemy.pool import NullPool

from hub.bench import vitals
from hub.memory import tables
from tests.bench.check import Oracle, Verdict
from tests.bench.ground import BARE_OUTPUTS, OUTPUTS, Ground, Place, Seen
from tests.bench.process import Heat, Running, running, until

SLOW_SHARE = 0.2
"""How much of the story a slow contestant is given."""
_STARTS_WITHIN_S = 120.0
_SILENT_S = 60.0
_LONGEST_S = 3600.0
_SETTLED_S = 1.5
"""For so long nothing must come any more before a run counts as over: what comes twice comes late."""


@dataclass(frozen=True)
class Told:
    """The story as it was told: what must come of it, and how it stands in the database of a hub.

    Attributes:
        oracle: of the outputs.
        cases, finished, lines: how many cases there are, how many of them have come to their end, and lines of their timelines.
    """

    oracle: Oracle
    cases: int = 0
    finished: int = 0
    lines: int = 0


@dataclass(frozen=True)
class Run:
    """What was measured.

    Attributes:
        contestant, number: which, and which of its runs.
        events: how many were done.
        seconds: from the first output to the last, by the broker's clock.
        per_s: events in a second.
        later_per_s: the same in the second half, when whatever warms up is warm.
        cpu_s: seconds of a processor for a million events.
        others_cpu_s: the same of the broker and the database.
        peak_mb: most memory.
        began_s: from its start to its first output.
        stored_mb: what its database takes, where that is a hub's.
        verdict: what was wrong.
        problem: what else was; empty where nothing was.
    """

    contestant: str
    number: int
    events: int = 0
    seconds: float = 0.0
    per_s: float = 0.0
    later_per_s: float = 0.0
    cpu_s: float = 0.0
    others_cpu_s: float = 0.0
    peak_mb: float = 0.0
    began_s: float = 0.0
    stored_mb: float = 0.0
    verdict: Verdict | None = None
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)


@dataclass(frozen=True)
class _Sample:
    """How it all stood at a moment."""

    at: float
    outputs: int
    cpu_s: float
    others_cpu_s: float


def measure(heat: Heat, ground: Ground, told: Told) -> Run:
    """Run a contestant through the story.

    Args:
        heat: which, and where; its folder stays where something was wrong.
        ground: where the story stands.
        told: what must come of it.
    """
    contestant = heat.contestant
    names = BARE_OUTPUTS if contestant.manifest.job == "bare" else OUTPUTS
    places = ground.places(names)
    begin = ground.ends(places)
    whole = not contestant.manifest.slow
    enough = told.oracle.outputs * (1 if whole else SLOW_SHARE)
    with heat.database() as url, running(heat, ground, url) as started:
        watch = _Watch(started, ground, begin, [ground.pid, *heat.busy_beside()])
        problem = watch.until_done(enough, _SETTLED_S if whole else 0.0)
        problem = started.stop() or problem
        times = array("q")
        verdict = told.oracle.judge(_noting(ground.read(begin, ground.ends(places)), times), whole=whole)
        stored_mb = 0.0
        if not problem and whole and contestant.manifest.command[1:3] == ("-m", "hub"):
            problem, stored_mb = _wrong_in_sql(url, told), _stored_mb(url)
        if problem:
            problem += f"\n{started.last_lines()}"
    run = Run(
        contestant.name,
        heat.number,
        **_figures(told.oracle, watch.samples, sorted(times)),
        peak_mb=round(watch.peak_mb),
        began_s=round(watch.samples[0].at - watch.began, 1) if watch.samples else 0.0,
        stored_mb=round(stored_mb, 1),
        verdict=verdict,
        problem=problem,
    )
    if not problem and verdict.right:
        shutil.rmtree(heat.work)
    ground.empty(names)
    return run


class _Watch:
    """What is seen of a run from outside.

    Attributes:
        began: when.
        samples: how it stood whenever something had come.
        peak_mb: the most memory.
    """

    def __init__(self, started: Running, ground: Ground, begin: Mapping[Place, int], others: Collection[int]) -> None:
        self._started, self._ground, self._begin, self._others = started, ground, begin, others
        self.began, self.peak_mb = time.monotonic(), 0.0
        self.samples: list[_Sample] = []

    def until_done(self, enough: float, settled_s: float) -> str:
        """Look until enough has come and nothing has come for a while; what went wrong, or nothing."""
        moved = self.began
        for now in until(_LONGEST_S):
            if self._look(now):
                moved = now
            if self.samples and self.samples[-1].outputs >= enough and now - moved >= settled_s:
                return ""
            if self._started.ended:
                return "it ended before it was done"
            if now - moved > (_SILENT_S if self.samples else _STARTS_WITHIN_S):
                return f"nothing came of it for {now - moved:.0f} s"
        return f"it was not done after {_LONGEST_S:.0f} s"

    def _look(self, now: float) -> bool:
        """Whether anything has come since the last look."""
        used = self._started.used()
        self.peak_mb = max(self.peak_mb, used.peak_mb)
        outputs = sum(self._ground.ends(self._begin).values()) - sum(self._begin.values())
        if outputs == (self.samples[-1].outputs if self.samples else 0):
            return False
        self.samples.append(_Sample(now, outputs, used.cpu_s, sum(vitals.used(pid).cpu_s for pid in self._others)))
        return True


def _noting(records: Iterable[Seen], times: "array[int]") -> Iterator[Seen]:
    for record in records:
        times.append(record.at_ms)
        yield record


def _figures(oracle: Oracle, samples: list[_Sample], times: list[int]) -> dict[str, Any]:
    """Rates, from when outputs were appended, and use, from the samples.

    What had come by the first look has no time of its own: of one that works in rounds that is a whole round.
    """
    if not times:
        return {}
    first, last = samples[0], samples[-1]
    middle = next(look for look in samples if look.outputs >= len(times) / 2)
    found: dict[str, float] = {
        "events": round(oracle.events * len(times) / oracle.outputs),
        "seconds": round((times[-1] - times[0]) / 1000, 2),
        "per_s": round(per_s(oracle, times, first.outputs)),
        "later_per_s": round(per_s(oracle, times, middle.outputs)),
    }
    # A story so short that it was over between two looks says nothing about this, nor about rates.
    if millions := (last.outputs - first.outputs) / oracle.outputs * oracle.events / 1e6:
        found["cpu_s"] = round((last.cpu_s - first.cpu_s) / millions, 1)
        found["others_cpu_s"] = round((last.others_cpu_s - first.others_cpu_s) / millions, 1)
    return found


def per_s(oracle: Oracle, times: list[int], there: int) -> float:
    """Events in a second, from when so many outputs were there to the last; 0 where nothing came after them.

    Args:
        oracle: how many events and outputs there are in all.
        times: when each output was appended, sorted; milliseconds.
        there: how many were there at the first look.
    """
    if not 0 < there < len(times) or times[-1] == times[there - 1]:
        return 0.0
    events = oracle.events * (len(times) - there) / oracle.outputs
    return events / ((times[-1] - times[there - 1]) / 1000)


def _wrong_in_sql(url: str, told: Told) -> str:
    """What a hub's database says that it should not; nothing where it is as it must be."""
    engine = sqlalchemy.create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        status, count = tables.cases.c.status, sqlalchemy.func.count()
        rows = connection.execute(sqlalchemy.select(status, count).group_by(status))
        found = {str(standing): int(number) for standing, number in rows}
        lines = connection.execute(sqlalchemy.select(count).select_from(tables.timeline)).scalar_one()
    wrong = []
    if (sum(found.values()), found.get("finished", 0)) != (told.cases, told.finished):
        wrong.append(f"its cases stand {found}; of {told.cases} {told.finished} should be finished")
    if lines != told.lines:
        wrong.append(f"its timelines have {lines} lines instead of {told.lines}")
    return "; ".join(wrong)


def _stored_mb(url: str) -> float:
    """What a database takes on its disk, with all its indexes."""
    engine = sqlalchemy.create_engine(url, poolclass=NullPool)
    pages = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    question = "SELECT pg_database_size(current_database())" if engine.name == "postgresql" else pages
    with engine.connect() as connection:
        return float(connection.exec_driver_sql(question).scalar_one()) / 1e6
