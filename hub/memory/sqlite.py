"""The worker's memory in SQLite: one file, one writer at a time, every commit on disk before it counts."""

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter

from hub.dead_letters.rate import KEPT_S, Counted
from hub.memory.store import Advance, DeadlineRow, Partition, Snapshot
from hub.sqlite_file import make_durable

_PRAGMAS = (
    # Measured at 600,000 events: half the time per event of the defaults (1,000 pages, 2 MB).
    "PRAGMA wal_autocheckpoint=20000",
    "PRAGMA cache_size=-262144",
)
_UPSERT_CASE = """
    INSERT INTO cases (reference, journey, status, opened_ms, updated_ms, due_ms, waiting_on, uncertain, uncertain_ms, body)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (reference) DO UPDATE SET journey=excluded.journey, status=excluded.status, opened_ms=excluded.opened_ms,
        updated_ms=excluded.updated_ms, due_ms=excluded.due_ms, waiting_on=excluded.waiting_on,
        uncertain=excluded.uncertain, uncertain_ms=excluded.uncertain_ms, body=excluded.body"""
# A deadline that stays as it was stays published, too.
_UPSERT_DEADLINE = """
    INSERT INTO deadlines (reference, task, due_us, part, published) VALUES (?, ?, ?, ?, 0)
    ON CONFLICT (reference, task) DO UPDATE SET part=excluded.part, due_us=excluded.due_us,
        published=CASE WHEN deadlines.due_us=excluded.due_us THEN deadlines.published ELSE 0 END"""


