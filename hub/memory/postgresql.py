"""The worker's memory in PostgreSQL: several workers, each fenced off from the other's partitions by compare-and-set."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from operator import itemgetter

import psycopg
from psycopg import errors

from hub.dead_letters.rate import KEPT_S, Counted
from hub.memory.store import Advance, CaseRow, DeadlineRow, Partition, Snapshot

# A worker that hangs in the middle of a transaction must not hold up the one that took over.
_OPTIONS = "-c statement_timeout=5000 -c lock_timeout=3000 -c idle_in_transaction_session_timeout=10000"
_UPSERT_CASES = """
    INSERT INTO cases (reference, journey, status, opened_ms, updated_ms, due_ms, waiting_on, uncertain, uncertain_ms, body)
    SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::int[],
        %s::bigint[], %s::text[])
    ON CONFLICT (reference) DO UPDATE SET journey=excluded.journey, status=excluded.status, opened_ms=excluded.opened_ms,
        updated_ms=excluded.updated_ms, due_ms=excluded.due_ms, waiting_on=excluded.waiting_on,
        uncertain=excluded.uncertain, uncertain_ms=excluded.uncertain_ms, body=excluded.body"""
_DELETE_DEADLINES = """
    DELETE FROM deadlines WHERE reference = ANY(%s) AND (reference, task) NOT IN (SELECT * FROM unnest(%s::text[], %s::text[]))"""
# A deadline that stays as it was stays published, too.
_UPSERT_DEADLINES = """
    INSERT INTO deadlines (reference, task, due_us, part, published)
    SELECT *, 0 FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::int[])
    ON CONFLICT (reference, task) DO UPDATE SET part=excluded.part, due_us=excluded.due_us,
        published=CASE WHEN deadlines.due_us=excluded.due_us THEN deadlines.published ELSE 0 END"""
# Passed by the database's clock too, which is one for all workers: one of them may run ahead.
_DUE = """
    SELECT reference, task, due_us, part FROM deadlines
    WHERE published=0 AND due_us <= least(%s, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) AND part = ANY(%s)
    ORDER BY due_us LIMIT %s"""
_COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class PostgresqlStore:
    """The store of one worker among several.

    Args:
        conninfo: postgresql://... as libpq reads it.
        app: the consumer group.
    """

    error: type[Exception] = psycopg.Error
    passing: tuple[type[Exception], ...] = (
        psycopg.OperationalError,
        # What a worker finds that was stopped in mid-transaction: its session is gone, its next one works.
        errors.IdleInTransactionSessionTimeout,
        # A standby that is not yet the primary, or a primary that is not any more.
        errors.ReadOnlySqlTransaction,
    )

    def __init__(self, conninfo: str, app: str) -> None:
        self._conninfo = conninfo
        self._app = app
        self._open: psycopg.Connection | None = None

    @property
    def _connection(self) -> psycopg.Connection:
        if self._open is None:
            self._open = psycopg.connect(
                self._conninfo, autocommit=True, connect_timeout=3, tcp_user_timeout=5000, options=_OPTIONS
            )
        return self._open

    def positions(self, earliest: Mapping[Partition, int]) -> dict[Partition, int]:
        """See `Store`."""
        with self._connection.transaction(), self._connection.cursor() as sql:
            sql.executemany(
                "INSERT INTO progress (app, topic, part, next_offset) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
                [(self._app, *partition, offset) for partition, offset in sorted(earliest.items())],
            )
            return self._positions(sql, earliest.keys())

    def snapshot(self, partitions: Collection[Partition], references: Collection[str]) -> Snapshot:
        """See `Store`."""
        with self._connection.transaction(), self._connection.cursor() as sql:
            sql.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            positions = self._positions(sql, partitions)
            sql.execute("SELECT reference, body FROM cases WHERE reference = ANY(%s)", (list(references),))
            return Snapshot(positions, dict(sql.fetchall()), self._parked(sql, references))

    def apply(self, advances: Sequence[Advance]) -> frozenset[Partition]:
        """See `Store`."""
        with self._connection.transaction(), self._connection.cursor() as sql:
            # In one order for all workers: two that meet would otherwise each wait for the other.
            in_order = sorted(advances, key=lambda advance: advance.partition)
            moved = [advance for advance in in_order if self._move(sql, advance)]
            self._write_cases(sql, sorted((row for advance in moved for row in advance.cases), key=itemgetter(0)))
            self._write_timeline(sql, (line for advance in moved for line in advance.timeline))
            self._write_deadlines(sql, {key: rows for each in moved for key, rows in (each.deadlines or {}).items()})
            self._write_dead_letters(sql, moved)
        return frozenset(advance.partition for advance in moved)

    def counted(self, partitions: Collection[Partition]) -> list[Counted]:
        """See `Store`."""
        rows = self._connection.execute(
            "SELECT topic, part, at_ms, number FROM set_aside WHERE app=%s", (self._app,)
        ).fetchall()
        return [
            Counted(at / 1000, number, f"{topic}/{part}")
            for topic, part, at, number in rows
            if Partition(topic, part) in partitions
        ]

    def due(self, parts: Collection[int], now_us: int, limit: int) -> list[DeadlineRow]:
        """See `Store`."""
        rows = self._connection.execute(
            _DUE,
            (now_us, list(parts), limit),
        )
        return [DeadlineRow(*row) for row in rows.fetchall()]

    def mark_published(self, deadlines: Sequence[DeadlineRow]) -> None:
        """See `Store`."""
        with self._connection.transaction(), self._connection.cursor() as sql:
            sql.executemany(
                "UPDATE deadlines SET published=1 WHERE reference=%s AND task=%s AND due_us=%s",
                [(row.reference, row.task, row.due_us) for row in sorted(deadlines)],
            )

    def count_deadlines(self, parts: Collection[int]) -> int:
        """See `Store`."""
        row = self._connection.execute(
            "SELECT count(*) FROM deadlines WHERE published=0 AND part = ANY(%s)", (list(parts),)
        ).fetchone()
        return int(row[0]) if row else 0

    def has_tables(self) -> bool:
        """See `Store`."""
        row = self._connection.execute(
            "SELECT to_regclass('cases_uncertain'), to_regclass('deadlines_by_due'), to_regclass('parked'), to_regclass('set_aside')"
        ).fetchone()
        return row is not None and None not in row

    def close(self) -> None:
        """See `Store`."""
        connection, self._open = self._open, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()

    def _positions(self, sql: psycopg.Cursor, partitions: Collection[Partition]) -> dict[Partition, int]:
        sql.execute("SELECT topic, part, next_offset FROM progress WHERE app=%s", (self._app,))
        found = {Partition(topic, part): offset for topic, part, offset in sql.fetchall()}
        return {partition: found[partition] for partition in partitions if partition in found}

    def _parked(self, sql: psycopg.Cursor, references: Collection[str]) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        # Nearly always there is none, and no list of thousands need be sent once more for that.
        if sql.execute("SELECT 1 FROM parked LIMIT 1").fetchone() is not None:
            sql.execute("SELECT reference, first_offset FROM parked WHERE reference = ANY(%s)", (list(references),))
            for reference, first in sql:
                found.setdefault(reference, []).append(first)
        return found

    def _write_dead_letters(self, sql: psycopg.Cursor, moved: Sequence[Advance]) -> None:
        if settled := sorted(pair for each in moved for pair in each.settled):
            sql.executemany("DELETE FROM parked WHERE reference=%s AND first_offset=%s", settled)
        if parked := sorted(row for each in moved for row in each.parked):
            sql.executemany(
                "INSERT INTO parked (reference, first_offset, since_ms) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                parked,
            )
        for each in moved:
            if each.counted is not None:
                place, at_ms = (self._app, *each.partition), round(each.counted.at * 1000)
                sql.execute(
                    "DELETE FROM set_aside WHERE app=%s AND topic=%s AND part=%s AND at_ms<%s",
                    (*place, at_ms - round(KEPT_S * 1000)),
                )
                sql.execute(
                    "INSERT INTO set_aside (app, topic, part, at_ms, number) VALUES (%s, %s, %s, %s, %s) "
                    "ON CONFLICT (app, topic, part, at_ms) DO UPDATE SET number=set_aside.number+excluded.number",
                    (*place, at_ms, each.counted.number),
                )

    def _move(self, sql: psycopg.Cursor, advance: Advance) -> bool:
        """Compare and set: whether the position stood where this worker read it, and stands on now."""
        sql.execute(
            "UPDATE progress SET next_offset=%s WHERE app=%s AND topic=%s AND part=%s AND next_offset=%s",
            (advance.new, self._app, *advance.partition, advance.old),
        )
        return sql.rowcount == 1

    def _write_cases(self, sql: psycopg.Cursor, rows: Sequence[CaseRow]) -> None:
        if rows:
            sql.execute(_UPSERT_CASES, [list(column) for column in zip(*rows, strict=True)])

    def _write_timeline(self, sql: psycopg.Cursor, lines: Iterable[tuple[str, str]]) -> None:
        # One text for all rows: adapting them one by one costs more than the database's own work.
        text = "".join(f"{reference}\t{body.translate(_COPY_ESCAPES)}\n" for reference, body in lines)
        if text:
            with sql.copy("COPY timeline (reference, body) FROM STDIN") as copy:
                copy.write(text)

    def _write_deadlines(self, sql: psycopg.Cursor, open_now: Mapping[str, Sequence[DeadlineRow]]) -> None:
        if not open_now:
            return
        rows = [row for of_case in open_now.values() for row in of_case]
        references, tasks, dues, parts = (
            (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [], [])
        )
        sql.execute(_DELETE_DEADLINES, (list(open_now), references, tasks))
        sql.execute(_UPSERT_DEADLINES, (references, tasks, dues, parts))
