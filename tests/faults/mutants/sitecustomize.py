"""Switches one protection of the product off, in every process that a fault test starts: HUB_MUTANT names which.

A fault test that stays green with its protection off proves nothing; `python -m tests.faults.twins` runs each with its mutants and fails
when one stays green. Python imports this module by itself when it starts; nothing of it is part of the product.

HUB_CLOCK (a file) and HUB_CLOCK_SHIFT_S set the clocks of the process that starts; they are circumstances, and no mutants.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
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


def reads_uncommitted() -> None:
    """The worker and the sinks take what is on a topic, also where its producer took it back."""
    from faust.transport.drivers import aiokafka  # noqa: PLC0415 - as above
    from kafka import KafkaConsumer  # noqa: PLC0415 - as above

    from hub.edge.kafka import receiver  # noqa: PLC0415 - as above
    from hub.routing import transport  # noqa: PLC0415 - as above

    swap(transport, "ConsumerThread", aiokafka.AIOKafkaConsumerThread)
    swap(receiver, "KafkaConsumer", lambda **more: KafkaConsumer(**more | {"isolation_level": "read_uncommitted"}))


def topics_take_what_is_compressed() -> None:
    """Kafka measures what a producer sends, and not what a reader finds in it."""
    from hub import topics  # noqa: PLC0415 - as above

    wanted = topics.wanted

    def loosely(*arguments: Any, **more: Any) -> Any:
        return tuple(
            replace(each, configs={**each.configs, "compression.type": "producer"})
            for each in wanted(*arguments, **more)
        )

    swap(topics, "wanted", loosely)


def unknown_fields_are_refused() -> None:
    """An event holds what this release knows, and nothing else."""
    from schemas import envelope  # noqa: PLC0415 - as above

    # Whatever is defined from here on inherits it: nothing else of the schemas is imported yet.
    for model in (envelope.Message, envelope.Event):
        swap(model, "model_config", model.model_config | {"extra": "forbid"})


def keys_are_forgotten() -> None:
    """Nobody looks at an Idempotency-Key: what comes again is another request."""
    from hub.intake import door  # noqa: PLC0415 - as above

    swap(door, "_checked", lambda _key: f"row:{uuid4()}")


def bodies_have_no_end() -> None:
    """A body is read to its end, however large it is."""
    from hub.intake import api  # noqa: PLC0415 - as above

    swap(api, "LIMIT_BYTES", 1 << 30)


def the_outbox_has_no_limit() -> None:
    """Whatever comes is accepted, however much waits already."""
    from hub.intake import outbox  # noqa: PLC0415 - as above

    swap(outbox.Outbox, "_room", lambda *_: 1_000_000)


def offsets_outrun_the_memory() -> None:
    """Kafka is told of what was fetched, as is usual, and not of what the memory holds."""
    from hub.memory.store import Partition  # noqa: PLC0415 - as above
    from hub.routing import transport  # noqa: PLC0415 - as above

    swap(transport.Consumer, "_new_offset", lambda self, tp: self.end_of(Partition(*tp)) or None)


def deadlines_come_early() -> None:
    """A deadline is raised up to a day before it has passed."""
    from hub.memory import postgresql, sqlite  # noqa: PLC0415 - as above

    for store in (sqlite.SqliteStore, postgresql.PostgresqlStore):
        due = store.due

        def early(self: Any, parts: Any, now_us: int, limit: int, due: Any = due) -> Any:
            return due(self, parts, now_us + 86_400_000_000, limit)

        swap(store, "due", early)


def partitions_are_not_counted() -> None:
    """The worker takes its topics as they are."""
    from hub import topics  # noqa: PLC0415 - as above
    from hub.routing import round  # noqa: A004, PLC0415 - as above

    swap(topics, "check", lambda *_: None)
    swap(round, "_beyond", lambda *_: [])


def fetched_is_applied() -> None:
    """The position moves on when records are there, as a consumer's does that commits by itself."""
    from hub.memory.store import Advance  # noqa: PLC0415 - as above
    from hub.routing import round  # noqa: A004, PLC0415 - as above

    run = round.Rounds.run

    async def hasty(self: Any, fetch: Any) -> None:
        steps = [Advance(part, found[0].offset, found[-1].offset + 1) for part, found in fetch.records.items() if found]
        await self._memory.ask(lambda store: store.apply(steps), 60.0)
        await run(self, fetch)

    swap(round.Rounds, "run", hasty)


