"""What a process has used, from outside, as Linux tells it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from hub.bench import vitals

_BUSY = """
import subprocess, sys
subprocess.Popen([sys.executable, '-c', 'sum(range(10_000_000)); print("done", flush=True); input()'])
print("started", flush=True)
input()
"""


@contextmanager
def busy() -> Iterator["subprocess.Popen[str]"]:
    """A process that has done nothing, and a child of it that has worked; both have said so."""
    process = subprocess.Popen(
        [sys.executable, "-c", _BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0
    )
    assert process.stdout is not None
    assert {process.stdout.readline().strip(), process.stdout.readline().strip()} == {"started", "done"}
    yield process
    os.killpg(process.pid, 9)
    process.communicate()


def test_what_a_process_has_started_is_counted_with_it() -> None:
    with busy() as process:
        family = vitals.family(process.pid)
        memory_mb, used = vitals.memory_mb(process.pid), vitals.used(process.pid)

    assert len(family) == 2
    assert used.cpu_s >= sum(vitals.used(pid).cpu_s for pid in family[1:])
    assert used.cpu_s > 0.05
    assert used.peak_mb >= memory_mb > 5


def test_a_process_that_has_ended_has_used_nothing() -> None:
    with busy() as process:
        pid = process.pid

    assert vitals.used(pid) == vitals.Used(0, 0)
