"""The figures, kept as they come: JSON for machines, and the page of it for people."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.page import page

RUNS, LATENCY, PATHS = "runs", "latency", "paths"


@dataclass
class Results:
    """The figures, and the file that they are kept in.

    Attributes:
        file: JSON; the page stands beside it.
        found: what is in it.
    """

    file: Path
    found: dict[str, Any]

    @property
    def page(self) -> Path:
        """For people."""
        return self.file.with_suffix(".md")

    def keep(self, table: str, found: Any) -> None:
        """Add one measurement, at once: the next one may be interrupted."""
        self.found[table].append(found)
        self.write()

    def write(self) -> None:
        """Write both files."""
        self.file.write_text(json.dumps(self.found, indent=1) + "\n", encoding="utf-8")
        self.page.write_text(page(self.found), encoding="utf-8")


def empty(go: Mapping[str, Any]) -> dict[str, Any]:
    """Figures of a go that begins: when, where, and by what command."""
    return {
        "gos": [go],
        "story": {},
        "contestants": {},
        "not_prepared": {},
        RUNS: [],
        LATENCY: [],
        PATHS: [],
    }


def beside(
    old: Mapping[str, Any], go: Mapping[str, Any], tables: Collection[str], paths: Collection[str]
) -> dict[str, Any]:
    """What there is, but for what is measured anew.

    Args:
        old: the figures of earlier goes.
        go: the one that begins.
        tables: which of `runs` and `latency` it measures.
        paths: which whole paths.
    """
    found = empty(go) | {
        "gos": [*old["gos"], go],
        "contestants": dict(old["contestants"]),
        PATHS: [row for row in old[PATHS] if row["path"] not in paths],
    }
    for table in (RUNS, LATENCY):
        if table not in tables:
            found[table] = list(old[table])
    if RUNS not in tables:
        found["story"] = old["story"]
        found["not_prepared"] = dict(old["not_prepared"])
    return found