def reasons_hold_values() -> None:
    """The reason of a dead letter shows what stood in the record."""
    from schemas import topics  # noqa: PLC0415 - as above

    swap(topics.Topic, "_why", lambda _self, value, _error: topics.UnreadableEvent("wrong-data", repr(value)))


def nobody_is_fenced() -> None:
    """A worker writes a position whatever stands there now."""
    from hub.memory import postgresql  # noqa: PLC0415 - as above

    def move(self: Any, sql: Any, advance: Any) -> bool:
        query = "UPDATE progress SET next_offset=%s WHERE app=%s AND topic=%s AND part=%s"
        sql.execute(query, (advance.new, self._app, *advance.partition))
        return True

    swap(postgresql.PostgresqlStore, "_move", move)


def the_watchdog_sleeps() -> None:
    """Nobody looks whether the process still does anything."""
    from hub.health import watchdog  # noqa: PLC0415 - as above

    swap(watchdog.Watchdog, "start", lambda _self: None)


def the_workers_clock_decides() -> None:
    """Each worker raises what is due by its own clock, right or wrong."""
    from hub.memory import postgresql  # noqa: PLC0415 - as above

    swap(postgresql, "_DUE", postgresql._DUE.replace("least(", "greatest("))


def settings_pass_unread() -> None:
    """What is wrong in a settings file counts as not said."""
    from pydantic import BaseModel, ValidationError  # noqa: PLC0415 - as above

    validate: Any = vars(BaseModel)["model_validate"].__func__

    def lenient(cls: Any, /, given: Any, **more: Any) -> Any:
        try:
            return validate(cls, given, **more)
        except ValidationError as error:
            if not cls.__name__.endswith("Settings"):
                raise
            for problem in error.errors():
                *way, last = problem["loc"]
                part = given
                for step in way:
                    part = part[step]
                del part[last]
            return validate(cls, given, **more)

    swap(BaseModel, "model_validate", classmethod(lenient))


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
        reads_uncommitted,
        topics_take_what_is_compressed,
        unknown_fields_are_refused,
        deadlines_come_early,
        settings_pass_unread,
        nobody_is_fenced,
        the_watchdog_sleeps,
        the_workers_clock_decides,
        partitions_are_not_counted,
        fetched_is_applied,
        reasons_hold_values,
        offsets_outrun_the_memory,
        keys_are_forgotten,
        bodies_have_no_end,
        the_outbox_has_no_limit,
    )
}


class _Stopped:
    """The module `time` for who looks for deadlines: its clock shows what a file says, microseconds since 1970."""

    def __init__(self, file: str) -> None:
        self._file = Path(file)

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def time_ns(self) -> int:
        return int(self._file.read_text()) * 1000


if clock := os.environ.get("HUB_CLOCK"):
    from hub.routing import deadlines as timer

    swap(timer, "time", _Stopped(clock))
if shift_s := os.environ.get("HUB_CLOCK_SHIFT_S"):
    # As on a host whose clock is wrong; what only measures how long something takes is right there too.
    right, right_ns, shift_ns = time.time, time.time_ns, int(float(shift_s) * 1e9)
    swap(time, "time", lambda: right() + shift_ns / 1e9)
    swap(time, "time_ns", lambda: right_ns() + shift_ns)
if mutant := os.environ.get("HUB_MUTANT"):
    if mutant not in MUTANTS:
        sys.exit(f"HUB_MUTANT: no {mutant}. There are: {', '.join(MUTANTS)}.")
    MUTANTS[mutant]()
