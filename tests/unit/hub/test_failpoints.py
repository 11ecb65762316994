"""What a fault test may ask for, and that nothing happens unless it does."""

import os
import subprocess
import sys

import pytest

from hub.failpoints import ENVIRONMENT, Failpoint, Injected, parse, reach

PASSES = "from hub.failpoints import Failpoint, reach\nfor _ in range(6): print('passing', flush=True); reach(Failpoint.WORKER_SENT)"


def passing(asked: str) -> "subprocess.CompletedProcess[str]":
    """A process that passes one place six times."""
    environment = {**os.environ, ENVIRONMENT: asked}
    return subprocess.run(
        [sys.executable, "-c", PASSES], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_nothing_happens_unless_a_test_asks_for_it() -> None:
    for place in Failpoint:
        reach(place)


def test_a_process_is_killed_at_the_passing_that_was_asked_for() -> None:
    found = passing("worker.sent:3:kill")

    assert (found.returncode, found.stdout.count("passing")) == (-9, 3)


def test_a_place_that_was_not_asked_for_is_passed() -> None:
    assert passing("worker.applied:1:kill").returncode == 0


def test_every_second_passing_can_fail() -> None:
    plan = parse("worker.sent:%2:raise")[Failpoint.WORKER_SENT]

    assert [plan.is_now() for _ in range(4)] == [False, True, False, True]
    assert passing("worker.sent:%2:raise").stderr.rstrip().endswith(f"{Injected.__name__}: worker.sent")


@pytest.mark.parametrize(
    "text",
    [
        "worker.sent",
        "worker.snt:1:kill",
        "worker.sent:0:kill",
        "worker.sent:1:explode",
        "worker.sent:1:sleep",
        "worker.sent:1:sleep=-1",
        "worker.sent:1:kill=3",
        "worker.sent:1:kill:5",
        "worker.sent:1:kill,worker.sent:2:kill",
    ],
)
def test_a_misspelt_fault_ends_the_process_instead_of_proving_nothing(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"does not read like worker\.sent:3:kill, or its place is named twice\. Places: web"
    ):
        parse(text)
