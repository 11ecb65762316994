"""The whole paths that are measured beside the worker alone: a module of `tests/bench/whole` each, which gives rows of the page."""

import argparse
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hub.routing.step import World
from tests.bench.database import Server
from tests.bench.ground import Ground

Row = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """What a whole path is measured with.

    Attributes:
        ground: the broker; what a module leaves on its topics it deletes.
        server: of databases, if there is one.
        world: journeys and calendar of the shipped hub.
        work: a folder for folders of runs.
        asked: what was asked for on the command line.
    """

    ground: Ground
    server: Server | None
    world: World
    work: Path
    asked: argparse.Namespace

    def scaled(self, number: int) -> int:
        """A number that is meant for a story of 300,000 events, for the one that was asked for."""
        events: int = self.asked.events
        return max(20, round(number * min(1.0, events / 300_000)))


def row(what: str, measured: str, *, promised: str = "", kept: bool | None = None, **figures: Any) -> Row:
    """A row of the page.

    Args:
        what: was measured.
        measured: what came of it, as people read it.
        promised: what it was to be, if anything was promised.
        kept: whether that was kept.
        figures: the same as numbers, for machines.
    """
    verdict = {None: "", True: "kept", False: "MISSED"}[kept]
    return {"what": what, "measured": measured, "promised": promised, "verdict": verdict, "problem": "", **figures}


def _of(module: str) -> Callable[[Bench], Iterator[Row]]:
    def measure(bench: Bench) -> Iterator[Row]:
        try:
            rows: Iterable[Row] = import_module(f"tests.bench.whole.{module}").measure(bench)
            yield from rows
        except Exception as error:  # noqa: BLE001 - what could not be measured is said, and the others are
            traceback.print_exc()
            yield row(module, "") | {"problem": f"{type(error).__name__}: {error}"}

    return measure


PATHS: Mapping[str, Callable[[Bench], Iterator[Row]]] = MappingProxyType(
    {
        name: _of(name)
        for name in (
            "sources",
            "simulation",
            "pages",
            "api",
            "effect",
            "drain",
            "steady",
            "workers",
            "stored",
            "sizes",
            "fan_out",
        )
    }
)
