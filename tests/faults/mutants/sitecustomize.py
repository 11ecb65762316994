"""Switches one protection of the product off, in every process that a fault test starts: HUB_MUTANT names which.

A fault test that stays green with its protection off proves nothing; `python -m tests.faults.twins` runs each with its mutants and fails
when one stays green. Python imports this module by itself when it starts; nothing of it is part of the product.
"""

import asyncio
import os
import sys
from collections.abc import Callable
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

    def drawn(*asked: Any) -> str:
        # A name that the depot takes, BK_<18 digits>_<key>.dat, and another one within the second.
        name = booking_name(*asked)
        return f"{name[:17]}{uuid4().int % 10_000:04}{name[21:]}"

    swap(connector, "booking_name", drawn)


def acks_off() -> None:
    """A connector and the door believe what they sent to be safe once it has left the process."""
    _producers_are(acks=0, enable_idempotence=False, retries=0)


def one_acknowledgement() -> None:
    """A connector and the door believe what they sent to be safe once one broker has it."""
    _producers_are(acks=1, enable_idempotence=False)


def _producers_are(**other: Any) -> None:
    from hub.edge.kafka import sender  # noqa: PLC0415 - as above

    producer: Any = vars(sender)["KafkaProducer"]
    swap(sender, "KafkaProducer", lambda **settings: producer(**{**settings, **other}))


def impatient() -> None:
    """A connector takes a wire that is slow for one that is dead."""
    from hub.edge.kafka import sender  # noqa: PLC0415 - as above

    made: Any = sender.Sender.__init__
    swap(sender.Sender, "__init__", lambda self, *given: made(self, *given, acknowledged_within_s=0.25))


def zombies_write() -> None:
    """A process that wakes up where its successor has been goes on with what it had in hand."""
    from hub.edge import sink_runner  # noqa: PLC0415 - as above

    swap(sink_runner.SinkRunner, "_is_still_ours", lambda *_: None)


def zombies_write_without_a_ledger() -> None:
    """The same, and the target keeps no ledger that would tell it."""
    zombies_write()
    no_ledger_in_the_target()


def zombies_write_under_drawn_names() -> None:
    """The same, and what it writes is told from what its successor wrote by nothing."""
    zombies_write()
    file_names_are_drawn()


def everything_is_taken() -> None:
    """A sink takes all that waits on its topic into its own memory, however slow its system is."""
    from hub.edge.kafka import receiver  # noqa: PLC0415 - as above

    poll = receiver.Receiver.poll

    def hoard(self: Any, within_s: float, at_most: int) -> Any:
        taken = found = poll(self, within_s, at_most)
        while found:
            taken = [*taken, *(found := poll(self, within_s, 10_000))]
        return taken

    swap(receiver.Receiver, "poll", hoard)


def nothing_is_retried() -> None:
    """A sink takes a system that is away for a defect of its connector, and sets the instruction aside."""
    from hub.edge import sink_runner  # noqa: PLC0415 - as above

    swap(sink_runner, "RetryLater", type("Never", (Exception,), {}))


def trouble_is_passed_over() -> None:
    """A sink whose own memory fails goes on with the next instruction."""
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415 - as above

    from hub.edge import sink_runner  # noqa: PLC0415 - as above

    take = sink_runner.SinkRunner._take

    def carefree(self: Any, record: Any) -> None:
        try:
            take(self, record)
        except DBAPIError:
            self._done[record.place.topic, record.place.partition] = record.place

    swap(sink_runner.SinkRunner, "_take", carefree)


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
        acks_off,
        one_acknowledgement,
        impatient,
        zombies_write,
        zombies_write_without_a_ledger,
        everything_is_taken,
        trouble_is_passed_over,
        nothing_is_retried,
        zombies_write_under_drawn_names,
    )
}

if mutant := os.environ.get("HUB_MUTANT"):
    if mutant not in MUTANTS:
        sys.exit(f"HUB_MUTANT: no {mutant}. There are: {', '.join(MUTANTS)}.")
    MUTANTS[mutant]()
