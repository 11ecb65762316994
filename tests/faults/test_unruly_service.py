"""Faults of a service that is polled: errors by the dozen, sessions that end, pages that shift, repeat or never end, clocks that differ."""

import random
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from connectors.sdk.simulation import BackOffice
from connectors.social_care_soap.simulated.records import Records
from connectors.social_care_soap.simulated.soap import Service, Trouble
from tests.faults.conftest import environment, eventually
from tests.faults.oracles import dump
from tests.faults.polls import judge, referrals, said_last
from tests.faults.test_connectors import ends
from tests.sites.connector import ConnectorSite
from tests.sites.worker import PARTITIONS

TOPIC = "social-care-events"
PATIENCE = {"poll_every_s": 0.1, "timeout_s": 5, "retry_after_s": 0.1, "retry_at_most_s": 0.2}


def wall_clock(ago_s: float = 0) -> str:
    """Now, or before, on the service's clock, as its table keeps it."""
    now = datetime.now(ZoneInfo("Europe/London")).replace(tzinfo=None, microsecond=0)
    return str(now - timedelta(seconds=ago_s))


class Casework:
    """The service's referrals, written by hand as its staff do."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def opens(self, changed_at: str) -> str:
        """One more referral; its number."""
        row = (changed_at,) * 3
        with closing(sqlite3.connect(self._file, timeout=30)) as sql, sql:
            made = sql.execute(
                "insert into referral (version, person_id, type, status, visits, received_at, changed_at, effective_at)"
                " values (1, '700001', 'ASMT', '10', -1, ?, ?, ?)",
                row,
            )
            return f"R{made.lastrowid:07d}"

    def moves(self, number: str, status: str, changed_at: str) -> None:
        """A referral moves."""
        with closing(sqlite3.connect(self._file, timeout=30)) as sql, sql:
            sql.execute(
                "update referral set version = version + 1, status = ?, changed_at = ? where number = ?",
                (status, changed_at, int(number[1:])),
            )


@contextmanager
def staff(casework: Casework, numbers: list[str]) -> Iterator[None]:
    """Thirty changes a second, some stamped by a clock that is two minutes slow; each once more at the end."""
    chance, stop = random.Random("staff"), threading.Event()

    def once(number: str) -> None:
        casework.moves(number, chance.choice(("20", "30", "40")), wall_clock(chance.choice((0, 0, 120))))

    def run() -> None:
        while not stop.wait(0.03):
            once(chance.choice(numbers))
        for number in numbers:
            once(number)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@dataclass
class Unruly:
    """What goes wrong between the service and its callers.

    Attributes:
        forgets: every so many calls it has forgotten all sessions; 0: never.
        repeats: every so many pages it gives the page before once more, and says that there are more; 0: never, 1: always.
    """

    forgets: int = 0
    repeats: int = 0
    calls: int = 0
    pages: int = 0
    before: list[dict[str, Any]] = field(default_factory=list)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Into the simulator, which runs in this process; the connector has one of its own."""
        check, page = Service._check_session, Records.changed_since

        def check_session(service: Service, token: str | None) -> None:
            self.calls += 1
            if self.forgets and self.calls % self.forgets == 0:
                service._sessions.clear()
            check(service, token)

        def changed_since(records: Records, since: str, number: int) -> Any:
            self.pages += 1
            if self.repeats and self.pages % self.repeats == 0 and self.before:
                return self.before, True
            found, more = page(records, since, number)
            self.before = found
            return found, more

        monkeypatch.setattr(Service, "_check_session", check_session)
        monkeypatch.setattr(Records, "changed_since", changed_since)


