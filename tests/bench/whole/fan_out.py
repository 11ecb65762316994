"""What it costs when one event is told to ten."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from hub.bench.story import Plot, Said, story
from hub.journeys.load import SHIPPED, load_files
from schemas.facts import Facts
from schemas.requests import Amendment, Request, RequestAmended, RequestReceived
from tests.bench.paths import Bench, Row
from tests.bench.preload import begins
from tests.bench.whole.worker_alone import Differently, row_of, through

JOURNEYS = Path(__file__).parent.parent / "journeys"
_MOVES = 9


def measure(bench: Bench) -> Iterator[Row]:
    """A row for the one, and a row for the ten."""
    run, outputs = through(bench, "fan-out-1", story(bench.scaled(100_000), bench.world, begins()))
    yield row_of(f"{outputs:.1f} outputs for each event", run, outputs_per_event=outputs)
    world = bench.world.__class__(
        load_files([*SHIPPED.glob("*.yaml"), *JOURNEYS.glob("*.yaml")]), bench.world.calendar, bench.world.source
    )
    turns = story(bench.scaled(60_000), world, begins(), plot=TEN)
    run, outputs = through(bench, "fan-out-10", turns, Differently(settings={"journeys": {"folder": str(JOURNEYS)}}))
    yield row_of(f"{outputs:.1f} outputs for each event", run, outputs_per_event=outputs)


def _asked_for(number: int, start: datetime) -> Iterable[Said]:
    """Ten people leave on one day, which moves and moves."""
    day = (start + timedelta(days=30)).date()
    facts = Facts.model_validate({"discharge_date": day, "uprn": str(990_010_000_000 + number % 5000)})
    yield Said(start, RequestReceived, Request(request="ten-departures", facts=facts))
    for place in range(1, _MOVES + 1):
        moved = Facts.model_validate({"discharge_date": day + timedelta(days=place)})
        yield Said(start + timedelta(hours=place), RequestAmended, Amendment(facts=moved))


TEN = Plot(opens=_asked_for, answers=lambda _number, _task, _asked: ())