class SqliteStore:
    """The store of a worker that is alone on its machine.

    Args:
        file: path of the database.
        app: the consumer group.
    """

    error: type[Exception] = sqlite3.Error
    passing: tuple[type[Exception], ...] = (sqlite3.OperationalError,)  # locked, disk full, I/O error, cannot open

    def __init__(self, file: str, app: str) -> None:
        self._file = file
        self._app = app
        self._open: sqlite3.Connection | None = None

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            # Used by one thread at a time, but not by the one that closes it at the end.
            connection = sqlite3.connect(self._file, timeout=2, isolation_level=None, check_same_thread=False)
            try:
                make_durable(connection)
                for pragma in _PRAGMAS:
                    connection.execute(pragma)
            except sqlite3.Error:
                connection.close()
                raise
            self._open = connection
        return self._open

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        connection = self._connection
        connection.execute(begin)
        try:
            yield connection
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def positions(self, earliest: Mapping[Partition, int]) -> dict[Partition, int]:
        """See `Store`."""
        with self._transaction("BEGIN IMMEDIATE") as sql:
            sql.executemany(
                "INSERT INTO progress (app, topic, part, next_offset) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [(self._app, *partition, offset) for partition, offset in earliest.items()],
            )
            return self._positions(sql, earliest.keys())

    def snapshot(self, partitions: Collection[Partition], references: Collection[str]) -> Snapshot:
        """See `Store`."""
        with self._transaction("BEGIN") as sql:
            positions = self._positions(sql, partitions)
            rows = sql.execute(
                "SELECT reference, body FROM cases WHERE reference IN (SELECT value FROM json_each(?))",
                (json.dumps(list(references)),),
            )
            return Snapshot(positions, dict(rows.fetchall()), self._parked(sql, references))

    def apply(self, advances: Sequence[Advance]) -> frozenset[Partition]:
        """See `Store`."""
        with self._transaction("BEGIN IMMEDIATE") as sql:
            moved = [advance for advance in advances if self._move(sql, advance)]
            sql.executemany(
                _UPSERT_CASE, sorted((row for advance in moved for row in advance.cases), key=itemgetter(0))
            )
            sql.executemany(
                "INSERT INTO timeline (reference, body) VALUES (?, ?)",
                [line for each in moved for line in each.timeline],
            )
            open_now = {reference: rows for each in moved for reference, rows in (each.deadlines or {}).items()}
            sql.executemany(
                "DELETE FROM deadlines WHERE reference=? AND task NOT IN (SELECT value FROM json_each(?))",
                [(reference, json.dumps([row.task for row in rows])) for reference, rows in open_now.items()],
            )
            sql.executemany(_UPSERT_DEADLINE, [row for rows in open_now.values() for row in rows])
            self._write_dead_letters(sql, moved)
        return frozenset(advance.partition for advance in moved)

    def counted(self, partitions: Collection[Partition]) -> list[Counted]:
        """See `Store`."""
        rows = self._connection.execute(
            "SELECT topic, part, at_ms, number FROM set_aside WHERE app=?", (self._app,)
        ).fetchall()
        return [
            Counted(at / 1000, number, f"{topic}/{part}")
            for topic, part, at, number in rows
            if Partition(topic, part) in partitions
        ]

    def due(self, parts: Collection[int], now_us: int, limit: int) -> list[DeadlineRow]:
        """See `Store`."""
        rows = self._connection.execute(
            "SELECT reference, task, due_us, part FROM deadlines WHERE published=0 AND due_us<=? "
            "AND part IN (SELECT value FROM json_each(?)) ORDER BY due_us LIMIT ?",
            (now_us, json.dumps(list(parts)), limit),
        )
        return [DeadlineRow(*row) for row in rows.fetchall()]

    def mark_published(self, deadlines: Sequence[DeadlineRow]) -> None:
        """See `Store`."""
        with self._transaction("BEGIN IMMEDIATE") as sql:
            sql.executemany(
                "UPDATE deadlines SET published=1 WHERE reference=? AND task=? AND due_us=?",
                [(row.reference, row.task, row.due_us) for row in deadlines],
            )

    def count_deadlines(self, parts: Collection[int]) -> int:
        """See `Store`."""
        row = self._connection.execute(
            "SELECT count(*) FROM deadlines WHERE published=0 AND part IN (SELECT value FROM json_each(?))",
            (json.dumps(list(parts)),),
        ).fetchone()
        return int(row[0])

    def has_tables(self) -> bool:
        """See `Store`."""
        names = self._connection.execute(
            "SELECT count(*) FROM sqlite_master WHERE name IN ('cases_uncertain', 'deadlines_by_due', 'parked', 'set_aside')"
        )
        return bool(names.fetchone() == (4,))

    def close(self) -> None:
        """See `Store`."""
        connection, self._open = self._open, None
        if connection is not None:
            connection.close()

    def _positions(self, sql: sqlite3.Connection, partitions: Collection[Partition]) -> dict[Partition, int]:
        rows = sql.execute("SELECT topic, part, next_offset FROM progress WHERE app=?", (self._app,)).fetchall()
        found = {Partition(topic, part): offset for topic, part, offset in rows}
        return {partition: found[partition] for partition in partitions if partition in found}

    def _parked(self, sql: sqlite3.Connection, references: Collection[str]) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        # Nearly always there is none, and no list of thousands need be looked through for that.
        if sql.execute("SELECT 1 FROM parked LIMIT 1").fetchone() is not None:
            rows = sql.execute(
                "SELECT reference, first_offset FROM parked WHERE reference IN (SELECT value FROM json_each(?))",
                (json.dumps(list(references)),),
            )
            for reference, first in rows:
                found.setdefault(reference, []).append(first)
        return found

    def _write_dead_letters(self, sql: sqlite3.Connection, moved: Sequence[Advance]) -> None:
        sql.executemany(
            "DELETE FROM parked WHERE reference=? AND first_offset=?", [pair for each in moved for pair in each.settled]
        )
        sql.executemany(
            "INSERT INTO parked (reference, first_offset, since_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            [row for each in moved for row in each.parked],
        )
        for each in moved:
            if each.counted is not None:
                place, at_ms = (self._app, *each.partition), round(each.counted.at * 1000)
                sql.execute(
                    "DELETE FROM set_aside WHERE app=? AND topic=? AND part=? AND at_ms<?",
                    (*place, at_ms - round(KEPT_S * 1000)),
                )
                sql.execute(
                    "INSERT INTO set_aside (app, topic, part, at_ms, number) VALUES (?, ?, ?, ?, ?) "
                    "ON CONFLICT (app, topic, part, at_ms) DO UPDATE SET number=number+excluded.number",
                    (*place, at_ms, each.counted.number),
                )

    def _move(self, sql: sqlite3.Connection, advance: Advance) -> bool:
        """Compare and set: whether the position stood where this worker read it, and stands on now."""
        cursor = sql.execute(
            "UPDATE progress SET next_offset=? WHERE app=? AND topic=? AND part=? AND next_offset=?",
            (advance.new, self._app, *advance.partition, advance.old),
        )
        return cursor.rowcount == 1
