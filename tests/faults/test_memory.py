"""Faults of what the worker writes to: a database that is locked, full, read-only or away, a topic that takes no output.

What must hold at every moment: the offset that Kafka is told never lies ahead of what the worker's memory holds, and nothing counts as
applied whose outputs were not acknowledged.
"""

import resource
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Self

import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from tests.faults.conftest import eventually
from tests.faults.oracles import dump, progress_of
from tests.faults.test_worker import ask, judged
from tests.sites.worker import PARTITIONS, Site, WorkerProcess

Start = Callable[..., WorkerProcess]
Trouble = Callable[[Site, WorkerProcess], AbstractContextManager[None]]


class Watch(threading.Thread):
    """Compares, again and again, the offset that Kafka was told with the memory's; Kafka's first, for the memory may only move on."""

    def __init__(self, site: Site) -> None:
        super().__init__(name="watch", daemon=True)
        self._site, self._over = site, threading.Event()
        self.looks = 0
        self.ahead: list[str] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        """Look until the test is over."""
        settings = {"bootstrap.servers": self._site.kafka, "group.id": self._site.group, "log_level": 0}
        with closing(Consumer(settings)) as kafka:
            while not self._over.wait(0.05):
                told = kafka.committed([TopicPartition("case-events", n) for n in range(PARTITIONS)], timeout=30)
                holds = progress_of(self._site.database, self._site.group)
                self.ahead += [
                    f"case-events/{each.partition}: Kafka was told {each.offset}, the memory holds {holds[each.partition]}"
                    for each in told
                    if each.offset > holds[each.partition]
                ]
                self.looks += 1

    def goes_on(self, looks: int = 40) -> None:
        """Until it has looked so many times more; the worker tells Kafka once a second."""
        until = self.looks + looks
        eventually(lambda: self.looks >= until)


@contextmanager
def locked(site: Site, worker: WorkerProcess) -> Iterator[None]:
    """Somebody holds SQLite's one lock for writing."""
    with closing(sqlite3.connect(site.folder / "worker.db", isolation_level=None)) as other:
        other.execute("begin immediate")
        yield


@contextmanager
def full(site: Site, worker: WorkerProcess) -> Iterator[None]:
    """No file of the worker may grow, as on a disk without room."""
    pid = worker.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1024, hard))
    yield


@contextmanager
def table_locked(site: Site, worker: WorkerProcess) -> Iterator[None]:
    """Somebody holds the table of positions: every statement about it waits for longer than it may."""
    with psycopg.connect(str(site.database).replace("+psycopg", "")) as other:
        other.execute("lock table cases in share mode")
        yield
        other.rollback()


@contextmanager
def read_only(site: Site, worker: WorkerProcess) -> Iterator[None]:
    """The database takes no more writes, as one does that was failed over to its standby."""
    with changed(site, "default_transaction_read_only", "on"):
        yield


@contextmanager
def changed(site: Site, setting: str, value: str) -> Iterator[None]:
    """A setting of the database while it lasts; whoever is connected has to connect again."""
    with psycopg.connect(str(site.database).replace("+psycopg", ""), autocommit=True) as other:
        other.execute("set default_transaction_read_only = off")
        name = other.info.dbname
        others = f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}' and pid <> pg_backend_pid()"
        other.execute(f'alter database "{name}" set {setting} = {value}')
        other.execute(others)
        yield
        other.execute(f'alter database "{name}" reset {setting}')
        other.execute(others)


def outrun(site: Site, start: Start, troubles: list[Trouble], seen: Callable[[str], None]) -> None:
    """Each trouble while records come in; then kill -9, and the trouble is over."""
    events = ask(site, 40)
    with Watch(site) as watch:
        for trouble in troubles:
            worker = start(site)
            site.applies_everything(90)
            with trouble(site, worker):
                events += ask(site, 40)
                worker.says("the database does not answer")
                watch.goes_on()
                assert worker.process.poll() is None, "it did not wait for its database"
                worker.kill()
        start(site)
        site.applies_everything(90)
        watch.goes_on()

    assert watch.ahead == []
    verdict = judged(site)
    assert not verdict, str(verdict)
    seen(f"{events} events, {len(troubles)} troubles, {watch.looks} looks")


@pytest.mark.fault(
    "T71",
    "SQLite locked by another, then the disk full, while rounds are written; each time kill -9",
    invariants="I1 I2 I4",
    oracle="O2 offsets, O4",
    twins=("offsets-outrun-the-memory",),
)
def test_kafka_is_never_told_of_more_than_sqlite_holds(site: Site, start: Start, seen: Callable[[str], None]) -> None:
    outrun(site, start, [locked, full], seen)


@pytest.mark.fault(
    "T71",
    "PostgreSQL with a locked table, then read-only and its sessions ended, while rounds are written; each time kill -9",
    invariants="I1 I2 I4",
    oracle="O2 offsets, O4",
    twins=("offsets-outrun-the-memory",),
)
def test_kafka_is_never_told_of_more_than_postgresql_holds(
    tmp_path: Path, kafka: str, postgres_url: str, start: Start, seen: Callable[[str], None]
) -> None:
    with closing(Site(tmp_path, kafka, postgres_url)) as site:
        outrun(site, start, [table_locked, read_only], seen)


@pytest.mark.fault(
    "T71",
    "the topic of an output refuses every record while that of the input and the group's coordinator answer",
    invariants="I1 I2 I4",
    oracle="O2 offsets, O4",
    twins=("applied-before-sent",),
)
def test_what_was_not_acknowledged_is_not_counted(site: Site, start: Start, seen: Callable[[str], None]) -> None:
    begun = progress_of(site.database, site.group)
    events, ended = ask(site, 40), 0

    with Watch(site) as watch:
        with refusing(site.kafka, "housing-tasks"):
            for _ in range(3):
                process = start(site).process
                eventually(lambda: process.poll() is not None or progress_of(site.database, site.group) != begun)  # noqa: B023 - at once
                ended += process.poll() == 75
                watch.goes_on(20)
            kept = progress_of(site.database, site.group)
            said = dump(site.kafka, "housing-tasks", site.begin["housing-tasks"])
        start(site)
        site.applies_everything(90)

    assert kept == begun
    assert (ended, said) == (3, [])
    assert watch.ahead == []
    verdict = judged(site)
    assert not verdict, str(verdict)
    seen(f"{events} events, {ended} times ended with 75 and nothing applied, then all of them")


@contextmanager
def refusing(kafka: str, topic: str) -> Iterator[None]:
    """A topic that finds every record too large."""
    admin = AdminClient({"bootstrap.servers": kafka})
    (was,) = admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]).values()
    size = was.result(30)["max.message.bytes"].value
    for value in ("1", size):
        entry = ConfigEntry("max.message.bytes", value, incremental_operation=AlterConfigOpType.SET)
        resource_ = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        (done,) = admin.incremental_alter_configs([resource_]).values()
        done.result(30)
        if value == "1":
            yield
