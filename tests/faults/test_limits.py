"""Faults of the machine under the worker: a loop that stands still, no more files, no more memory, a neighbour that takes the processor."""

import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from tests.faults.conftest import eventually
from tests.faults.oracles import dump
from tests.faults.poison import KINDS
from tests.faults.test_poison import put
from tests.faults.test_worker import ask, judged
from tests.sites.worker import Site, Tipping, WorkerProcess

Start = Callable[..., WorkerProcess]


def proved(site: Site, start: Start) -> None:
    """A worker without any fault applies the rest, and nothing is lost or doubled."""
    start(site)
    site.applies_everything(90)
    verdict = judged(site)
    assert not verdict, str(verdict)
    assert dump(site.kafka, "case-events-dlq", site.begin["case-events-dlq"]) == []


@pytest.mark.long
@pytest.mark.fault(
    "T41",
    "the event loop stands still in the middle of a round",
    invariants="I1 I2 I4",
    oracle="O2 O4",
    twins=("the-watchdog-sleeps",),
)
def test_a_worker_whose_loop_stands_still_is_ended_and_the_next_one_goes_on(
    site: Site, start: Start, seen: Callable[[str], None]
) -> None:
    events = ask(site)

    stuck = start(site, "worker.routed:50:sleep=3600", site.settings_of("worker-1", stuck_after_s=10))
    eventually(lambda: stuck.process.poll() is not None)

    assert stuck.process.poll() == 75
    assert "The event loop did not answer for" in stuck.says_critical()
    proved(site, start)
    seen(f"{events} events, ended by its watchdog once")


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.fault(
    "T43",
    "no more file descriptors, just when outputs are acknowledged and the database has to be opened again",
    invariants="I1 I2 I4",
    oracle="O2 O4 O8",
    twins=("ids-are-drawn",),
)
def test_a_worker_out_of_file_descriptors_ends_and_the_next_one_goes_on(
    site: Site, start: Start, seen: Callable[[str], None]
) -> None:
    worker = start(site)
    worker.says("worker ready")

    with closing(sqlite3.connect(site.folder / "worker.db", isolation_level=None)) as other:
        other.execute("begin immediate")
        events = ask(site)
        worker.says("the database does not answer")
        resource.prlimit(worker.process.pid, resource.RLIMIT_NOFILE, (0, 0))
        # Its one connection is given up after the next try, and cannot be opened again: after two minutes it gives up too.
        code = worker.process.wait(300)

    assert code == 75
    proved(site, start)
    seen(f"{events} events, ended once with {code}")


@pytest.mark.long
@pytest.mark.fault(
    "T43",
    "no more memory for a running worker and records of a megabyte, beside neighbours that take the whole processor",
    invariants="I1 I2 I4",
    oracle="O2 O4 O8",
)
def test_a_worker_out_of_memory_ends_and_blames_no_record(
    site: Site, start: Start, seen: Callable[[str], None]
) -> None:
    large = KINDS["a field of a megabyte"]
    worker = start(site, settings=site.settings_of("worker-1", stuck_after_s=10))
    worker.says("worker ready")

    with neighbours(2):
        resource.prlimit(worker.process.pid, resource.RLIMIT_AS, (1 << 20, 1 << 20))
        events = ask(site, 20)
        for _ in range(30):
            request = Tipping()
            put(site.kafka, "case-events", [large(request.reported().encode(), request.reference.encode())])
        events += ask(site, 20)
        code = eventually(lambda: worker.process.poll() is not None) and worker.process.poll()
        proved(site, start)
    assert code != 0
    seen(f"{events} events and 30 megabytes, ended once with {code}")


@contextmanager
def neighbours(number: int) -> Iterator[None]:
    """Processes that only take the processor."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    yield
    for each in busy:
        each.kill()
        each.wait()
