"""Faults of size at a connector: what a legacy system holds and no topic takes, and what is asked of one and does not fit into it."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from connectors.sdk.simulation import BackOffice
from tests.faults.conftest import environment, eventually
from tests.faults.oracles import Record, dump
from tests.faults.test_connectors import all_of, ends, statuses
from tests.faults.test_names import in_social_care, named
from tests.faults.test_polling import INSERT, PROPERTIES, TOPIC, wall_clock
from tests.oracle import legacy
from tests.sites.connector import ConnectorSite
from tests.sites.worker import PARTITIONS

pytestmark = pytest.mark.timeout(180)
LETTERS = f"{TOPIC}-dlq"
LARGEST_LETTER = 2 * 1_048_576 - 64 * 1024
"""Bytes of a legacy record that its dead letter still carries."""
MB = 1_048_576
IDLE = BackOffice(accept_s=1e9)


class Orders:
    """The housing department's works orders, written by hand into columns that somebody has made wide enough for anything."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "legacy/universal_housing.db"
        self.good: list[str] = []
        with closing(sqlite3.connect(self._file, timeout=30)) as sql, sql:
            sql.execute("drop trigger rmworder_padded")

    def put(self, number: str, property_ref: str = PROPERTIES[0], status: str = "100") -> None:
        """An order as somebody's program wrote it, and a good one behind it."""
        self.good.append(f"9{len(self.good):07}")
        moment = wall_clock()
        rows = [
            (number, property_ref, status, "RSP", moment, moment, moment),
            (self.good[-1], PROPERTIES[0], "100", "RSP", moment, moment, moment),
        ]
        with closing(sqlite3.connect(self._file, timeout=30)) as sql, sql:
            sql.executemany(f"{INSERT} values (?, ?, ?, ?, ?, ?, ?)", rows)


def orders_said(records: list[Record]) -> list[str]:
    """The numbers of the works orders that facts are about."""
    events = [json.loads(record.value or b"null") for record in records]
    return [event["data"]["works_order"] for event in events if event["type"] == "housing.works-order-changed.v1"]


@pytest.mark.fault(
    "T44",
    "works orders with a field of 50 MB, a code of 3 MB, a number of 3 MB, and one byte over what a dead letter carries",
    invariants="I1 I5",
    oracle="O2 O9",
    twins=("letters-are-not-measured", "keys-have-any-size"),
)
def test_a_record_too_large_is_set_aside_with_its_reason_and_blocks_no_feed(
    tmp_path: Path, kafka: str, seen: Callable[[str], None]
) -> None:
    with ConnectorSite(tmp_path, kafka, PARTITIONS, "universal_housing", IDLE) as site:
        facts, begin, orders = ends(kafka, TOPIC), ends(kafka, LETTERS), Orders(tmp_path)

        def letters(number: int) -> list[Record]:
            """So many letters, once all the good orders are said too."""
            said = eventually(lambda: runs() and all_said(dump(kafka, TOPIC, facts), orders.good))
            assert sorted(orders_said(said)) == sorted(orders.good), (
                "a fact said twice, or of an order that cannot be read"
            )
            found: list[Record] = eventually(lambda: len(got := dump(kafka, LETTERS, begin)) >= number and got)
            return found

        def runs() -> bool:
            assert process.poll() is None, site.last_words()
            return True

        process = site.start(environment())
        orders.put("80000001", property_ref="x" * 40)
        (probe,) = letters(1)
        room = LARGEST_LETTER - len(probe.value or b"") + 40
        orders.put("80000002", property_ref="x" * room)
        orders.put("80000003", property_ref="x" * (room + 1))
        orders.put("80000004", property_ref="x" * (50 * MB))
        orders.put("80000005", status="q" * (3 * MB))
        orders.put("n" * (3 * MB))
        found = letters(6)
        assert len(found) == 6
        assert sorted(orders_said(dump(kafka, TOPIC, facts))) == sorted(orders.good)

        assert runs()
        assert "everything works" in site.health("/readyz")
        assert [len(each.value) if each.value else None for each in found if each.key == b"80000002"] == [
            LARGEST_LETTER
        ]
        at_home = {each.key for each in found if each.value is None}
        assert {b"80000003", b"80000004", b"80000005"} < at_home
        assert len(at_home) == 4
        for each in found:
            assert len(each.headers["reason"]) < 4_000
            assert each.headers["dataset"] == b"works-orders"
            assert (b"the connector keeps it whole" in each.headers["reason"]) == (each.value is None)
        assert {each.headers["code"] for each in found} == {b"bad-value", b"unmapped-code"}
        seen(
            f"{len(found)} letters, {len(at_home)} of them without the record; {len(orders.good)} good orders behind them"
        )


def all_said(records: list[Record], numbers: list[str]) -> list[Record] | None:
    """The facts, once each of these orders is among them."""
    return records if set(numbers) <= set(orders_said(records)) else None


@pytest.mark.fault(
    "T44",
    "a name longer than social care's system holds, where the settings say that it holds it, between instructions that fit",
    invariants="I2 I5",
    oracle="O2 O3",
    twins=("refusals-are-for-later",),
)
def test_an_instruction_too_large_for_its_system_is_rejected_with_the_reason_and_blocks_nothing(
    tmp_path: Path, kafka: str, seen: Callable[[str], None]
) -> None:
    with ConnectorSite(tmp_path, kafka, PARTITIONS, "social_care_soap", IDLE) as site:
        site.write_settings({"full_name": {"width": 200}})
        begin, letters = ends(kafka, "case-events"), ends(kafka, "social-care-tasks-dlq")
        fits, large = named(site.instruction(), "F" * 62), named(site.instruction(), "L" * 63)
        behind = [site.instruction() for _ in range(PARTITIONS)]
        site.send([fits, large, *behind])
        process = site.start(environment())
        taken = [event.id.hex for event in (fits, *behind)]
        eventually(lambda: all_of(dump(kafka, "case-events", begin), taken, "accepted"))
        eventually(lambda: all_of(dump(kafka, "case-events", begin), [large.id.hex], "rejected"))

        assert process.poll() is None, site.last_words()
        (said,) = statuses(dump(kafka, "case-events", begin), large.id.hex)
        assert said["data"]["reason"] == "a text is too long for the social-care system"
        assert dump(kafka, "social-care-tasks-dlq", letters) == []
    done = legacy.social_care(tmp_path / "legacy").done
    assert [done[legacy.RAISED, key] for key in taken] == [1] * len(taken)
    assert done[legacy.RAISED, large.id.hex] == 0
    assert "F" * 62 in in_social_care(tmp_path / "legacy")
    seen(f"{len(taken)} applied, one rejected")
