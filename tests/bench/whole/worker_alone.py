"""The hub's worker through a story of its own, for the measurements that ask what changes it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from hub.bench.story import Turn
from tests.bench.ground import OUTPUTS, STORY
from tests.bench.measure import Run, measure
from tests.bench.paths import Bench, Row, row
from tests.bench.preload import tell
from tests.bench.process import Heat
from tests.bench.roster import load

TOO_SHORT = "the story was too short to be timed"
"""The problem of a run that was over between two looks."""


@dataclass(frozen=True)
class Differently:
    """What is different from the run of the main table.

    Attributes:
        contestant: hub, or hub_postgresql.
        settings: what else stands in its settings.
        furnish: puts into its database what is to be there beforehand.
        stored, lines: how many cases and lines of their timelines that is.
    """

    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    furnish: Callable[[str], None] = field(default=lambda _url: None)
    stored: int = 0
    lines: int = 0


def through(
    bench: Bench, name: str, turns: Iterable[Turn], differently: Differently | None = None
) -> tuple[Run, float]:
    """One run; and how many outputs each event had.

    Args:
        bench: what it is measured with.
        name: of the run.
        turns: the story.
        differently: what is different.
    """
    how = differently or Differently()
    bench.ground.empty([STORY, *OUTPUTS])
    told = tell(turns, bench.ground)
    there = replace(
        told, cases=told.cases + how.stored, finished=told.finished + how.stored, lines=told.lines + how.lines
    )
    (contestant,) = load(["hub"])
    work = bench.work / name
    heat = Heat(contestant, 1, work.parent, work, bench.server, settings=how.settings, furnish=how.furnish)
    run = measure(heat, bench.ground, there)
    bench.ground.empty([STORY])
    return run, told.oracle.outputs / told.oracle.events


def row_of(what: str, run: Run, **more: float) -> Row:
    """A row of the page about one run; `more` stands beside its figures."""
    said = f"{run.per_s:,.0f} events/s, {run.cpu_s:,.1f} CPU s/million, {run.peak_mb:,.0f} MB; first output after {run.began_s:.1f} s"
    figures = {"per_s": run.per_s, "cpu_s": run.cpu_s, "peak_mb": run.peak_mb, "began_s": run.began_s}
    found = row(what, said) | figures | more
    if run.problem or run.verdict is None or not run.verdict.right:
        return found | {"problem": f"{run.verdict} {run.problem}"}
    return found if run.per_s else found | {"problem": TOO_SHORT}
