"""How many rows of a database, a SOAP service, files a source connector makes events of in a second, and what a row costs."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from connectors.sdk.rehearsal import Running as Serving
from connectors.sdk.simulation import BackOffice
from connectors.transport_files.simulated.depot import REGULARS_EACH
from hub.demo.council import citizens
from schemas.envelope import Department
from schemas.topics import CASE_EVENTS, FACTS
from tests.bench.ground import Ground
from tests.bench.paths import Bench, Row, row
from tests.bench.process import Running, hub, started, until, write_settings

_IDLE = BackOffice(accept_s=1e9)
"""Nobody works there meanwhile: what is read is what was there before."""
_ALL_WITHIN_S = 300.0
_SETTLED_S = 2.0


_RUNS = "connector runs"
"""What a connector says when it begins to read."""


@dataclass(frozen=True)
class _Read:
    """How it went.

    Attributes:
        seconds: from when the connector ran to its last event.
        events: how many it made.
        cpu_s: of a processor, meanwhile; without its start.
    """

    seconds: float
    events: int
    cpu_s: float


def measure(bench: Bench) -> Iterator[Row]:
    """A row for each surface."""
    for name, department, rows, seed in (
        ("universal_housing", Department.HOUSING, 20_000, _tenants),
        ("social_care_soap", Department.SOCIAL_CARE, 5_000, _referrals),
        ("transport_files", Department.TRANSPORT, 20_000, _bookings),
    ):
        yield _surface(bench, name, FACTS[department].name, bench.scaled(rows), seed)


def _surface(bench: Bench, name: str, topic: str, rows: int, seed: Callable[[Any, int], int]) -> Row:
    with system(bench.work / f"source-{name}", name) as simulator:
        there = seed(simulator, rows)
        serving = Serving(simulator)
        serving.start()
        try:
            read = _read(bench, simulator.folder.parent, name, topic, simulator.connector_settings())
        finally:
            serving.stop()
    bench.ground.empty([topic, CASE_EVENTS.name])
    return _row(name, there, read)


def _row(name: str, rows: int, read: _Read) -> Row:
    per_s, cpu_us = rows / read.seconds, read.cpu_s / rows * 1e6
    return row(
        f"source connector {name}",
        f"{per_s:,.0f} rows/s ({rows:,} rows, {read.events:,} events); of a processor a row takes {cpu_us:,.0f} µs",
        rows_per_s=round(per_s),
        rows=rows,
        events=read.events,
        cpu_us=round(cpu_us, 1),
    )


@contextmanager
def system(folder: Path, name: str) -> Iterator[Any]:
    """A legacy system, simulated, that nobody works in."""
    (simulator,) = entry_points(group="council_hub.simulators", name=name)
    folder.mkdir(parents=True)
    yield simulator.load()(folder / "legacy", _IDLE)


def _read(bench: Bench, folder: Path, name: str, topic: str, settings: Mapping[str, Any]) -> _Read:
    """Let the connector read all there is."""
    ground: Ground = bench.ground
    table = {"memory": {"url": f"sqlite:///{folder}/edge.db"}, **settings}
    write_settings(folder / "hub.toml", ground, "nobody", f"sqlite:///{folder}/none.db", {f"connectors.{name}": table})
    places = ground.places([topic])
    begin = ground.ends(places)
    with started(hub(folder / "hub.toml", "connector", "run", name), folder) as process:
        came, moved = 0, None
        began_s: float | None = None
        used_s = 0.0
        for now in until(_ALL_WITHIN_S):
            if began_s is None and _has_begun(process):
                began_s = process.used().cpu_s
            here = sum(ground.ends(places).values()) - sum(begin.values())
            if here != came:
                came, moved, used_s = here, now, process.used().cpu_s
            if moved is not None and now - moved > _SETTLED_S:
                break
            assert not process.ended, process.last_lines()
        assert moved is not None, f"no row came within {_ALL_WITHIN_S:.0f} s\n{process.last_lines()}"
        process.stop()
    lines = [json.loads(line) for line in process.log.read_text().splitlines() if line.startswith("{")]
    (ran,) = (line["timestamp"] for line in lines if line["event"] == _RUNS)
    began = datetime.fromisoformat(ran).astimezone(UTC).timestamp()
    stamps = [record.at_ms / 1000 for record in ground.read(begin, ground.ends(places))]
    return _Read(max(stamps) - began, len(stamps), max(0.0, used_s - (began_s or 0.0)))


def _has_begun(process: Running) -> bool:
    return _RUNS in process.log.read_text(errors="replace")


def _tenants(simulator: Any, number: int) -> int:
    """So many tenancies, and a repair here and there; how many rows are read."""
    simulator.seed(citizens(number, seed=1))
    with simulator.open() as engine, engine.connect() as connection:
        tables = ("tenagree", "rmworder")
        return sum(int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()) for table in tables)


def _referrals(simulator: Any, number: int) -> int:
    """So many referrals that social care's own staff made."""
    people = [citizen for citizen in citizens(2000, seed=1) if citizen.social_care_id]
    simulator.seed(people)
    with closing(simulator._records()) as records:
        # A lost simulator would lose them; each on disk for itself takes longer than all that is measured.
        records._db.execute("pragma synchronous = off")
        for citizen in itertools.islice(itertools.cycle(people), number):
            records.create(
                {
                    "PersonId": citizen.social_care_id,
                    "ReferralType": "ASMT",
                    "Details": "Asked for by telephone",
                    "LoggedDate": "2026-11-02 09:00:00",
                }
            )
    return number


def _bookings(simulator: Any, number: int) -> int:
    """So many bookings that were made by telephone, half of them school runs."""
    people = citizens(number, seed=1)
    simulator.seed(citizen for citizen in people for _ in range(REGULARS_EACH))
    return number
