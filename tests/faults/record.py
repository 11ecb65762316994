"""What was run: a file that keeps the last run of every fault and of every twin, and the page that is made of it.

All of it takes hours, so it is run in parts: what was not run this time keeps its row, with the day and the commit it was run at.
"""

import json
import subprocess
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "tests" / "faults" / "REPORT.md"

_HEAD = """# Faults that were run

Written by the harness (`make faults` and `make twins`), never by hand. Each row is one test on real processes, a real Kafka and real
databases; the oracle is code that imports nothing of the product. A twin is the same test with one protection switched off: it has
to go red, or the test would not notice that the protection is gone. The identifiers, invariants (I) and oracles (O) are told below.

| fault | what was done | invariants | oracle | seen | result | twins | run |
|---|---|---|---|---|---|---|---|
"""

_LEGEND = """
I1 nothing lost · I2 every effect once, and the ledger says so · I3 each case's history in order · I4 cases and deadlines as the fold
has them · I5 what comes in goes out, is a repeat, or is set aside · I6 no personal data where it does not belong · I7 memory, disk and
threads bounded · I8 who looked is on record · I9 deadlines once, never early · I10 refuses rather than guesses.

O1 what the legacy systems hold, by their own journal · O2 topics read with another client · O3 what was written into the target, by its
own journal or triggers · O4 an independent fold of case-events against the tables · O5 accounts: in = out + repeats + set aside ·
O6 tokens searched in logs, headers, metrics and pages · O8 /proc: memory, files, threads · O9 health, metrics and log.
"""


@dataclass
class Run:
    """One fault: what it is about, and how its last run ended."""

    identifier: str
    what: str
    invariants: str
    oracle: str
    twins: tuple[str, ...]
    test: str
    result: str = "not run"
    seen: str = ""
    at: str = ""
    red: dict[str, str] = field(default_factory=dict)
    """How each twin ended when it was last run: red, green or ill; with day and commit."""


class Record:
    """Every fault's last run, by test.

    Args:
        runs: in any order.
    """

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        self.by_test = {run.test: run for run in runs}

    @classmethod
    def of(cls, page: Path) -> Self:
        """The record beside a page; an empty one where there is none."""
        file = page.with_suffix(".json")
        found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
        return cls(Run(**{**run, "twins": tuple(run["twins"])}) for run in found)

    def note(self, runs: Iterable[Run], known: Collection[str] = ()) -> None:
        """Take over what was run now; what `known` tests no longer contain is forgotten, if `known` is given.

        Args:
            runs: of this session; what was not run changes nothing but its words.
            known: every test there is.
        """
        for run in runs:
            before = self.by_test.get(run.test)
            if before is not None:
                run.red = {twin: how for twin, how in before.red.items() if twin in run.twins}
                if run.result == "not run":
                    run.result, run.seen, run.at = before.result, before.seen, before.at
            self.by_test[run.test] = run
        if known:
            self.by_test = {test: run for test, run in self.by_test.items() if test.partition(" ")[0] in known}

    def note_twin(self, test: str, twin: str, how: str) -> None:
        """How a twin ended."""
        if test in self.by_test:
            self.by_test[test].red[twin] = f"{how} ({now_and_here()})"

    def write(self, page: Path) -> None:
        """The page, and the record beside it."""
        runs = sorted(self.by_test.values(), key=lambda run: (run.identifier, run.test))
        page.write_text(_HEAD + "".join(map(_row, runs)) + _LEGEND, encoding="utf-8")
        text = json.dumps([asdict(run) for run in runs], indent=1, ensure_ascii=False)
        page.with_suffix(".json").write_text(text + "\n", encoding="utf-8")


@cache
def now_and_here() -> str:
    """The day, and the commit of what is run."""
    commit = _git("rev-parse", "--short=7", "HEAD") or "no commit"
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!tests/faults/REPORT.*")
    return f"{datetime.now(UTC):%Y-%m-%d} {commit}{' and changes' if changed else ''}"


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, check=False, capture_output=True, text=True)
    return done.stdout.strip()


def _row(run: Run) -> str:
    twins = "; ".join(f"{twin}: {run.red.get(twin, 'not run')}" for twin in run.twins) or "-"
    cells = (run.identifier, run.what, run.invariants, run.oracle, run.seen or "-", run.result, twins, run.at or "-")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
