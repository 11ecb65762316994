"""The outbox: what was accepted and must reach Kafka. A 202 is given only once its row is committed.

Requests that arrive together share one commit: a writer thread takes whatever waits, commits it as one transaction, and only then
answers. The event's text is forgotten once Kafka has it; what stays is the key, the fingerprint and the case, for as long as a
repeat of the same request may come.
"""

import queue
import sqlite3
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from hub.failpoints import Failpoint, reach

metadata = MetaData()

outbox = Table(
    "outbox",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    # What makes a repeat recognisable: the sender's Idempotency-Key, or one drawn for this row.
    Column("key", Text, nullable=False, unique=True),
    # Hash of what was asked: the same key with another one is another request.
    Column("fingerprint", Text, nullable=False),
    Column("reference", Text, nullable=False),
    # Kind of request, on the row that opens a case; else NULL.
    Column("request", Text),
    Column("accepted_ms", BigInteger, nullable=False),
    # The event as it travels; NULL once it is sent.
    Column("event", Text),
    Column("sent_ms", BigInteger),
)
Index("outbox_by_case", outbox.c.reference)
Index(
    "outbox_unsent", outbox.c.seq, sqlite_where=outbox.c.sent_ms.is_(None), postgresql_where=outbox.c.sent_ms.is_(None)
)

_SHARE = 500
"""Most rows of one commit."""


@dataclass(frozen=True)
class Row:
    """One accepted thing, before it is sent."""

    key: str
    fingerprint: str
    reference: str
    request: str | None
    accepted_ms: int
    event: str


@dataclass(frozen=True)
class Receipt:
    """What the outbox remembers of a key: enough to give the same answer again."""

    fingerprint: str
    reference: str
    accepted_ms: int


@dataclass(frozen=True)
class Waiting:
    """A row that is to be sent."""

    seq: int
    reference: str
    event: str


@dataclass(frozen=True)
class Accepted:
    """A request that came through this door."""

    request: str
    accepted_ms: int


class OutboxUnavailable(Exception):
    """The outbox's database cannot be written now, or the process is stopping; nothing was accepted."""


class Outbox:
    """The outbox of one web process, or of several on one PostgreSQL.

    Args:
        url: SQLAlchemy URL; the folder of a SQLite file is made.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        metadata.create_all(self._engine)
        self._queue: queue.SimpleQueue[tuple[Row, Future[Receipt]] | None] = queue.SimpleQueue()
        self._writer = Thread(target=self._write, name="outbox", daemon=True)
        self._closed = False
        self.arrived = Event()
        """Set when there is something new to send."""

    def start(self) -> None:
        """Begin to accept."""
        self._writer.start()

    def close(self) -> None:
        """Commit what was handed in, then stop."""
        self._closed = True
        self._queue.put(None)
        if self._writer.is_alive():
            self._writer.join()
        self._engine.dispose()

    def accept(self, row: Row) -> "Future[Receipt]":
        """Make a row durable. The result comes after its commit: the row's own receipt, or the earlier one under its key.

        The future fails with OutboxUnavailable when the database does.
        """
        answer: Future[Receipt] = Future()
        if self._closed:
            answer.set_exception(OutboxUnavailable("the hub is stopping"))
        else:
            self._queue.put((row, answer))
        return answer

    def known(self, key: str) -> Receipt | None:
        """What is remembered of a key."""
        with self._engine.connect() as connection:
            return _receipts(connection, [key]).get(key)

    def opened(self, reference: str) -> Accepted | None:
        """The request that opened a case, if it came through this door."""
        query = select(outbox.c.request, outbox.c.accepted_ms).where(
            outbox.c.reference == reference, outbox.c.request.is_not(None)
        )
        with self._engine.connect() as connection:
            found = connection.execute(query).first()
        return Accepted(found.request, found.accepted_ms) if found else None

    def unsent(self, limit: int) -> list[Waiting]:
        """What is to be sent, oldest first."""
        query = (
            select(outbox.c.seq, outbox.c.reference, outbox.c.event)
            .where(outbox.c.sent_ms.is_(None))
            .order_by(outbox.c.seq)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return [Waiting(row.seq, row.reference, row.event) for row in connection.execute(query)]

    def count_unsent(self) -> int:
        """How many rows wait to be sent."""
        with self._engine.connect() as connection:
            return connection.execute(select(func.count()).where(outbox.c.sent_ms.is_(None))).scalar_one()

    def sent(self, rows: Iterable[int], now_ms: int) -> None:
        """These rows are acknowledged by Kafka; their events are forgotten here."""
        seqs = list(rows)
        if seqs:
            with self._engine.begin() as connection:
                connection.execute(update(outbox).where(outbox.c.seq.in_(seqs)).values(sent_ms=now_ms, event=None))

    def forget(self, before_ms: int) -> int:
        """Drop rows sent before then; a repeat of their keys would be a new request. Returns how many."""
        with self._engine.begin() as connection:
            return connection.execute(delete(outbox).where(outbox.c.sent_ms < before_ms)).rowcount

    def _write(self) -> None:
        stopping = False
        while not stopping:
            taken = [self._queue.get()]
            while len(taken) < _SHARE and not self._queue.empty():
                taken.append(self._queue.get())
            stopping = None in taken
            share = [each for each in taken if each is not None]
            if share:
                self._settle(share)

    def _settle(self, share: Sequence[tuple[Row, "Future[Receipt]"]]) -> None:
        """One commit for all of them, then an answer for each."""
        rows = [row for row, _ in share]
        try:
            try:
                receipts = self._commit(rows)
            except IntegrityError:
                # Another web process committed one of these keys in between: now it can be seen.
                receipts = self._commit(rows)
        except SQLAlchemyError as error:
            for _, answer in share:
                answer.set_exception(OutboxUnavailable(f"the outbox's database failed ({type(error).__name__})"))
            return
        reach(Failpoint.WEB_COMMITTED)
        for row, answer in share:
            answer.set_result(receipts[row.key])
        self.arrived.set()

    def _commit(self, rows: Sequence[Row]) -> dict[str, Receipt]:
        with self._engine.begin() as connection:
            receipts = _receipts(connection, [row.key for row in rows])
            new = {}
            for row in rows:
                if row.key not in receipts:
                    receipts[row.key] = Receipt(row.fingerprint, row.reference, row.accepted_ms)
                    new[row.key] = vars(row)
            if new:
                connection.execute(insert(outbox), list(new.values()))
        return receipts


def _receipts(connection: Connection, keys: Sequence[str]) -> dict[str, Receipt]:
    query = select(outbox.c.key, outbox.c.fingerprint, outbox.c.reference, outbox.c.accepted_ms).where(
        outbox.c.key.in_(keys)
    )
    return {row.key: Receipt(row.fingerprint, row.reference, row.accepted_ms) for row in connection.execute(query)}


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed)

    @event.listens_for(engine, "connect")
    def durable(connection: sqlite3.Connection, _record: object) -> None:
        cursor = connection.cursor()
        # WAL with FULL: a commit is on the disk before it returns, and readers never wait.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine
