"""The depot's connector against its real SFTP server: killed, cut off, refused, and back again."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from connectors.sdk import (
    Batch,
    ConfigurationError,
    Effect,
    LegacyRecord,
    Progress,
    RetryLater,
    TranslationError,
    load_manifest,
    load_settings,
)
from connectors.sdk.rehearsal import Running, change_of, raise_task, withdrawal_of
from connectors.sdk.simulation import BackOffice
from connectors.transport_files.connector import Settings, TransportFiles
from connectors.transport_files.mapping import booking_file, booking_name
from connectors.transport_files.rules import FileRules
from connectors.transport_files.simulated.depot import Depot
from connectors.transport_files.simulator import TransportSimulator
from schemas.tasks import TaskStatus, Work

REPOSITORY = Path(__file__).parents[2]
MANIFEST = load_manifest(REPOSITORY / "connectors/transport_files/manifest.toml")
ASLEEP = BackOffice(accept_s=1e9)
AT_ONCE = BackOffice(accept_s=0, work_s=0, reject_share=0, stall_share=0)
TRIP = raise_task(Work.TRIP, MANIFEST, 0)
NAME = booking_name(TRIP, FileRules())


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[TransportSimulator]:
    """A depot that takes files in and works on none."""
    with serving(TransportSimulator(tmp_path / "depot", ASLEEP)) as simulator:
        yield simulator


@contextmanager
def serving(simulator: TransportSimulator) -> Iterator[TransportSimulator]:
    running = Running(simulator)
    running.start()
    try:
        yield simulator
    finally:
        running.stop()


@contextmanager
def connected(simulator: TransportSimulator, **other: Any) -> Iterator[TransportFiles]:
    table = {**simulator.connector_settings(), "timeout_s": 5, **other}
    known = {name: value for name, value in table.items() if value is not None}
    connector = TransportFiles(load_settings(Settings, known, "test"))
    try:
        yield connector
    finally:
        connector.close()


def eventually(true: Callable[[], bool], what: str) -> None:
    """Look again and again until it is true."""
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.01)


def journal(simulator: TransportSimulator) -> list[dict[str, Any]]:
    return [json.loads(line) for line in simulator.journal.read_text().splitlines()]


def taken_in(simulator: TransportSimulator, many: int) -> bool:
    return simulator.journal.exists() and len(journal(simulator)) >= many and not booking_files(simulator)


def booking_files(simulator: TransportSimulator) -> list[str]:
    return sorted(path.name for path in (simulator.files / "inbound").glob("BK_*"))


def effects(many: int) -> list[Effect]:
    """So many bookings of one citizen."""
    return [Effect(key=f"{number:032x}", case=TRIP.case, instruction=TRIP.instruction) for number in range(1, many + 1)]


def put_results(simulator: TransportSimulator, name: str, content: str | bytes) -> None:
    """Put a file there as the depot does: under another name first."""
    path = simulator.files / "outbound" / name
    part = path.with_name(f"{name}.part")
    part.write_bytes(content if isinstance(content, bytes) else content.encode("cp1252"))
    part.replace(path)


def results(*rows: str) -> str:
    header = "Booking No,Your Ref,Booking Type,Status,Status Time,Trip Date,Pickup,Passenger,Reason"
    return "\r\n".join([header, *rows, f"TRAILER,{len(rows)}", "", ""])


def records(batches: list[Batch]) -> list[LegacyRecord]:
    return [record for batch in batches for record in batch.records]


# --- both ways


def test_a_booking_goes_out_and_its_results_come_back(tmp_path: Path) -> None:
    with serving(TransportSimulator(tmp_path, AT_ONCE)) as depot, connected(depot) as connector:
        said: list[Progress] = []
        checkpoint = None

        receipt = connector.apply(TRIP)

        def completed() -> bool:
            nonlocal checkpoint
            for batch in connector.read("results", checkpoint):
                checkpoint = batch.checkpoint
                for record in batch.records:
                    said.extend(item for item in connector.translate(record) if isinstance(item, Progress))
            return any(item.status is TaskStatus.COMPLETED for item in said)

        eventually(completed, "the trip is completed")

    assert receipt.reference is None
    assert {(item.effect_key, item.reference) for item in said} == {(TRIP.key, "TB000001")}
    assert said[-1].answers.pickup_time is not None


def test_a_change_and_a_withdrawal_find_the_booking_by_our_reference(depot: TransportSimulator) -> None:
    change, withdrawal = change_of(TRIP), withdrawal_of(TRIP)

    with connected(depot) as connector:
        connector.apply(TRIP)
        for instruction in (change, withdrawal):
            connector.apply(Effect(key=instruction.id.hex, case=TRIP.case, instruction=instruction, raised_as=TRIP.key))
        eventually(lambda: taken_in(depot, 3), "the depot takes them in")

    assert [(line["kind"], line["outcome"]) for line in journal(depot)] == [
        ("NEW", "applied"), ("AMEND", "applied"), ("CANCEL", "applied"),
    ]  # fmt: skip


def test_a_booking_file_that_the_depot_refuses_refuses_its_task(depot: TransportSimulator) -> None:
    with connected(depot, interface="OTHER01") as connector:
        connector.apply(TRIP)
        eventually(lambda: taken_in(depot, 1), "the depot refuses it")

        assert connector.apply(TRIP).status is TaskStatus.ACCEPTED  # it lies among the refused: not sent again
        (record,) = records(list(connector.read("results", None)))
        (said,) = connector.translate(record)

    assert isinstance(said, Progress)
    assert (said.status, said.effect_key) == (TaskStatus.REJECTED, TRIP.key)
    assert [line["outcome"] for line in journal(depot)] == ["refused"]


# --- once


def test_applying_again_writes_nothing_wherever_the_file_has_gone(depot: TransportSimulator) -> None:
    with connected(depot) as connector:
        first = connector.apply(TRIP)
        assert connector.apply(TRIP) == first
        eventually(lambda: taken_in(depot, 1), "the depot takes it in")
        assert connector.apply(TRIP) == first

    assert [line["outcome"] for line in journal(depot)] == ["applied"]
    assert (depot.files / "archive" / NAME).read_bytes() == booking_file(TRIP, connector.settings)


def test_a_server_cut_off_before_the_rename_leaves_nothing_that_the_depot_takes(
    depot: TransportSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never_answers(*_: Any) -> None:
        await asyncio.Event().wait()

    with connected(depot, timeout_s=1) as connector:
        with monkeypatch.context() as patch:
            patch.setattr(asyncssh.SFTPServer, "posix_rename", never_answers)
            with pytest.raises(RetryLater, match="does not answer"):
                connector.apply(TRIP)
        assert booking_files(depot) == []

        connector.apply(TRIP)
        eventually(lambda: taken_in(depot, 1), "the depot takes it in")

    assert [line["outcome"] for line in journal(depot)] == ["applied"]


def test_a_connector_killed_between_writing_and_renaming_leaves_one_booking_in_the_end(
    depot: TransportSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = depot.files / "inbound" / f".{NAME}.part"

    async def never_answers(*_: Any) -> None:
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(asyncssh.SFTPServer, "posix_rename", never_answers)
        table = tmp_path / "settings.json"
        table.write_text(json.dumps(dict(depot.connector_settings())))
        process = subprocess.Popen([sys.executable, "-c", APPLY_TRIP, str(table)], cwd=REPOSITORY)
        whole = booking_file(TRIP, FileRules())
        eventually(lambda: written.exists() and written.read_bytes() == whole, "the temporary file is whole")
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert booking_files(depot) == []

    with connected(depot) as connector:
        connector.apply(TRIP)
    eventually(lambda: taken_in(depot, 1), "the depot takes it in")

    assert [line["outcome"] for line in journal(depot)] == ["applied"]
    assert not written.exists()


APPLY_TRIP = """
import json, sys
from pathlib import Path
from connectors.sdk import load_manifest
from connectors.sdk.rehearsal import raise_task
from connectors.transport_files.connector import Settings, TransportFiles
from schemas.tasks import Work
connector = TransportFiles(Settings(**json.loads(Path(sys.argv[1]).read_text())))
connector.apply(raise_task(Work.TRIP, load_manifest(Path("connectors/transport_files/manifest.toml")), 0))
"""


# --- results


def test_a_results_file_that_takes_longer_than_an_answer_may_is_fetched_as_long_as_more_of_it_comes(
    depot: TransportSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, one_at_a_time, asked = asyncssh.SFTPServer.read, asyncio.Lock(), list[int]()

    async def slow(server: asyncssh.SFTPServer, file: object, offset: int, size: int) -> bytes:
        async with one_at_a_time:
            await asyncio.sleep(0.1)
        asked.append(offset)
        return bytes(read(server, file, offset, size))  # type: ignore[arg-type]  # asyncssh has no types for it

    put_results(depot, "RESULTS_20301103_090000.csv", results(*(f"TB{n:06},,TR01,ACC,,,,," for n in range(40_000))))
    monkeypatch.setattr(asyncssh.SFTPServer, "read", slow)

    with connected(depot, timeout_s=1) as connector:
        found = records(list(connector.read("results", None)))

    assert len(asked) * 0.1 > connector.settings.timeout_s
    assert len(found) == 40_000


# --- results that are not as agreed


# What is still being written, comes twice, late or spoilt is in tests/faults/test_results_files.py.


def test_a_file_that_cannot_be_used_is_set_aside_once_it_has_lain_unchanged_for_long_enough(
    depot: TransportSimulator,
) -> None:
    whole = results("TB000001,,TR01,ACC,03/11/2026 09:40,,,,").encode()
    now = 0.0

    with connected(depot, unfinished_s=60) as connector:
        connector._clock = lambda: now

        def look(content: bytes) -> list[LegacyRecord]:
            put_results(depot, "RESULTS_20300101_090000.csv", content)
            os.utime(depot.files / "outbound/RESULTS_20300101_090000.csv", (1.9e9, 1.9e9))
            return [record for record in records(list(connector.read("results", None))) if "2030" in record.position]

        assert look(whole[:-30]) == []
        now = 59.0
        assert look(whole[:-20]) == []  # it has grown: its time begins anew
        now = 118.0
        assert look(whole[:-20]) == []
        now = 119.0
        (cut,) = look(whole[:-20])
        with pytest.raises(TranslationError, match=r"RESULTS_20300101_090000\.csv: its last line is no trailer"):
            connector.translate(cut)


# --- away, and not let in


def test_a_server_that_stops_is_waited_for_and_found_again(tmp_path: Path) -> None:
    simulator = TransportSimulator(tmp_path, ASLEEP)
    with ExitStack() as stack:
        with serving(simulator):
            connector = stack.enter_context(connected(simulator, timeout_s=2))
            connector.check()
        for attempt in (connector.check, lambda: list(connector.read("results", None)), lambda: connector.apply(TRIP)):
            with pytest.raises(RetryLater):
                attempt()

        with serving(simulator):
            connector.apply(TRIP)
            eventually(lambda: taken_in(simulator, 1), "the depot takes it in")

    assert [line["outcome"] for line in journal(simulator)] == ["applied"]


def test_a_file_that_goes_while_its_folder_is_listed_is_waited_out(
    depot: TransportSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = asyncssh.SFTPServer.scandir
    going = iter([True])

    def scandir(server: asyncssh.SFTPServer, path: bytes) -> Any:
        if next(going, False):
            raise asyncssh.SFTPNoSuchFile("a file went")
        return listing(server, path)

    monkeypatch.setattr(asyncssh.SFTPServer, "scandir", scandir)
    with connected(depot) as connector:
        with pytest.raises(RetryLater, match="Tried again later"):
            list(connector.read("results", None))
        list(connector.read("results", None))  # the next look finds the folder as it is


def test_a_key_lets_us_in_as_well_as_a_password(depot: TransportSimulator) -> None:
    with connected(depot, password=None, key_file=str(depot.folder / "client_key")) as connector:
        connector.check()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"password": "wrong"}, "Set user and password or key_file"),
        ({"user": "nobody"}, "refuses the login of nobody"),
        ({"host_key": f"SHA256:{'A' * 43}"}, "shows another host key than host_key says"),
        ({"password": None, "key_file": "/nowhere/key"}, "key_file is not the path of a private key"),
        ({"archive": "attic"}, "folder attic is missing or closed to us. Set archive"),
        ({"outbound": "exit"}, "folder exit is missing or closed to us. Set outbound"),
    ],
)
def test_what_keeps_us_out_for_good_names_the_setting(
    depot: TransportSimulator, wrong: dict[str, str | None], named: str
) -> None:
    with connected(depot, **wrong) as connector, pytest.raises(ConfigurationError, match=named):
        connector.check()


def test_a_check_leaves_nothing_behind(depot: TransportSimulator) -> None:
    with connected(depot) as connector:
        connector.check()

    assert [path.name for path in (depot.files / "inbound").iterdir()] == ["rejected"]


# --- the depot itself


def test_a_depot_killed_again_and_again_books_everything_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    simulator = TransportSimulator(tmp_path, AT_ONCE, port)
    waiting = effects(30)

    with connected(simulator, timeout_s=2) as connector:
        for stop_at in (10, 20, 30):
            process = subprocess.Popen([sys.executable, "-c", SERVE, str(tmp_path), str(port)], cwd=REPOSITORY)
            try:
                for effect in waiting[stop_at - 10 : stop_at]:
                    eventually(partial(_applied, connector, effect), "it is sent")
                if stop_at == 30:
                    eventually(lambda: taken_in(simulator, 30), "the depot takes everything in")
            finally:
                process.kill()
                process.wait()

    lines = journal(simulator)
    assert sorted(line["effect_key"] for line in lines) == [effect.key for effect in waiting]
    assert {line["outcome"] for line in lines} == {"applied"}
    assert [line["seq"] for line in lines] == list(range(1, 31))


def _applied(connector: TransportFiles, effect: Effect) -> bool:
    try:
        connector.apply(effect)
    except RetryLater:
        return False
    return True


SERVE = """
import sys
from pathlib import Path
from threading import Event
from connectors.sdk.simulation import BackOffice
from connectors.transport_files.rules import FileRules
from connectors.transport_files.simulator import TransportSimulator
office = BackOffice(accept_s=0, work_s=0, reject_share=0, stall_share=0)
TransportSimulator(Path(sys.argv[1]), office, int(sys.argv[2])).serve(lambda: None, Event())
"""


def test_a_depot_killed_between_booking_and_moving_a_file_books_it_once(tmp_path: Path) -> None:
    depot = Depot(tmp_path, ASLEEP)
    path = tmp_path / "files/inbound" / NAME
    path.write_bytes(booking_file(TRIP, FileRules()))

    assert depot._take(path) == "applied"  # its transaction is done; the journal line and the move are not
    depot.close()
    depot = Depot(tmp_path, ASLEEP)
    depot.take_in()
    depot.close()

    lines = (tmp_path / "journal.ndjson").read_text().splitlines()
    assert [json.loads(line)["outcome"] for line in lines] == ["applied"]
    assert (tmp_path / "files/archive" / path.name).exists()


def test_a_file_that_comes_again_is_journalled_and_books_nothing(depot: TransportSimulator) -> None:
    with connected(depot) as connector:
        connector.apply(TRIP)
    eventually(lambda: taken_in(depot, 1), "the depot takes it in")

    (depot.files / "archive" / NAME).rename(depot.files / "inbound" / NAME)
    eventually(lambda: taken_in(depot, 2), "the depot meets it again")

    assert [line["outcome"] for line in journal(depot)] == ["applied", "duplicate"]
    assert (depot.files / "archive" / NAME).exists()


def test_the_journal_holds_nothing_about_a_person(depot: TransportSimulator) -> None:
    with connected(depot) as connector:
        connector.apply(TRIP)
    eventually(lambda: taken_in(depot, 1), "the depot takes it in")

    assert journal(depot) == [{"seq": 1, "file": NAME, "effect_key": TRIP.key, "kind": "NEW", "outcome": "applied"}]


@pytest.mark.parametrize("damage", [b"Zebadiah", b"000003", b"\r\n", b"TR01"])
def test_the_depot_refuses_a_file_that_was_damaged_on_the_way(damage: bytes, tmp_path: Path) -> None:
    content = booking_file(TRIP, FileRules())
    depot = Depot(tmp_path, ASLEEP)
    (tmp_path / "files/inbound" / NAME).write_bytes(content.replace(damage, damage[:-1] + b"x", 1))

    depot.take_in()
    depot.close()

    assert (tmp_path / "files/inbound/rejected" / NAME).exists()
