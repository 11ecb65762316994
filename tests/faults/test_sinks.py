"""Faults of the systems behind the sinks: two sinks alive at once, a target that fails in every way it can, one that is slow or dead."""

import re
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from confluent_kafka import Producer
from sqlalchemy import Table, create_engine, insert, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from connectors.sdk.simulation import BackOffice
from connectors.sdk.specimens import CITIZENS
from schemas.envelope import Event
from schemas.tasks import TaskChanged
from tests.faults.conftest import environment, eventually
from tests.faults.effects import judge_sink
from tests.faults.firm import bookings, ledger
from tests.faults.kept import Kept, Sampler
from tests.faults.oracles import dump
from tests.faults.test_connectors import CLASSES, ends
from tests.oracle import legacy
from tests.sites.connector import ConnectorSite
from tests.sites.worker import PARTITIONS

IDLE = BackOffice(accept_s=1e9)
WANTS = {
    "universal_housing": legacy.wants_by,
    "social_care_soap": legacy.wants_by,
    "transport_files": legacy.wants_on,
}


class Sink:
    """A connector whose instructions come in stories: each case is raised once and changed twice, and order shows in its last date.

    Args:
        site: the connector with its legacy system.
    """

    def __init__(self, site: ConnectorSite) -> None:
        self.site = site
        self.ledger = site.folder / "edge.db"
        self._gather: Callable[[Path], object] = lambda _: None
        self.begin = ends(site.kafka, site.tasks_topic)
        self.letters = ends(site.kafka, f"{site.tasks_topic}-dlq")
        self.wanted: dict[str, str] = {}
        """By effect key of the raising, how its books must show it in the end."""

    def reads(self, gather: Callable[[Path], object]) -> None:
        """What puts the books where they are read."""
        self._gather = gather

    def ask(self, cases: int, changes: int = 2) -> None:
        """So many stories on the topic, their instructions side by side."""
        stories = [self._story(changes) for _ in range(cases)]
        producer = Producer({"bootstrap.servers": self.site.kafka, "partitioner": "murmur2_random", "log_level": 0})
        for place in range(changes + 1):
            for story in stories:
                event = story[place]
                producer.produce(self.site.tasks_topic, event.encode(), event.partitionkey.encode())
        assert producer.flush(60) == 0

    def _story(self, changes: int) -> list[Event]:
        raised = self.site.instruction()
        story: list[Event] = [raised]
        task = raised.data
        for revision in range(1, changes + 1):
            later = timedelta(days=revision)
            assert task.due is not None
            dates = {
                name: day + later for name in ("discharge_date", "move_date") if (day := getattr(task.facts, name))
            }
            task = raised.data.model_copy(
                update={
                    "due": task.due + later,
                    "revision": revision,
                    "facts": task.facts.model_copy(update=dates),
                }
            )
            story.append(
                TaskChanged.following(
                    raised, f"changed {revision}", source=raised.source, data=task, time=raised.time + later
                )
            )
        self.wanted[raised.id.hex] = WANTS[self._connector](task.model_dump(mode="json"))
        return story

    @property
    def _connector(self) -> str:
        return self.site.name.rpartition("_")[0]

    @property
    def books(self) -> legacy.Legacy:
        """Of the legacy system."""
        self._gather(self.site.folder / "legacy")
        return CLASSES[self._connector](self.site.folder / "legacy")

    def done(self) -> int:
        """How many instructions have been carried out."""
        return sum(self.books.done.values())

    def reaches(self, done: int) -> None:
        """Wait until so many have been carried out."""
        eventually(lambda: self.done() >= done)

    def unfinished(self) -> int:
        """How many have begun and not ended, as the ledger has it."""
        with closing(sqlite3.connect(self.ledger, timeout=30)) as ledger:
            made = ledger.execute("select 1 from sqlite_master where name = 'effects'").fetchone()
            begun = "select count(*) from effects where state = 'intent'"
            return int(ledger.execute(begun).fetchone()[0]) if made else 0

    def is_done(self, within_s: float = 300) -> None:
        """Wait until everything asked was carried out, and every ledger row has ended."""
        asked = len(dump(self.site.kafka, self.site.tasks_topic, self.begin))
        eventually(lambda: self.done() >= asked and self.unfinished() == 0, within_s)

    def is_right(self) -> None:
        """Judge everything since the beginning."""
        topic, kafka = self.site.tasks_topic, self.site.kafka
        verdict = judge_sink(dump(kafka, topic, self.begin), self.books, self.wanted)
        verdict.wrong += [each.headers["reason"].decode() for each in dump(kafka, f"{topic}-dlq", self.letters)]
        assert not verdict, str(verdict)


