# ruff: noqa: T201 - a command for the terminal
"""`python -m tests.bench.compare`: the hub of this checkout beside that of a commit from before, on the same events in the same minute.

The commit's id stands in `tests/bench/baseline`. It says how they compare, and never fails because of a time; it fails when this
checkout loses or doubles something. Where the commit cannot be had (a clone without history), it says so, and that is all.
"""

import io
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from statistics import median

from hub.bench.story import story
from hub.errors import ConfigurationError
from hub.routing.world import load_world
from hub.settings import load
from tests.bench.ground import ground
from tests.bench.measure import Run, measure
from tests.bench.preload import begins, tell
from tests.bench.process import Heat, step_aside, write_settings
from tests.bench.roster import ROOT, Contestant
from tests.bench.roster import load as contestants
from tests.bench.single import single

FOLDER = ROOT / ".hub" / "bench"
BASELINE = Path(__file__).with_name("baseline")
_EVENTS = 40_000
"""Fewer are over before they can be timed."""
_PARTITIONS = 4
_TURNS = (("now", "before"), ("before", "now"))
"""Each goes first once: the second one finds a warmer machine."""
_ENOUGH_S = 30.0
"""No further turns begin after so long: whoever waits for a check does not wait for a better figure."""


def baseline(commit: str, folder: Path) -> Path | None:
    """The checkout of a commit, taken from this one's history; None where it is not there."""
    checkout = folder / commit
    if (checkout / "hub").is_dir():
        return checkout
    archive = ["git", "archive", "--format=tar", commit, "hub", "connectors", "schemas", "requirements.lock"]
    try:
        found = subprocess.run(archive, cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    shutil.rmtree(folder, ignore_errors=True)
    unfinished = folder / "unfinished"
    with tarfile.open(fileobj=io.BytesIO(found.stdout)) as tar:
        tar.extractall(unfinished, filter="data")
    unfinished.rename(checkout)
    return checkout


def main() -> int:
    """Compare; 1 when this checkout lost or doubled something."""
    try:
        with single(FOLDER):
            return _compare()
    except ConfigurationError as error:
        sys.exit(str(error))


def _compare() -> int:
    began = time.monotonic()
    commit = BASELINE.read_text(encoding="ascii").strip()
    before = baseline(commit, FOLDER / "baseline")
    if before is None:
        print(f"Commit {commit[:12]} is not in this clone's history, so there is nothing to compare with.")
        return 0
    if (before / "requirements.lock").read_bytes() != (ROOT / "requirements.lock").read_bytes():
        print(f"Commit {commit[:12]} had other libraries; it is measured with those of today.")
    (hub,) = contestants(["hub"])
    both = {"now": hub, "before": replace(hub, name="hub before", checkout=before)}
    step_aside()
    runs = _runs(both, FOLDER / "compare", until=began + _ENOUGH_S)
    wrong = [run for run in runs["now"] if run.problem or run.verdict is None or not run.verdict.right]
    for run in wrong:
        print(f"This checkout: {run.verdict} {run.problem}")
    if any(run.problem or run.verdict is None or not run.verdict.right for run in runs["before"]):
        print(f"Commit {commit[:12]} does not make the same of the same events, so there is nothing to compare with.")
    else:
        print("\n".join(compared(runs["now"], runs["before"], commit[:12])))
    return 1 if wrong else 0


def _runs(both: dict[str, Contestant], work: Path, until: float) -> dict[str, list[Run]]:
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    runs: dict[str, list[Run]] = {which: [] for which in both}
    with ground(work / "broker", _PARTITIONS) as base:
        write_settings(work / "hub.toml", base, "nobody", f"sqlite:///{work}/none.db")
        told = tell(story(_EVENTS, load_world(load(work / "hub.toml")), begins()), base)
        for number, turn in enumerate(_TURNS, 1):
            if number > 1 and time.monotonic() > until:
                break
            for which in turn:
                heat = Heat(both[which], number, work, work / f"{which}-{number}", None)
                runs[which].append(measure(heat, base, told))
    return runs


def compared(now: Iterable[Run], before: Iterable[Run], commit: str) -> list[str]:
    """How two sets of runs compare, in words; a run too short to be timed does not count.

    Args:
        now, before: of this checkout, and of the commit.
        commit: its id, as people read it.
    """
    now, before = list(now), list(before)
    timed = [[run for run in runs if run.per_s] for runs in (now, before)]
    lines = [f"{'':<24}{'now':>12}{commit:>16}{'now / before':>16}"]
    for what, figure in (("events/s", "per_s"), ("CPU s/million", "cpu_s"), ("peak MB", "peak_mb")):
        here, there = (median(getattr(run, figure) for run in runs) if runs else None for runs in timed)
        ratio = f"{here / there:.2f}" if here is not None and there else "-"
        lines.append(f"{what:<24}{_written(here):>12}{_written(there):>16}{ratio:>16}")
    turns = "once each" if len(now) == 1 else f"{len(now)} times each, in turns"
    lines.append(f"{now[0].events:,} events, {turns}; the medians. A single figure may be off by a tenth and more.")
    if short := len(now) + len(before) - sum(map(len, timed)):
        lines.append(f"Left out, as too short to be timed: {short} of {len(now) + len(before)} runs.")
    return lines


def _written(figure: float | None) -> str:
    return "not measured" if figure is None else f"{figure:,.1f}"


if __name__ == "__main__":
    sys.exit(main())
