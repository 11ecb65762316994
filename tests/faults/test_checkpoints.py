"""Faults of a source's memory: killed in its commit, and its file cut or spoilt at any byte."""

import json
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hub.edge.engine import open_engine
from hub.edge.memory import EdgeMemory
from tests.faults.conftest import environment
from tests.faults.extracts import Step, judge, sheet
from tests.faults.test_results_files import Depot, depot_in
from tests.sites.connector import ConnectorSite

FRAME, HEAD = 4096 + 24, 32
"""Bytes of a frame of SQLite's WAL, and of what stands before the first."""


def checkpoint_in(database_url: str) -> dict[str, Any] | None:
    """The one checkpoint of a memory, read by hand; None where there is none."""
    query = "select body from checkpoints"
    if database_url.startswith("sqlite"):
        with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as sql:
            tables = sql.execute("select name from sqlite_master where name = 'checkpoints'").fetchall()
            rows = sql.execute(query).fetchall() if tables else []
    else:
        with psycopg.connect(database_url.replace("+psycopg", "")) as postgres:
            rows = postgres.execute(query).fetchall()
    return json.loads(rows[0][0]) if rows else None


def put_file(depot: Depot) -> Step:
    """One more results file, which no other repeats."""
    step = Step(depot.booking(), "ACC", "03/11/2026 09:40")
    depot.put(sheet(step.row()))
    return step


def killed(site: ConnectorSite, failpoint: str) -> None:
    """Run it until it is killed there."""
    assert site.start(environment(f"{failpoint}:kill")).wait(90) == -signal.SIGKILL


@pytest.mark.fault(
    "T04",
    "kill -9 in the transaction that writes the checkpoint, and right behind its commit",
    invariants="I1",
    oracle="O1 O2",
    twins=("a-checkpoint-is-two-steps",),
)
def test_a_source_killed_in_its_commit_has_the_old_checkpoint_or_the_new(
    tmp_path: Path, kafka: str, database_url: str, seen: Callable[[str], None]
) -> None:
    with depot_in(tmp_path, kafka, memory={"url": database_url}) as depot:
        steps = [put_file(depot) for _ in range(3)]

        killed(depot.site, "source.checkpointing:2")
        old = checkpoint_in(database_url)
        assert old is not None, "neither the old checkpoint nor the new"
        assert len(old["files"]) == 1
        killed(depot.site, "source.checkpointed:1")
        new = checkpoint_in(database_url)
        assert new is not None
        assert len(new["files"]) == 2
        depot.site.start(environment())
        depot.is_looked_at()

        verdict = judge(steps, depot.said())
    assert not verdict, str(verdict)
    seen(f"{database_url.partition(':')[0]}: old before the commit, new behind it")


def cuts(length: int) -> Iterator[int]:
    """Where to cut or spoil a WAL: round every boundary of its frames, and at many places between."""
    for frame in range(HEAD, length + 1, FRAME):
        yield from (
            place for place in (frame - 1, frame, frame + 1, frame + 12, frame + 24, frame + 25) if place < length
        )
    yield from range(0, length, 499)


@pytest.mark.fault(
    "T04",
    "SQLite's WAL cut short, and one byte of it spoilt, at every boundary and many places between",
    invariants="I1",
    oracle="O1",
    twins=("logs-are-not-folded-in",),
)
def test_a_memory_whose_wal_was_cut_or_spoilt_holds_one_of_its_checkpoints(
    tmp_path: Path, kafka: str, seen: Callable[[str], None]
) -> None:
    url, file = f"sqlite:///{tmp_path / 'edge.db'}", tmp_path / "edge.db"
    with depot_in(tmp_path, kafka) as depot:
        history = []
        for _ in range(4):
            put_file(depot)
            killed(depot.site, "source.checkpointed:1")
            # Looked at in a copy: the last connection that closes writes the WAL into the file, and deletes it.
            history.append(checkpoint_in(copy_of(file, tmp_path / "looked-at")))
        wal = file.with_name("edge.db-wal").read_bytes()
        name = depot.site.name

    tried = 0
    for place in cuts(len(wal)):
        spoilt = wal[:place] + bytes([wal[place] ^ 0x40]) + wal[place + 1 :]
        for content in (wal[:place], spoilt):
            copy = copy_of(file, tmp_path / "tried", content)
            found = checkpoint_in(copy)
            assert found in history, (
                f"neither the old checkpoint nor the new, with the WAL cut or spoilt at {place} of {len(wal)}"
            )
            tried += 1
            if tried % 10 == 0:
                engine = open_engine(copy_of(file, tmp_path / "tried", content), name)
                assert EdgeMemory(engine, name).checkpoint("results") == found
                engine.dispose()
    assert checkpoint_in(url) == history[-1]
    seen(f"{tried} WALs of {len(wal)} bytes, each with one of {len(history)} checkpoints")


def copy_of(file: Path, folder: Path, wal: bytes | None = None) -> str:
    """The URL of a memory as a crash might leave it: the file, and a WAL beside it."""
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    shutil.copy(file, folder / file.name)
    source = file.with_name(f"{file.name}-wal")
    (folder / source.name).write_bytes(source.read_bytes() if wal is None else wal)
    return f"sqlite:///{folder / file.name}"


@pytest.mark.fault(
    "T04",
    "the memory's file: its head spoilt, cut in half, a checkpoint that is no JSON",
    invariants="I1 I10",
    oracle="O1",
    twins=("damage-has-no-words",),
)
def test_a_memory_that_cannot_be_read_is_refused_in_words(
    tmp_path: Path, kafka: str, seen: Callable[[str], None]
) -> None:
    file = tmp_path / "edge.db"
    with depot_in(tmp_path, kafka) as depot:
        site = depot.site
        step = put_file(depot)
        process = site.start(environment())
        depot.is_looked_at()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        whole = file.read_bytes()
        no_json = tmp_path / "no-json.db"
        no_json.write_bytes(whole)
        with closing(sqlite3.connect(no_json)) as sql, sql:
            sql.execute("update checkpoints set body = substr(body, 1, 20)")

        for damage in (b"?" + whole[1:], whole[: len(whole) // 2], no_json.read_bytes()):
            file.write_bytes(damage)
            code = site.start(environment()).wait(90)
            last = site.last_words()
            assert code == 78, last
            assert f"connectors.{site.name}.memory.url: sqlite:///{file} is damaged" in last
            assert file.read_bytes()[:4096] == damage[:4096], "what could have been saved was written over"
        file.write_bytes(whole)
        site.start(environment())
        depot.is_looked_at()

        verdict = judge([step], depot.said())
    assert not verdict, str(verdict)
    seen("3 kinds of damage, each refused; the backup put back, nothing said twice")
