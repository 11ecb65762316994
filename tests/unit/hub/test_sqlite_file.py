"""A SQLite file that several processes make durable at the same moment."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from hub import sqlite_file
from hub.sqlite_file import make_durable


def test_the_first_change_to_wal_waits_for_who_has_the_file(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "hub.db", isolation_level=None, check_same_thread=False)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        letting_go = threading.Timer(0.2, holder.execute, ["COMMIT"])
        letting_go.start()
        with closing(sqlite3.connect(tmp_path / "hub.db", timeout=0)) as connection:
            make_durable(connection)

            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        letting_go.join()


def test_a_file_that_nobody_lets_go_of_is_said_to_be_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "_PATIENCE_S", 0.05)
    with closing(sqlite3.connect(tmp_path / "hub.db", isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with (
            closing(sqlite3.connect(tmp_path / "hub.db", timeout=0)) as connection,
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            make_durable(connection)
