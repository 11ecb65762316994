"""Disks that are full: the broker's, and a connector's own. They need the right to mount: a disk so small that it can be filled."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.brokers import Brokers
from tests.faults.conftest import environment, eventually
from tests.faults.kept import Kept
from tests.faults.test_sinks import sink_of
from tests.faults.whole import Whole
from tests.sites.worker import PARTITIONS

_PIECE = b"\0" * 4096


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[Path]:
    """A disk of its own."""
    place.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Take all the room there is; what takes it."""
    other = disk / "of-another-program"
    with other.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(_PIECE)
        except OSError:
            return other


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.fault(
    "T42",
    "the disk of a connector's memory is full while instructions come in; then there is room again",
    invariants="I2 I3",
    oracle="O2 O3",
    twins=("trouble-is-passed-over",),
)
def test_a_connector_whose_disk_is_full_says_so_and_loses_nothing(
    tmp_path: Path, kafka: str, seen: Callable[[str], None]
) -> None:
    with (
        small_disk(tmp_path / "disk", 16) as disk,
        sink_of("universal_housing", tmp_path / "sink", kafka) as sink,
    ):
        sink.site.write_settings({"memory": {"url": f"sqlite:///{disk}/edge.db"}})
        sink.ledger = disk / "edge.db"
        with Kept(sink.site.command, sink.site.log_file, environment()) as process:
            sink.ask(5)
            sink.is_done()
            other = fill(disk)
            sink.ask(100)
            eventually(lambda: process.restarts > 1)
            other.unlink()
            sink.is_done()

            sink.is_right()
            assert process.wrong == []
            assert "its disk is full" in process.said
            seen(f"{3 * len(sink.wanted)} instructions, restarted {process.restarts}")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.fault(
    "T42",
    "the disk of the broker is full while requests go in, so that it ends; then there is room again and it is started",
    invariants="I1 I2",
    oracle="O1 O2 O3 O4",
    twins=("acks-off",),
)
def test_a_broker_whose_disk_is_full_loses_nothing_that_it_acknowledged(
    tmp_path: Path, seen: Callable[[str], None]
) -> None:
    with (
        small_disk(tmp_path / "disk", 128) as disk,
        Brokers(disk / "kafka", PARTITIONS) as brokers,
        Whole(tmp_path, brokers) as whole,
    ):
        cases = whole.ask(20)
        whole.takes(cases)
        other = fill(disk)
        cases += whole.ask(20)
        eventually(lambda: not brokers.runs(1))
        whole.rests(5)
        other.unlink()
        brokers.start()
        whole.is_done_with(cases, within_s=180)

        verdict = whole.judged(cases)
        assert not verdict, str(verdict)
        seen(f"{len(cases)} requests; {whole.words()}")
