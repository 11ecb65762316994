# ruff: noqa: T201 - says on the terminal how it goes
"""Everything that is measured in one go: contestants in turns, and the figures kept as they come."""

import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from hub.bench.story import Turn, story
from hub.routing.step import World
from tests.bench import bare, latency, measure
from tests.bench.database import Server
from tests.bench.ground import STORY, Ground
from tests.bench.paths import PATHS, Bench
from tests.bench.preload import begins, tell
from tests.bench.process import Heat
from tests.bench.results import Results
from tests.bench.roster import Contestant, prepare


def prepared(contestants: Iterable[Contestant], environments: Path, results: Results) -> list[tuple[Contestant, Path]]:
    """Those that can be had, with their environments; of the others the page says why not."""
    ready = []
    for each in contestants:
        try:
            ready.append((each, prepare(each, environments)))
        except (subprocess.CalledProcessError, OSError) as error:
            results.found["not_prepared"][each.name] = str(error)
            print(f"{each.name} cannot be prepared: {error}", flush=True)
            continue
        results.found["contestants"][each.name] = {
            "title": each.title,
            "library": each.manifest.library,
            "keeps": each.manifest.keeps,
            "promise": each.promise,
        }
    return ready


@dataclass
class Session:
    """One go.

    Attributes:
        ground: the broker.
        server: of databases, if any is wanted.
        world: journeys and calendar.
        ready: the contestants and their environments.
        work: a folder for folders of runs.
        results: where figures go.
    """

    ground: Ground
    server: Server | None
    world: World
    ready: list[tuple[Contestant, Path]]
    work: Path
    results: Results
    _bytes: int = field(default=0, init=False)

    def story(self, events: int, runs: int) -> None:
        """Every contestant through the whole story, so many times."""
        began = time.monotonic()
        told = tell(self._weighed(story(events, self.world, begins())), self.ground)
        self.results.found["story"] = {
            "events": told.oracle.events,
            "cases": told.cases,
            "outputs": told.oracle.outputs,
            "bytes": round(self._bytes / told.oracle.events),
            "partitions": self.ground.partitions,
        }
        bare_told = bare.tell(events, self.ground) if self._is_bare() else told
        print(f"{told.oracle.events:,} events told in {time.monotonic() - began:.0f} s", flush=True)
        for number in range(1, runs + 1):
            for contestant, build in self.ready:
                what = bare_told if contestant.manifest.job == "bare" else told
                heat = Heat(contestant, number, build, self.work / f"{contestant.name}-{number}", self.server)
                found = measure.measure(heat, self.ground, what)
                print(f"run {number}  {contestant.name:<32} {_said(found)}", flush=True)
                self.results.keep("runs", found.as_json())
        self.ground.empty([STORY])

    def _is_bare(self) -> bool:
        return any(contestant.manifest.job == "bare" for contestant, _ in self.ready)

    def _weighed(self, turns: Iterable[Turn]) -> Iterator[Turn]:
        for turn in turns:
            self._bytes += len(turn.value)
            yield turn

    def latency(self, seconds: float, runs: int) -> None:
        """At steady rates those that read the story and can keep up with them."""
        number_of_turns = latency.turns_for(seconds)
        turns = list(islice(story(number_of_turns, self.world, begins(), seed=2), number_of_turns))
        for number in range(1, runs + 1):
            for contestant, build in self.ready:
                manifest = contestant.manifest
                if manifest.job == "bare" or manifest.slow or not manifest.latency:
                    continue
                heat = Heat(contestant, number, build, self.work / f"{contestant.name}-latency-{number}", self.server)
                for found in latency.measure(heat, self.ground, turns, seconds):
                    print(f"latency {number}  {contestant.name:<28} {found.per_s:>5}/s  {found.waits or found.problem}")
                    self.results.keep("latency", found.as_json())
                shutil.rmtree(heat.work, ignore_errors=True)

    def paths(self, names: Iterable[str], bench: Bench) -> None:
        """The whole paths with these names."""
        for name in names:
            print(f"\n{name}", flush=True)
            for row in PATHS[name](bench):
                print(f"  {row['what']}: {row['measured'] or row['problem']}", flush=True)
                self.results.keep("paths", row | {"path": name})


def _said(run: measure.Run) -> str:
    right = run.verdict is not None and run.verdict.right and not run.problem
    return (
        f"{run.per_s:>8,.0f} events/s  {run.cpu_s:>6.1f} CPU s/million  {run.peak_mb:>5.0f} MB  "
        f"{'right' if right else f'WRONG: {run.verdict} {run.problem}'}"
    )
