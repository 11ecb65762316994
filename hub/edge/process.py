"""One connector as a process: a thread per dataset, one for tasks, one that answers /livez, /readyz and /metrics.

It ends when it is told to (exit 0), when only a fresh process can go on safely (RestartMe, exit 75) or when a person must edit something
(ConfigurationError, exit 78). A legacy system that is away ends nothing.
"""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from threading import Event as Signal
from threading import Thread
from typing import Any

import structlog

from connectors.sdk.contract import Connector, SinkConnector, SourceConnector
from connectors.sdk.errors import ConfigurationError as ConnectorConfigurationError
from connectors.sdk.manifest import Manifest
from connectors.sdk.settings import ConnectorSettings, load_settings
from hub import logs, topics
from hub.broker.cluster import bootstrap
from hub.edge.condition import Conditions, Mood
from hub.edge.kafka import Receiver, Sender
from hub.edge.memory import FAILED, EdgeMemory, open_engine, trouble
from hub.edge.metrics import ConnectorMetrics
from hub.edge.registry import connector_named, manifest_named
from hub.edge.sink_runner import PART, SinkRunner
from hub.edge.source_runner import Edge, SourceRunner
from hub.edge.wrapping import Speaker
from hub.errors import EXIT_RESTART, ConfigurationError
from hub.health.http import Health, HealthServer
from hub.settings import ConnectorProcess, HubSettings
from schemas.topics import TASKS

STOP_WITHIN_S = 15.0
_LOOK_S = 0.5


@dataclass(frozen=True)
class Chosen:
    """A connector of the settings file, ready to be made."""

    name: str
    """Name of its table."""
    process: ConnectorProcess
    manifest: Manifest
    """The connector's own, with the kinds of work that this table takes."""
    connect: Callable[[], Connector[Any]]
    settings: ConnectorSettings


def choose(settings: HubSettings, name: str) -> Chosen:
    """The connector that a settings file has under `[connectors.<name>]`.

    Raises:
        ConfigurationError: no such table, no such connector, settings that it refuses, or work that another table takes too.
    """
    process = settings.connectors.get(name)
    if process is None:
        found = ", ".join(settings.connectors) or "none"
        raise ConfigurationError(f"{settings.file} has no [connectors.{name}]. It has: {found}.")
    connector, manifest = connector_named(process.connector)
    manifest = _narrowed(settings, name, manifest)
    _refuse_work_of_two(settings, name, manifest)
    try:
        own = load_settings(connector.settings_type, process.settings, f"{settings.file} [connectors.{name}]")
    except ConnectorConfigurationError as error:
        raise ConfigurationError(str(error)) from error
    return Chosen(name, process, manifest, partial(connector, own), own)


def _narrowed(settings: HubSettings, name: str, manifest: Manifest) -> Manifest:
    """A connector's manifest with no other kinds of work than its table names."""
    tasks = settings.connectors[name].tasks
    if tasks is None:
        return manifest
    if strange := [work for work in tasks if work not in manifest.tasks]:
        raise ConfigurationError(
            f"{settings.file} [connectors.{name}] tasks: {manifest.name} does not take {', '.join(strange)}; it takes "
            f"{', '.join(manifest.tasks) or 'none'}."
        )
    return manifest.model_copy(update={"tasks": tasks})


def _refuse_work_of_two(settings: HubSettings, name: str, manifest: Manifest) -> None:
    """Each table reads a department's tasks for itself, so what two of them take is done twice."""
    for other, process in settings.connectors.items():
        try:
            its = _narrowed(settings, other, manifest_named(process.connector))
        except ConfigurationError:
            continue  # it cannot run here; wherever it is started it is told why
        both = [work for work in manifest.tasks if work in its.tasks]
        if other != name and its.department is manifest.department and both:
            raise ConfigurationError(
                f"{settings.file}: [connectors.{name}] and [connectors.{other}] both take {', '.join(both)}, so each such task "
                'would be done twice. Say in each which kinds of work are its own: tasks = ["..."], or tasks = [] where it only reads.'
            )


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
            sender=self._sender,
            conditions=self._conditions,
            metrics=self._metrics,
            stop=stop,
        )
        runs: dict[str, Callable[[], None]] = {}
        for dataset, facts in manifest.reads.items():
            self._metrics.speaks_every.labels(dataset).set(facts.speaks_every_s)
            runs[dataset] = SourceRunner(edge, dataset, self._source).run
        if manifest.tasks:
            receiver = Receiver(settings.kafka, where, member, member, [TASKS[manifest.department].name])
            runs[PART] = SinkRunner(edge, manifest, receiver, self._sink).run
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
        self._log.info("connector runs", outcome="started", parts=list(self._threads), health_port=self.health_port)
        for thread in self._threads.values():
            thread.start()
        try:
            while not self._stop.wait(_LOOK_S):
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
            self._log.error("did not stop in time", outcome="restart", parts=late)
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

    def _source(self) -> SourceConnector[Any]:
        connector = self._chosen.connect()
        assert isinstance(connector, SourceConnector)
        return connector

    def _sink(self) -> SinkConnector[Any]:
        connector = self._chosen.connect()
        assert isinstance(connector, SinkConnector)
        return connector
