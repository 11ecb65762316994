"""Which processes a settings file asks for, in what order they start and stop, and what stands in the way of starting them."""

import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hub.broker import nodes
from hub.broker.cluster import bootstrap, find, prepare
from hub.errors import ConfigurationError
from hub.settings import HubSettings
from hub.supervisor.probes import AnswersWhereItSays, accepts, answers_http
from hub.supervisor.service import Service, Step

_LAST = 9
"""The broker stops after everything that talks to it."""
BROKER_FOLDER, TOPICS, TABLES = "the broker's folder", "the topics", "the worker's tables"


@dataclass(frozen=True)
class Listener:
    """A port that a process of the plan is to listen on, and the setting that says so."""

    setting: str
    host: str
    port: int


@dataclass(frozen=True)
class Plan:
    """What `hub up` runs.

    Attributes:
        services: in the order they are shown.
        steps: what is done once.
        listeners: the ports that must be free.
    """

    services: tuple[Service, ...]
    steps: tuple[Step, ...]
    listeners: tuple[Listener, ...]


def plan(settings: HubSettings) -> Plan:
    """Every process of a settings file. Touches nothing.

    Raises:
        ConfigurationError: the port of web or worker is 0, so that nobody would know where it is.
    """
    brokers = () if settings.kafka.bootstrap else tuple(_brokers(settings))
    steps = [Step(name=TOPICS, does=lambda: _topics(settings), needs=tuple(service.name for service in brokers))]
    steps.append(Step(name=TABLES, does=lambda: _tables(settings)))
    if brokers:
        steps.append(Step(name=BROKER_FOLDER, does=lambda: _broker_folder(settings)))
    listeners = (
        Listener("web.port", settings.web.host, settings.web.port),
        Listener("worker.health_port", settings.worker.health_host, settings.worker.health_port),
        *(
            Listener(f"connectors.{name}.health_port", settings.worker.health_host, each.health_port)
            for name, each in settings.connectors.items()
        ),
    )
    for listener in listeners:
        if listener.port == 0 and not listener.setting.startswith("connectors."):
            raise ConfigurationError(
                f"{settings.file}: {listener.setting} is 0, which takes any port; `hub up` has to know which, to ask the "
                "process how it is. Give it a number of its own."
            )
    web = Service(
        name="web",
        command=lambda: command(settings, "web"),
        probe=answers_http(settings.web.host, settings.web.port),
        needs=(BROKER_FOLDER,) if brokers else (),
        address=f"http://{settings.web.host}:{settings.web.port}/",
    )
    worker = Service(
        name="worker",
        command=lambda: command(settings, "worker"),
        probe=answers_http(settings.worker.health_host, settings.worker.health_port),
        needs=(TOPICS, TABLES),
        stop_within_s=settings.worker.stop_within_s + 5,
    )
    connectors = tuple(_connector(settings, name) for name in settings.connectors)
    fixed = tuple(listener for listener in listeners if listener.port)
    return Plan((*brokers, worker, web, *connectors), tuple(steps), fixed)


def command(settings: HubSettings, *arguments: str) -> list[str]:
    """The command line of one of the hub's own processes."""
    return [sys.executable, "-m", "hub", "--settings", str(settings.file), *arguments]


def obstacles(listeners: Iterable[Listener], free: Callable[[str, int], bool]) -> list[str]:
    """What stands in the way of listening, one sentence each.

    Args:
        listeners: what is to be listened on.
        free: whether a server could listen on an address now.
    """
    found: list[str] = []
    by_port: dict[int, str] = {}
    for listener in listeners:
        if listener.port in by_port:
            found.append(
                f"{listener.setting} and {by_port[listener.port]} are both {listener.port}. Change one of them."
            )
        elif not free(listener.host, listener.port):
            found.append(
                f"Port {listener.port} is taken by another program. Change {listener.setting}, or end that program."
            )
        by_port.setdefault(listener.port, listener.setting)
    return found


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((host, port))
        except OSError:
            return False
    return True


def _brokers(settings: HubSettings) -> Iterable[Service]:
    """A service for each node of the local broker; none where `hub broker start` has it running already."""
    folder = settings.path(settings.broker.folder)
    if any(state.pid is not None for state in nodes.status(folder)):
        return
    for number in range(1, settings.broker.nodes + 1):
        yield Service(
            name="broker" if settings.broker.nodes == 1 else f"broker-{number}",
            command=_node_command(folder, number),
            probe=_node_probe(folder, number),
            needs=(BROKER_FOLDER,),
            stops=_LAST,
            stop_within_s=nodes.STOP_WITHIN_S,
        )


def _node_command(folder: Path, number: int) -> Callable[[], Sequence[str]]:
    return lambda: nodes.command(folder, number)


def _node_probe(folder: Path, number: int) -> Callable[[], str | None]:
    def ask() -> str | None:
        cluster = find(folder)
        return accepts(cluster.node(number).port)() if cluster else f"its folder {folder} is gone; stop and start again"

    return ask


def _connector(settings: HubSettings, name: str) -> Service:
    host, port = settings.worker.health_host, settings.connectors[name].health_port
    said = AnswersWhereItSays(host)
    return Service(
        name=name,
        command=lambda: command(settings, "connector", "run", name),
        probe=answers_http(host, port) if port else said.probe,
        hear=None if port else said.hear,
        needs=(TOPICS,),
    )


def _broker_folder(settings: HubSettings) -> None:
    prepare(settings.path(settings.broker.folder), settings.broker.nodes)


def _topics(settings: HubSettings) -> None:
    """Make the topics of our own broker; look at those of any other, which are made by `hub topics apply` alone."""
    from hub import topics  # noqa: PLC0415 - kafka-python loads while the broker starts

    where = bootstrap(settings)
    if settings.kafka.bootstrap is None:
        topics.apply(settings.kafka, where)
    topics.check(settings.kafka, where)


def _tables(settings: HubSettings) -> None:
    """Make the worker's tables while the broker starts, before anybody reads them."""
    from hub.memory.prepare import prepare as prepare_memory  # noqa: PLC0415 - SQLAlchemy loads while the broker starts

    prepare_memory(settings.database_url(settings.worker.memory), settings.worker.group)
