"""Mutants of the worker."""

import asyncio
from typing import Any
from uuid import uuid4

from tests.faults.mutants.swapping import swap


def deadlines_are_drawn() -> None:
    """A deadline is another event each time it is published, and two workers look at once."""
    from hub.routing import deadlines

    publish = deadlines.DeadlineTimer._publish

    async def twice(self: Any, *arguments: Any) -> None:
        await asyncio.gather(publish(self, *arguments), publish(self, *arguments))

    swap(deadlines.DeadlineTimer, "_publish", twice)
    swap(deadlines, "output_id", lambda *_: uuid4())


def applied_before_sent() -> None:
    """The worker writes a round without waiting until its outputs are acknowledged."""
    from hub.routing import publish, round

    send, finish = publish.Publisher.send, round.Rounds._finish

    async def slowly(self: Any, *arguments: Any) -> bool:
        await asyncio.sleep(4.0)
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
    from hub.routing import round
    from hub.routing.share import route

    swap(round, "route", lambda partition, old, records, _bodies, **more: route(partition, old, records, {}, **more))


def failures_are_swallowed() -> None:
    """A record on which the hub fails is passed over without a dead letter, as Faust does by itself."""
    from hub.routing import share

    swap(share, "_set_aside", lambda *_: None)


def parked_cases_flow() -> None:
    """Nothing waits for a record of its case that died."""
    from hub.dead_letters import parking

    swap(parking.Parking, "waits_for", lambda *_: None)


def parking_is_not_written() -> None:
    """The worker's memory does not know what lies among the dead letters."""
    from hub.memory import sqlite

    swap(sqlite.SqliteStore, "_write_dead_letters", lambda *_: None)


def offsets_outrun_the_memory() -> None:
    """Kafka is told of what was fetched, as is usual, and not of what the memory holds."""
    from hub.memory.store import Partition
    from hub.routing import transport

    swap(transport.Consumer, "_new_offset", lambda self, tp: self.end_of(Partition(*tp)) or None)


def deadlines_come_early() -> None:
    """A deadline is raised up to a day before it has passed."""
    from hub.memory import postgresql, sqlite

    for store in (sqlite.SqliteStore, postgresql.PostgresqlStore):
        due = store.due

        def early(self: Any, parts: Any, now_us: int, limit: int, due: Any = due) -> Any:
            return due(self, parts, now_us + 86_400_000_000, limit)

        swap(store, "due", early)


def partitions_are_not_counted() -> None:
    """The worker takes its topics as they are."""
    from hub import topics
    from hub.routing import round

    swap(topics, "check", lambda *_: None)
    swap(round, "_beyond", lambda *_: [])


def fetched_is_applied() -> None:
    """The position moves on when records are there, as a consumer's does that commits by itself."""
    from hub.memory.store import Advance
    from hub.routing import round

    run = round.Rounds.run

    async def hasty(self: Any, fetch: Any) -> None:
        steps = [Advance(part, found[0].offset, found[-1].offset + 1) for part, found in fetch.records.items() if found]
        await self._memory.ask(lambda store: store.apply(steps), 60.0)
        await run(self, fetch)

    swap(round.Rounds, "run", hasty)


def nobody_is_fenced() -> None:
    """A worker writes a position whatever stands there now."""
    from hub.memory import postgresql

    def move(self: Any, sql: Any, advance: Any) -> bool:
        query = "UPDATE progress SET next_offset=%s WHERE app=%s AND topic=%s AND part=%s"
        sql.execute(query, (advance.new, self._app, *advance.partition))
        return True

    swap(postgresql.PostgresqlStore, "_move", move)


def the_watchdog_sleeps() -> None:
    """Nobody looks whether the process still does anything."""
    from hub.health import watchdog

    swap(watchdog.Watchdog, "start", lambda _self: None)


def the_workers_clock_decides() -> None:
    """Each worker raises what is due by its own clock, right or wrong."""
    from hub.memory import postgresql

    swap(postgresql, "_DUE", postgresql._DUE.replace("least(", "greatest("))


def settings_pass_unread() -> None:
    """What is wrong in a settings file counts as not said."""
    from pydantic import BaseModel, ValidationError

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
