"""The outbox: what was accepted and must reach Kafka. A 202 is given only once its row is committed.

Requests that arrive together share one commit: a writer thread takes whatever waits, commits it as one transaction, and only then
answers. The event's text is forgotten once Kafka has it; what stays is the key, the fingerprint and the case, for as long as a
repeat of the same request may come.

It accepts until its limit of unsent rows is reached or its database fails, and says when either begins and ends. Repeats of what was
accepted are answered all the same.
"""

import queue
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from time import monotonic
from uuid import uuid4

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from hub.database import make_folder, make_tables, open_engine, read_url
from hub.failpoints import Failpoint, reach
from hub.health.http import Health
from hub.health.outage import Outage

_WAIT_S = 10.0
"""For another web process that writes, before the outbox counts as locked."""
SETTING = "web.memory.url"
"""Where the settings file says which database."""

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
_COUNT_EVERY_S = 1.0
"""How often the unsent rows are counted anew; in between, what was accepted since is added."""
_LOOK_EVERY_S = 1.0
"""How often to look whether it could accept again, while nobody asks."""
_HAS_ROOM = 0.9
"""What part of the limit may be taken up when it counts as accepting again: Kafka back, it is emptied, not kept at its brim."""


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
    """Nothing was accepted: the outbox's database fails, or the process is stopping. In a sentence, for whoever asked."""


class OutboxFull(OutboxUnavailable):
    """Nothing was accepted: as much waits for Kafka as may."""


