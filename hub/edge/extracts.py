"""The memory of full extracts: which rows the last one had, and what of the next one is news. In SQL, so that no size matters.

An extract is read page by page into rows of its own, each a key and a hash; what differs from the one before is kept whole, as news. Once
it is whole it is judged, and what is gone is news too. Then the news goes out page by page, each page forgotten in the transaction that
follows its acknowledgement. Only then is it the extract that the next one is compared with, and its checkpoint the place to look on from.

    phase      what a crash leaves                          what the next look does
    loading    some rows of it                              forgets it, and reads it anew
    held       all of it; a person should look              asks for another, which takes its place
    released   all of it; a person has looked               works out what is gone
    applying   the news that nobody has acknowledged yet    goes on with it, whatever the system has by now
    applied    it                                           compares the next one with it
    gone       some rows of it                              forgets the rest

Extracts are taken one after the other to their end, so what a key was is said in its order, and A, B and A again are three pieces of news:
a position is made of key, the number of the extract, and the hash.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Table,
    and_,
    delete,
    exists,
    func,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.exc import IntegrityError

from connectors.sdk import contract
from connectors.sdk.contract import Change, Checkpoint, LegacyRecord, UnreadableRow
from connectors.sdk.errors import ContractBroken
from connectors.sdk.records import decode_values, encode_values
from hub.edge.tables import checkpoints, extract_news, extract_rows, extracts

_NOTED_TOGETHER = 2_000
_SWEPT_TOGETHER = 20_000
"""Rows in one transaction. On SQLite everybody else who writes waits for its end, so each is short."""


class Phase(StrEnum):
    """How far an extract has come."""

    LOADING = "loading"
    HELD = "held"
    RELEASED = "released"
    APPLYING = "applying"
    APPLIED = "applied"
    GONE = "gone"


@dataclass(frozen=True)
class Taken:
    """One extract as it is remembered."""

    id: int
    name: str
    as_of: datetime
    phase: Phase
    ordinal: int
    rows: int
    unreadable: int
    checkpoint: Checkpoint
    why: str


class Extracts:
    """The extracts of one dataset.

    Args:
        engine: of the connector's memory, whose tables are made.
        connector: name of the connector.
        dataset: the dataset.
    """

    def __init__(self, engine: Engine, connector: str, dataset: str) -> None:
        self._engine, self._connector, self._dataset = engine, connector, dataset
        self._mine = (extracts.c.connector == connector, extracts.c.dataset == dataset)

    def applied(self) -> Taken | None:
        """The one that the next is compared with; None before the first."""
        return self._latest(Phase.APPLIED)

    def pending(self) -> Taken | None:
        """The one that is not at its end; None where there is none."""
        return self._latest(Phase.LOADING, Phase.HELD, Phase.RELEASED, Phase.APPLYING)

    def begin(self, name: str, as_of: datetime, checkpoint: Checkpoint) -> Taken:
        """Begin to read an extract."""
        before = self.applied()
        values = {
            "connector": self._connector,
            "dataset": self._dataset,
            "name": name,
            "as_of_ms": round(as_of.timestamp() * 1000),
            "phase": Phase.LOADING,
            "ordinal": before.ordinal + 1 if before else 1,
            "rows": 0,
            "unreadable": 0,
            "checkpoint": json.dumps(dict(checkpoint)),
            "why": "",
        }
        with self._engine.begin() as connection:
            key = connection.execute(insert(extracts).values(**values)).inserted_primary_key
            assert key is not None
            return self._by_id(connection, key[0])

    def load(self, taken: Taken, before: Taken | None, page: Sequence[contract.Row | UnreadableRow]) -> None:
        """Remember some rows of an extract.

        Raises:
            ContractBroken: two rows have one key.
            TypeError: a value of a type that no legacy driver should hand over.
        """
        bodies = {row.key: encode_values(row.values) for row in page if isinstance(row, contract.Row)}
        hashes = {key: blake2b(body.encode(), digest_size=12).hexdigest() for key, body in bodies.items()}
        rows = [
            {"extract": taken.id, "key": row.key, "hash": hashes[row.key], "keeps": encode_values(row.keeps)}
            for row in page
            if isinstance(row, contract.Row)
        ]
        unreadable = [row for row in page if isinstance(row, UnreadableRow)]
        try:
            with self._engine.begin() as connection:
                known = self._hashes(connection, before, list(hashes))
                news = [
                    _news(taken, Change.CHANGED if key in known else Change.CREATED, key, hashes[key], body)
                    for key, body in bodies.items()
                    if known.get(key) != hashes[key]
                ]
                news += [
                    _news(taken, Change.UNREADABLE, row.place, "", encode_values(row.values)) for row in unreadable
                ]
                if rows:
                    connection.execute(insert(extract_rows), rows)
                if news:
                    connection.execute(insert(extract_news), news)
                more = {"rows": extracts.c.rows + len(rows), "unreadable": extracts.c.unreadable + len(unreadable)}
                connection.execute(update(extracts).where(extracts.c.id == taken.id).values(**more))
        except IntegrityError as error:
            raise ContractBroken(
                f"{self._dataset}: two rows of {taken.name} have the same key, so nobody can tell which is which. The key of a row has "
                "to be made of more columns; nothing of this extract is used."
            ) from error

    def hold(self, taken: Taken, why: str) -> None:
        """Say nothing of an extract before a person has looked; one that was held before it is forgotten."""
        self._take_over(taken, Phase.HELD, why)

    def accept(self, taken: Taken, before: Taken | None) -> None:
        """Work out what is gone, and begin to say what is news; one that was held before it is forgotten.

        An extract with rows that cannot be read deletes nothing: what seems to be gone is carried over.
        """
        if before is not None:
            (self._carry_over if taken.unreadable else self._delete)(taken, before)
        self._take_over(taken, Phase.APPLYING)

    def gone(self, taken: Taken, before: Taken) -> tuple[int, int]:
        """How many rows of the extract before this one has not, and of how many; those that were carried over are among them."""
        with self._engine.connect() as connection:
            of = connection.scalar(
                select(func.count()).select_from(extract_rows).where(extract_rows.c.extract == before.id)
            )
            gone = connection.scalar(select(func.count()).select_from(extract_rows).where(*_only_before(taken, before)))
        return gone or 0, of or 0

    def held(self) -> Taken | None:
        """The one that waits for a person; None where none does."""
        return self._latest(Phase.HELD)

    def release(self, number: int) -> Taken | None:
        """A person lets the extract go that was looked at; None where it is not held, or not any more.

        Args:
            number: its id, which no other extract of this dataset ever had; a file that was sent again may have the name of another.
        """
        which = (*self._mine, extracts.c.id == number, extracts.c.phase == Phase.HELD)
        with self._engine.begin() as connection:
            let_go = connection.execute(update(extracts).where(*which).values(phase=Phase.RELEASED))
            return self._by_id(connection, number) if let_go.rowcount else None

    def news(self, taken: Taken, at_most: int, after: LegacyRecord | None = None) -> list[LegacyRecord]:
        """Some of what is to be said of an extract and was not acknowledged yet.

        Args:
            taken: the extract.
            at_most: so many.
            after: behind this one, which is on its way and may be acknowledged any moment; None: from the first.
        """
        query = (
            select(extract_news.c.change, extract_news.c.key, extract_news.c.hash, extract_news.c.body)
            .where(extract_news.c.extract == taken.id)
            .order_by(extract_news.c.change, extract_news.c.key)
            .limit(at_most)
        )
        if after is not None:
            query = query.where(tuple_(extract_news.c.change, extract_news.c.key) > (after.change, after.key))
        with self._engine.connect() as connection:
            return [
                LegacyRecord(
                    dataset=self._dataset,
                    key=key,
                    position=f"{taken.name}|{key}" if change == Change.UNREADABLE else f"{key}|{taken.ordinal}|{hash_}",
                    values=decode_values(body),
                    change=Change(change),
                    as_of=taken.as_of,
                )
                for change, key, hash_, body in connection.execute(query)
            ]

    def acknowledged(self, connection: Connection, taken: Taken, records: Iterable[LegacyRecord]) -> None:
        """What was said is safe: forget that it is news, in a transaction of whoever sent it."""
        by_change: dict[str, list[str]] = {}
        for record in records:
            assert record.change is not None
            by_change.setdefault(record.change, []).append(record.key)
        for change, keys in by_change.items():
            connection.execute(
                delete(extract_news).where(
                    extract_news.c.extract == taken.id, extract_news.c.change == change, extract_news.c.key.in_(keys)
                )
            )

    def finish(self, taken: Taken, before: Taken | None, at_ms: int) -> None:
        """All of it is said: the next extract is compared with this one, and reading goes on from its checkpoint."""
        where = (checkpoints.c.connector == self._connector, checkpoints.c.dataset == self._dataset)
        body = {"body": json.dumps(dict(taken.checkpoint)), "at_ms": at_ms}
        with self._engine.begin() as connection:
            if before is not None:
                self._set(connection, before, Phase.GONE)
            self._set(connection, taken, Phase.APPLIED)
            if connection.execute(update(checkpoints).where(*where).values(**body)).rowcount == 0:
                connection.execute(insert(checkpoints).values(connector=self._connector, dataset=self._dataset, **body))

    def forget(self, taken: Taken) -> None:
        """Nothing of it is used; one that was held before it still is."""
        with self._engine.begin() as connection:
            self._set(connection, taken, Phase.GONE)

    def sweep(self) -> None:
        """Forget the rows of what is gone, some at a time: others write into the same database."""
        while (gone := self._latest(Phase.GONE)) is not None:
            self._sweep(extract_rows, extract_rows.c.extract == gone.id)
            for change in Change:
                self._sweep(extract_news, and_(extract_news.c.extract == gone.id, extract_news.c.change == change))
            with self._engine.begin() as connection:
                connection.execute(delete(extracts).where(extracts.c.id == gone.id))

    def _sweep(self, table: Table, which: ColumnElement[bool]) -> None:
        last: str | None = ""
        while last is not None:
            with self._engine.begin() as connection:
                last = connection.scalar(
                    select(table.c.key).where(which).order_by(table.c.key).offset(_SWEPT_TOGETHER).limit(1)
                )
                connection.execute(delete(table).where(which if last is None else and_(which, table.c.key < last)))

    def again(self, taken: Taken) -> Taken:
        """An extract as it now is."""
        with self._engine.connect() as connection:
            return self._by_id(connection, taken.id)

    # Steps of a transaction.

    def _hashes(self, connection: Connection, before: Taken | None, keys: list[str]) -> Mapping[str, str]:
        if before is None or not keys:
            return {}
        query = select(extract_rows.c.key, extract_rows.c.hash).where(
            extract_rows.c.extract == before.id, extract_rows.c.key.in_(keys)
        )
        return {row.key: row.hash for row in connection.execute(query)}

    def _delete(self, taken: Taken, before: Taken) -> None:
        """Note what is gone, from where a crash left it."""
        noted = select(func.max(extract_news.c.key)).where(
            extract_news.c.extract == taken.id, extract_news.c.change == Change.DELETED
        )
        with self._engine.connect() as connection:
            after = connection.scalar(noted) or ""
        for page in self._missing(taken, before, after):
            news = [_news(taken, Change.DELETED, row.key, "gone", row.keeps) for row in page]
            with self._engine.begin() as connection:
                connection.execute(insert(extract_news), news)

    def _carry_over(self, taken: Taken, before: Taken) -> None:
        """Take over what seems to be gone, for one of the rows that cannot be read may be it."""
        for page in self._missing(taken, before, ""):
            rows = [{"extract": taken.id, "key": row.key, "hash": row.hash, "keeps": row.keeps} for row in page]
            with self._engine.begin() as connection:
                connection.execute(insert(extract_rows), rows)

    def _missing(self, taken: Taken, before: Taken, after: str) -> Iterator[Sequence[Any]]:
        """Rows of the extract before that this one has not, behind a key.

        Looked for without holding up whoever writes into the same database: it takes as long as it takes to read an extract.
        """
        query = (
            select(extract_rows.c.key, extract_rows.c.hash, extract_rows.c.keeps)
            .where(*_only_before(taken, before))
            .order_by(extract_rows.c.key)
            .limit(_NOTED_TOGETHER)
        )
        while True:
            with self._engine.connect() as connection:
                page = connection.execute(query.where(extract_rows.c.key > after)).all()
            if not page:
                return
            yield page
            after = page[-1].key

    def _take_over(self, taken: Taken, phase: Phase, why: str = "") -> None:
        """An extract takes the place of those that waited before it."""
        waited = (extracts.c.id < taken.id, extracts.c.phase.in_([Phase.HELD, Phase.RELEASED]))
        with self._engine.begin() as connection:
            connection.execute(update(extracts).where(*self._mine, *waited).values(phase=Phase.GONE))
            self._set(connection, taken, phase, why)

    def _set(self, connection: Connection, taken: Taken, phase: Phase, why: str = "") -> None:
        connection.execute(update(extracts).where(extracts.c.id == taken.id).values(phase=phase, why=why))

    def _latest(self, *phases: Phase) -> Taken | None:
        query = (
            select(extracts).where(*self._mine, extracts.c.phase.in_(phases)).order_by(extracts.c.id.desc()).limit(1)
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
            return None if row is None else _taken(row)

    def _by_id(self, connection: Connection, identifier: int) -> Taken:
        return _taken(connection.execute(select(extracts).where(extracts.c.id == identifier)).one())


def _only_before(taken: Taken, before: Taken) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Which rows the extract before has and this one has not."""
    new = extract_rows.alias()
    return (
        extract_rows.c.extract == before.id,
        ~exists().where(new.c.extract == taken.id, new.c.key == extract_rows.c.key),
    )


def _news(taken: Taken, change: Change, key: str, hash_: str, body: str) -> dict[str, Any]:
    return {"extract": taken.id, "change": change, "key": key, "hash": hash_, "body": body}


def _taken(row: Any) -> Taken:
    return Taken(
        id=row.id,
        name=row.name,
        as_of=datetime.fromtimestamp(row.as_of_ms / 1000, UTC),
        phase=Phase(row.phase),
        ordinal=row.ordinal,
        rows=row.rows,
        unreadable=row.unreadable,
        checkpoint=json.loads(row.checkpoint),
        why=row.why,
    )