@contextmanager
def sink_of(connector: str, folder: Path, kafka: str, **more: Any) -> Iterator[Sink]:
    """A sink with nothing of earlier tests before it."""
    folder.mkdir(exist_ok=True)
    with ConnectorSite(folder, kafka, PARTITIONS, connector, IDLE, **more) as site:
        yield Sink(site)


KILLS = ("sink.intended:2:kill", "sink.written:3:kill", "sink.finished:2:kill")
"""In the middle of a round: some or all of it intended and nothing written; written, and not in the ledger; ended, and not reported."""


def killed_in_a_round(connector: str, target: str, twin: str) -> Any:
    """The fault for one class of target, with the protection that this class rests on."""
    mark = pytest.mark.fault(
        "T07",
        f"{target}: kill -9 of the sink with several instructions of a round in flight, raised and changed: intended, written, ended",
        invariants="I2 I3",
        oracle="O2 O3",
        twins=(twin, "rounds-hold-a-case-twice"),
    )
    return pytest.param(connector, marks=mark, id=connector)


@pytest.mark.parametrize(
    "connector",
    [
        killed_in_a_round("universal_housing", "class A", "no-ledger-in-the-target"),
        killed_in_a_round("social_care_soap", "class B", "ledger-without-intent"),
        killed_in_a_round("transport_files", "class C", "file-names-are-drawn"),
    ],
)
def test_a_sink_killed_with_a_round_in_flight_carries_each_out_once_and_in_the_order_of_its_case(
    connector: str, tmp_path: Path, kafka: str, seen: Callable[[str], None]
) -> None:
    in_flight = []
    with sink_of(connector, tmp_path, kafka) as sink:
        for step in KILLS:
            # More cases than partitions: wherever a round begins, it has several of them.
            sink.ask(3 * PARTITIONS)
            assert sink.site.start(environment(step)).wait(90) == -9, (tmp_path / "connector.log").read_text()
            in_flight.append(sink.unfinished())
        sink.site.start(environment())
        sink.is_done()

        assert min(in_flight[:2]) > 1, "several were to be in flight"
        sink.is_right()
        seen(f"{connector}: {3 * len(sink.wanted)} instructions, {len(KILLS)} kills with {in_flight} in flight")


ASLEEP = "sink.intended:5:sleep=10"
"""Between an instruction's intention and the legacy system, where nothing but a look at what became of it can help."""


def zombie(connector: str, target: str, twin: str) -> Any:
    """The fault for one class of target."""
    mark = pytest.mark.fault(
        "T09",
        f"{target}: a sink stopped with an instruction in hand; another takes its place and goes on; the first wakes up",
        invariants="I2 I3",
        oracle="O2 O3",
        twins=(twin,),
    )
    return pytest.param(connector, marks=(mark, pytest.mark.long), id=connector)


