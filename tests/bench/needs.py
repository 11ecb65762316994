"""What a council, a region and all of the UK need in machines, disks and money: from what was measured, and what is assumed. Pure.

The sizes are those that the hub is built for: a council of 500,000 residents, whose busiest second is an office hour's peak together with
the nightly extracts; and cells of 40 councils, ten of which are the UK, with their extracts spread over the night.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from hub.bench.figures import Spread
from tests.bench.good import good_rates, good_runs

_EFFECT, _SOURCES = "effect", "sources"
_SLOW, _FAST = 300, 3000
"""The rates between which a line is drawn."""
_YEAR_DAYS = 365


@dataclass(frozen=True)
class Demand:
    """What somebody who runs hubs asks of them.

    Attributes:
        name: as people say it.
        peak_per_s: events in the busiest second.
        live_per_s: those of them that are about requests; the others come of full extracts.
        records, cases: in a year, millions; planned, not measured.
        brokers: of a cell, as few as carry its partitions, and still do while one is away.
        councils: whose departments are joined, each with connectors and a web of its own.
        workers: of a cell, as few as there must be.
        cells: how many hubs that is, each with its own Kafka and database.
        apart: whether brokers, databases and workers have machines of their own.
    """

    name: str
    peak_per_s: float
    live_per_s: float
    records: float
    cases: float
    brokers: int
    councils: int
    workers: int = 2
    cells: int = 1
    apart: bool = True


DEMANDS = (
    Demand("a council of 500,000", 285, 76, 69, 0.75, brokers=3, councils=1, workers=1, apart=False),
    Demand("a region: a cell of 40 councils", 2_000, 1_030, 940, 10.2, brokers=6, councils=40),
    Demand("the UK: ten cells", 20_000, 10_300, 9_400, 102, brokers=6, councils=400, cells=10),
)


def _assumed(value: float, means: str) -> Any:
    return field(default=value, metadata={"means": means})


@dataclass(frozen=True)
class Assumed:
    """What was not measured; what each value means stands on the page. Another value is another answer: `needs` takes them all."""

    busy: float = _assumed(0.5, "share of a core that may be busy at the peak; the rest is for what nobody foresaw")
    copies: float = _assumed(3, "copies of a record in Kafka, each of which costs its broker the same")
    record_kb: float = _assumed(2, "kB of a record in Kafka")
    hot_days: float = _assumed(30, "days that Kafka keeps records, which is the default of most topics")
    years: float = _assumed(7, "years that cases and their timelines are kept")
    databases: float = _assumed(2, "database servers: the one that works, and its standby, which costs the same")
    room: float = _assumed(2, "bytes of disk for each byte that is kept")
    events: float = _assumed(12, "events about a request")
    instructions: float = _assumed(
        3, "departments that carry something out for a request, each at the cost of housing, which was measured"
    )
    connectors: float = _assumed(6, "connectors of a council")
    connector_mb: float = _assumed(90, "MB of memory of a connector")
    web_mb: float = _assumed(120, "MB of memory of a web, of which each council has one")
    store_mb: float = _assumed(2000, "MB of memory of a broker, and of a database server")
    core_gb: float = _assumed(4, "GB of memory for each core of a machine")
    core_month: float = _assumed(27, "pounds a month for a core with its memory, about what public clouds ask")
    disk_month: float = _assumed(0.08, "pounds a month for a GB of SSD")
    machine_cores: float = _assumed(4, "cores of a machine of a cell")
    council_cores: float = _assumed(2, "cores of a machine of a single council, which has three, as Kafka wants three")


@dataclass(frozen=True)
class Line:
    """What is used of a core: always, however little happens, and by each event."""

    fixed: float
    event_us: float

    @classmethod
    def through(cls, slow: tuple[float, float], fast: tuple[float, float]) -> "Line | None":
        """The straight line through two points, neither part of it below nought; None where they are at one rate.

        Args:
            slow, fast: events in a second, and the share of a core.
        """
        if fast[0] <= slow[0]:
            return None
        slope = max(0.0, (fast[1] - slow[1]) / (fast[0] - slow[0]))
        return cls(max(0.0, slow[1] - slope * slow[0]), slope * 1e6)

    def cores(self, per_s: float) -> float:
        """What so many events in a second take, without what is always used."""
        return per_s * self.event_us / 1e6


@dataclass(frozen=True)
class Measured:
    """What a hub on PostgreSQL uses.

    Attributes:
        worker, broker, database: of a core, at a steady rate.
        web_ms, connector_ms: of a processor, for one request that one department carries out.
        source_us: of a processor, for one event of an extract, on the dearest surface.
        worker_mb: the most memory of a worker.
        case_kb: of the database, for one case with its timeline.
    """

    worker: Line
    broker: Line
    database: Line
    web_ms: float
    connector_ms: float
    source_us: float
    worker_mb: float
    case_kb: float


@dataclass(frozen=True)
class Need:
    """What one demand comes to.

    Attributes:
        cores: worker, brokers, database, web and connectors: busy ones, at the peak.
        memory_gb: of all processes together.
        machines, machine_cores: how many, and of how many cores each.
        kafka_gb, database_gb: disk, all copies together.
        money: pounds a month.
    """

    cores: tuple[float, float, float, float]
    memory_gb: float
    machines: float
    machine_cores: float
    kafka_gb: float
    database_gb: float
    money: float


@dataclass(frozen=True)
class _Shares:
    """At one rate, of a core: the worker, and what works for it."""

    per_s: float
    worker: float
    others: float


def measured(results: Mapping[str, Any]) -> Measured | None:
    """What is needed of RESULTS.json; None while something of it was not measured."""
    story, paths = results.get("story") or {}, results.get("paths", ())
    stored = [run for run in good_runs(results, "hub_postgresql") if run.get("stored_mb")]
    edge = [each["cost_ms"] for each in _right(paths, _EFFECT) if each.get("cost_ms")]
    sources = [each["cpu_us"] * each["rows"] / each["events"] for each in _right(paths, _SOURCES) if each.get("cpu_us")]
    lines = _lines(results.get("latency", ()))
    if not (story and stored and edge and sources and lines):
        return None
    worker, broker, database = lines
    return Measured(
        worker,
        broker,
        database,
        web_ms=edge[0]["web"],
        connector_ms=edge[0]["connector"],
        source_us=max(sources),
        worker_mb=Spread.of(run["peak_mb"] for run in stored).median,
        case_kb=Spread.of(run["stored_mb"] for run in stored).median * 1000 / story["cases"],
    )


def _right(paths: Iterable[Mapping[str, Any]], path: str) -> list[Mapping[str, Any]]:
    return [each for each in paths if each.get("path") == path and not each.get("problem")]


def _lines(latency: Iterable[Mapping[str, Any]]) -> tuple[Line, Line, Line] | None:
    """Worker, broker and database, from how both hubs did at both rates."""
    good = good_rates(latency)
    found = [_shares(good, name, rate) for name in ("hub_postgresql", "hub") for rate in (_SLOW, _FAST)]
    there = [each for each in found if each is not None]
    if len(there) < len(found):
        return None
    slow, fast, plain_slow, plain_fast = there
    worker = Line.through((slow.per_s, slow.worker), (fast.per_s, fast.worker))
    # Beside a hub on SQLite nobody works but the broker.
    broker = Line.through((plain_slow.per_s, plain_slow.others), (plain_fast.per_s, plain_fast.others))
    database = Line.through(
        (slow.per_s, max(0.0, slow.others - plain_slow.others)), (fast.per_s, max(0.0, fast.others - plain_fast.others))
    )
    return (worker, broker, database) if worker and broker and database else None


def _shares(good: Iterable[Mapping[str, Any]], name: str, rate: int) -> _Shares | None:
    """The medians of a contestant at a rate."""
    runs = [run for run in good if (run["contestant"], run["per_s"]) == (name, rate) and run.get("others_share")]
    if not runs:
        return None
    keys = ("done_per_s", "core_share", "others_share")
    return _Shares(*(Spread.of(run[key] for run in runs).median for key in keys))


def need(demand: Demand, how: Measured, assumed: Assumed) -> Need:
    """What one demand comes to: of a cell first, and then of all."""
    cells, councils = demand.cells, demand.councils / demand.cells
    peak, live = demand.peak_per_s / cells, demand.live_per_s / cells
    workers = max(demand.workers, _whole(how.worker.cores(peak) / assumed.busy))
    worker = workers * how.worker.fixed + how.worker.cores(peak)
    # Every worker asks every broker whether there is something new.
    brokers = workers * demand.brokers * how.broker.fixed + how.broker.cores(peak) * assumed.copies
    database = (workers * how.database.fixed + how.database.cores(peak)) * assumed.databases
    request_ms = how.web_ms + assumed.instructions * how.connector_ms
    edge = live / assumed.events * request_ms / 1e3 + (peak - live) * how.source_us / 1e6
    stores_gb = (demand.brokers + assumed.databases) * assumed.store_mb / 1e3
    edge_mb = councils * (assumed.connectors * assumed.connector_mb + assumed.web_mb)
    work_gb = (workers * how.worker_mb + edge_mb) / 1e3
    size = assumed.machine_cores if demand.apart else assumed.council_cores
    usable, gb = size * assumed.busy, size * assumed.core_gb

    def machines(least: float, cores: float, memory_gb: float) -> float:
        return max(least, _whole(cores / usable), _whole(memory_gb / gb))

    if demand.apart:
        number = machines(demand.brokers, brokers, demand.brokers * assumed.store_mb / 1e3)
        number += assumed.databases * machines(1, database / assumed.databases, assumed.store_mb / 1e3)
        number += machines(2, worker + edge, work_gb)
    else:
        number = machines(demand.brokers, worker + brokers + database + edge, stores_gb + work_gb)
    kept = demand.records * assumed.record_kb * assumed.hot_days / _YEAR_DAYS
    kafka_gb = kept * assumed.copies * assumed.room
    database_gb = demand.cases * how.case_kb * assumed.years * assumed.databases * assumed.room
    money = cells * number * size * assumed.core_month + (kafka_gb + database_gb) * assumed.disk_month
    return Need(
        (cells * worker, cells * brokers, cells * database, cells * edge),
        cells * (stores_gb + work_gb),
        cells * number,
        size,
        kafka_gb,
        database_gb,
        money,
    )


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
        "memory GB",
        "machines",
        "Kafka GB",
        "database GB",
        "£ a month",
    )
    rows = []
    for demand in DEMANDS:
        found = need(demand, how, given)
        rows.append(
            (
                demand.name,
                f"{demand.peak_per_s:,.0f}",
                *(f"{cores:,.2f}" for cores in found.cores),
                f"{found.memory_gb:,.0f}",
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

By the medians of hubs at {_SLOW}/s and {_FAST:,}/s, with a straight line between them, a worker takes {_line(how.worker)};
a broker for each worker {_line(how.broker)}; PostgreSQL for each worker {_line(how.database)}.
A request takes {how.web_ms:.1f} ms of a processor in the web, and {how.connector_ms:.1f} ms in the connector of each department that
carries something out. What is not about a request comes of full extracts: on the dearest surface an event of those takes
{how.source_us:,.0f} µs of its connector. A worker takes {how.worker_mb:,.0f} MB, a case with its timeline {how.case_kb:.1f} kB.
Every event of a peak is taken for one about a case in worker, broker and database. How many events, records and cases there are is
what the hub is planned for, not what was counted anywhere. There are as many machines as cores ask for, or memory, whichever is more.
Disk is for all copies together. Money is for machines and disks alone: backups, network, people and tax are left out.

Assumed:

{supposed}
"""


def _line(line: Line) -> str:
    return f"{line.fixed:.2f} of a core and {line.event_us:,.0f} µs for each event"


def _whole(number: float) -> int:
    return math.ceil(number - 1e-9)


def _number(value: float) -> str:
    return f"{value:.2g}" if value < 1 else f"{value:,g}"
