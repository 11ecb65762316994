"""Switches one protection of the product off, in every process that a fault test starts: HUB_MUTANT names which.

A fault test that stays green with its protection off proves nothing; `python -m tests.faults.twins` runs each with its mutants and fails
when one stays green. Python imports this module by itself when it starts; nothing of it is part of the product.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4


def swap(owner: Any, name: str, other: Any) -> None:
    """Put something else in the place of a part of the product."""
    if not hasattr(owner, name):
        sys.exit(f"HUB_MUTANT: {owner.__name__} has no {name} any more; mend the mutant.")
    setattr(owner, name, other)


def ids_are_drawn() -> None:
    """What is sent again after a crash has another id, so nobody knows that it is the same."""
    from schemas import envelope  # noqa: PLC0415 - in the processes of the test alone

    swap(envelope, "output_id", lambda _cause, _name: uuid4())


def records_have_drawn_ids() -> None:
    """A record that is read again makes another event."""
    from hub.edge import wrapping  # noqa: PLC0415 - as above

    swap(wrapping, "record_id", lambda *_: uuid4())


def deadlines_are_drawn() -> None:
    """A deadline is another event each time it is published, and two workers look at once."""
    from hub.routing import deadlines  # noqa: PLC0415 - as above

    publish = deadlines.DeadlineTimer._publish

    async def twice(self: Any, *arguments: Any) -> None:
        await asyncio.gather(publish(self, *arguments), publish(self, *arguments))

    swap(deadlines.DeadlineTimer, "_publish", twice)
    swap(deadlines, "output_id", lambda *_: uuid4())


def applied_before_sent() -> None:
    """The worker writes a round without waiting until its outputs are acknowledged."""
    from hub.routing import publish, round  # noqa: A004, PLC0415 - as above

    send, finish = publish.Publisher.send, round.Rounds._finish

    async def slowly(self: Any, *arguments: Any) -> bool:
        await asyncio.sleep(1.0)
        return await send(self, *arguments)

    async def not_at_all(*_: Any) -> None:
        await asyncio.sleep(0)

    async def all_at_once(self: Any, plan: Any, generation: int, began: float) -> None:
        for work in self._under_way.values():
            if not work.task.done():
                done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
                done.set_result(True)
                work.task = done
        await finish(self, plan, generation, began)

    swap(publish.Publisher, "send", slowly)
    swap(round.Rounds, "_await_acknowledgements", not_at_all)
    swap(round.Rounds, "_finish", all_at_once)


def cases_are_forgotten() -> None:
    """Every event is the first that the worker hears of its case."""
    from hub.routing import round  # noqa: A004, PLC0415 - as above
    from hub.routing.share import route  # noqa: PLC0415 - as above

    swap(round, "route", lambda partition, old, records, _bodies, **more: route(partition, old, records, {}, **more))


def failures_are_swallowed() -> None:
    """A record on which the hub fails is passed over without a dead letter, as Faust does by itself."""
    from hub.routing import share  # noqa: PLC0415 - as above

    swap(share, "_set_aside", lambda *_: None)


def checkpoint_first() -> None:
    """A source moves its checkpoint on before its events are safe."""
    from hub.edge import source_runner  # noqa: PLC0415 - as above

    take = source_runner.SourceRunner._take

    def hasty(self: Any, connector: Any, batch: Any) -> bool:
        self._edge.memory.move_on(self._dataset, batch.checkpoint, learned={}, held_records=[], at_ms=0)
        return take(self, connector, batch)

    swap(source_runner.SourceRunner, "_take", hasty)


def ledger_without_intent() -> None:
    """The ledger holds outcomes alone: an instruction that was in hand when the process died is new, and nobody looks for it."""
    from hub.edge import memory  # noqa: PLC0415 - as above

    begin = memory.EdgeMemory.begin

    def forgetful(self: Any, effect_key: str, **more: Any) -> Any:
        begun = begin(self, effect_key, **more)
        return memory.Begun(None, begun.earlier) if begun.was is not None and begun.was.open else begun

    swap(memory.EdgeMemory, "begin", forgetful)


def no_ledger_in_the_target() -> None:
    """The housing database keeps no row of what was written, so each try is the first."""
    from connectors.universal_housing import ledger  # noqa: PLC0415 - as above

    swap(ledger, "receipt_of", lambda *_: None)
    swap(ledger, "remember", lambda *_: None)


def file_names_are_drawn() -> None:
    """Each try of an instruction leaves a file of another name."""
    from connectors.transport_files import connector  # noqa: PLC0415 - as above
    from connectors.transport_files.mapping import booking_name  # noqa: PLC0415 - as above

    swap(connector, "booking_name", lambda effect, rules: f"{uuid4().hex[:6]}{booking_name(effect, rules)}")


def silence_is_no_change() -> None:
    """A feed that answers and has nothing new counts as one that speaks: no data is taken for no change."""
    from hub.feeds import cadence, pulse  # noqa: PLC0415 - as above
    from schemas.feeds import FeedState  # noqa: PLC0415 - as above

    judge = cadence.judge

    def trusting(*arguments: Any) -> Any:
        found = judge(*arguments)
        silent = found.state is FeedState.SILENT
        return cadence.Judgement(FeedState.SPEAKING, found.since) if silent else found

    swap(pulse, "judge", trusting)


def beats_are_never_overdue() -> None:
    """A feed is as it was last said to be, for ever."""
    from hub.feeds import board  # noqa: PLC0415 - as above

    swap(board, "_OVERDUE_BEATS", 1_000_000)


def tripwire_is_off() -> None:
    """An extract is taken for what it says, however few rows it has."""
    from hub.edge import full_extracts  # noqa: PLC0415 - as above

    swap(full_extracts.FullExtracts, "_too_different", lambda *_: "")


def news_is_forgotten_first() -> None:
    """What an extract's page says is forgotten before it is safe on its topic."""
    from hub.edge import extracts  # noqa: PLC0415 - as above

    news = extracts.Extracts.news

    def hasty(self: Any, taken: Any, at_most: int) -> Any:
        records = news(self, taken, at_most)
        with self._engine.begin() as connection:
            self.acknowledged(connection, taken, records)
        return records

    swap(extracts.Extracts, "news", hasty)