@pytest.mark.parametrize(
    "connector",
    [
        zombie("universal_housing", "class A", "zombies-write-without-a-ledger"),
        zombie("social_care_soap", "class B", "zombies-write"),
        zombie("transport_files", "class C", "zombies-write-under-drawn-names"),
    ],
)
def test_of_two_sinks_alive_each_instruction_is_carried_out_once_and_in_order(
    connector: str, tmp_path: Path, kafka: str, seen: Callable[[str], None]
) -> None:
    with sink_of(connector, tmp_path, kafka) as sink:
        sink.ask(6)
        # One by one, four are done when the fifth is in hand; where a round is written as one, all of the first is in hand and none done.
        together = connector == "universal_housing"
        first = sink.site.start(environment(ASLEEP.replace("5", "1") if together else ASLEEP))
        eventually(lambda: sink.unfinished() > 0 and sink.done() == (0 if together else 4))
        first.send_signal(signal.SIGSTOP)
        second = sink.site.start(environment())
        sink.is_done()
        first.send_signal(signal.SIGCONT)
        assert first.wait(90) == 75, "it must find that another has taken its place"
        sink.ask(4)
        sink.is_done()

        assert second.poll() is None
        sink.is_right()
        seen(f"{connector}: {len(sink.wanted)} cases, {3 * len(sink.wanted)} instructions")


@pytest.mark.long
@pytest.mark.fault(
    "T09",
    "class D: a sink stopped with an instruction in hand; another takes its place and goes on; the first wakes up",
    invariants="I2",
    oracle="O2 O3",
    twins=("zombies-write",),
)
def test_of_two_sinks_alive_no_trip_is_booked_twice_and_none_is_in_doubt(
    tmp_path: Path, kafka: str, third_party: None, seen: Callable[[str], None]
) -> None:
    with ConnectorSite(tmp_path, kafka, PARTITIONS, "taxi_firm", IDLE) as site:
        asked = site.ask(8)
        first = site.start(environment(ASLEEP))
        eventually(lambda: sorted(ledger(tmp_path).values()) == ["applied"] * 4 + ["intent"])
        first.send_signal(signal.SIGSTOP)
        second = site.start(environment())
        eventually(lambda: len(ledger(tmp_path)) == 8 and set(ledger(tmp_path).values()) == {"applied"})
        first.send_signal(signal.SIGCONT)
        assert first.wait(90) == 75, "it must find that another has taken its place"
        asked += site.ask(4)
        eventually(lambda: len(ledger(tmp_path)) == 12 and set(ledger(tmp_path).values()) == {"applied"})
        assert second.poll() is None

    assert bookings(tmp_path / "legacy") == {each.partitionkey: 1 for each in asked}
    seen(f"taxi_firm: {len(asked)} trips, each booked once")


