"""Every metric of the hub: kind, unit, labels, and what it tells the person on call. The list is closed: nothing else is exported.

Label values come from closed lists too (event types, topics, codes, partitions), never from a record.
"""

from dataclasses import dataclass
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector


class Kind(StrEnum):
    """How a metric behaves."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: without the suffixes that Prometheus adds (_total, _bucket).
        kind: how it behaves.
        unit: seconds, records, ...; what one step of it is.
        tells: what the person on call learns from it, and what to do.
        labels: names of its labels.
        buckets: upper bounds of a histogram, in `unit`.
    """

    name: str
    kind: Kind
    unit: str
    tells: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    def counter(self, registry: CollectorRegistry) -> Counter:
        """The counter, in a registry."""
        return Counter(self.name, self.tells, self.labels, registry=registry)

    def gauge(self, registry: CollectorRegistry) -> Gauge:
        """The gauge, in a registry."""
        return Gauge(self.name, self.tells, self.labels, registry=registry)

    def histogram(self, registry: CollectorRegistry) -> Histogram:
        """The histogram, in a registry."""
        return Histogram(self.name, self.tells, self.labels, registry=registry, buckets=self.buckets)


EVENTS = Metric(
    "hub_worker_events",
    Kind.COUNTER,
    "events",
    "Events of case-events by type and outcome (applied, unchanged, dead-letter). No increase while lag grows: the worker is stuck.",
    ("type", "outcome"),
)
OUTPUTS = Metric(
    "hub_worker_outputs",
    Kind.COUNTER,
    "events",
    "Events sent and acknowledged, by topic. None while events are applied: look at the journeys.",
    ("topic",),
)
DEAD_LETTERS = Metric(
    "hub_worker_dead_letters",
    Kind.COUNTER,
    "records",
    "Records set aside, by reason code. `defect` is a fault of the hub: report it; for the others see `hub dead-letters list`.",
    ("code",),
)
ROUNDS = Metric(
    "hub_worker_round_seconds",
    Kind.HISTOGRAM,
    "seconds",
    "How long a round took from fetch to commit. Above a second for minutes: Kafka or the database is slow.",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
)
LAG = Metric(
    "hub_worker_lag_records",
    Kind.GAUGE,
    "records",
    "Records that wait, per assigned partition of case-events. Growing: too little capacity, or one partition is held up.",
    ("partition",),
)
APPLIED_OFFSET = Metric(
    "hub_worker_applied_offset",
    Kind.GAUGE,
    "offset",
    "Next offset to apply, per assigned partition, as the database has it. Unchanged while lag is above 0: that partition is held up.",
    ("partition",),
)
LATE_PARTITIONS = Metric(
    "hub_worker_late_partitions",
    Kind.GAUGE,
    "partitions",
    "Partitions left out of rounds because an output is not acknowledged. Above 0 for a minute: a broker is down or cut off.",
)
STOPPED_PARTITIONS = Metric(
    "hub_worker_stopped_partitions",
    Kind.GAUGE,
    "partitions",
    "Partitions that stand still because too many records were set aside within a minute. Above 0: a bad release or sender, see /readyz.",
)
REREADS = Metric(
    "hub_worker_rereads",
    Kind.COUNTER,
    "partitions",
    "Positions taken from the database again, by reason. A few at a rebalance; many: two workers share a name.",
    ("reason",),
)
SQL_RETRIES = Metric(
    "hub_worker_sql_retries",
    Kind.COUNTER,
    "attempts",
    "Attempts at the database that failed and were made again. Increasing: the database is down, locked or full.",
)
OPEN_DEADLINES = Metric(
    "hub_worker_open_deadlines",
    Kind.GAUGE,
    "deadlines",
    "Deadlines of this worker's cases that have not passed yet.",
)
EXPIRED_DEADLINES = Metric(
    "hub_worker_expired_deadlines",
    Kind.COUNTER,
    "deadlines",
    "Deadlines that passed and were published. A burst after a pause of the worker is its backlog.",
)