def extracts_begin_anew() -> None:
    """An extract that a crash cut short is dropped, and the next one is read."""
    from hub.edge import full_extracts  # noqa: PLC0415 - as above

    def dropped(self: Any) -> None:
        while (pending := self._memory.pending()) is not None:
            self._memory.forget(pending)

    swap(full_extracts.FullExtracts, "_pending", dropped)


def extracts_are_held_whole() -> None:
    """All rows of an extract are read before the first is remembered."""
    from hub.edge import full_extracts  # noqa: PLC0415 - as above

    rows_of = full_extracts._extract

    def whole(answer: Any) -> Any:
        found = rows_of(answer)
        return replace(found, rows=list(found.rows))

    swap(full_extracts, "_extract", whole)


def lines_are_of_any_length() -> None:
    """A line is read to its end, however far that is."""
    from connectors.sdk import lines  # noqa: PLC0415 - as above

    read = lines.lines_of
    swap(lines, "lines_of", lambda file: read(file, longest=10**12))


MUTANTS: dict[str, Callable[[], None]] = {
    each.__name__.replace("_", "-"): each
    for each in (
        ids_are_drawn,
        records_have_drawn_ids,
        deadlines_are_drawn,
        applied_before_sent,
        cases_are_forgotten,
        failures_are_swallowed,
        checkpoint_first,
        ledger_without_intent,
        no_ledger_in_the_target,
        file_names_are_drawn,
        silence_is_no_change,
        beats_are_never_overdue,
        tripwire_is_off,
        news_is_forgotten_first,
        extracts_begin_anew,
        extracts_are_held_whole,
        lines_are_of_any_length,
    )
}

if mutant := os.environ.get("HUB_MUTANT"):
    if mutant not in MUTANTS:
        sys.exit(f"HUB_MUTANT: no {mutant}. There are: {', '.join(MUTANTS)}.")
    MUTANTS[mutant]()
