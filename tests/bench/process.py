"""A contestant's process: started on a core of its own in an empty folder, watched from outside, told to stop as an operator would."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from hub.bench import vitals
from hub.demo.site import toml_table
from tests.bench.database import Server
from tests.bench.ground import Ground
from tests.bench.roster import Contestant, command

STOPS_WITHIN_S = 10.0
CAN_PIN = hasattr(os, "sched_setaffinity")
"""Not on macOS: there all share all cores, and figures say less."""
_CORES = sorted(os.sched_getaffinity(0)) if CAN_PIN else [0]
EVERYWHERE = set(_CORES)
THEIRS = {_CORES[-1]}
"""Where contestants run; the broker, the database and what measures share the others."""
OURS = set(_CORES[:-1]) or THEIRS
_LAST_LINES = 12


def step_aside() -> None:
    """Leave the contestants' core to them. What is started from now on does so, too."""
    _pin(0, OURS)


def _pin(pid: int, cores: set[int]) -> None:
    if CAN_PIN:
        os.sched_setaffinity(pid, cores)


@dataclass(frozen=True)
class Heat:
    """One run of one contestant.

    Attributes:
        contestant, number: which, and which of its runs.
        build: its environment, from `prepare`.
        work: a folder for this run alone, made anew.
        server: of databases, for those that want one.
    """

    contestant: Contestant
    number: int
    build: Path
    work: Path
    server: Server | None
    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """What else stands in the hub's settings."""
    furnish: Callable[[str], None] = field(default=lambda _url: None)
    """Puts into its database, given the URL, what is to be there before it starts."""

    def database(self) -> AbstractContextManager[str]:
        """The URL of an empty database; empty where it wants none."""
        if self.contestant.manifest.store != "postgresql":
            return nullcontext(f"sqlite:///{self.work}/store.db" if self.contestant.manifest.store else "")
        assert self.server is not None, f"{self.contestant.name} wants a PostgreSQL"
        return self.server.database()

    def busy_beside(self) -> list[int]:
        """Processes that work for it on the other cores, beside the broker."""
        is_used = self.server is not None and self.contestant.manifest.store == "postgresql"
        return [self.server.pid] if self.server and is_used else []


@dataclass
class Running:
    """A process that runs.

    Attributes:
        log: what it says.
    """

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def ended(self) -> bool:
        """Whether it has ended, by itself or because it was told to."""
        return self.process.poll() is not None

    def used(self) -> vitals.Used:
        """What it and all that it started have used so far."""
        return vitals.used(self.process.pid)

    def stop(self) -> str:
        """Tell it to stop; what is to be said of how it did, or nothing."""
        if self.ended:
            return f"it ended by itself (exit {self.process.returncode})"
        self.process.terminate()
        try:
            self.process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return f"it did not stop within {STOPS_WITHIN_S:.0f} s of SIGTERM and was killed"
        return ""

    def last_lines(self) -> str:
        """The end of what it said."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_LAST_LINES:])


def write_settings(
    file: Path, ground: Ground, group: str, url: str, more: Mapping[str, Mapping[str, object]] | None = None
) -> None:
    """The hub's settings for one run.

    Args:
        file: where they go.
        ground: whose Kafka.
        group: its consumer group.
        url: of the worker's database.
        more: what else stands in a table, or other tables.
    """
    tables: dict[str, dict[str, object]] = {
        "council": {"name": "Thornmere", "code": "E07000999", "key": "not a secret at all"},
        "kafka": {"bootstrap": ground.bootstrap, "partitions": ground.partitions},
        "worker": {"group": group, "health_port": 0, "memory": {"url": url}},
    }
    for name, table in (more or {}).items():
        tables[name] = {**tables.get(name, {}), **table}
    file.write_text("\n".join(toml_table(name, table) for name, table in tables.items()), encoding="utf-8")


@contextmanager
def started(
    line: Sequence[str],
    work: Path,
    told: Mapping[str, str] | None = None,
    *,
    cores: set[int] = THEIRS,
    log: str = "log",
) -> Iterator[Running]:
    """A process at work in a folder; it is gone afterwards.

    Args:
        line: its command line.
        work: its folder.
        told: its environment, beside ours.
        cores: where it may run.
        log: name of the file that takes what it says.
    """
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(told or {})}
    with (work / log).open("ab") as file:
        process = subprocess.Popen(line, cwd=work, env=environment, stdout=file, stderr=subprocess.STDOUT)
    # Its threads begin where it stands, and it has none yet.
    _pin(process.pid, cores)
    running = Running(process, work / log)
    try:
        yield running
    finally:
        if not running.ended:
            process.kill()
            process.wait()


def hub(settings: Path, *words: str) -> list[str]:
    """The command line of a `hub` command."""
    return [sys.executable, "-m", "hub", "--settings", str(settings), *words]


@contextmanager
def running(heat: Heat, ground: Ground, url: str) -> Iterator[Running]:
    """A contestant at work, with a consumer group and an empty folder of its own; it is gone afterwards.

    Args:
        heat: which, and where.
        ground: what it reads and writes.
        url: of its database, if it has one.
    """
    contestant, work = heat.contestant, heat.work
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    group = f"bench-{uuid4().hex[:8]}"
    settings = work / "hub.toml"
    write_settings(settings, ground, group, url or f"sqlite:///{work}/worker.db", heat.settings)
    heat.furnish(url)
    told = {
        "BENCH_KAFKA": ground.bootstrap,
        "BENCH_GROUP": group,
        "BENCH_WORK": str(work),
        "BENCH_BUILD": str(heat.build),
        "BENCH_SETTINGS": str(settings),
        "BENCH_PARTITIONS": str(ground.partitions),
        "BENCH_STORE": url,
        "PYTHONPATH": str(contestant.checkout),
        **contestant.environment,
    }
    line = command(contestant, contestant.manifest.command, heat.build, work, settings)
    with started(line, work, told) as process:
        yield process


def until(seconds: float, every: float = 0.1) -> Iterator[float]:
    """Moments of the clock, until so many seconds have passed."""
    began = time.monotonic()
    while (now := time.monotonic()) < began + seconds:
        yield now
        time.sleep(every)
