"""Switches one protection of the product off, in every process that a fault test starts: HUB_MUTANT names which.

A fault test that stays green with its protection off proves nothing; `python -m tests.faults.twins` runs each with its mutants and fails
when one stays green. Python imports this module by itself when it starts; nothing of it is part of the product.

Each of the modules beside this one holds the mutants of one part; one is named by its function, with hyphens.

HUB_CLOCK (a file) and HUB_CLOCK_SHIFT_S set the clocks of the process that starts; they are circumstances, and no mutants.
"""

import os
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.faults.mutants.swapping import swap

_PARTS = ("bus", "worker", "dead_letters", "web", "sinks", "sources", "files")


def _switch_off(mutant: str) -> None:
    name = mutant.replace("-", "_")
    for part in _PARTS:
        module = import_module(f"tests.faults.mutants.{part}")
        if not name.startswith("_") and hasattr(module, name):
            getattr(module, name)()
            return
    sys.exit(f"HUB_MUTANT: no {mutant} in any of {', '.join(_PARTS)}.")


class _Stopped:
    """The module `time` for who looks for deadlines: its clock shows what a file says, microseconds since 1970."""

    def __init__(self, file: str) -> None:
        self._file = Path(file)

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def time_ns(self) -> int:
        return int(self._file.read_text()) * 1000


if clock := os.environ.get("HUB_CLOCK"):
    from hub.routing import deadlines as timer

    swap(timer, "time", _Stopped(clock))
if shift_s := os.environ.get("HUB_CLOCK_SHIFT_S"):
    # As on a host whose clock is wrong; what only measures how long something takes is right there too.
    right, right_ns, shift_ns = time.time, time.time_ns, int(float(shift_s) * 1e9)
    swap(time, "time", lambda: right() + shift_ns / 1e9)
    swap(time, "time_ns", lambda: right_ns() + shift_ns)
if mutant := os.environ.get("HUB_MUTANT"):
    _switch_off(mutant)
