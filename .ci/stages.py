# ruff: noqa: INP001, S603, T201 - a script for the terminal that runs the commands listed in it
"""What `make test`, `make quick` and `make lint` run: quick checks first, one table of what took how long at the end."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
TESTS = ROOT / "tests"
CODE = ("hub", "connectors", "schemas", "tests")
PURE = ("unit", "contract")
FIRST_OF_THE_REST = ("kit", "integration", "browser")
BY_HAND = ("bench",)
"""Measures, and proves nothing by passing."""


def stages(selection: str) -> list[tuple[str, list[str]]]:
    """Name and command of every stage of `all`, `quick` or `lint`."""
    lint = [
        ("ruff check", ["ruff", "check", "."]),
        ("ruff format", ["ruff", "format", "--check", "."]),
        ("mypy", ["mypy", "--explicit-package-bases", *CODE]),
        ("import contracts", ["lint-imports"]),
    ]
    present = sorted(path.name for path in TESTS.iterdir() if any(path.rglob("test_*.py")))
    rest = [name for name in FIRST_OF_THE_REST if name in present]
    rest += [name for name in present if name not in (*PURE, *rest, *BY_HAND)]
    pure_tests = [("tests without servers", _pytest([name for name in PURE if name in present]))]
    other_tests = [(f"tests: {name}", _pytest([name])) for name in rest]
    return {"lint": lint, "quick": pure_tests, "all": lint + pure_tests + other_tests}[selection]


def _pytest(folders: list[str]) -> list[str]:
    if not folders:
        sys.exit(f"No tests found in {TESTS}: that is an error, not a success.")
    # What is marked long is for `make faults`: it takes more time than a gate has.
    return ["pytest", "--quiet", "-m", "not long", *(f"tests/{folder}" for folder in folders)]


def main() -> int:
    """Run the stages until one fails; its exit code."""
    selection = sys.argv[1] if len(sys.argv) > 1 else "all"
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    table = []
    code = 0
    for name, command in stages(selection):
        print(f"\n== {name}: {' '.join(command)}", flush=True)
        began = time.monotonic()
        code = subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, check=False).returncode
        table.append((name, time.monotonic() - began, "passed" if code == 0 else f"failed (exit {code})"))
        if code:
            break
    print()
    for name, took, outcome in table:
        print(f"{name:<24} {took:>7.1f} s  {outcome}")
    return code


if __name__ == "__main__":
    sys.exit(main())
