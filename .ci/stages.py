# ruff: noqa: INP001, S603, T201 - a script for the terminal that runs the commands listed in it
"""What `make test`, `make quick` and `make lint` run: quick checks first, one table of what took how long at the end.

The tests with servers wait more than they work, so they run in two lanes side by side; each has servers of its own.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
TESTS = ROOT / "tests"
CODE = ("hub", "connectors", "schemas", "tests")
PURE = ("unit", "contract")
SIDE_BY_SIDE = (("kit", "integration", "browser"), ("faults",))
BY_HAND = ("bench",)
"""Measures, and proves nothing by passing."""


class Stage(NamedTuple):
    """One command of the check."""

    name: str
    command: list[str]


class Done(NamedTuple):
    """How a stage ended."""

    name: str
    took_s: float
    code: int


LINT = [
    Stage("ruff check", ["ruff", "check", "."]),
    Stage("ruff format", ["ruff", "format", "--check", "."]),
    Stage("mypy", ["mypy", "--explicit-package-bases", *CODE]),
    Stage("import contracts", ["lint-imports"]),
]


BENCH = [
    # Behind all others, alone on the machine: it measures. It fails when something is lost or doubled, and never because of a time.
    Stage("bench", ["python", "-m", "tests.bench.compare"]),
]


def lanes(selection: str) -> list[list[list[Stage]]]:
    """What runs one after the other, and in each of these steps side by side, for `all`, `quick` or `lint`."""
    present = sorted(path.name for path in TESTS.iterdir() if any(path.rglob("test_*.py")))
    quick = [_tests("tests without servers", [name for name in PURE if name in present])]
    chosen = [[name for name in lane if name in present] for lane in SIDE_BY_SIDE]
    known = {*PURE, *BY_HAND, *(name for lane in chosen for name in lane)}
    chosen[0] += [name for name in present if name not in known]
    others = [[_tests(f"tests: {name}", [name]) for name in lane] for lane in chosen if lane]
    return {"lint": [[LINT]], "quick": [[quick]], "all": [[LINT + quick], others, [BENCH]]}[selection]


def _tests(name: str, folders: list[str]) -> Stage:
    if not folders:
        sys.exit(f"No tests found in {TESTS}: that is an error, not a success.")
    # What is marked long is for `make faults`: it takes more time than a gate has.
    return Stage(name, ["pytest", "--quiet", "-m", "not long", *(f"tests/{folder}" for folder in folders)])


def run(lane: Iterable[Stage], *, alone: bool) -> list[Done]:
    """Run stages until one fails; where they are not alone on the terminal, each says what it has to say when it ends."""
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = []
    for name, command in lane:
        print(f"\n== {name}: {' '.join(command)}", flush=True)
        began = time.monotonic()
        ended = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=None if alone else subprocess.PIPE,
            stderr=None if alone else subprocess.STDOUT,
            text=True,
            check=False,
        )
        done.append(Done(name, time.monotonic() - began, ended.returncode))
        if not alone:
            print(f"\n== {name} has ended:\n{ended.stdout}", flush=True)
        if ended.returncode:
            break
    return done


def main() -> int:
    """Run the steps until one fails; its exit code."""
    table: list[Done] = []
    for step in lanes(sys.argv[1] if len(sys.argv) > 1 else "all"):
        with ThreadPoolExecutor(len(step)) as pool:
            table += [done for lane in pool.map(lambda lane: run(lane, alone=len(step) == 1), step) for done in lane]  # noqa: B023 - this step's
        if any(done.code for done in table):
            break
    print()
    for name, took_s, code in table:
        print(f"{name:<24} {took_s:>7.1f} s  {'passed' if code == 0 else f'failed (exit {code})'}")
    return next((done.code for done in table if done.code), 0)


if __name__ == "__main__":
    sys.exit(main())
