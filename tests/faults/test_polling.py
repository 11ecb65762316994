"""Faults of a table that is polled: changed while it is read, the reader killed, and changed in its shape."""

import random
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest

from connectors.sdk.simulation import BackOffice
from connectors.sdk.specimens import CITIZENS
from tests.faults.conftest import environment, eventually
from tests.faults.oracles import Record, dump
from tests.faults.polls import judge, said_last, stands
from tests.faults.test_connectors import SOURCE_STEPS, ends
from tests.sites.connector import ConnectorSite
from tests.sites.worker import PARTITIONS

ASLEEP = BackOffice(accept_s=1e9, work_s=1e9)
INSERT = "insert into rmworder (wo_ref, prop_ref, wo_status, rep_type, dtstamp, created, issued)"
TOPIC = "housing-events"
PROPERTIES = tuple(citizen.property_ref for citizen in CITIZENS)
MOVES = ("200", "400", "500")


def wall_clock(late_s: float = 0) -> str:
    """Now, or a little before, on the legacy clock, in whole seconds as its programs write it."""
    now = datetime.now(ZoneInfo("Europe/London")).replace(tzinfo=None, microsecond=0)
    return f"{now - timedelta(seconds=late_s):%Y-%m-%d %H:%M:%S}.000000"


class Register:
    """The housing department's works orders, written by hand as its staff do."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._number = 0

    def order(self, stamp: str = "") -> str:
        """One more; its number."""
        self._number += 1
        number = f"{self._number:08d}"
        row = (
            number,
            PROPERTIES[self._number % len(PROPERTIES)],
            "100",
            "RSP",
            stamp or wall_clock(),
            *[wall_clock()] * 2,
        )
        with closing(sqlite3.connect(self.file, timeout=30)) as sql, sql:
            sql.execute(f"{INSERT} values (?, ?, ?, ?, ?, ?, ?)", row)
        return number

    def move(self, number: str, status: str, late_s: float) -> None:
        """An order moves; the row is stamped when its transaction began, and seen when it ends."""
        with closing(sqlite3.connect(self.file, timeout=30)) as sql, sql:
            sql.execute(
                "update rmworder set wo_status = ?, dtstamp = ? where trim(wo_ref) = ?",
                (status, wall_clock(late_s), number),
            )


@contextmanager
def moving(register: Register, orders: list[str]) -> Iterator[list[int]]:
    """Fifty changes a second, over and over these; each once more at the end. The answer counts them."""
    chance, stop, count = random.Random("moving"), threading.Event(), [0]

    def once(number: str) -> None:
        register.move(number, chance.choice(MOVES), late_s=chance.choice((0, 0, 4)))
        count[0] += 1

    def run() -> None:
        while not stop.wait(0.02):
            once(chance.choice(orders))
        for number in orders:
            once(number)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield count
    finally:
        stop.set()
        thread.join()


@pytest.mark.fault(
    "T05",
    "kill -9 in mid page of a poll, at each step, while fifty changes a second hit the rows it reads, some stamped before they are seen",
    invariants="I1 I4",
    oracle="O1 O4",
    twins=("checkpoint-first", "polls-do-not-look-back"),
)
def test_the_last_word_on_each_row_is_said_though_its_reader_is_killed_in_mid_page(
    tmp_path: Path, kafka: str, seen: Callable[[str], None]
) -> None:
    with ConnectorSite(tmp_path, kafka, PARTITIONS, "universal_housing", ASLEEP) as site:
        site.write_settings({"poll_every_s": 0.1, "page_rows": 10})
        register, begin = Register(tmp_path / "legacy/universal_housing.db"), ends(kafka, TOPIC)
        orders = [register.order(wall_clock(600 - place)) for place in range(120)]

        def is_read() -> None:
            last = register.order()
            eventually(lambda: last in said_last(dump(kafka, TOPIC, begin)))

        with moving(register, orders[::2]) as changes:
            for step in SOURCE_STEPS:
                assert site.start(environment(f"{step}:3:kill")).wait(90) == -signal.SIGKILL
            site.start(environment())
            eventually(lambda: set(orders[1::2]) <= said_last(dump(kafka, TOPIC, begin)).keys() or changes[0] > 3_000)
        is_read()
        for number in orders[::3]:
            register.move(number, "400", late_s=60)  # seen after, stamped before what it has read by now
        is_read()

        verdict = judge(stands(register.file), dump(kafka, TOPIC, begin))
    assert not verdict, str(verdict)
    seen(f"{len(orders)} rows, {changes[0]} changes, {len(SOURCE_STEPS)} kills")


class Shape:
    """The works orders of a housing department on PostgreSQL, whose supplier changes them."""

    def __init__(self, url: str) -> None:
        self._url = url.replace("+psycopg", "")

    def alter(self, *clauses: str) -> None:
        """Change the table."""
        with psycopg.connect(self._url, autocommit=True) as sql:
            for clause in clauses:
                sql.execute(f"ALTER TABLE rmworder {clause}")

    def order(self, number: str) -> None:
        """One more order, stamped now."""
        row = (number, PROPERTIES[0], "100", "RSP", *[wall_clock()] * 3)
        with psycopg.connect(self._url, autocommit=True) as sql:
            sql.execute(f"{INSERT} values (%s, %s, %s, %s, %s, %s, %s)", row)


@pytest.mark.fault(
    "T38",
    "the housing table: a column more, one wider, one moved to the end; then one renamed, one of another type, one dropped",
    invariants="I1",
    oracle="O1 O2 O9",
    twins=("columns-are-not-looked-at",),
)
def test_a_table_of_another_shape_stops_its_reader_at_that_row_with_the_columns_name(
    tmp_path: Path, kafka: str, postgres_url: str, seen: Callable[[str], None]
) -> None:
    with ConnectorSite(tmp_path, kafka, PARTITIONS, "universal_housing", ASLEEP, url=postgres_url) as site:
        site.write_settings({"poll_every_s": 0.1})
        shape, begin = Shape(postgres_url), ends(kafka, TOPIC)

        def topic() -> list[Record]:
            return dump(kafka, TOPIC, begin)

        def stopped() -> str:
            eventually(lambda: process.poll() is not None)
            assert process.returncode == 78
            return site.last_words()

        process = site.start(environment())
        shape.order("00000001")
        eventually(lambda: "00000001" in said_last(topic()))
        shape.alter("ADD COLUMN u_contractor text", "ALTER COLUMN u_short_desc TYPE char(200)")
        shape.alter(
            "RENAME COLUMN insp_outcome TO old",
            "ADD COLUMN insp_outcome char(3) NOT NULL DEFAULT ' '",
            "DROP COLUMN old",
        )
        shape.order("00000002")
        eventually(lambda: "00000002" in said_last(topic()))
        remarks = [line["reason"] for line in site.log() if line.get("outcome") == "remarked"]
        assert remarks == ["Table rmworder has a column u_contractor that it had not before; it is not read."]

        shape.alter("RENAME COLUMN change_reason TO u_change_reason")
        shape.order("00000003")
        assert (
            'Table rmworder has no column change_reason. Set works_orders.reason; did you mean "u_change_reason"?'
            in stopped()
        )
        site.write_settings({"poll_every_s": 0.1, "works_orders": {"reason": "u_change_reason"}})
        process = site.start(environment())
        eventually(lambda: "00000003" in said_last(topic()))

        shape.alter("ALTER COLUMN prop_ref DROP DEFAULT", "ALTER COLUMN prop_ref TYPE integer USING prop_ref::integer")
        assert "Column rmworder.prop_ref holds INTEGER and must hold text. Set works_orders.property_ref" in stopped()
        shape.alter("ALTER COLUMN prop_ref TYPE char(12) USING lpad(prop_ref::text, 8, '0')")
        shape.order("00000004")
        process = site.start(environment())
        eventually(lambda: "00000004" in said_last(topic()))

        shape.alter("DROP COLUMN completed")
        assert "Table rmworder has no column completed. Set works_orders.completed" in stopped()
        shape.alter("ADD COLUMN completed timestamp NOT NULL DEFAULT '1900-01-01'")
        shape.order("00000005")
        site.start(environment())
        eventually(lambda: "00000005" in said_last(topic()))

        verdict = judge({f"{number:08d}": "asked" for number in range(1, 6)}, topic())
    assert not verdict, str(verdict)
    seen("more, wider, moved: flowed; renamed, retyped, dropped: stopped with the column's name, and went on")