class WorkerMetrics:
    """A worker's metrics, ready to be set; besides them its process's memory, CPU and files."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.events = EVENTS.counter(self.registry)
        self.outputs = OUTPUTS.counter(self.registry)
        self.dead_letters = DEAD_LETTERS.counter(self.registry)
        self.rounds = ROUNDS.histogram(self.registry)
        self.lag = LAG.gauge(self.registry)
        self.applied_offset = APPLIED_OFFSET.gauge(self.registry)
        self.stopped_partitions = STOPPED_PARTITIONS.gauge(self.registry)
        self.late_partitions = LATE_PARTITIONS.gauge(self.registry)
        self.rereads = REREADS.counter(self.registry)
        self.sql_retries = SQL_RETRIES.counter(self.registry)
        self.open_deadlines = OPEN_DEADLINES.gauge(self.registry)
        self.expired_deadlines = EXPIRED_DEADLINES.counter(self.registry)


ACCEPTED = Metric(
    "hub_web_accepted",
    Kind.COUNTER,
    "requests",
    "Acts accepted through the API and durable, by kind (request, amend, withdraw, decide, settle).",
    ("act",),
)
REFUSED = Metric(
    "hub_web_refused",
    Kind.COUNTER,
    "requests",
    "Acts refused, by kind of problem. Many of invalid-body: a sender changed its form.",
    ("problem",),
)
ACCEPTING = Metric(
    "hub_web_accepting_seconds",
    Kind.HISTOGRAM,
    "seconds",
    "How long an accepted act took, the commit included. Above 0.2: the disk or the database is slow.",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
OUTBOX_WAITING = Metric(
    "hub_web_outbox_rows",
    Kind.GAUGE,
    "rows",
    "Accepted and not yet acknowledged by Kafka. Growing: Kafka is down or cut off; nothing is lost.",
)
OUTBOX_LIMIT = Metric(
    "hub_web_outbox_limit",
    Kind.GAUGE,
    "rows",
    "web.outbox_limit: how many may wait for Kafka. With hub_web_outbox_rows near it for minutes: bring Kafka back, or raise it.",
)
ACCEPTS = Metric(
    "hub_web_accepts",
    Kind.GAUGE,
    "yes or no",
    "1 while acts are accepted. 0: every sender gets 503, since the outbox is full or its database fails; /readyz says which.",
)
UNKNOWN_EFFECTS = Metric(
    "hub_web_unknown_effects",
    Kind.GAUGE,
    "instructions",
    "Instructions of which nobody knows whether the department has them. Above 0: a person has to ask there; see /unknown-effects.",
)
WEB_SQL_FAILURES = Metric(
    "hub_web_sql_failures",
    Kind.COUNTER,
    "calls",
    "Calls to a database that failed, by what is kept there (outbox, cases). Increasing: it is down, locked, full or closed to the web.",
    ("memory",),
)
FEEDS_UNHEARD = Metric(
    "hub_web_feeds_not_heard_from",
    Kind.GAUGE,
    "feeds",
    "Feeds of which no connector says anything any more, or ever said. Above 0: its process is dead or was never started; see /feeds.",
)
FEEDS_AGE = Metric(
    "hub_web_feeds_age_seconds",
    Kind.GAUGE,
    "seconds",
    "How old what the web knows of feeds is. Growing: hub-heartbeats cannot be read; alarms that go by feeds are then as old.",
)
BEATS_UNREADABLE = Metric(
    "hub_web_beats_unreadable",
    Kind.COUNTER,
    "records",
    "Records of hub-heartbeats that hold no beat, passed over. Increasing: somebody else writes there, or a newer connector.",
)


class WebMetrics:
    """The web's metrics, ready to be set; besides them its process's memory, CPU and files."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.accepted = ACCEPTED.counter(self.registry)
        self.refused = REFUSED.counter(self.registry)
        self.accepting = ACCEPTING.histogram(self.registry)
        self.outbox_waiting = OUTBOX_WAITING.gauge(self.registry)
        self.outbox_limit = OUTBOX_LIMIT.gauge(self.registry)
        self.accepts = ACCEPTS.gauge(self.registry)
        self.unknown_effects = UNKNOWN_EFFECTS.gauge(self.registry)
        self.sql_failures = WEB_SQL_FAILURES.counter(self.registry)
        self.feeds_unheard = FEEDS_UNHEARD.gauge(self.registry)
        self.feeds_age = FEEDS_AGE.gauge(self.registry)
        self.beats_unreadable = BEATS_UNREADABLE.counter(self.registry)