class Outbox:
    """The outbox of one web process, or of several on one PostgreSQL.

    Args:
        url: SQLAlchemy URL; the folder of a SQLite file is made.
        limit: most rows that may wait for Kafka; several processes may go beyond it by what they accept in a second.
        failed: called for every call to the database that fails.

    Raises:
        RestartMe: the database does not answer.
        ConfigurationError: it does not let us in.
    """

    def __init__(self, url: str, limit: int, failed: Callable[[], object] = lambda: None) -> None:
        parsed = read_url(url, SETTING)
        make_folder(parsed, SETTING)
        self._engine = open_engine(parsed, _WAIT_S)
        make_tables(self._engine, metadata, SETTING)
        self._limit, self._failed = limit, failed
        self._waiting, self._counted_at = 0, -_COUNT_EVERY_S
        self._away = Outage("nothing can be accepted: the outbox's database fails", "the outbox's database works again")
        self._full = Outage("nothing more is accepted: the outbox is full", "the outbox has room again")
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

        The future fails with OutboxUnavailable when the database does, and with OutboxFull when too much waits already.
        """
        answer: Future[Receipt] = Future()
        if self._closed:
            answer.set_exception(OutboxUnavailable("The hub is stopping."))
        else:
            self._queue.put((row, answer))
        return answer

    def known(self, key: str) -> Receipt | None:
        """What is remembered of a key.

        Raises:
            OutboxUnavailable: the database fails, as in every method below.
        """
        with self._calls(self._engine.connect) as connection:
            return _receipts(connection, [key]).get(key)

    def opened(self, reference: str) -> Accepted | None:
        """The request that opened a case, if it came through this door."""
        query = select(outbox.c.request, outbox.c.accepted_ms).where(
            outbox.c.reference == reference, outbox.c.request.is_not(None)
        )
        with self._calls(self._engine.connect) as connection:
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
        with self._calls(self._engine.connect) as connection:
            return [Waiting(row.seq, row.reference, row.event) for row in connection.execute(query)]

    def count_unsent(self) -> int:
        """How many rows wait to be sent."""
        with self._calls(self._engine.connect) as connection:
            return connection.execute(select(func.count()).where(outbox.c.sent_ms.is_(None))).scalar_one()

    def health(self) -> Health:
        """Whether it accepts, and how much waits; asks the database, and never raises."""
        try:
            waiting = self.count_unsent()
        except OutboxUnavailable as error:
            return Health(ok=False, reason=str(error))
        why = self._away.why or self._full.why
        return Health(
            ok=not why, reason=why or f"{waiting:,} {'act waits' if waiting == 1 else 'acts wait'} to be sent."
        )

    def sent(self, rows: Iterable[int], now_ms: int) -> None:
        """These rows are acknowledged by Kafka; their events are forgotten here."""
        seqs = list(rows)
        if seqs:
            with self._calls(self._engine.begin) as connection:
                connection.execute(update(outbox).where(outbox.c.seq.in_(seqs)).values(sent_ms=now_ms, event=None))

    def forget(self, before_ms: int) -> int:
        """Drop rows sent before then; a repeat of their keys would be a new request. Returns how many."""
        with self._calls(self._engine.begin) as connection:
            return connection.execute(delete(outbox).where(outbox.c.sent_ms < before_ms)).rowcount

    def _write(self) -> None:
        stopping = False
        while not stopping:
            taken = self._take()
            stopping = None in taken
            # Whoever has gone away in the meantime is not waited for: an answer that was cancelled cannot be given.
            share = [each for each in taken if each is not None and each[1].set_running_or_notify_cancel()]
            if share:
                self._settle(share)
            elif self._away.why or self._full.why:
                self._look()

    def _take(self) -> list[tuple[Row, "Future[Receipt]"] | None]:
        """What waits to be committed; empty when nothing has come for a while."""
        try:
            taken = [self._queue.get(timeout=_LOOK_EVERY_S)]
        except queue.Empty:
            return []
        while len(taken) < _SHARE and not self._queue.empty():
            taken.append(self._queue.get())
        return taken

    def _settle(self, share: Sequence[tuple[Row, "Future[Receipt]"]]) -> None:
        """One commit for all of them, then an answer for each."""
        rows = [row for row, _ in share]
        try:
            with self._failures():
                try:
                    receipts = self._commit(rows)
                except IntegrityError:
                    # Another web process committed one of these keys in between: now it can be seen.
                    receipts = self._commit(rows)
        except Exception as error:  # noqa: BLE001 - whatever it is, they are told, and the next ones are served
            for _, answer in share:
                answer.set_exception(error)
            return
        reach(Failpoint.WEB_COMMITTED)
        self._note_room(refused=any(row.key not in receipts for row in rows))
        for row, answer in share:
            if row.key in receipts:
                answer.set_result(receipts[row.key])
            else:
                answer.set_exception(OutboxFull(self._full.why))
        self.arrived.set()

    def _commit(self, rows: Sequence[Row]) -> dict[str, Receipt]:
        """Write what is new and finds room; the receipts of all that are in."""
        with self._engine.begin() as connection:
            receipts = _receipts(connection, [row.key for row in rows])
            room = self._room(connection)
            new: dict[str, dict[str, object]] = {}
            for row in rows:
                if row.key not in receipts and len(new) < room:
                    receipts[row.key] = Receipt(row.fingerprint, row.reference, row.accepted_ms)
                    new[row.key] = vars(row)
            if new:
                connection.execute(insert(outbox), list(new.values()))
        if new:  # only what was written shows that it can be
            self._waiting += len(new)
            self._away.end()
        return receipts

    def _room(self, connection: Connection) -> int:
        """How many more rows may wait."""
        if monotonic() - self._counted_at >= _COUNT_EVERY_S:
            unsent = select(outbox.c.seq).where(outbox.c.sent_ms.is_(None)).limit(self._limit).subquery()
            self._waiting = connection.execute(select(func.count()).select_from(unsent)).scalar_one()
            self._counted_at = monotonic()
        return self._limit - self._waiting

    def _note_room(self, *, refused: bool) -> None:
        if refused:
            self._full.begin(f"{self._limit:,} acts wait for Kafka, as many as may.")
        elif self._waiting <= self._limit * _HAS_ROOM:
            self._full.end()

    def _look(self) -> None:
        """Whether it could accept now: only a row written shows that the disk has room again. It is taken out at once."""
        trial = Row(f"trial:{uuid4()}", "", "", None, 0, "")
        try:
            with self._calls(self._engine.begin) as connection:
                connection.execute(insert(outbox), vars(trial))
                connection.execute(delete(outbox).where(outbox.c.key == trial.key))
                self._room(connection)
        except OutboxUnavailable:
            return
        self._away.end()
        self._note_room(refused=False)

    @contextmanager
    def _calls(self, connect: Callable[[], AbstractContextManager[Connection]]) -> Iterator[Connection]:
        with self._failures(), connect() as connection:
            yield connection

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Turns what the database raises into OutboxUnavailable, counts it, and says once that it began."""
        try:
            yield
        except SQLAlchemyError as error:
            self._failed()
            cause = getattr(error, "orig", None) or error
            unavailable = OutboxUnavailable(
                f"The outbox's database fails ({getattr(cause, 'sqlite_errorname', type(cause).__name__)})."
            )
            self._away.begin(str(unavailable), error)
            raise unavailable from error


def _receipts(connection: Connection, keys: Sequence[str]) -> dict[str, Receipt]:
    query = select(outbox.c.key, outbox.c.fingerprint, outbox.c.reference, outbox.c.accepted_ms).where(
        outbox.c.key.in_(keys)
    )
    return {row.key: Receipt(row.fingerprint, row.reference, row.accepted_ms) for row in connection.execute(query)}
