"""Faults of files that are read: half there, there twice, late, spoilt, in another encoding, of another shape; and the reader killed."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.sdk.simulation import BackOffice
from tests.faults.conftest import environment, eventually
from tests.faults.extracts import HEADINGS, Step, judge, places, sheet
from tests.faults.oracles import Record, dump
from tests.faults.test_connectors import SOURCE_STEPS, ends
from tests.sites.connector import ConnectorSite
from tests.sites.worker import PARTITIONS

ASLEEP = BackOffice(accept_s=1e9)
TOPIC, LETTERS = "transport-events", "transport-events-dlq"
_NUMBERS = count(1)
"""Of files and bookings: several tests may read the same depot."""
PATIENT_S = 3600
"""How long a file may lie unfinished; longer than any test."""


class Depot:
    """A depot whose files the test writes, and the connector that reads them.

    Args:
        site: of the connector.
    """

    def __init__(self, site: ConnectorSite) -> None:
        self.site = site
        self.begin = {topic: ends(site.kafka, topic) for topic in (TOPIC, LETTERS)}
        self._began = datetime.now(ZoneInfo("Europe/London")) - timedelta(hours=6)

    def name(self, days_ago: int = 0) -> str:
        """Of the next results file."""
        made = self._began + timedelta(seconds=next(_NUMBERS), days=-days_ago)
        return f"RESULTS_{made:%Y%m%d_%H%M%S}.csv"

    def booking(self) -> str:
        """A number that no other file has."""
        return f"{self.site.name[-8:]}{next(_NUMBERS)}"

    def path(self, name: str) -> Path:
        """Where a results file lies."""
        return Path(self.site.simulator.files / "outbound" / name)

    def put(self, content: str | bytes, name: str = "") -> str:
        """A file as a depot leaves it: under another name first. Its name."""
        name = name or self.name()
        part = self.path(f"{name}.part")
        part.write_bytes(content if isinstance(content, bytes) else content.encode("cp1252"))
        part.replace(self.path(name))
        return name

    def is_looked_at(self) -> None:
        """Wait until the connector has read all that lay there: it does so in order, and the last of it is ours."""
        step = Step(self.booking(), "ACC", "03/11/2026 09:40")
        self.put(sheet(step.row()))
        eventually(lambda: not judge([step], self.said()))

    def said(self) -> list[Record]:
        """Everything on the topic since this began."""
        return dump(self.site.kafka, TOPIC, self.begin[TOPIC])

    def letters(self) -> list[Record]:
        """Every dead letter since this began."""
        return dump(self.site.kafka, LETTERS, self.begin[LETTERS])


@contextmanager
def depot_in(folder: Path, kafka: str, **settings: Any) -> Iterator[Depot]:
    """A depot with nothing of earlier tests in it; its connector does not run yet."""
    with ConnectorSite(folder, kafka, PARTITIONS, "transport_files", ASLEEP) as site:
        site.write_settings({"poll_every_s": 0.1, "unfinished_s": PATIENT_S, **settings})
        yield Depot(site)


@pytest.fixture(scope="module")
def reading(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConnectorSite]:
    """A connector that runs, for several tests."""
    with depot_in(tmp_path_factory.mktemp("depot"), kafka) as depot:
        depot.site.start(environment())
        yield depot.site


@pytest.fixture
def depot(reading: ConnectorSite) -> Depot:
    """The depot of the connector that runs; each test has bookings of its own."""
    return Depot(reading)


@pytest.mark.fault(
    "T06",
    "kill -9 between reading a file, publishing its rows, their acknowledgement and the checkpoint; no other file repeats them",
    invariants="I1",
    oracle="O1 O2",
    twins=("checkpoint-first", "records-have-drawn-ids"),
)
def test_a_file_is_neither_lost_nor_doubled_when_its_reader_is_killed(
    tmp_path: Path, kafka: str, seen: Callable[[str], None]
) -> None:
    with depot_in(tmp_path, kafka) as depot:
        steps = []
        for place in SOURCE_STEPS:
            file = [Step(depot.booking(), "ACC", "03/11/2026 09:40") for _ in range(5)]
            depot.put(sheet(*(step.row() for step in file)))
            steps += file
            assert depot.site.start(environment(f"{place}:1:kill")).wait(90) == -9
        depot.site.start(environment())
        depot.is_looked_at()

        verdict = judge(steps, depot.said())
        assert not depot.letters()
    assert not verdict.lost, str(verdict)
    assert not verdict.doubled, str(verdict)
    seen(f"{len(SOURCE_STEPS)} files, {len(SOURCE_STEPS)} kills")


@pytest.mark.fault(
    "T30",
    "a file grows under its own name, byte by byte where it matters, another is renamed in",
    invariants="I1 I5",
    oracle="O1 O2",
    twins=("unfinished-files-are-broken",),
)
def test_a_file_is_not_read_before_it_is_complete(depot: Depot, seen: Callable[[str], None]) -> None:
    steps = [Step(depot.booking(), "ACC", "03/11/2026 09:40") for _ in range(12)]
    whole = sheet(*(step.row() for step in steps)).encode("cp1252")
    header, trailer = whole.index(b"\r\n"), whole.index(b"TRAILER")
    cuts = (0, header - 3, header + 2, trailer // 2, trailer, trailer + 4, trailer + len(b"TRAILER,1"))
    path = depot.path(depot.name())

    for cut in cuts:
        path.write_bytes(whole[:cut])
        depot.is_looked_at()
        assert not depot.letters(), f"set aside when {cut} of {len(whole)} bytes were there"
        assert len(judge(steps, depot.said()).lost) == len(steps), f"read when {cut} of {len(whole)} bytes were there"
    path.write_bytes(whole)
    depot.is_looked_at()

    verdict = judge(steps, depot.said())
    assert not verdict, str(verdict)
    assert not depot.letters()
    seen(f"looked at with {len(cuts)} beginnings of a file of {len(whole)} bytes")


@pytest.mark.fault(
    "T30",
    "a file is cut short after it was read, another before; the whole file comes again",
    invariants="I1 I5",
    oracle="O1 O2",
    twins=("broken-files-are-passed-over",),
)
def test_a_file_that_was_cut_short_is_set_aside_and_heals(
    tmp_path: Path, kafka: str, seen: Callable[[str], None]
) -> None:
    with depot_in(tmp_path, kafka, unfinished_s=0) as depot:
        depot.site.start(environment())
        read, unread = ([Step(depot.booking(), "ACC", "03/11/2026 09:40") for _ in range(3)] for _ in range(2))
        contents = [sheet(*(step.row() for step in file)).encode("cp1252") for file in (read, unread)]
        first = depot.put(contents[0])
        depot.is_looked_at()

        depot.put(contents[0][:-30], first)
        second = depot.put(contents[1][:-30])
        depot.is_looked_at()
        assert places(depot.letters()) == sorted([first, second])
        assert not judge(read, depot.said())
        for name, content in zip((first, second), contents, strict=True):
            depot.put(content, name)
        depot.is_looked_at()

        verdict = judge([*read, *unread], depot.said())
        assert not verdict, str(verdict)
        assert len(depot.letters()) == 2
    seen("2 files cut, 2 set aside, all rows said once")


@pytest.mark.fault(
    "T31",
    "the same file again, its content under another name, extracts that overlap, and yesterday's file after today's",
    invariants="I1 I2",
    oracle="O1 O2",
    twins=("rows-are-not-remembered",),
)
def test_what_files_repeat_is_said_once_and_a_late_one_goes_by_its_own_date(
    depot: Depot, seen: Callable[[str], None]
) -> None:
    moved, still, other, late = (depot.booking() for _ in range(4))
    yesterday, today = f"{moved},,TR01,ACC", Step(moved, "SCH", "03/11/2026 11:00")
    accepted = [Step(booking, "ACC", "02/11/2026 09:40") for booking in (moved, still)]
    ragged = f"{depot.booking()},too,few"
    first = sheet(*(step.row() for step in accepted), ragged)

    name = depot.put(first)
    depot.is_looked_at()
    depot.put(first, name)
    os.utime(depot.path(name), (time.time(), time.time() + 5))
    depot.put(first)
    depot.is_looked_at()
    began = Step(other, "ACC", "03/11/2026 10:00")
    depot.put(sheet(ragged, today.row(), accepted[1].row(), began.row()))
    depot.is_looked_at()
    only_late = Step(late, "ACC", "02/11/2026 16:00")
    depot.put(sheet(*(step.row() for step in accepted), only_late.row(), ragged), depot.name(days_ago=1))
    depot.is_looked_at()
    done = Step(moved, "CMP", "03/11/2026 12:00")
    depot.put(sheet(done.row(), accepted[1].row(), began.row(), only_late.row(), ragged))
    depot.is_looked_at()

    verdict = judge([*accepted, today, began, only_late, done], depot.said(), {moved, still, other, late})
    assert not verdict, f"{verdict} ({yesterday})"
    assert len(depot.letters()) == 1, "a row that cannot be used is set aside once, too"
    seen("6 files, 6 things said once")


@pytest.mark.fault(
    "T32",
    "one file with NUL bytes, no final newline, LF, CR and CRLF, quotes and line breaks in values, ragged rows, a byte of no character",
    invariants="I1 I5",
    oracle="O1 O2 O5",
    twins=("one-bad-row-breaks-its-file",),
)
def test_bad_rows_are_set_aside_with_their_line_and_good_ones_flow(depot: Depot, seen: Callable[[str], None]) -> None:
    steps = [Step(depot.booking(), "ACC", "03/11/2026 09:40") for _ in range(7)]
    crlf, lf, cr, quoted, broken_line, padded, last = steps
    bad = depot.booking()
    lines = [
        ",".join(HEADINGS) + "\r\n",  # 1
        crlf.row() + "\r\n",  # 2
        lf.row() + "\n",  # 3
        cr.row() + "\r",  # 4
        quoted.row('"Zoë ""Zed"" O\'Nettle, junior"') + "\r\n",  # 5
        f"{bad}x,too,few\r\n",  # 6
        broken_line.row('"Zoë\r\nThistle\nwrangle"') + "\r\n",  # 7 to 9
        "\r\n",  # 10
        f"{bad}y,,TR01,ACC,03/11/2026 09:40,,,,,one,too,many\r\n",  # 11
        f"{bad[:4]}\0{bad[4:]},,TR01,ACC,03/11/2026 09:40,,,,\r\n",  # 12
        padded.row().replace(padded.booking, f"{padded.booking}\0\0\0") + "\r\n",  # 13
        f"{bad}z,,TR01,Q7,03/11/2026 09:40,,,,\r\n",  # 14
        f"{bad}w,,TR01,ACC,03/11/2026 09:40,,,Zo\x81,\r\n",  # 15
        last.row('Zoë "Zed" Thistle') + "\r\n",  # 16
        "TRAILER,12",
    ]

    name = depot.put("".join(lines).encode("latin-1"))
    depot.is_looked_at()

    verdict = judge(steps, depot.said())
    assert not verdict, str(verdict)
    assert places(depot.letters()) == sorted(f"{name}, line {number}" for number in (6, 11, 12, 14, 15))
    seen(f"{len(steps)} good rows said, 5 bad ones set aside by line")


@pytest.mark.fault(
    "T33",
    "files in cp1252 with its quotes, in UTF-16 with and without a mark, in UTF-8 with a mark, one with both in it; cp1252 is declared",
    invariants="I1 I5",
    oracle="O1 O2",
    twins=("encodings-are-guessed",),
)
def test_a_file_is_read_in_the_declared_encoding_and_no_other_is_guessed(
    tmp_path: Path, kafka: str, seen: Callable[[str], None]
) -> None:
    with depot_in(tmp_path, kafka, unfinished_s=0) as depot:
        depot.site.start(environment())
        good, mixed, *strange = (Step(depot.booking(), "ACC", "03/11/2026 09:40") for _ in range(6))
        depot.put(sheet(good.row("Zoë \x93Zed\x94 O\x92Nettle".encode("latin-1").decode("cp1252"))))
        in_two = sheet(mixed.row("Siân"), strange[0].row("李")).encode("utf-8").replace("Siân".encode(), b"Si\xe2n")
        one_row = depot.put(in_two)
        encodings = ("utf-16", "utf-16-le", "utf-8-sig")
        whole = [
            depot.put(sheet(step.row("Zoë")).encode(name)) for step, name in zip(strange[1:], encodings, strict=True)
        ]
        depot.is_looked_at()

        verdict = judge([good, mixed], depot.said(), [good.booking, mixed.booking, *(step.booking for step in strange)])
        assert not verdict, str(verdict)
        assert places(depot.letters()) == sorted([f"{one_row}, line 3", *whole])
        reasons = [letter.headers["reason"] for letter in depot.letters()]
        assert sum(b"not in the declared encoding" in reason for reason in reasons) == len(whole)
    seen(f"{len(encodings)} files and 1 row set aside, 2 rows said")


@pytest.mark.fault(
    "T38",
    "the depot's files: a column more, columns in another order, wider; then one renamed; then its moments in another format",
    invariants="I1 I5",
    oracle="O1 O2 O9",
    twins=("other-columns-are-set-aside",),
)
def test_a_file_of_another_shape_is_waited_with_until_its_columns_are_named(
    tmp_path: Path, kafka: str, seen: Callable[[str], None]
) -> None:
    with depot_in(tmp_path, kafka) as depot:
        site = depot.site
        process = site.start(environment())
        plain, wider, renamed, retyped = (Step(depot.booking(), "ACC", "03/11/2026 09:40") for _ in range(4))
        depot.put(sheet(plain.row()))
        values = dict(zip(HEADINGS, wider.row("Siân" * 80).split(","), strict=True)) | {"Driver": "somebody"}
        turned = sheet(",".join(reversed(values.values())), headings=reversed(values))
        depot.put(turned)
        depot.is_looked_at()
        assert not judge([plain, wider], depot.said())
        assert [line["reason"].partition(" ")[2] for line in site.log() if line.get("outcome") == "remarked"] == [
            "has a column Driver that no file had before; it is not read."
        ]
        assert 'hub_connector_remarks_total{dataset="results"} 1.0' in site.health("/metrics")

        depot.put(sheet(renamed.row()).replace("Status Time", "Status At"))
        stopped = eventually(lambda: depot.letters() or ("broken" in (said := site.health("/readyz")) and said))
        assert isinstance(stopped, str), "set aside instead"
        assert "not one column Status Time; columns that no setting names: Passenger, Status At" in stopped
        assert judge([renamed], depot.said()).lost
        _stop(process)

        columns = {"columns": {"status_time": "Status At"}}
        site.write_settings({"poll_every_s": 0.1, **columns})
        process = site.start(environment())
        eventually(lambda: not judge([renamed], depot.said()))
        name = depot.put(sheet(retyped.row()).replace("Status Time", "Status At").replace("03/11/2026", "2026-11-03"))
        eventually(depot.letters)
        assert places(depot.letters()) == [f"{name}, line 2"]
        _stop(process)

        site.write_settings({**columns, "moments": {"formats": ["%Y-%m-%d %H:%M"]}})
        site.start(environment())
        eventually(lambda: not judge([retyped], depot.said()))
        verdict = judge([plain, wider, renamed, retyped], depot.said())
        assert not verdict, str(verdict)
    seen("more, other order, wider: flowed; renamed: waited with its name; retyped: held until its format was set")


def _stop(process: Any) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) in {0, -signal.SIGTERM}