class Target:
    """The housing database on PostgreSQL, whose people and machines do to it what they do.

    Args:
        server: it runs there.
        url: SQLAlchemy's.
        orders: its table of works orders.
    """

    def __init__(self, server: Any, url: str, orders: Table) -> None:
        self._server, self._orders = server, orders
        self._engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        self._name = make_url(url).database

    def copy_books(self, folder: Path) -> None:
        """Copy its journal and its orders into the SQLite file that the oracle reads."""
        with self._engine.connect() as ours:
            journal = ours.execute(text("select id, op, wo_ref, hub_ref, status from rmworder_journal")).all()
            orders = ours.execute(text("select wo_ref, wo_status, u_hub_ref, date_due from rmworder")).all()
        folder.mkdir(exist_ok=True)
        with closing(sqlite3.connect(folder / "universal_housing.db")) as copy, copy:
            copy.execute("create table if not exists rmworder_journal (id primary key, op, wo_ref, hub_ref, status)")
            copy.execute("create table if not exists rmworder (wo_ref primary key, wo_status, u_hub_ref, date_due)")
            copy.executemany("insert or replace into rmworder_journal values (?, ?, ?, ?, ?)", map(tuple, journal))
            rows = [(*row[:3], row[3].isoformat()) for row in orders]
            copy.executemany("insert or replace into rmworder values (?, ?, ?, ?)", rows)

    def restart(self) -> None:
        """Down for a while, as for a patch."""
        self._server.stop()
        time.sleep(3)
        self._server.ensure_postgres_running()

    def fail_over(self) -> None:
        """Every connection breaks, wherever its transaction is."""
        with self._engine.connect() as ours:
            ours.execute(
                text(
                    "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = :name"
                ),
                {"name": self._name},
            )

    def be_read_only(self) -> None:
        """For a while, as a replica that is not yet promoted."""
        for word in ("on", "off"):
            with self._engine.connect() as ours:
                ours.execute(text("set default_transaction_read_only = off"))
                ours.execute(text(f"alter database {self._name} set default_transaction_read_only = {word}"))
            self.fail_over()
            time.sleep(4 if word == "on" else 0)

    def take_next_number(self) -> None:
        """Somebody has used the works order number that the hub would give next."""
        with self._engine.connect() as ours:
            number = ours.scalar(text("select last_number + 1 from council_hub_numbers"))
            staffs = {"wo_ref": f"{number:08d}", "prop_ref": CITIZENS[0].property_ref, "wo_status": "100"}
            ours.execute(insert(self._orders).values(staffs))

    def deadlock(self, ask: Callable[[], object]) -> None:
        """What the hub needs next is locked by who needs what the hub has locked; the database ends the hub's transaction.

        Args:
            ask: makes the hub need it.
        """
        ended = False
        while not ended:
            with self._engine.connect() as ours:
                # Who has waited for a second is ended, and ours has patience.
                ours.execute(text("set deadlock_timeout = '20s'"))
                ours.execute(text("begin"))
                ours.execute(text("lock table rmworder in share mode"))
                ask()
                eventually(self._waits)
                try:
                    ours.execute(text("update council_hub_numbers set last_number = last_number"))
                    ended = True
                except OperationalError:
                    continue  # it was ours after all
                finally:
                    ours.execute(text("rollback"))

    def _waits(self) -> bool:
        with self._engine.connect() as ours:
            return bool(ours.scalar(text("select count(*) from pg_locks where not granted")))


@pytest.fixture
def housing_url(postgres: Any) -> Iterator[str]:
    """SQLAlchemy's URL of an empty database, of which no connection stays open while the server goes down and comes back."""
    name = f"housing_{uuid4().hex[:12]}"
    for_database = f'create database "{name}"', f'drop database "{name}" with (force)'
    server = create_engine(postgres.get_uri(driver="psycopg"), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(for_database[0]))
    yield postgres.get_uri(database=name, driver="psycopg")
    with server.connect() as connection:
        connection.execute(text(for_database[1]))


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.fault(
    "T10",
    "the target's database restarted, failed over, read-only, in a deadlock with staff; the next number used by staff",
    invariants="I2 I3",
    oracle="O2 O3",
    twins=("nothing-is-retried",),
)
def test_a_target_that_fails_in_every_way_gets_each_instruction_once_and_in_order(
    tmp_path: Path, kafka: str, postgres: Any, housing_url: str, seen: Callable[[str], None]
) -> None:
    with sink_of("universal_housing", tmp_path / "sink", kafka, url=housing_url) as sink:
        target = Target(postgres, housing_url, sink.site.simulator.tables["rmworder"])
        sink.reads(target.copy_books)
        with Kept(sink.site.command, sink.site.log_file, environment()) as process:
            sink.ask(3)
            sink.is_done()
            for strike in (target.restart, target.fail_over, target.be_read_only):
                before = sink.done()
                sink.ask(20)
                sink.reaches(before + 1)
                strike()
                sink.is_done()
            target.take_next_number()
            sink.ask(1)
            sink.is_done()
            target.deadlock(lambda: sink.ask(1))
            sink.is_done()

            sink.is_right()
            assert process.wrong == []
            assert "DeadlockDetected" in process.said, "it was the hub's transaction that was to be ended"
            seen(f"{3 * len(sink.wanted)} instructions, 5 faults; restarted {process.restarts}")


