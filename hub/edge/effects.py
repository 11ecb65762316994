"""A connector's effect ledger, in SQL of its own: what it intends, what became of it, and which legacy record is whose.

Each method is one transaction; on SQLite it is on disk before the method returns. A round of instructions is begun in one and ended in one,
so what it costs to be sure is paid once for all of them. What the states mean is in `history.py`.

A process that was frozen may wake up while another applies instructions in its place. So each takes a number when it begins, the row of an
instruction carries the number of who has it in hand, only a higher one takes it over, and only its holder moves it on.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, bindparam, delete, func, insert, or_, select, update

from connectors.sdk.contract import Receipt
from hub.edge.ledger import Begun, EffectRow, Intent, Kind, Outcome, State, effect_row
from hub.edge.tables import UNDER_WAY, effects, fences, links, upsert
from hub.errors import RestartMe
from schemas.tasks import TaskStatus

_AT_ONCE = 500
"""Keys that a database is asked about together."""
_ANSWERED = effects.c.state.in_([State.APPLIED, State.REJECTED])


def _replaced() -> RestartMe:
    return RestartMe("Another process of this connector has taken this one's place.")


def _ended(receipt: Receipt, at_ms: int) -> dict[str, Any]:
    state = State.REJECTED if receipt.status is TaskStatus.REJECTED else State.APPLIED
    return {
        "state": state,
        "status": receipt.status,
        "reference": receipt.reference,
        "reason": receipt.reason,
        "ended_ms": at_ms,
    }


class EffectLedger:
    """The ledger of one connector. May be shared by the threads of its process.

    Args:
        engine: of its memory, whose tables are there.
        connector: name of the connector.
    """

    def __init__(self, engine: Engine, connector: str) -> None:
        self._engine, self._connector = engine, connector
        self._fence = 0

    def rows(self, effect_keys: Collection[str]) -> dict[str, EffectRow]:
        """Rows of the ledger by effect key, those that there are."""
        found: dict[str, EffectRow] = {}
        with self._engine.connect() as connection:
            for some in _some(effect_keys):
                found |= {row.effect_key: row for row in self._rows(connection, _any_of(some))}
        return found

    def rows_of(self, legacy_keys: Collection[str]) -> dict[str, EffectRow]:
        """The effects that legacy records belong to, by their keys; without those that are nobody's task of ours."""
        linked: dict[str, str] = {}
        with self._engine.connect() as connection:
            for some in _some(legacy_keys):
                query = select(links.c.legacy_key, links.c.effect_key).where(
                    links.c.connector == self._connector, links.c.legacy_key.in_(some)
                )
                linked |= {row.legacy_key: row.effect_key for row in connection.execute(query)}
        rows = self.rows(linked.values())
        return {key: rows[effect_key] for key, effect_key in linked.items() if effect_key in rows}

    def take_over(self) -> None:
        """From here on this process applies instructions: whatever it takes in hand, no process that began before may touch again."""
        number = upsert(self._engine, fences).values(connector=self._connector, last=1)
        number = number.on_conflict_do_update(index_elements=[fences.c.connector], set_={"last": fences.c.last + 1})
        with self._engine.begin() as connection:
            self._fence = connection.execute(number.returning(fences.c.last)).scalar_one()

    def begin(self, intents: Sequence[Intent], at_ms: int) -> list[Begun]:
        """Note the intention to apply instructions, before anything is done about any; from here on they are this process's.

        Args:
            intents: the instructions, each of another case.
            at_ms: now.

        Returns:
            What the ledger knew of each, in their order.

        Raises:
            RestartMe: a process that began later has one of them.
        """
        with self._engine.begin() as connection:
            tasks = self._tasks(connection, {intent.case for intent in intents})
            begun, new = [], []
            for intent in intents:
                rows = tasks[intent.case, intent.task]
                at = next((place for place, row in enumerate(rows) if row.effect_key == intent.effect_key), None)
                if at is None:
                    # The order of a task's rows is the order in which they came, even where the clock was put back between them.
                    new.append(self._new(intent, max(at_ms, rows[-1].began_ms + 1) if rows else at_ms))
                    begun.append(Begun(None, tuple(map(effect_row, rows))))
                    continue
                was = effect_row(rows[at])
                if was.open:
                    again = State.INTENT if was.state in {State.ASIDE, State.IN_DOUBT} else was.state
                    self._take(connection, intent.effect_key, was.state, again)
                begun.append(Begun(was, tuple(map(effect_row, rows[:at]))))
            if new:
                connection.execute(insert(effects), new)
            return begun

    def still_ours(self, effect_keys: Collection[str]) -> None:
        """Make sure that nobody has taken any of these instructions over, for what is done next is done outside.

        Raises:
            RestartMe: another process has one in hand, or has ended it.
        """
        held = select(func.count()).select_from(effects).where(*self._in_hand(_any_of(effect_keys), State.INTENT))
        with self._engine.connect() as connection:
            if connection.scalar(held) != len(effect_keys):
                raise _replaced()

    def finish(self, outcomes: Sequence[Outcome]) -> list[EffectRow]:
        """Note what became of instructions, and which of the legacy system's records is each one's; their rows, in their order.

        Raises:
            RestartMe: another process has one in hand, or has ended it; then nothing is noted. So of all that follow.
        """
        if not outcomes:
            return []
        keys = [outcome.effect_key for outcome in outcomes]
        moves = update(effects).where(*self._in_hand(effects.c.effect_key == bindparam("of"), State.INTENT, State.SENT))
        with self._engine.begin() as connection:
            moved = connection.execute(
                moves, [{"of": each.effect_key, **_ended(each.receipt, each.at_ms)} for each in outcomes]
            )
            if moved.rowcount != len(outcomes):
                for key in keys:
                    self._known(connection, key)
                raise _replaced()
            for each in outcomes:
                if each.dropped:
                    cancelled = {"status": each.receipt.status, "reason": each.receipt.reason, "ended_ms": each.at_ms}
                    self._change(connection, each.dropped, state=State.DROPPED, **cancelled)
            rows = {row.effect_key: row for row in self._rows(connection, _any_of(keys))}
            ended = [rows[key] for key in keys]
            self._link_to(connection, ended)
            return ended

    def give_back(self, untried: Collection[tuple[str, State | None]]) -> None:
        """Let instructions go that are in hand and about which nothing was done; whoever comes next finds them as they were before `begin`.

        Args:
            untried: effect keys, and the state in which each was found; None where it was new.
        """
        new = [key for key, was in untried if was is None]
        lay = [(key, was) for key, was in untried if was in {State.ASIDE, State.IN_DOUBT}]
        if not (new or lay):
            return
        with self._engine.begin() as connection:
            for some in _some(new):
                connection.execute(delete(effects).where(*self._in_hand(_any_of(some), State.INTENT)))
            for key, was in lay:
                back = update(effects).where(*self._in_hand(effects.c.effect_key == key, State.INTENT))
                connection.execute(back.values(state=was))

    def set_aside(self, effect_key: str, *, perhaps_written: bool = False) -> None:
        """An instruction goes to the dead letters; `perhaps_written` where the legacy system may have it all the same."""
        with self._engine.begin() as connection:
            state = State.IN_DOUBT if perhaps_written else State.ASIDE
            self._move(connection, effect_key, State.INTENT, state=state)

    def send(self, effect_key: str, at_ms: int) -> None:
        """An instruction for a system of class D is about to leave: whoever finds it so after a crash must not send it again."""
        with self._engine.begin() as connection:
            self._move(connection, effect_key, State.INTENT, state=State.SENT, sent_ms=at_ms)

    def not_sent(self, effect_key: str) -> None:
        """It did not leave after all: the system was away."""
        with self._engine.begin() as connection:
            self._move(connection, effect_key, State.SENT, state=State.INTENT, sent_ms=None)

    def doubt(self, effect_key: str, evidence: str, at_ms: int) -> EffectRow:
        """It left, and nobody knows whether the system has it: from here on it waits for a person."""
        with self._engine.begin() as connection:
            said = {"state": State.UNKNOWN, "evidence": evidence, "unknown_ms": at_ms}
            return self._move(connection, effect_key, State.SENT, **said)

    def supersede(self, effect_key: str) -> EffectRow:
        """An instruction came behind one that is unknown: nothing is done about it, for its case will say anew what it wants."""
        with self._engine.begin() as connection:
            return self._move(connection, effect_key, State.INTENT, state=State.SUPERSEDED)

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
                self._change(connection, [effect_key], **_ended(receipt, at_ms))
                self._link_to(connection, [self._known(connection, effect_key)])
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

    def learn(self, connection: Connection, effect_key: str, reference: str) -> None:
        """Note the legacy reference of an effect that had none, in a transaction of who read it."""
        self._change(connection, [effect_key], reference=reference)
        self._link(connection, {reference: effect_key})

    # Steps of a transaction.

    def _rows(self, connection: Connection, which: ColumnElement[bool]) -> list[EffectRow]:
        query = select(effects).where(effects.c.connector == self._connector, which)
        return [effect_row(row) for row in connection.execute(query)]

    def _effect(self, connection: Connection, effect_key: str) -> EffectRow | None:
        return next(iter(self._rows(connection, effects.c.effect_key == effect_key)), None)

    def _known(self, connection: Connection, effect_key: str) -> EffectRow:
        row = self._effect(connection, effect_key)
        if row is None:
            raise LookupError(f"No intent for effect {effect_key}; `begin` comes first.")
        return row

    def _tasks(self, connection: Connection, cases: Collection[str]) -> dict[tuple[str, str], list[Row[Any]]]:
        """The rows of each task of some cases, oldest first."""
        query = (
            select(effects)
            .where(effects.c.connector == self._connector, effects.c.case_ref.in_(cases))
            .order_by(effects.c.began_ms, effects.c.place)
        )
        tasks: dict[tuple[str, str], list[Row[Any]]] = defaultdict(list)
        for row in connection.execute(query):
            tasks[row.case_ref, row.task].append(row)
        return tasks

    def _new(self, intent: Intent, began_ms: int) -> dict[str, Any]:
        return {
            "connector": self._connector,
            "effect_key": intent.effect_key,
            "case_ref": intent.case,
            "task": intent.task,
            "raising": intent.raising,
            "revision": intent.revision,
            "kind": intent.kind,
            "state": State.INTENT,
            "topic": intent.place.topic,
            "part": intent.place.partition,
            "place": intent.place.offset,
            "began_ms": began_ms,
            "fence": self._fence,
        }

    def _in(self, *states: State) -> frozenset[str]:
        # Written out, and no parameters: only so does a database see that its index of open rows will do.
        query = select(effects.c.effect_key).where(
            effects.c.connector == self._connector, UNDER_WAY, effects.c.state.in_(states)
        )
        with self._engine.connect() as connection:
            return frozenset(connection.scalars(query))

    def _in_hand(self, which: ColumnElement[bool], *states: State) -> tuple[ColumnElement[bool], ...]:
        """That these instructions are this process's, and no further than that."""
        return (
            effects.c.connector == self._connector,
            which,
            effects.c.fence == self._fence,
            or_(*(effects.c.state == state for state in states)),
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

    def _move(self, connection: Connection, effect_key: str, was: State, **values: Any) -> EffectRow:
        """Move an instruction on that is in hand and no further than that."""
        moved = update(effects).where(*self._in_hand(effects.c.effect_key == effect_key, was)).values(**values)
        if connection.execute(moved).rowcount == 0:
            self._known(connection, effect_key)
            raise _replaced()
        return self._known(connection, effect_key)

    def _change(self, connection: Connection, effect_keys: Collection[str], **values: Any) -> None:
        connection.execute(
            update(effects).where(effects.c.connector == self._connector, _any_of(effect_keys)).values(**values)
        )

    def _link_to(self, connection: Connection, rows: Iterable[EffectRow]) -> None:
        self._link(
            connection,
            {row.reference: row.effect_key for row in rows if row.reference and row.kind is not Kind.WITHDRAWN},
        )

    def _link(self, connection: Connection, effect_of: Mapping[str, str]) -> None:
        """Note which effect these legacy records belong to, by their keys."""
        if not effect_of:
            return
        link = upsert(self._engine, links)
        link = link.on_conflict_do_update(
            index_elements=[links.c.connector, links.c.legacy_key], set_={"effect_key": link.excluded.effect_key}
        )
        connection.execute(
            link,
            [
                {"connector": self._connector, "legacy_key": legacy_key, "effect_key": effect_key}
                for legacy_key, effect_key in effect_of.items()
            ],
        )


def _any_of(effect_keys: Collection[str]) -> ColumnElement[bool]:
    return effects.c.effect_key.in_(list(effect_keys))


def _some(keys: Collection[str]) -> Iterator[list[str]]:
    them = iter(sorted(set(keys)))
    while some := list(islice(them, _AT_ONCE)):
        yield some
