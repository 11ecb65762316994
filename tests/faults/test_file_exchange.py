"""Faults of the server that files are exchanged on: full, slow, gone, closed, and somebody who picks up what is half written."""

import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults.arrivals import watching
from tests.faults.conftest import environment, eventually
from tests.faults.extracts import Step, judge, sheet
from tests.faults.oracles import dump
from tests.faults.test_connectors import all_of, ends
from tests.faults.test_results_files import Depot, depot_in
from tests.oracle import legacy
from tests.sites import sftp

QUICK = {"timeout_s": 2, "retry_after_s": 0.1, "retry_at_most_s": 0.2}


class Exchange:
    """A depot with its files on a server of its own, and the connector that runs against it."""

    def __init__(self, depot: Depot) -> None:
        self.depot, self.site = depot, depot.site
        legacy_folder = self.site.folder / "legacy"
        self.files = legacy_folder / "files"
        self._host_key = legacy_folder / "host_key"
        self.server, self.port = sftp.start(self.files, self._host_key)
        self.site.write_settings({"poll_every_s": 0.1, "port": self.port, **QUICK})
        self._begin = ends(self.site.kafka, "case-events")
        self.keys: list[str] = []
        self.connector = self.site.start(environment())

    def asks(self, number: int) -> None:
        """So many instructions more."""
        self.keys += [event.id.hex for event in self.site.ask(number)]

    def applied(self) -> bool:
        """Whether everything that was asked was reported as done."""
        return all_of(dump(self.site.kafka, "case-events", self._begin), self.keys, "accepted") is not None

    def waits(self, part: str, why: str) -> None:
        """Until it says that a part waits, and why; it does not end."""

        def said() -> bool:
            # The other part may say the same, and sooner.
            words = self.site.health("/readyz")
            return why in words and f"{part} away since" in words

        found = eventually(lambda: self._ended() or said())
        assert found != "ended", f"it ended: {self.site.log()[-1]['event']}"
        eventually(lambda: f'hub_connector_well{{part="{part}"}} 0.0' in self.site.health("/metrics"))

    def _ended(self) -> str:
        return "" if self.connector.poll() is None else "ended"

    def restart_server(self) -> None:
        """Another process at the same address."""
        self.close()
        self.server, _ = sftp.start(self.files, self._host_key, self.port)

    def close(self) -> None:
        """Nothing of the server is left."""
        self.server.kill()
        self.server.wait(30)
        assert self.server.stdout is not None
        self.server.stdout.close()


@contextmanager
def exchange_in(folder: Path, kafka: str) -> Iterator[Exchange]:
    with depot_in(folder, kafka) as depot:
        made = Exchange(depot)
        try:
            yield made
        finally:
            made.close()


@contextmanager
def disk_full(server: "subprocess.Popen[Any]") -> Iterator[None]:
    """No file of this process may be longer than half a booking file."""
    before = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (250, before[1]))
    try:
        yield
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def away(folder: Path) -> Iterator[None]:
    """A share that is not mounted."""
    gone = folder.with_name(f"{folder.name}.away")
    folder.rename(gone)
    try:
        yield
    finally:
        gone.rename(folder)


@contextmanager
def stalled(server: "subprocess.Popen[Any]") -> Iterator[None]:
    """A server that answers nobody."""
    server.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.send_signal(signal.SIGCONT)


@contextmanager
def closed(files: Path) -> Iterator[None]:
    """Folders that are closed to us."""
    files.with_name("denied").touch()
    try:
        yield
    finally:
        files.with_name("denied").unlink()


@pytest.mark.fault(
    "T34",
    "the disk is full in mid write, the folder vanishes, the archive vanishes, and the depot picks up whatever has its final name",
    invariants="I2",
    oracle="O2 O3",
    twins=("files-are-written-under-their-name", "a-folder-away-is-a-wrong-setting"),
)
def test_no_booking_file_is_ever_seen_half_written(tmp_path: Path, kafka: str, seen: Callable[[str], None]) -> None:
    with exchange_in(tmp_path, kafka) as exchange, watching(exchange.files / "inbound") as watch:
        exchange.asks(4)
        eventually(exchange.applied)
        with disk_full(exchange.server):
            exchange.asks(4)
            exchange.waits("tasks", "was cut short. Is the depot's disk full?")
        eventually(exchange.applied)
        for folder in ("inbound", "archive"):
            with away(exchange.files / folder):
                exchange.asks(4)
                exchange.waits("tasks", f"folder {folder} is missing or closed to us")
            eventually(exchange.applied)

        arrived = [arrival for arrival in watch.seen() if arrival.name.startswith("BK_")]
        eventually(lambda: not list((exchange.files / "inbound").glob("BK_*")))
        done = legacy.transport(exchange.site.folder / "legacy")
    assert {arrival.name for arrival in arrived if not arrival.renamed} == set(), "seen before it was whole"
    assert len(arrived) == len(exchange.keys)
    assert {key: done.done[legacy.RAISED, key] for key in exchange.keys} == dict.fromkeys(exchange.keys, 1)
    assert (done.problems, dict(done.refused)) == ([], {})
    seen(f"{len(arrived)} files, each renamed in whole and taken once")


@pytest.mark.long
@pytest.mark.fault(
    "T35",
    "the depot's share is not mounted, its server stalls for 30 s, its folders are closed to us, it is killed and started again",
    invariants="I1 I2",
    oracle="O1 O2 O3 O9",
    twins=("a-folder-away-is-a-wrong-setting", "rows-are-not-remembered"),
)
def test_a_depot_that_is_away_is_waited_for_and_nothing_is_said_twice(
    tmp_path: Path, kafka: str, seen: Callable[[str], None]
) -> None:
    with exchange_in(tmp_path, kafka) as exchange:
        depot, steps = exchange.depot, list[Step]()

        def more() -> None:
            steps.append(Step(depot.booking(), "ACC", "03/11/2026 09:40"))
            depot.put(sheet(*(step.row() for step in steps)))
            exchange.asks(1)

        def works() -> None:
            eventually(lambda: not judge(steps, depot.said()).lost and exchange.applied())
            eventually(lambda: exchange.site.health("/readyz").startswith('{"ok":true'))

        more()
        works()
        with closed(exchange.files):
            more()
            exchange.waits("results", "folder outbound is missing or closed to us")
            exchange.waits("tasks", "is missing or closed to us")
        works()
        more()
        with away(exchange.files / "outbound"):
            exchange.waits(
                "results", "folder outbound is missing or closed to us. Set outbound, or have the depot open it."
            )
        works()
        with stalled(exchange.server):
            began = time.monotonic()
            more()
            exchange.waits("results", "does not answer (TimeoutError)")
            exchange.waits("tasks", "does not answer (TimeoutError)")
            eventually(lambda: time.monotonic() - began > 30)
            assert exchange.connector.poll() is None
        works()
        exchange.close()
        more()
        exchange.waits("results", "does not answer")
        exchange.restart_server()
        works()

        verdict = judge(steps, depot.said())
        done = legacy.transport(exchange.site.folder / "legacy")
    assert not verdict, str(verdict)
    assert {key: done.done[legacy.RAISED, key] for key in exchange.keys} == dict.fromkeys(exchange.keys, 1)
    assert not done.problems
    seen(f"4 outages, {len(steps)} rows said once, {len(exchange.keys)} files taken once")
