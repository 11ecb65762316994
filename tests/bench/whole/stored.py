"""Whether an event costs more, or a start takes longer, the more cases are stored."""

from collections.abc import Iterator
from datetime import timedelta

from hub.bench.story import story
from tests.bench.furnish import LINES, Template, furnish, references, templates
from tests.bench.paths import Bench, Row
from tests.bench.preload import begins
from tests.bench.whole.worker_alone import Differently, row_of, through

_FEW, _MANY = 10_000, 1_000_000


def measure(bench: Bench) -> Iterator[Row]:
    """A row for each number of stored cases: none, few, many, and what else was asked for."""
    chosen = templates(bench.world, begins() - timedelta(days=400))
    most = bench.asked.stored
    for number in sorted({0, *(each for each in (_FEW, _MANY) if each < most), most}):
        turns = story(bench.scaled(100_000), bench.world, begins())
        how = Differently(
            furnish=lambda url, number=number: _furnish(url, chosen, number),  # type: ignore[misc]  # mypy has no word for it
            stored=number,
            lines=number * LINES,
        )
        run, _ = through(bench, f"stored-{number}", turns, how)
        yield row_of(f"{number:,} cases stored", run, stored=number)


def _furnish(url: str, chosen: list[Template], number: int) -> None:
    furnish(url.removeprefix("sqlite:///"), chosen, references(number, begins() - timedelta(days=1)))
