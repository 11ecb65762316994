"""Says how the feeds of one connector are: judged every second, told on `hub-heartbeats` now and then, and at once when one changes.

A beat is not waited for: the next one says the same. While one is not acknowledged its feed has no other, so a Kafka that is away costs
one record for each feed, and nobody a thing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event as Signal
from typing import Protocol

import structlog

from connectors.sdk.manifest import Dataset
from hub.edge.choice import TASKS_TITLE
from hub.edge.condition import Conditions
from hub.edge.messages import Outgoing
from hub.edge.metrics import ConnectorMetrics
from hub.edge.speech import Speech
from hub.edge.wrapping import Speaker
from hub.feeds.cadence import Heard, Judgement, expected, judge, judge_sink
from hub.journeys.clocks import Calendar
from schemas.envelope import Classification, record_id
from schemas.feeds import Feed, FeedJudged, FeedState
from schemas.topics import HEARTBEATS

_LOOK_EVERY_S = 1.0
_ROOM = 500
"""Characters of a reason that a beat takes."""

Acknowledged = Callable[[], bool]


class Offers(Protocol):
    """What the pulse needs of a producer: `hub.edge.kafka.Sender`."""

    def offer(self, record: Outgoing) -> Acknowledged:
        """Send a record without waiting for it; the answer tells whether it has come to an end."""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What the pulse tells of.

    Attributes:
        speaker: whose feeds.
        reads: its datasets, as they should speak here.
        tasks: name of the part that writes tasks; None where it takes none.
        beats_every_s: how often it is told.
        calendar: the council's working days.
    """

    speaker: Speaker
    reads: Mapping[str, Dataset]
    tasks: str | None
    beats_every_s: float
    calendar: Calendar


class Pulse:
    """The pulse of one connector.

    Args:
        watched: what it tells of.
        speech: what was heard of each feed.
        conditions: how reading and writing go.
        sender: where beats go.
        metrics: told the same.
        clock: now, with a zone.
    """

    def __init__(
        self,
        watched: Watched,
        speech: Speech,
        conditions: Conditions,
        sender: Offers,
        *,
        metrics: ConnectorMetrics,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._watched, self._speech, self._conditions = watched, speech, conditions
        self._sender, self._metrics, self._clock = sender, metrics, clock
        self._told: dict[str, tuple[datetime, FeedState]] = {}
        self._last: dict[str, Acknowledged] = {}
        self._states: dict[str, FeedState] = {}
        self._log = structlog.get_logger().bind(connector=watched.speaker.connector)

    def run(self, stop: Signal) -> None:
        """Tell until `stop` is set."""
        while not stop.wait(_LOOK_EVERY_S):
            self.beat()

    def beat(self) -> None:
        """Judge every feed once; tell what is due."""
        now, conditions = self._clock(), self._conditions.all()
        for name, dataset in self._watched.reads.items():
            heard = self._speech.of(name)
            judgement = judge(dataset, self._watched.calendar, heard, conditions[name], now)
            self._metrics.silence.labels(name).set((now - (heard.spoke or heard.watched)).total_seconds())
            self._notice(name, judgement)
            self._tell(name, judgement, now, title=dataset.title, expects=expected(dataset), heard=heard)
        if (part := self._watched.tasks) is not None:
            judgement = judge_sink(conditions[part], self._speech.waiting)
            self._notice(part, judgement)
            self._tell(part, judgement, now, title=TASKS_TITLE, waiting=self._speech.waiting)

    def _notice(self, part: str, judgement: Judgement) -> None:
        """Metrics always; a line when a feed begins or ends to speak other than it should. What goes wrong in reading has its own lines."""
        for state in FeedState:
            self._metrics.feed_state.labels(part, state).set(state is judgement.state)
        before = self._states.get(part)
        self._states[part] = judgement.state
        odd = {FeedState.SILENT, FeedState.LOW, FeedState.HIGH}
        if judgement.state is before:
            return
        if judgement.state in odd:
            since = f"{judgement.since:%Y-%m-%dT%H:%M:%SZ}"
            self._log.warning(
                "a feed wants a look", part=part, outcome=str(judgement.state), since=since, reason=judgement.why
            )
        elif before in odd and judgement.state.well:
            self._log.info("a feed speaks again", part=part, outcome="returned")

    def _tell(
        self,
        part: str,
        judgement: Judgement,
        now: datetime,
        *,
        title: str,
        expects: str = "",
        heard: Heard | None = None,
        waiting: int = 0,
    ) -> None:
        at, state = self._told.get(part, (None, None))
        due = at is None or (now - at).total_seconds() >= self._watched.beats_every_s or now < at
        if not due and state is judgement.state:
            return
        if part in self._last and not self._last[part]():
            return
        who = self._watched.speaker
        feed = f"{who.connector}/{part}"
        event = FeedJudged(
            id=record_id(who.key, who.connector, part, f"beat|{now.isoformat()}"),
            source=who.source,
            partitionkey=feed,
            council=who.council,
            time=now,
            effectiveat=now,
            dataclassification=Classification.OPEN,
            data=Feed(
                connector=who.connector,
                part=part,
                title=title[:200],
                department=who.department,
                state=judgement.state,
                since=judgement.since,
                why=judgement.why if len(judgement.why) <= _ROOM else judgement.why[: _ROOM - 1] + "…",
                expected=expects,
                looked=heard.looked if heard else None,
                spoke=heard.spoke if heard else None,
                waiting=waiting,
                beats_every_s=self._watched.beats_every_s,
            ),
        )
        self._last[part] = self._sender.offer(Outgoing.event(HEARTBEATS.name, feed, event.encode()))
        self._told[part] = now, judgement.state
