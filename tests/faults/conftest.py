"""The fault harness: which fault a test is about, which protections it must miss, and the page of what was run.

    @fault("T17", "kill -9 of the worker after ...", invariants="I2 I4", oracle="O2 O4", twins=("applied-before-sent",))

`pytest tests/faults --fault-report FILE` writes what was run into a page. HUB_MUTANT in the environment reaches the processes that
tests start (see `mutants`); `python -m tests.faults.twins` runs every test with each of its twins.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hub import topics
from hub.broker import nodes
from hub.settings import KafkaSettings
from tests.sites.worker import PARTITIONS, Site, WorkerProcess

MUTANTS = Path(__file__).parent / "mutants"


@dataclass
class Run:
    """One fault that was run."""

    identifier: str
    what: str
    invariants: str
    oracle: str
    twins: tuple[str, ...]
    test: str
    result: str = "not run"
    seen: str = ""


class Runs:
    """Every fault of this session, in the order they were run."""

    def __init__(self) -> None:
        self.by_test: dict[str, Run] = {}


_RUNS = pytest.StashKey[Runs]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--fault-report FILE`, `--fault-twins FILE`, and how long the longer run is."""
    for name, default, what in (
        ("events", 1_500, "of the longer run"),
        ("kills", 2, "at least so many, in the longer run"),
        ("seed", 1, "of the nemesis"),
    ):
        parser.addoption(f"--fault-{name}", type=int, default=default, metavar="N", help=what)
    parser.addoption("--fault-twins", metavar="FILE", help="write which test has which twins, for tests.faults.twins")
    parser.addoption("--fault-report", metavar="FILE", help="write the faults that were run into a page")


def pytest_configure(config: pytest.Config) -> None:
    """Know the markers."""
    config.addinivalue_line("markers", "long: run by `make faults`, left out of the test command")
    config.addinivalue_line("markers", "fault(identifier, what, invariants, oracle, twins): the fault a test injects")
    config.stash[_RUNS] = Runs()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Every test in this folder says which fault it is about; last, so that what `-k` and `-m` leave out is left out here too."""
    for item in items:
        if Path(__file__).parent not in item.path.parents:
            continue
        marker = item.get_closest_marker("fault")
        if marker is None:
            raise pytest.UsageError(f"{item.nodeid}: say which fault it is about, with @pytest.mark.fault.")
        identifier, what = marker.args
        named = marker.kwargs
        config.stash[_RUNS].by_test[item.nodeid] = Run(
            identifier, what, named["invariants"], named["oracle"], tuple(named.get("twins", ())), item.nodeid
        )
    if file := config.getoption("--fault-twins"):
        twins = {test: run.twins for test, run in config.stash[_RUNS].by_test.items() if run.twins}
        Path(file).write_text(json.dumps(twins), encoding="utf-8")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Note how each ended."""
    outcome: Any = yield
    report = outcome.get_result()
    run = item.config.stash[_RUNS].by_test.get(item.nodeid)
    if run is not None and (report.when == "call" or report.outcome != "passed"):
        run.result = "held" if report.passed else "BROKEN"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the page."""
    file = session.config.getoption("--fault-report")
    if file:
        Path(file).write_text(page(session.config.stash[_RUNS].by_test.values()), encoding="utf-8")


def page(runs: Any) -> str:
    """The faults that were run, as a page for people."""
    lines = [
        "# Faults that were run",
        "",
        "Written by the harness (`make faults`), never by hand. Each row is one test on real processes, a real Kafka and real databases;",
        "the oracle is code that imports nothing of the product. A twin is the same test with one protection switched off:",
        "`make twins` runs them all, and fails when one does not go red.",
        "",
        "| fault | what was done | invariants | oracle | twins | seen | result |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {run.identifier} | {run.what} | {run.invariants} | {run.oracle} | {', '.join(run.twins) or '-'} "
        f"| {run.seen or '-'} | {run.result} |"
        for run in sorted(runs, key=lambda run: (run.identifier, run.test))
    ]
    return "\n".join(lines) + "\n"


@pytest.fixture
def seen(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Say what was seen, for the page: how many events, kills, repeats."""

    def note(words: str) -> None:
        request.config.stash[_RUNS].by_test[request.node.nodeid].seen = words

    return note


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Kafka that belongs to the faults, with the hub's topics."""
    folder = tmp_path_factory.mktemp("kafka") / "broker"
    address = nodes.start(folder).bootstrap
    topics.apply(KafkaSettings(partitions=PARTITIONS), address)
    yield address
    nodes.reset(folder)


@pytest.fixture
def site(tmp_path: Path, kafka: str) -> Iterator[Site]:
    """A council's worker, its memory in SQLite."""
    made = Site(tmp_path, kafka, f"sqlite:///{tmp_path / 'worker.db'}")
    yield made
    made.close()


@pytest.fixture
def start() -> Iterator[Callable[..., WorkerProcess]]:
    """Starts workers, with failpoints if any are asked for; none outlives the test."""
    started: list[WorkerProcess] = []

    def begin(site: Site, failpoints: str = "") -> WorkerProcess:
        started.append(WorkerProcess(site, environment(failpoints)))
        return started[-1]

    yield begin
    for worker in started:
        worker.kill()
        for pipe in (worker.process.stdout, worker.process.stderr):
            assert pipe is not None
            pipe.close()


def environment(failpoints: str = "") -> dict[str, str]:
    """What a process of the product is told: where to fail, and what protection to miss."""
    told = {"HUB_FAILPOINTS": failpoints}
    if "HUB_MUTANT" in os.environ:
        told |= {"PYTHONPATH": str(MUTANTS), "HUB_MUTANT": os.environ["HUB_MUTANT"]}
    return told


def eventually(look: Callable[[], Any], within_s: float = 90) -> Any:
    """The first true answer; that there is none is what is judged, as a loss."""
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"it did not come true within {within_s:g} s"
        time.sleep(0.05)
    return found