@pytest.mark.long
@pytest.mark.fault(
    "T36",
    "the referral service: storms of HTTP 500, sessions that end between pages, pages that shift, repeat and never end, clocks that differ",
    invariants="I1",
    oracle="O1 O2",
    twins=("polls-do-not-look-back", "pages-go-by-number", "repeated-pages-are-followed"),
)
def test_an_unruly_service_is_read_to_the_end_and_nothing_is_lost(
    tmp_path: Path, kafka: str, seen: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble, unruly = Trouble(), Unruly()
    unruly.install(monkeypatch)
    office = BackOffice(accept_s=1e9)
    with ConnectorSite(tmp_path, kafka, PARTITIONS, "social_care_soap", office, trouble=trouble) as site:
        site.write_settings(PATIENCE)
        begin, file = ends(kafka, TOPIC), tmp_path / "legacy/casebrook.db"
        casework = Casework(file)
        numbers = [casework.opens(wall_clock(86_400 - 60 * place)) for place in range(400)]
        ahead = casework.opens(wall_clock(-86_400))

        def waits(why: str) -> None:
            eventually(lambda: why in site.health("/readyz"))

        def is_read() -> None:
            last = casework.opens(wall_clock())
            eventually(lambda: last in said_last(dump(kafka, TOPIC, begin)))

        with staff(casework, numbers[::2]):
            unruly.forgets, unruly.repeats = 7, 5
            process = site.start(environment())
            is_read()
            for _ in range(3):
                trouble.web_page = 500
                waits("HTTP 500")
                trouble.web_page = None
                is_read()
            unruly.repeats = 1
            waits("a page of another question")
            unruly.repeats = 5
            is_read()
        unruly.forgets, unruly.repeats = 0, 0
        is_read()

        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in {0, -signal.SIGTERM}
        stand = referrals(file)
        verdict = judge(stand, dump(kafka, TOPIC, begin))
    assert ahead in stand
    assert not verdict, str(verdict)
    seen(f"{len(stand)} referrals, {unruly.pages} pages, {unruly.calls} calls, 3 storms")


@pytest.mark.long
@pytest.mark.fault(
    "T36",
    "the housing database: every connection ended again and again, rows that move to other pages, stamps of a clock two minutes slow",
    invariants="I1",
    oracle="O1 O2",
    twins=("polls-do-not-look-back",),
)
def test_a_database_that_ends_every_connection_is_read_to_the_end_and_nothing_is_lost(
    tmp_path: Path, kafka: str, postgres_url: str, seen: Callable[[str], None]
) -> None:
    url, chance = postgres_url.replace("+psycopg", ""), random.Random("housing")
    office = BackOffice(accept_s=1e9, work_s=1e9)
    with (
        ConnectorSite(tmp_path, kafka, PARTITIONS, "universal_housing", office, url=postgres_url) as site,
        psycopg.connect(url, autocommit=True) as sql,
    ):
        site.write_settings({**PATIENCE, "page_rows": 10})
        begin, ended = ends(kafka, "housing-events"), 0
        prepared = [(f"{10_000 + place:08d}", wall_clock(86_400 - 60 * place)) for place in range(200)]

        def put(number: str, stamp: str) -> None:
            sql.execute(
                "insert into rmworder (wo_ref, prop_ref, wo_status, rep_type, dtstamp, created, issued)"
                " values (%s, '00000091', '100', 'RSP', %s, now(), now())",
                (number, stamp),
            )

        def is_read(number: int) -> None:
            put(f"{number:08d}", wall_clock())
            eventually(lambda: f"{number:08d}" in said_last(dump(kafka, "housing-events", begin)))

        for number, stamp in prepared:
            put(number, stamp)
        put("00020000", wall_clock(-86_400))
        site.start(environment())
        for storm in range(10):
            ended += sql.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
            ).rowcount
            for number, _ in chance.sample(prepared, 40):
                moved = chance.choice(("200", "400", "500")), wall_clock(chance.choice((0, 120))), number
                sql.execute("update rmworder set wo_status = %s, dtstamp = %s where wo_ref = %s", moved)
            is_read(30_000 + storm)

        rows = sql.execute("select trim(wo_ref), trim(wo_status) from rmworder where wo_ref >= '00010000'").fetchall()
        words = {"100": "asked", "200": "accepted", "400": "in-progress", "500": "completed"}
        verdict = judge({order: words[status] for order, status in rows}, dump(kafka, "housing-events", begin))
    assert ended
    assert not verdict, str(verdict)
    seen(f"{len(rows)} orders, {ended} connections ended")
