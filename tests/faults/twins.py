# ruff: noqa: T201 - a script for the terminal that runs pytest
"""Runs every fault test with each protection it must miss switched off: `python -m tests.faults.twins [TESTS AND OPTIONS OF PYTEST]`.

Fails when a twin stays green: its test would not notice if the protection were gone. A twin that fails for another reason than its
assertions (nothing started, a time-out of the harness) is not red but ill, and fails too. Where what is waited for never comes, that is a
loss and so red, but said apart: a look at why it did not come is worth while.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.faults.conftest import MUTANTS
from tests.faults.record import PAGE, ROOT, Record


def wanted(arguments: list[str]) -> dict[str, list[str]]:
    """The tests of each mutant."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "twins.json"
        command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "--fault-twins", str(file)]
        # Where no path is named, and so none whose conftest knows our option, all fault tests are meant.
        names_a_path = any((ROOT / each.partition("::")[0]).exists() for each in arguments)
        asked = arguments if names_a_path else [*arguments, "tests/faults"]
        done = subprocess.run([*command, *asked], cwd=ROOT, check=False, stdout=subprocess.DEVNULL)
        if done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED:
            sys.exit(f"No fault test is meant by {' '.join(asked)}.")
        if done.returncode:
            sys.exit(f"The fault tests cannot be gathered: `pytest --collect-only {' '.join(asked)}` says why.")
        tests: dict[str, list[str]] = defaultdict(list)
        for test, mutants in json.loads(file.read_text()).items():
            for mutant in mutants:
                tests[mutant].append(test)
    return tests


def check(mutant: str) -> None:
    """End when a mutant cannot be made any more: what it changes has another name, and every test would fail for that alone."""
    environment = {**os.environ, "HUB_MUTANT": mutant, "PYTHONPATH": MUTANTS}
    done = subprocess.run([sys.executable, "-c", "pass"], env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{mutant} cannot be made: {done.stderr.strip()}")


def ends(mutant: str, tests: list[str]) -> dict[str, str]:
    """How each test ended with its protection off: red by an assertion, green, or ill by anything else."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "junit.xml"
        command = [sys.executable, "-m", "pytest", "-q", "--tb=line", f"--junit-xml={file}", *tests]
        subprocess.run(
            command, cwd=ROOT, check=False, env={**os.environ, "HUB_MUTANT": mutant}, stdout=subprocess.DEVNULL
        )
        found = dict.fromkeys(tests, "ill (not run)")
        for case in ET.parse(file).iter("testcase"):
            failure, error = case.find("failure"), case.find("error")
            if failure is None and error is None:
                how = "green"
            else:
                said = "" if failure is None else failure.get("message") or ""
                how = _how(said)
            found[f"{str(case.get('classname')).replace('.', '/')}.py::{case.get('name')}"] = how
        return found


def _how(said: str) -> str:
    """What a failure says: an assertion is red, and red by absence where what was waited for never came; anything else is ill."""
    if not said.startswith(("AssertionError", "assert ")):
        return f"ill ({said.strip()[:60]!r})"
    return "red by absence" if "did not come true within" in said.splitlines()[0] else "red"


def main() -> int:
    """Run all; 1 when a twin did not go red."""
    wrong = 0
    twins, record = wanted(sys.argv[1:]), Record.of(PAGE)
    if not twins:
        sys.exit("No test names a twin: that is an error, not a success.")
    for mutant, tests in sorted(twins.items()):
        began = time.monotonic()
        check(mutant)
        for test, how in ends(mutant, tests).items():
            wrong += not how.startswith("red")
            record.note_twin(test, mutant, how)
            print(f"{mutant:<34} {how:<14} {test}", flush=True)
        record.write(PAGE)
        print(f"{'':<34} {time.monotonic() - began:.0f} s", flush=True)
    print(f"{sum(map(len, twins.values())) - wrong} twins went red, {wrong} did not")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