BACKLOG = 40_000
FLAT_MB = 20.0


def metric(sink: Kept, name: str) -> float:
    """One that a connector's process shows; -1 while it shows none."""
    ports = re.findall(r'"health_port":(\d+)', sink.said)
    if not ports:
        return -1.0
    shown = httpx.get(f"http://127.0.0.1:{ports[-1]}/metrics").text
    found = re.search(rf"^{name} (\S+)$", shown, re.MULTILINE)
    return float(found[1]) if found else -1.0


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.fault(
    "T40",
    f"a sink whose system takes one instruction a second, with {BACKLOG} waiting; another department's beside it",
    invariants="I2 I7",
    oracle="O2 O3 O8",
    twins=("everything-is-taken",),
)
def test_a_slow_sink_fills_no_memory_says_what_waits_and_holds_up_nobody(
    tmp_path: Path, kafka: str, seen: Callable[[str], None]
) -> None:
    with (
        sink_of("transport_files", tmp_path / "slow", kafka) as slow,
        sink_of("universal_housing", tmp_path / "other", kafka) as other,
    ):
        slow.ask(BACKLOG, changes=0)
        waits = "hub_connector_waiting_records"
        with (
            Kept(slow.site.command, slow.site.log_file, environment("sink.intended:%1:sleep=1")) as process,
            Kept(other.site.command, other.site.log_file, environment()),
            Sampler({"slow": lambda: process.pid}) as sampler,
        ):
            eventually(lambda: metric(process, waits) >= 0)
            begun = time.monotonic()
            other.ask(20)
            other.is_done()
            eventually(lambda: slow.done() >= 8 and metric(process, waits) > 0)

            assert metric(process, waits) == pytest.approx(BACKLOG, abs=100)
            assert process.restarts == 0
            growth_mb, said = sampler.growth_mb("slow", begun), sampler.words("slow")
            assert growth_mb < FLAT_MB, said
        done = slow.books.done
        assert set(done.values()) == {1}
        assert len(done) < BACKLOG / 100
        other.is_right()
        seen(f"{BACKLOG} wait; {said}, +{growth_mb:.0f} MB; 60 of the other department's done meanwhile")


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.fault(
    "T40",
    f"a sink whose system is away for the whole run, with {BACKLOG} waiting; another department's beside it",
    invariants="I2 I7",
    oracle="O2 O3 O8",
    twins=("nothing-is-retried",),
)
def test_a_dead_sink_fills_no_memory_says_what_waits_and_holds_up_nobody(
    tmp_path: Path, kafka: str, seen: Callable[[str], None]
) -> None:
    with (
        sink_of("social_care_soap", tmp_path / "dead", kafka) as dead,
        sink_of("transport_files", tmp_path / "other", kafka) as other,
    ):
        dead.site.goes_away()
        dead.ask(BACKLOG, changes=0)
        waits = "hub_connector_waiting_records"
        with (
            Kept(dead.site.command, dead.site.log_file, environment()) as process,
            Kept(other.site.command, other.site.log_file, environment()),
            Sampler({"dead": lambda: process.pid}) as sampler,
        ):
            eventually(lambda: metric(process, waits) >= 0)
            begun = time.monotonic()
            other.ask(20)
            other.is_done()
            eventually(lambda: metric(process, waits) > 0 and dead.unfinished() > 0)

            assert metric(process, waits) == BACKLOG
            assert process.restarts == 0
            growth_mb, said = sampler.growth_mb("dead", begun), sampler.words("dead")
            assert growth_mb < FLAT_MB, said
        assert dead.done() == 0
        assert not dump(kafka, f"{dead.site.tasks_topic}-dlq", dead.letters)
        other.is_right()
        seen(f"{BACKLOG} wait; {said}, +{growth_mb:.0f} MB; 60 of the other department's done meanwhile")
