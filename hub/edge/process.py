"""One connector as a process: a thread per dataset, one for tasks, one that answers /livez, /readyz and /metrics.

It ends when it is told to (exit 0), when only a fresh process can go on safely (RestartMe, exit 75) or when a person must edit something
(ConfigurationError, exit 78). A legacy system that is away ends nothing.
"""

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from threading import Event as Signal
from threading import Thread
from typing import Any

import structlog

from connectors.sdk.contract import SinkConnector, SourceConnector
from connectors.sdk.errors import ConfigurationError as ConnectorConfigurationError
from connectors.sdk.manifest import Dataset, Delivery
from hub import logs, topics
from hub.admission import ADMISSION
from hub.broker.cluster import bootstrap
from hub.dead_letters.rate import Rate
from hub.edge.aside import Aside
from hub.edge.choice import PART, Chosen, choose
from hub.edge.condition import Conditions, Mood
from hub.edge.engine import FAILED, open_engine, trouble
from hub.edge.extracts import Extracts
from hub.edge.full_extracts import FullExtracts
from hub.edge.kafka import Receiver, Sender
from hub.edge.memory import EdgeMemory
from hub.edge.metrics import ConnectorMetrics
from hub.edge.sink_runner import SinkRunner
from hub.edge.source_runner import Edge, SourceRunner
from hub.edge.speech import Speech
from hub.edge.wrapping import Speaker
from hub.errors import EXIT_RESTART, ConfigurationError, HubError, RestartMe
from hub.feeds.pulse import Pulse, Watched
from hub.health.http import Health, HealthServer
from hub.journeys.holidays import load_calendar
from hub.settings import HubSettings
from schemas.topics import TASKS

STOP_WITHIN_S = 15.0
_LOOK_S = 0.5
_PULSE = "pulse"


def run_connector(settings: HubSettings, name: str) -> None:
    """Run one connector until SIGTERM or SIGINT.

    Raises:
        ConfigurationError: settings, topics or the legacy system want a person.
        RestartMe: only a fresh process can go on.
    """
    logs.configure(settings.logs.level, f"connector-{name}")
    stop = Signal()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    process = ConnectorThreads(settings, choose(settings, name), stop)
    process.run()


