"""The metrics of a connector's process. Labels come from the manifest and closed lists, never from a record."""

from prometheus_client import CollectorRegistry
from prometheus_client.process_collector import ProcessCollector

from hub.health.metrics import Kind, Metric

RECORDS = Metric(
    "hub_connector_records",
    Kind.COUNTER,
    "records",
    "Legacy records read, by dataset and outcome (said, silent, repeated, set-aside). set-aside wants a person: `hub dead-letters list`.",
    ("dataset", "outcome"),
)
STRANGERS = Metric(
    "hub_connector_strangers",
    Kind.COUNTER,
    "records",
    "Progress of work that is no task of the hub's; raised by hand in the legacy system. None ever: does the connector know its own work?",
    ("dataset",),
)
REMARKS = Metric(
    "hub_connector_remarks",
    Kind.COUNTER,
    "remarks",
    "Changes of the legacy system that harm nothing yet, such as a new column. An increase wants a person: the log says which.",
    ("dataset",),
)
LAST_NEWS = Metric(
    "hub_connector_last_news_seconds",
    Kind.GAUGE,
    "seconds since 1970",
    "When a dataset last had something new; compare with hub_connector_speaks_every_seconds.",
    ("dataset",),
)
SPEAKS_EVERY = Metric(
    "hub_connector_speaks_every_seconds",
    Kind.GAUGE,
    "seconds",
    "How often a dataset should have something new in its hours, as its manifest or the settings file says.",
    ("dataset",),
)
LOOKS = Metric(
    "hub_connector_looks",
    Kind.COUNTER,
    "looks",
    "Looks that the legacy system answered, by what they found (news, nothing). Only nothing for long is no data, not no change.",
    ("dataset", "found"),
)
FEED_STATE = Metric(
    "hub_connector_feed_state",
    Kind.GAUGE,
    "1 or 0",
    "1 for the state that a feed is in now. silent, away, held, broken, low and high want a look; the page /feeds says what to do.",
    ("feed", "state"),
)
SILENCE = Metric(
    "hub_connector_feed_silence_seconds",
    Kind.GAUGE,
    "seconds",
    "How long ago a feed last had something new, or since when it is watched. For alarms hub_connector_feed_state knows its hours.",
    ("feed",),
)
EXTRACT_ROWS = Metric(
    "hub_connector_extract_rows",
    Kind.GAUGE,
    "rows",
    "Rows of the last full extract that was read to its end, also where it is held. Far from yesterday's: see hub_connector_feed_state.",
    ("dataset",),
)
EFFECTS = Metric(
    "hub_connector_effects",
    Kind.COUNTER,
    "instructions",
    "Instructions by outcome (accepted, completed, rejected, cancelled, repeated, superseded, unknown, set-aside). No increase while "
    "tasks arrive: see /readyz.",
    ("outcome",),
)
APPLY = Metric(
    "hub_connector_apply_seconds",
    Kind.HISTOGRAM,
    "seconds",
    "How long the legacy system took for one instruction.",
    buckets=(0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60),
)
UNFINISHED = Metric(
    "hub_connector_unfinished_effects",
    Kind.GAUGE,
    "instructions",
    "Instructions that have begun and not ended: each may or may not be in the legacy system, or, of class D, has not left yet or has no "
    "answer yet. Above 0 for minutes: it is away, see /readyz.",
)
UNKNOWN = Metric(
    "hub_connector_unknown_effects",
    Kind.GAUGE,
    "instructions",
    "Instructions that were sent to a system of class D, and of which nobody knows whether it has them. Above 0: a person has to ask, "
    "see `hub effects list`.",
)
WAITING = Metric(
    "hub_connector_waiting_records",
    Kind.GAUGE,
    "records",
    "Records on the department's task topic that are not done with. Growing for minutes: its system is slow or away, see /readyz.",
)
WELL = Metric(
    "hub_connector_well",
    Kind.GAUGE,
    "1 or 0",
    "1 where a dataset, or `tasks`, works; 0 where its legacy system is away or a promise is broken.",
    ("part",),
)


class ConnectorMetrics:
    """A connector's metrics, ready to be set; besides them its process's memory, CPU and files."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.records = RECORDS.counter(self.registry)
        self.strangers = STRANGERS.counter(self.registry)
        self.remarks = REMARKS.counter(self.registry)
        self.last_news = LAST_NEWS.gauge(self.registry)
        self.speaks_every = SPEAKS_EVERY.gauge(self.registry)
        self.looks = LOOKS.counter(self.registry)
        self.feed_state = FEED_STATE.gauge(self.registry)
        self.silence = SILENCE.gauge(self.registry)
        self.extract_rows = EXTRACT_ROWS.gauge(self.registry)
        self.effects = EFFECTS.counter(self.registry)
        self.apply = APPLY.histogram(self.registry)
        self.unfinished = UNFINISHED.gauge(self.registry)
        self.unknown = UNKNOWN.gauge(self.registry)
        self.waiting = WAITING.gauge(self.registry)
        self.well = WELL.gauge(self.registry)
