"""What a council, a region and all of the UK need in machines, disks and money: from what was measured, and what is assumed. Pure.

The sizes are those that the hub is built for: a council of 500,000 residents, whose busiest second is an office hour's peak together with
the nightly extracts; and cells of 40 councils, ten of which are the UK, with their extracts spread over the night.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from hub.bench.figures import Spread

_PEAK = "effect"
_YEAR_DAYS = 365


@dataclass(frozen=True)
class Place:
    """Somebody who runs hubs.

    Attributes:
        name: as people say it.
        peak_per_s: events in the busiest second.
        live_per_s: those of them that are about requests; the others come of full extracts.
        records, cases: in a year, millions.
        brokers: of a cell, as few as carry its partitions, and still do while one is away.
        cells: how many hubs that is, each with its own Kafka and database.
        apart: whether brokers, databases and workers have machines of their own.
    """

    name: str
    peak_per_s: float
    live_per_s: float
    records: float
    cases: float
    brokers: int
    cells: int = 1
    apart: bool = True


PLACES = (
    Place("a council of 500,000", 285, 76, 69, 0.75, brokers=3, apart=False),
    Place("a region: a cell of 40 councils", 2_000, 1_030, 940, 10.2, brokers=6),
    Place("the UK: ten cells", 20_000, 10_300, 9_400, 102, brokers=6, cells=10),
)


def _assumed(value: float, means: str) -> Any:
    return field(default=value, metadata={"means": means})


@dataclass(frozen=True)
class Assumed:
    """What was not measured; what each value means stands on the page. Another value is another answer: `needs` takes them all."""

    busy: float = _assumed(0.5, "share of a core that may be busy at the peak; the rest is for what nobody foresaw")
    copies: float = _assumed(3, "copies of a record in Kafka, each of which costs its broker the same")
    record_kb: float = _assumed(2, "kB of a record in Kafka")
    hot_days: float = _assumed(30, "days that Kafka keeps records")
    years: float = _assumed(7, "years that cases and their timelines are kept")
    databases: float = _assumed(2, "database servers: the one that works, and its standby, which costs the same")
    room: float = _assumed(2, "bytes of disk for each byte that is kept")
    events: float = _assumed(12, "events about a request, one of which is carried out in a department's system")
    core_month: float = _assumed(27, "pounds a month for a core with 4 GB of memory, about what public clouds ask")
    disk_month: float = _assumed(0.08, "pounds a month for a GB of SSD")
    machine_cores: float = _assumed(4, "cores of a machine of a cell")
    council_cores: float = _assumed(2, "cores of a machine of a single council, which has three, as Kafka wants three")


@dataclass(frozen=True)
class Measured:
    """What a hub on PostgreSQL uses.

    Attributes:
        worker_us, broker_us, database_us: of a processor, for one event.
        edge_ms: of a processor, for one request through web and connector.
        case_kb: of the database, for one case with its timeline.
    """

    worker_us: float
    broker_us: float
    database_us: float
    edge_ms: float
    case_kb: float


@dataclass(frozen=True)
class Need:
    """What one place needs.

    Attributes:
        cores: worker, brokers, database, web and connectors: busy ones, at the peak.
        machines, machine_cores: how many, and of how many cores each.
        kafka_gb, database_gb: disk, all copies together.
        money: pounds a month.
    """

    cores: tuple[float, float, float, float]
    machines: float
    machine_cores: float
    kafka_gb: float
    database_gb: float
    money: float


def measured(results: Mapping[str, Any]) -> Measured | None:
    """What is needed of RESULTS.json; None while something of it was not measured."""
    story = results.get("story") or {}
    of = {
        name: [
            run
            for run in results.get("runs", ())
            if run["contestant"] == name and not run["problem"] and run.get("stored_mb")
        ]
        for name in ("hub", "hub_postgresql")
    }
    costs = [each["cost_ms"] for each in results.get("paths", ()) if each.get("path") == _PEAK and each.get("cost_ms")]
    if not (story and all(of.values()) and costs):
        return None

    def middle(name: str, key: str) -> float:
        return Spread.of(run[key] for run in of[name]).median

    broker = middle("hub", "others_cpu_s")
    return Measured(
        worker_us=middle("hub_postgresql", "cpu_s"),
        broker_us=broker,
        database_us=max(0.0, middle("hub_postgresql", "others_cpu_s") - broker),
        edge_ms=costs[0]["web"] + costs[0]["connector"],
        case_kb=middle("hub_postgresql", "stored_mb") * 1000 / story["cases"],
    )


def need(place: Place, how: Measured, assumed: Assumed) -> Need:
    """What one place needs."""
    worker = place.peak_per_s * how.worker_us / 1e6
    brokers = place.peak_per_s * how.broker_us / 1e6 * assumed.copies
    database = place.peak_per_s * how.database_us / 1e6 * assumed.databases
    edge = place.live_per_s / assumed.events * how.edge_ms / 1e3
    kafka_gb = (
        place.records * 1e6 * assumed.record_kb / 1e6 * assumed.hot_days / _YEAR_DAYS * assumed.copies * assumed.room
    )
    database_gb = place.cases * 1e6 * how.case_kb / 1e6 * assumed.years * assumed.databases * assumed.room
    cores = (worker, brokers, database, edge)
    size = assumed.machine_cores if place.apart else assumed.council_cores
    each = size * assumed.busy * place.cells
    if place.apart:
        machines = place.cells * (
            max(place.brokers, _whole(brokers / each))
            + assumed.databases * max(1, _whole(database / assumed.databases / each))
            + max(2, _whole((worker + edge) / each))
        )
    else:
        machines = max(place.brokers, _whole(sum(cores) / each))
    money = machines * size * assumed.core_month + (kafka_gb + database_gb) * assumed.disk_month
    return Need(cores, machines, size, kafka_gb, database_gb, money)


def needs(results: Mapping[str, Any], assumed: Assumed | None = None) -> str:
    """The part of the page; empty while something of what it takes was not measured."""
    how, given = measured(results), assumed or Assumed()
    if how is None:
        return ""
    head = (
        "",
        "events/s",
        "busy cores: worker",
        "brokers",
        "database",
        "web, connectors",
        "machines",
        "Kafka GB",
        "database GB",
        "£ a month",
    )
    rows = []
    for place in PLACES:
        found = need(place, how, given)
        rows.append(
            (
                place.name,
                f"{place.peak_per_s:,.0f}",
                *(f"{cores:,.2f}" for cores in found.cores),
                f"{found.machines:,g} of {found.machine_cores:g} cores",
                f"{found.kafka_gb:,.0f}",
                f"{found.database_gb:,.0f}",
                f"{found.money:,.0f}",
            )
        )
    lines = ["| " + " | ".join(row) + " |" for row in (head, *rows)]
    lines.insert(1, "|" + "---|" * len(head))
    supposed = "\n".join(
        f"- {_number(getattr(given, each.name))}: {each.metadata['means']}" for each in fields(Assumed)
    )
    return f"""## What a council, a region and the UK need

{chr(10).join(lines)}

In the mean of a hub on PostgreSQL, measured above, an event takes {how.worker_us:,.0f} µs of a processor in the worker,
{how.broker_us:,.0f} µs in the broker and {how.database_us:,.0f} µs in the database; a request takes {how.edge_ms:.1f} ms
through web and connector; a case with its timeline takes {how.case_kb:.1f} kB. Every event of a peak is taken for one about a
case, which is too much rather than too little. Disk is for all copies together. Money is for machines and disks alone: no people,
no network, no licences, no tax.

Assumed:

{supposed}
"""


def _whole(number: float) -> int:
    return math.ceil(number - 1e-9)


def _number(value: float) -> str:
    return f"{value:.2g}" if value < 1 else f"{value:,g}"
