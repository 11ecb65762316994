"""How many cases a second `hub journey simulate` runs through: `step` and the clocks, and nothing else."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from hub.journeys.clocks import LONDON
from hub.routing.simulate import Answers, simulate
from schemas.facts import Facts
from tests.bench.paths import Bench, Row, row

_START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC).astimezone(LONDON)


def measure(bench: Bench) -> Iterator[Row]:
    """A row for the longest journey."""
    journey = next(each for each in bench.world.journeys if each.name == "hospital-discharge")
    facts = Facts.model_validate({"discharge_date": "2026-11-30", "mobility": "wheelchair", "uprn": "100023336956"})
    answers = Answers(facts={"check-home": Facts(steps_at_door=3), "assess-care": Facts(care_visits_a_day=2)}, takes={})
    number = bench.scaled(5000)
    entries, began = 0, time.perf_counter()
    for place in range(number):
        _, happened = simulate(journey, bench.world, _START + timedelta(minutes=place), facts, answers)
        entries += len(happened)
    per_s = number / (time.perf_counter() - began)
    yield row(
        "simulation of hospital-discharge",
        f"{per_s:,.0f} cases/s, each with {entries / number:.0f} lines",
        cases_per_s=round(per_s),
    )
