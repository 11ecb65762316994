"""`python -m tests.bench` (`make bench`): the hub beside what a user would pick instead, and the whole paths, measured in one go."""

import argparse
import json
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from hub.errors import ConfigurationError
from hub.routing.world import load_world
from hub.settings import load
from tests.bench import database
from tests.bench.ground import ground
from tests.bench.here import about
from tests.bench.page import is_all_right
from tests.bench.paths import PATHS, Bench
from tests.bench.process import step_aside, write_settings
from tests.bench.results import LATENCY, RUNS, Results, beside, empty
from tests.bench.roster import ROOT
from tests.bench.roster import load as load_contestants
from tests.bench.session import Session, prepared
from tests.bench.single import single

WORK = ROOT / ".hub" / "bench"
RESULTS = Path(__file__).with_name("RESULTS.json")


def options(arguments: list[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="make bench BENCH=", description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("--events", type=int, default=300_000, help="how long the story is (default: 300000)")
    add("--runs", type=int, default=3, help="runs of each contestant (default: 3)")
    add(
        "--only",
        type=_names,
        default=None,
        metavar="NAMES",
        help="contestants, comma-separated, or none (default: all)",
    )
    add("--partitions", type=int, default=12, help="of every topic (default: 12)")
    add(
        "--latency",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="how long each rate lasts; 0 leaves it out (default: 30)",
    )
    add("--latency-runs", type=int, default=3, metavar="RUNS", help="of each contestant (default: 3)")
    add(
        "--paths",
        type=_names,
        default=tuple(PATHS),
        metavar="NAMES",
        help=f"of {','.join(PATHS)}, or none (default: all)",
    )
    add("--stored", type=int, default=1_000_000, help="most cases stored in advance (default: 1000000)")
    add(
        "--results",
        type=Path,
        default=RESULTS,
        help="where the figures go, the page beside it (default: tests/bench/RESULTS.json)",
    )
    add("--steady", type=float, default=600.0, metavar="SECONDS", help="how long 3,000/s are to be held (default: 600)")
    add("--add", action="store_true", help="leave the figures there are, but for what is measured anew")
    add("--page", action="store_true", help="only write the page anew, from the figures there are")
    return parser.parse_args(arguments)


def _names(text: str) -> tuple[str, ...]:
    return () if text == "none" else tuple(text.split(","))


def _begun(asked: argparse.Namespace) -> dict[str, Any]:
    """The figures as they stand before anything is measured."""
    go = about(sys.argv[1:])
    if not (asked.add and asked.results.is_file()):
        return empty(go)
    measured = {RUNS: asked.runs, LATENCY: asked.latency}
    tables = [table for table, much in measured.items() if much and asked.only != ()]
    return beside(json.loads(asked.results.read_text(encoding="utf-8")), go, tables, asked.paths)


def main() -> int:
    """Measure; 1 when something was not right."""
    asked = options(sys.argv[1:])
    if asked.page:
        Results(asked.results, json.loads(asked.results.read_text(encoding="utf-8"))).write()
        return 0
    if unknown := sorted(set(asked.paths) - set(PATHS)):
        sys.exit(f"There is no path {', '.join(unknown)}. There are: {', '.join(PATHS)}.")
    try:
        with single(WORK):
            return _measured(asked)
    except ConfigurationError as error:
        sys.exit(str(error))


def _measured(asked: argparse.Namespace) -> int:
    results = Results(asked.results, _begun(asked))
    runs = WORK / "runs"
    shutil.rmtree(runs, ignore_errors=True)
    runs.mkdir(parents=True)
    ready = prepared([] if asked.only == () else load_contestants(asked.only or ()), WORK / "env", results)
    step_aside()
    with ExitStack() as stack:
        base = stack.enter_context(ground(WORK / "broker", asked.partitions))
        wants_server = asked.paths or any(contestant.manifest.store == "postgresql" for contestant, _ in ready)
        server = stack.enter_context(database.server()) if wants_server else None
        write_settings(runs / "hub.toml", base, "nobody", f"sqlite:///{runs}/none.db")
        world = load_world(load(runs / "hub.toml"))
        session = Session(base, server, world, ready, runs, results)
        if ready and asked.runs:
            session.story(asked.events, asked.runs)
        if ready and asked.latency:
            session.latency(asked.latency, asked.latency_runs)
        session.paths(asked.paths, Bench(base, server, world, runs, asked))
    results.write()
    sys.stdout.write(f"\n{results.page}\n")
    return 0 if is_all_right(results.found) else 1


if __name__ == "__main__":
    sys.exit(main())
