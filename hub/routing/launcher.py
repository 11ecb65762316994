"""Starts a worker: checks what it stands on, puts its parts together, runs Faust without Faust's command line, and says how it ended.

Faust's own command line is not used: it replaces the log handlers and opens a web server that shows state to anybody.
"""

import faust
import structlog
from faust.worker import Worker

from hub import logs, topics
from hub.broker.cluster import bootstrap
from hub.dead_letters.rate import Rate
from hub.errors import EXIT_OK, EXIT_RESTART
from hub.health.http import Health, HealthServer
from hub.health.metrics import WorkerMetrics
from hub.health.watchdog import Judge, Look, Watchdog
from hub.memory.prepare import prepare
from hub.routing.agent import attach, make_app
from hub.routing.brake import Brake
from hub.routing.collector import calm
from hub.routing.deadlines import DeadlineTimer
from hub.routing.diary import Diary
from hub.routing.ending import end_process
from hub.routing.membership import Membership
from hub.routing.patience import Memory
from hub.routing.publish import Publisher
from hub.routing.round import Rounds
from hub.routing.world import load_world
from hub.settings import HubSettings
from schemas.topics import CASE_EVENTS

_SILENT_S = 10.0
"""A loop that has not answered for so long is reported as not alive."""


def run(settings: HubSettings, prefix: str = "") -> int:
    """Run a worker until it is asked to stop.

    Args:
        settings: of the hub.
        prefix: before the name of every topic, where they are not the hub's but those of a measurement, which has made them itself.

    Returns:
        The exit code: 0, it was asked to stop; 75, start me again.

    Raises:
        ConfigurationError: journeys, topics, memory or the health port are not as they must be.
        RestartMe: Kafka or the database does not answer.
    """
    logs.configure(settings.logs.level, settings.worker.name)
    where = bootstrap(settings)
    if not prefix:
        topics.check(settings.kafka, where)
    return _Process(settings, where, prefix).run()


class _Process:
    """The parts of a worker, put together."""

    def __init__(self, settings: HubSettings, where: str, prefix: str) -> None:
        worker = settings.worker
        self._kafka = where
        self._world = load_world(settings)
        self._metrics = WorkerMetrics()
        self._store = prepare(settings.database_url(worker.memory), worker.group)
        self._app: faust.App = make_app(settings, where)
        self._member = Membership(self._app)
        self._diary = Diary(self._metrics)
        self._brake = Brake(Rate(settings.dead_letters.at_most_per_minute), self._metrics)
        memory = Memory(self._store, self._metrics.sql_retries)
        publisher = Publisher(self._member.producer, prefix)
        self._rounds = Rounds(
            topic=prefix + CASE_EVENTS.name,
            partitions=settings.kafka.partitions,
            least_s=worker.round_ms / 1000,
            group=self._member,
            memory=memory,
            publisher=publisher,
            world=self._world,
            metrics=self._metrics,
            diary=self._diary,
            brake=self._brake,
        )
        timer = DeadlineTimer(
            every_s=worker.deadlines_every_s,
            council=settings.council.code,
            source=self._world.source,
            shift=self._member,
            memory=memory,
            publisher=publisher,
            metrics=self._metrics,
        )
        attach(self._app, self._rounds, timer)
        self._watchdog = Watchdog(
            Judge(worker.stuck_after_s, worker.stop_within_s),
            loop=lambda: self._app.loop,
            look=self._look,
            is_stopping=lambda: self._member.is_stopping,
            end=end_process,
        )
        self._health = HealthServer(
            worker.health_host, worker.health_port, self._live, self._ready, self._metrics.registry
        )

    def run(self) -> int:
        """Run Faust until it ends; the exit code."""
        runner = Worker(self._app, loglevel="INFO", override_logging=False, redirect_stdouts=False, quiet=True)
        runner.spinner = None
        calm()
        self._health.start()
        structlog.get_logger().info("worker starting", kafka=self._kafka, health_port=self._health.port)
        self._watchdog.start()
        try:
            runner.execute_from_commandline()
        except SystemExit as ended:
            # Faust says 1 whatever the reason, and a fresh process may do better.
            code = EXIT_RESTART if ended.code else EXIT_OK
        finally:
            self._watchdog.stop()
            self._health.stop()
            self._store.close()
        structlog.get_logger().info("worker stopped", exit_code=code)
        return code

    def _look(self) -> Look:
        """Once a second, in the loop: what the watchdog, the metrics and the summary need."""
        ends = self._member.ends()
        waiting = {}
        self._metrics.lag.clear()
        for partition, end in ends.items():
            position = self._rounds.position(partition)
            if position is None:
                continue
            self._metrics.lag.labels(str(partition.number)).set(max(0, end - position))
            if end > position and partition not in self._brake.stopped:
                waiting[f"{partition.topic}/{partition.number}"] = position
        self._diary.sum_up()
        return Look(self._member.is_rebalancing, waiting, self._member.refused())

    def _live(self) -> Health:
        silent_s = self._watchdog.silent_s()
        if silent_s > _SILENT_S:
            return Health(ok=False, reason=f"the event loop has not answered for {silent_s:.0f} s")
        return Health(ok=True, reason="the event loop answers")

    def _ready(self) -> Health:
        if self._member.is_stopping:
            return Health(ok=False, reason="stopping")
        if self._member.is_rebalancing:
            return Health(ok=False, reason="the consumer group is being rearranged")
        if why := self._brake.why:
            return Health(ok=False, reason=why)
        if not (parts := self._member.on_duty()):
            return Health(ok=False, reason="no partitions assigned: more workers than partitions?")
        return Health(ok=True, reason=f"partitions {', '.join(map(str, parts))} assigned")
