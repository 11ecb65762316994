"""The fault harness: which fault a test is about, which protections it must miss, and the page of what was run.

    @fault("T17", "kill -9 of the worker after ...", invariants="I2 I4", oracle="O2 O4", twins=("applied-before-sent",))

`pytest tests/faults --fault-report FILE` writes what was run into a page; so does the test command with FAULT_REPORT=FILE. HUB_MUTANT in
the environment reaches the processes that tests start (see `mutants`); `python -m tests.faults.twins` runs every test with each of its
twins.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.faults.record import ROOT, Record, Run, now_and_here
from tests.sites.connector import THIRD_PARTY
from tests.sites.worker import PARTITIONS, Site, WorkerProcess, broker, workers

MUTANTS = os.pathsep.join(map(str, (Path(__file__).parent / "mutants", ROOT)))
"""Where Python finds `sitecustomize` by itself, and what it imports."""


SHORT_RUN = 1_500
"""Events of the longer run where no more are asked for."""

_RUNS = pytest.StashKey[dict[str, Run]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--fault-report FILE`, `--fault-twins FILE`, and how long the longer run is."""
    for name, default, what in (
        ("events", SHORT_RUN, "of the longer run"),
        ("kills", 2, "at least so many, in the longer run"),
        ("seed", 1, "of the nemesis"),
    ):
        parser.addoption(f"--fault-{name}", type=int, default=default, metavar="N", help=what)
    parser.addoption("--fault-twins", metavar="FILE", help="write which test has which twins, for tests.faults.twins")
    page = os.environ.get("FAULT_REPORT")
    parser.addoption("--fault-report", default=page, metavar="FILE", help="write the faults that were run into a page")


def pytest_configure(config: pytest.Config) -> None:
    """Know the marker."""
    config.addinivalue_line("markers", "fault(identifier, what, invariants, oracle, twins): the fault a test injects")
    config.stash[_RUNS] = {}


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
        events = config.getoption("--fault-events")
        # The longer run at full length has a row of its own beside the short one that every check makes.
        size = f" {events}" if item.path.name == "test_long.py" and events != SHORT_RUN else ""
        named = marker.kwargs
        config.stash[_RUNS][item.nodeid] = Run(
            identifier, what, named["invariants"], named["oracle"], tuple(named.get("twins", ())), item.nodeid + size
        )


def pytest_collection_finish(session: pytest.Session) -> None:
    """Say which of the tests that are chosen have which twins."""
    if file := session.config.getoption("--fault-twins"):
        runs = session.config.stash[_RUNS]
        twins = {item.nodeid: runs[item.nodeid].twins for item in session.items if runs[item.nodeid].twins}
        Path(file).write_text(json.dumps(twins), encoding="utf-8")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Note how each ended."""
    outcome: Any = yield
    report = outcome.get_result()
    run = item.config.stash[_RUNS].get(item.nodeid)
    if run is not None and (report.when == "call" or report.outcome != "passed"):
        run.result = "held" if report.passed else "BROKEN"
        run.at = now_and_here()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the page."""
    config = session.config
    if file := config.getoption("--fault-report"):
        record, runs = Record.of(Path(file)), config.stash[_RUNS]
        whole = [Path(argument).resolve() for argument in config.args] == [Path(__file__).parent]
        whole &= not (config.option.keyword or config.option.markexpr)
        record.note(runs.values(), known=runs if whole else ())
        record.write(Path(file))


@pytest.fixture
def seen(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Say what was seen, for the page: how many events, kills, repeats."""

    def note(words: str) -> None:
        request.config.stash[_RUNS][request.node.nodeid].seen = words

    return note


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Kafka that belongs to the faults, with the hub's topics."""
    folder = tmp_path_factory.mktemp("kafka")
    with broker(folder / "broker") as address:
        apply_topics(folder, address)
        yield address


@pytest.fixture
def site(tmp_path: Path, kafka: str) -> Iterator[Site]:
    """A council's worker, its memory in SQLite."""
    with closing(Site(tmp_path, kafka, f"sqlite:///{tmp_path / 'worker.db'}")) as made:
        yield made


@pytest.fixture
def start() -> Iterator[Callable[..., WorkerProcess]]:
    """Starts workers, with failpoints if any are asked for; none outlives the test."""
    with workers() as begin:

        def of(site: Site, failpoints: str = "", settings: Path | None = None, **told: str) -> WorkerProcess:
            return begin(site, environment(failpoints, **told), settings)

        yield of


@pytest.fixture
def third_party() -> Iterator[None]:
    """The connectors of somebody else are installed, such as the taxi firm's."""
    sys.path.insert(0, str(THIRD_PARTY))
    yield
    sys.path.remove(str(THIRD_PARTY))


def apply_topics(folder: Path, kafka: str) -> None:
    """Make the hub's topics as a person does, by the command, which a mutant reaches too."""
    settings = folder / "hub.toml"
    settings.write_text(
        '[council]\nname = "Invented"\ncode = "E06000999"\nkey = "not a secret at all"\n'
        f'[kafka]\nbootstrap = "{kafka}"\npartitions = {PARTITIONS}\n'
    )
    command = [sys.executable, "-m", "hub", "--settings", str(settings), "topics", "apply"]
    subprocess.run(command, env={**os.environ, **environment()}, check=True, stdout=subprocess.DEVNULL)


def environment(failpoints: str = "", **more: str) -> dict[str, str]:
    """What a process of the product is told: where to fail, what protection to miss, and `more`, such as what time it is."""
    told = {"HUB_FAILPOINTS": failpoints, **more}
    if "HUB_MUTANT" in os.environ:
        told["HUB_MUTANT"] = os.environ["HUB_MUTANT"]
    if told.keys() & {"HUB_MUTANT", "HUB_CLOCK", "HUB_CLOCK_SHIFT_S"}:
        told["PYTHONPATH"] = MUTANTS
    return told


_TWINS_WAIT_S = 45.0
"""Longer than anything that comes takes here; what takes longer on a busy machine makes a twin look red that is not."""


def eventually(look: Callable[[], Any], within_s: float = 90) -> Any:
    """The first true answer; that there is none is what is judged, as a loss."""
    if "HUB_MUTANT" in os.environ:
        # A twin waits for what its lost protection keeps away: it need not wait for as long as a slow machine may take.
        within_s = min(within_s, _TWINS_WAIT_S)
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"it did not come true within {within_s:g} s"
        time.sleep(0.05)
    return found