class ConnectorThreads:
    """The threads of one connector.

    Args:
        settings: the whole file.
        chosen: the connector.
        stop: set it, and all of them come to an end.
    """

    def __init__(self, settings: HubSettings, chosen: Chosen, stop: Signal) -> None:
        where = bootstrap(settings)
        topics.check(settings.kafka, where)
        manifest = chosen.manifest
        self._chosen, self._stop = chosen, stop
        self._failures: list[BaseException] = []
        self._engine = open_engine(settings.database_url(chosen.process.memory), chosen.name)
        memory = EdgeMemory(self._engine, chosen.name)
        self._metrics = ConnectorMetrics()
        self._conditions = Conditions([*manifest.reads, *([PART] if manifest.tasks else [])])
        self._log = structlog.get_logger().bind(connector=chosen.name)
        member = f"connector-{chosen.name}"
        self._sender = Sender(settings.kafka, where, member)
        edge = Edge(
            speaker=Speaker(
                council=settings.council.code,
                key=settings.council.key.get_secret_value().encode(),
                connector=chosen.name,
                department=manifest.department,
            ),
            memory=memory,
            aside=Aside(self._engine, chosen.name, Rate(settings.dead_letters.at_most_per_minute)),
            sender=self._sender,
            conditions=self._conditions,
            metrics=self._metrics,
            speech=Speech(self._engine, chosen.name, manifest.reads, datetime.now(UTC)),
            stop=stop,
        )
        runs: dict[str, Callable[[], None]] = {}
        for dataset, facts in manifest.reads.items():
            self._metrics.speaks_every.labels(dataset).set(facts.speaks_every_s)
            if (spoke := edge.speech.of(dataset).spoke) is not None:
                self._metrics.last_news.labels(dataset).set(spoke.timestamp())
            runs[dataset] = SourceRunner(edge, dataset, self._source, self._extracts(dataset, facts)).run
        if manifest.tasks:
            tasks, since = TASKS[manifest.department].name, chosen.process.tasks_since
            receiver = Receiver(settings.kafka, where, member, member, [tasks], since=since)
            runs[PART] = SinkRunner(edge, manifest, receiver, self._sink).run
        watched = Watched(
            speaker=edge.speaker,
            reads=manifest.reads,
            tasks=PART if manifest.tasks else None,
            beats_every_s=chosen.process.beats_every_s,
            calendar=load_calendar(settings),
        )
        self._pulse = Pulse(watched, edge.speech, self._conditions, self._sender, metrics=self._metrics)
        runs[_PULSE] = partial(self._pulse.run, stop)
        self._threads = {
            part: Thread(target=self._guard, args=(run,), name=part, daemon=True) for part, run in runs.items()
        }
        self._health = HealthServer(
            settings.worker.health_host,
            chosen.process.health_port,
            self._live,
            self._conditions.ready,
            self._metrics.registry,
        )

    @property
    def health_port(self) -> int:
        """Where /livez, /readyz and /metrics are."""
        return self._health.port

    def run(self) -> None:
        """Run every thread until `stop` is set or one fails."""
        self._health.start()
        self._log.info(
            "connector runs",
            outcome="started",
            parts=[part for part in self._threads if part != _PULSE],
            health_port=self.health_port,
        )
        for thread in self._threads.values():
            thread.start()
        try:
            while not self._stop.wait(_LOOK_S):
                if ADMISSION.why:
                    # A part with nothing to send would wait for ever, and look well.
                    self._failures.append(RestartMe(ADMISSION.why))
                    self._stop.set()
                for part, condition in self._conditions.all().items():
                    self._metrics.well.labels(part).set(condition.mood is Mood.WELL)
            self._join()
        finally:
            self._sender.close()
            self._health.stop()
            self._engine.dispose()
        for failure in self._failures:
            raise failure
        self._log.info("connector stopped", outcome="stopped")

    def _join(self) -> None:
        """Wait until every thread has finished what it has in hand, but not for ever."""
        deadline = time.monotonic() + STOP_WITHIN_S
        for thread in self._threads.values():
            thread.join(max(0.0, deadline - time.monotonic()))
        late = [part for part, thread in self._threads.items() if thread.is_alive()]
        if late:
            # A thread in a driver's call cannot be ended. Whatever it has in hand is found again by the next process.
            why = [str(failure) for failure in self._failures if isinstance(failure, HubError)]
            self._log.error("did not stop in time", outcome="restart", parts=late, reason=" ".join(why))
            os._exit(EXIT_RESTART)

    def _guard(self, run: Callable[[], None]) -> None:
        """Run one thread; what it cannot handle ends the whole process."""
        try:
            run()
        except ConnectorConfigurationError as error:
            self._failures.append(ConfigurationError(f"[connectors.{self._chosen.name}] {error}"))
        except FAILED as error:
            # Our own memory, for whatever a connector raises is caught, and whatever it answers is checked, where it is asked.
            self._failures.append(trouble(self._engine, self._chosen.name, error))
        except BaseException as error:  # noqa: BLE001 - raised again by the main thread
            self._failures.append(error)
        finally:
            self._stop.set()

    def _live(self) -> Health:
        dead = [part for part, thread in self._threads.items() if thread.ident is not None and not thread.is_alive()]
        return Health(ok=not dead, reason=f"ended: {', '.join(dead)}" if dead else "every part runs")

    def _extracts(self, dataset: str, facts: Dataset) -> FullExtracts | None:
        """The full extracts of a dataset that delivers such."""
        if facts.delivers is not Delivery.FULL_EXTRACTS:
            return None
        memory = Extracts(self._engine, self._chosen.name, dataset)
        return FullExtracts(memory, self._chosen.name, dataset, facts, self._stop)

    def _source(self) -> SourceConnector[Any]:
        connector = self._chosen.connect()
        assert isinstance(connector, SourceConnector)
        return connector

    def _sink(self) -> SinkConnector[Any]:
        connector = self._chosen.connect()
        assert isinstance(connector, SinkConnector)
        return connector
