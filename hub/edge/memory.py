"""What a connector's process remembers, in SQL of its own: checkpoints, records set aside, and its effect ledger (`effects.py`).

Nobody else writes it. Each method is one transaction; on SQLite it is on disk before the method returns. The tables are in `tables.py`.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Table, delete, insert, select, update

from connectors.sdk.contract import Checkpoint
from hub.database import damaged, make_tables
from hub.edge.effects import EffectLedger
from hub.edge.engine import setting
from hub.edge.speech import note
from hub.edge.tables import checkpoints, held, metadata
from hub.failpoints import Failpoint, reach


@dataclass(frozen=True)
class Held:
    """A record of the legacy system that could not be understood."""

    record_id: str
    dataset: str
    body: bytes


class EdgeMemory:
    """The memory of one connector. May be shared by the threads of its process.

    Args:
        engine: from `hub.edge.engine.open_engine`.
        connector: name of the connector.

    Attributes:
        effects: its effect ledger.

    Raises:
        RestartMe: the database does not answer.
        ConfigurationError: it does not let us make our tables.
    """

    def __init__(self, engine: Engine, connector: str) -> None:
        self._engine, self._connector = engine, connector
        self.effects = EffectLedger(engine, connector)
        make_tables(engine, metadata, setting(connector))

    def checkpoint(self, dataset: str) -> Checkpoint | None:
        """Where reading goes on; None at the very beginning.

        Raises:
            ConfigurationError: what was remembered cannot be read.
        """
        with self._engine.connect() as connection:
            body = connection.scalar(
                select(checkpoints.c.body).where(
                    checkpoints.c.connector == self._connector, checkpoints.c.dataset == dataset
                )
            )
        try:
            return None if body is None else dict(json.loads(body))
        except (ValueError, TypeError):
            url = self._engine.url.set(query={}).render_as_string(hide_password=True)
            raise damaged(
                f"{setting(self._connector)}: {url}", f"the checkpoint of {dataset} is no JSON object"
            ) from None

    def move_on(
        self,
        dataset: str,
        checkpoint: Checkpoint | None,
        *,
        learned: Mapping[str, str],
        held_records: Sequence[Held] = (),
        at_ms: int,
        spoke: int = 0,
        also: Callable[[Connection], None] | None = None,
    ) -> None:
        """Everything of a batch is safe on its topic: remember where reading goes on, and what was learned on the way.

        Args:
            dataset: what was read.
            checkpoint: where it goes on; None: where it did before.
            learned: legacy reference of an effect that had none, by effect key.
            held_records: what could not be understood.
            at_ms: now.
            spoke: how many records were new.
            also: what else has to be so once this is, and only then.
        """
        where = {"connector": self._connector, "dataset": dataset}
        with self._engine.begin() as connection:
            if spoke:
                note(connection, self._connector, dataset, spoke, datetime.fromtimestamp(at_ms / 1000, UTC))
            for effect_key, reference in learned.items():
                self.effects.learn(connection, effect_key, reference)
            for record in held_records:
                self._hold(connection, record, at_ms)
            if also is not None:
                also(connection)
            if checkpoint is not None:
                self._put(connection, checkpoints, where, {"body": json.dumps(dict(checkpoint)), "at_ms": at_ms})
            reach(Failpoint.SOURCE_CHECKPOINTING)

    def spoke(self, dataset: str, records: int, at: datetime) -> None:
        """A feed had so much to say, all of which is remembered elsewhere."""
        with self._engine.begin() as connection:
            note(connection, self._connector, dataset, records, at)

    def held(self, dataset: str) -> list[Held]:
        """What could not be understood, oldest first."""
        query = (
            select(held.c.record_id, held.c.dataset, held.c.body)
            .where(held.c.connector == self._connector, held.c.dataset == dataset)
            .order_by(held.c.since_ms, held.c.record_id)
        )
        with self._engine.connect() as connection:
            return [Held(row[0], row[1], row[2].encode()) for row in connection.execute(query)]

    def held_ids(self, dataset: str) -> frozenset[str]:
        """Ids of what could not be understood."""
        query = select(held.c.record_id).where(held.c.connector == self._connector, held.c.dataset == dataset)
        with self._engine.connect() as connection:
            return frozenset(connection.scalars(query))

    def hold(self, records: Iterable[Held], at_ms: int) -> None:
        """Keep what could not be understood, though reading does not go on behind it yet."""
        with self._engine.begin() as connection:
            for record in records:
                self._hold(connection, record, at_ms)

    def release(self, records: Iterable[Held], learned: Mapping[str, str]) -> None:
        """Records that were set aside have been understood and are safe on their topics."""
        with self._engine.begin() as connection:
            for effect_key, reference in learned.items():
                self.effects.learn(connection, effect_key, reference)
            for record in records:
                connection.execute(
                    delete(held).where(held.c.connector == self._connector, held.c.record_id == record.record_id)
                )

    def _hold(self, connection: Connection, record: Held, at_ms: int) -> None:
        where = {"connector": self._connector, "record_id": record.record_id}
        values = {
            "dataset": record.dataset,
            "body": record.body.decode(),
            "since_ms": at_ms,
        }
        self._put(connection, held, where, values)

    def _put(self, connection: Connection, table: Table, where: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """Update a row or insert it. No two processes share a connector's rows, and each row has one thread that writes it."""
        condition = [table.c[name] == value for name, value in where.items()]
        if connection.execute(update(table).where(*condition).values(**values)).rowcount == 0:
            connection.execute(insert(table).values(**where, **values))
