"""What a connector's process remembers, in SQL of its own: checkpoints, the effect ledger, links, and records set aside.

Nobody else writes it. Each method is one transaction; on SQLite it is on disk before the method returns. The tables are in `tables.py`.

A process that was frozen may wake up while another applies instructions in its place. So each takes a number when it begins, the row of an
instruction carries the number of who has it in hand, only a higher one takes it over, and only its holder moves it on.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Table, delete, func, insert, or_, select, update

from connectors.sdk.contract import Checkpoint, Receipt
from hub.database import damaged, make_tables
from hub.edge.engine import setting
from hub.edge.ledger import Begun, EffectRow, Kind, State, effect_row
from hub.edge.messages import Place
from hub.edge.speech import note
from hub.edge.tables import UNDER_WAY, checkpoints, effects, fences, held, links, metadata, upsert
from hub.errors import RestartMe
from hub.failpoints import Failpoint, reach
from schemas.tasks import TaskStatus


@dataclass(frozen=True)
class Held:
    """A record of the legacy system that could not be understood."""

    record_id: str
    dataset: str
    body: bytes


_ANSWERED = effects.c.state.in_([State.APPLIED, State.REJECTED])


_AT_ONCE = 500
"""Keys that a database is asked about together."""


def _some(keys: Collection[str]) -> Iterator[list[str]]:
    them = iter(sorted(set(keys)))
    while some := list(islice(them, _AT_ONCE)):
        yield some


def _replaced() -> RestartMe:
    return RestartMe("Another process of this connector has taken this one's place.")


def _outcome(receipt: Receipt, at_ms: int) -> dict[str, Any]:
    state = State.REJECTED if receipt.status is TaskStatus.REJECTED else State.APPLIED
    return {
        "state": state,
        "status": receipt.status,
        "reference": receipt.reference,
        "reason": receipt.reason,
        "ended_ms": at_ms,
    }


class EdgeMemory:
    """The memory of one connector. May be shared by the threads of its process.

    Args:
        engine: from `hub.edge.engine.open_engine`.
        connector: name of the connector.

    Raises:
        RestartMe: the database does not answer.
        ConfigurationError: it does not let us make our tables.
    """

    def __init__(self, engine: Engine, connector: str) -> None:
        self._engine, self._connector = engine, connector
        self._fence = 0
        make_tables(engine, metadata, setting(connector))

    # Reading.

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
                self._learn(connection, effect_key, reference)
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
                self._learn(connection, effect_key, reference)
            for record in records:
                connection.execute(
                    delete(held).where(held.c.connector == self._connector, held.c.record_id == record.record_id)
                )

    def effect(self, effect_key: str) -> EffectRow | None:
        """One row of the ledger."""
        with self._engine.connect() as connection:
            return self._effect(connection, effect_key)

    def effect_of(self, legacy_key: str) -> EffectRow | None:
        """The effect that a legacy record belongs to; None where it is nobody's task of ours."""
        query = select(links.c.effect_key).where(links.c.connector == self._connector, links.c.legacy_key == legacy_key)
        with self._engine.connect() as connection:
            effect_key = connection.scalar(query)
            return None if effect_key is None else self._effect(connection, effect_key)

    def effects(self, effect_keys: Collection[str]) -> dict[str, EffectRow]:
        """Rows of the ledger by effect key, those that there are."""
        found: dict[str, EffectRow] = {}
        for some in _some(effect_keys):
            query = select(effects).where(effects.c.connector == self._connector, effects.c.effect_key.in_(some))
            with self._engine.connect() as connection:
                found |= {row.effect_key: effect_row(row) for row in connection.execute(query)}
        return found

    def effects_of(self, legacy_keys: Collection[str]) -> dict[str, EffectRow]:
        """The effects that legacy records belong to, by their keys; without those that are nobody's task of ours."""
        linked: dict[str, str] = {}
        for some in _some(legacy_keys):
            query = select(links.c.legacy_key, links.c.effect_key).where(
                links.c.connector == self._connector, links.c.legacy_key.in_(some)
            )
            with self._engine.connect() as connection:
                linked |= {row.legacy_key: row.effect_key for row in connection.execute(query)}
        rows = self.effects(linked.values())
        return {key: rows[effect_key] for key, effect_key in linked.items() if effect_key in rows}

    # Writing.

    def take_over(self) -> None:
        """From here on this process applies instructions: whatever it takes in hand, no process that began before may touch again."""
        number = upsert(self._engine, fences).values(connector=self._connector, last=1)
        number = number.on_conflict_do_update(index_elements=[fences.c.connector], set_={"last": fences.c.last + 1})
        with self._engine.begin() as connection:
            self._fence = connection.execute(number.returning(fences.c.last)).scalar_one()

    def begin(
        self,
        effect_key: str,
        *,
        case: str,
        task: str,
        kind: Kind,
        place: Place,
        at_ms: int,
        raising: int = 1,
        revision: int = 0,
    ) -> Begun:
        """Note the intention to apply an instruction, before anything is done about it; from here on it is this process's.

        Args:
            effect_key: id of the instruction.
            case: the case reference.
            task: name of the task.
            kind: what it asks.
            place: where it stands.
            at_ms: now.
            raising: which raising of the task it is about.
            revision: which instruction about that it is.

        Raises:
            RestartMe: a process that began later has it.
        """
        with self._engine.begin() as connection:
            rows = connection.execute(
                select(effects)
                .where(effects.c.connector == self._connector, effects.c.case_ref == case, effects.c.task == task)
                .order_by(effects.c.began_ms, effects.c.place)
            ).all()
            order = [row.effect_key for row in rows]
            if effect_key not in order:
                connection.execute(
                    insert(effects).values(
                        connector=self._connector,
                        effect_key=effect_key,
                        case_ref=case,
                        task=task,
                        raising=raising,
                        revision=revision,
                        kind=kind,
                        state=State.INTENT,
                        topic=place.topic,
                        part=place.partition,
                        place=place.offset,
                        # The order of a task's rows is the order in which they came, even where the clock was put back between them.
                        began_ms=max(at_ms, rows[-1].began_ms + 1) if rows else at_ms,
                        fence=self._fence,
                    )
                )
                return Begun(None, tuple(map(effect_row, rows)))
            at = order.index(effect_key)
            was = effect_row(rows[at])
            if was.open:
                again = State.INTENT if was.state in {State.ASIDE, State.IN_DOUBT} else was.state
                self._take(connection, effect_key, was.state, again)
            return Begun(was, tuple(map(effect_row, rows[:at])))

    def still_ours(self, effect_key: str) -> None:
        """Make sure that nobody has taken an instruction over, for what is done next is done outside.

        Raises:
            RestartMe: another process has it in hand, or has ended it.
        """
        holds = select(effects.c.effect_key).where(*self._in_hand(effect_key, [State.INTENT]))
        with self._engine.connect() as connection:
            if connection.scalar(holds) is None:
                raise _replaced()

    def finish(self, effect_key: str, receipt: Receipt, at_ms: int, dropped: Iterable[str] = ()) -> EffectRow:
        """Note what became of an instruction, and which of the legacy system's records is the task's.

        Args:
            effect_key: the instruction.
            receipt: what the legacy system made of it.
            at_ms: now.
            dropped: effect keys of those that lie aside and are settled with it, for it withdraws them.

        Raises:
            RestartMe: another process has it in hand, or has ended it. So of all that follow.
        """
        with self._engine.begin() as connection:
            row = self._move(connection, effect_key, [State.INTENT, State.SENT], **_outcome(receipt, at_ms))
            cancelled = {"status": receipt.status, "reason": receipt.reason, "ended_ms": at_ms}
            self._change(connection, dropped, state=State.DROPPED, **cancelled)
            self._link_to(connection, row)
            return row

    def set_aside(self, effect_key: str, *, perhaps_written: bool = False) -> None:
        """An instruction goes to the dead letters; `perhaps_written` where the legacy system may have it all the same."""
        with self._engine.begin() as connection:
            state = State.IN_DOUBT if perhaps_written else State.ASIDE
            self._move(connection, effect_key, [State.INTENT], state=state)

    def send(self, effect_key: str, at_ms: int) -> None:
        """An instruction for a system of class D is about to leave: whoever finds it so after a crash must not send it again."""
        with self._engine.begin() as connection:
            self._move(connection, effect_key, [State.INTENT], state=State.SENT, sent_ms=at_ms)

    def not_sent(self, effect_key: str) -> None:
        """It did not leave after all: the system was away."""
        with self._engine.begin() as connection:
            self._move(connection, effect_key, [State.SENT], state=State.INTENT, sent_ms=None)

    def doubt(self, effect_key: str, evidence: str, at_ms: int) -> EffectRow:
        """It left, and nobody knows whether the system has it: from here on it waits for a person."""
        with self._engine.begin() as connection:
            said = {"state": State.UNKNOWN, "evidence": evidence, "unknown_ms": at_ms}
            return self._move(connection, effect_key, [State.SENT], **said)

    def supersede(self, effect_key: str) -> EffectRow:
        """An instruction came behind one that is unknown: nothing is done about it, for its case will say anew what it wants."""
        with self._engine.begin() as connection:
            return self._move(connection, effect_key, [State.INTENT], state=State.SUPERSEDED)

    def settle(self, effect_key: str, receipt: Receipt | None, at_ms: int) -> bool:
        """Somebody found out what became of an instruction that is unknown; whether there was one to settle.

        Args:
            effect_key: the instruction; of another connector, or settled before, it is left alone.
            receipt: what the system made of it; None where it has nothing of it.
            at_ms: now.
        """
        with self._engine.begin() as connection:
            row = self._effect(connection, effect_key)
            if row is None or row.state is not State.UNKNOWN:
                return False
            if receipt is None:
                self._change(connection, [effect_key], state=State.NOT_APPLIED, ended_ms=at_ms)
            else:
                self._change(connection, [effect_key], **_outcome(receipt, at_ms))
                self._link_to(connection, self._known(connection, effect_key))
            return True

    def unfinished(self) -> frozenset[str]:
        """The instructions that have an intention and no outcome: any of them may be on its way into the legacy system."""
        return self._in(State.INTENT, State.SENT)

    def unknown(self) -> frozenset[str]:
        """The instructions that wait for a person to find out whether the legacy system has them."""
        return self._in(State.UNKNOWN)

    def unanswered(self) -> int:
        """How many instructions have left without an answer since the last that got one, but for those that a person has settled."""
        ours = effects.c.connector == self._connector
        answered = select(func.coalesce(func.max(effects.c.sent_ms), -1)).where(
            ours, effects.c.unknown_ms.is_(None), _ANSWERED
        )
        query = select(func.count()).where(
            ours,
            UNDER_WAY,
            effects.c.state.in_([State.SENT, State.UNKNOWN]),
            effects.c.sent_ms > answered.scalar_subquery(),
        )
        with self._engine.connect() as connection:
            return connection.scalar(query) or 0

    # Steps of a transaction.

    def _effect(self, connection: Connection, effect_key: str) -> EffectRow | None:
        row = connection.execute(
            select(effects).where(effects.c.connector == self._connector, effects.c.effect_key == effect_key)
        ).one_or_none()
        return None if row is None else effect_row(row)

    def _known(self, connection: Connection, effect_key: str) -> EffectRow:
        row = self._effect(connection, effect_key)
        if row is None:
            raise LookupError(f"No intent for effect {effect_key}; `begin` comes first.")
        return row

    def _in(self, *states: State) -> frozenset[str]:
        # Written out, and no parameters: only so does a database see that its index of open rows will do.
        query = select(effects.c.effect_key).where(
            effects.c.connector == self._connector, UNDER_WAY, effects.c.state.in_(states)
        )
        with self._engine.connect() as connection:
            return frozenset(connection.scalars(query))

    def _in_hand(self, effect_key: str, states: Collection[State]) -> tuple[ColumnElement[bool], ...]:
        return (
            effects.c.connector == self._connector,
            effects.c.effect_key == effect_key,
            effects.c.fence == self._fence,
            effects.c.state.in_(states),
        )

    def _take(self, connection: Connection, effect_key: str, was: State, state: State) -> None:
        """Take an open instruction in hand, from whoever had it before."""
        taken = update(effects).where(
            effects.c.connector == self._connector,
            effects.c.effect_key == effect_key,
            effects.c.state == was,
            or_(effects.c.fence.is_(None), effects.c.fence <= self._fence),
        )
        if connection.execute(taken.values(state=state, fence=self._fence)).rowcount == 0:
            raise _replaced()

    def _move(self, connection: Connection, effect_key: str, states: Collection[State], **values: Any) -> EffectRow:
        """Move an instruction on that is in hand, from one of these states."""
        moved = update(effects).where(*self._in_hand(effect_key, states)).values(**values)
        if connection.execute(moved).rowcount == 0:
            self._known(connection, effect_key)
            raise _replaced()
        return self._known(connection, effect_key)

    def _link_to(self, connection: Connection, row: EffectRow) -> None:
        if row.reference and row.kind is not Kind.WITHDRAWN:
            self._link(connection, row.reference, row.effect_key)

    def _change(self, connection: Connection, effect_keys: Iterable[str], **values: Any) -> None:
        connection.execute(
            update(effects)
            .where(effects.c.connector == self._connector, effects.c.effect_key.in_(list(effect_keys)))
            .values(**values)
        )

    def _learn(self, connection: Connection, effect_key: str, reference: str) -> None:
        self._change(connection, [effect_key], reference=reference)
        self._link(connection, reference, effect_key)

    def _link(self, connection: Connection, legacy_key: str, effect_key: str) -> None:
        where = {"connector": self._connector, "legacy_key": legacy_key}
        self._put(connection, links, where, {"effect_key": effect_key})

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
