"""Where lines go when there is no room for them, or nobody to read them."""

import io
import json
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub.supervisor import log
from hub.supervisor.hearing import Hearing
from hub.supervisor.log import Log
from hub.supervisor.outlet import Outlet
from hub.supervisor.screen import Plain
from hub.supervisor.service import Service, Standing, State

WEB = Service(name="web", command=list, probe=lambda: None)
LINE = b'{"event":"something happened","level":"info","process":"web"}'
STANDING = Standing(name="web", state=State.READY, since=datetime(2026, 11, 3, 9, 0, tzinfo=UTC), pid=7)


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file may grow beyond so many bytes; the kernel says so as it would say that a disk is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def terminal() -> Iterator[tuple[int, Outlet]]:
    """A pipe as standard output: its reading end, and the outlet into it."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        yield reading, Outlet(stream)


def heard(outlet: Outlet, kept: Log) -> Hearing:
    return Hearing(kept, Plain(outlet.console(), (WEB,)), outlet)


def test_lines_that_find_no_room_are_lost_and_the_screen_says_so_once(tmp_path: Path) -> None:
    shown = io.StringIO()
    with Log(tmp_path, width=3) as kept:
        hearing = heard(Outlet(shown), kept)
        with disk_of(2_000):
            for _ in range(100):
                hearing.line("web", LINE)

    assert shown.getvalue().count("something happened") == 100
    assert (
        shown.getvalue().count("the log cannot be written (No space left on device): lines are lost until it can") == 1
    )


def test_when_there_is_room_again_the_log_goes_on_with_how_many_lines_it_lost(tmp_path: Path) -> None:
    with Log(tmp_path, width=3) as kept:
        hearing = heard(Outlet(io.StringIO()), kept)
        with disk_of(2_000):
            for _ in range(100):
                hearing.line("web", LINE)
        hearing.line("web", LINE)
        hearing.line("web", LINE)

    people = (tmp_path / "hub.log").read_text().splitlines()
    assert [line.rpartition(" | ")[2].partition("  ")[0] for line in people[-3:]] == [
        "something happened",
        "the log can be written again",
        "something happened",
    ]
    machines = (tmp_path / "hub.ndjson").read_text().splitlines()
    lost = json.loads(machines[-2])["lines_lost"]
    whole = [line for line in machines if line.endswith("}")]
    assert len(whole) - len(["the log can be written again"]) + lost == 102


def test_a_log_that_cannot_be_turned_over_goes_on_in_the_file_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "LARGEST_BYTES", 100)
    shown = io.StringIO()
    with Log(tmp_path / "logs", width=3) as kept:
        hearing = heard(Outlet(shown), kept)
        for _ in range(3):
            hearing.line("web", LINE)
        (tmp_path / "logs").rename(tmp_path / "elsewhere")
        (tmp_path / "logs").write_text("no folder")
        for _ in range(3):
            hearing.line("web", LINE)
        (tmp_path / "logs").unlink()
        hearing.line("web", LINE)

    assert shown.getvalue().count("the log cannot be written") == 1
    assert "the log can be written again" in (tmp_path / "logs" / "hub.log").read_text()


def test_a_terminal_that_is_closed_ends_nothing_and_the_log_says_so_once(tmp_path: Path) -> None:
    with Log(tmp_path, width=3) as kept, terminal() as (reading, outlet):
        hearing = heard(outlet, kept)
        hearing.line("web", LINE)
        os.close(reading)
        for _ in range(100):
            hearing.line("web", LINE)
            hearing.changed(STANDING)

    people = (tmp_path / "hub.log").read_text()
    assert people.count("what is shown here cannot be written (Broken pipe); the log goes on") == 1
    assert people.count("something happened") == 101


def test_neither_room_nor_a_reader_ends_nothing_either(tmp_path: Path) -> None:
    with Log(tmp_path, width=3) as kept, terminal() as (reading, outlet):
        hearing = heard(outlet, kept)
        os.close(reading)
        with disk_of(0):
            hearing.line("web", LINE)
            hearing.changed(STANDING)
        hearing.line("web", LINE)

    assert "something happened" in (tmp_path / "hub.log").read_text()
