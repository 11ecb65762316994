"""What larger events cost. What is added is read and decoded, and left aside, as a field of a later version would be."""

from collections.abc import Iterator

from hub.bench.story import story
from tests.bench.paths import Bench, Row
from tests.bench.preload import begins
from tests.bench.whole.worker_alone import row_of, through

_SIZES = ((0, "0.6 kB"), (2_000, "2 kB"), (20_000, "20 kB"))


def measure(bench: Bench) -> Iterator[Row]:
    """A row for each size."""
    for size, words in _SIZES:
        turns = story(bench.scaled(50_000), bench.world, begins(), size=size)
        run, _ = through(bench, f"size-{size}", turns)
        yield row_of(f"events of {words}", run, size=size)
