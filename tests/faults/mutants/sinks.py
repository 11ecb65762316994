"""Mutants of the sinks and their ledger."""

from typing import Any
from uuid import uuid4

from tests.faults.mutants.swapping import swap


def sinks_swallow_failures() -> None:
    """An instruction that cannot be read is passed over without a dead letter."""
    from hub.edge import sidings

    swap(sidings.Sidings, "set_aside", lambda *_: None)


def ledger_without_intent() -> None:
    """The ledger holds outcomes alone: an instruction that was in hand when the process died is new, and nobody looks for it."""
    _forget_what(lambda was: was.open)


def _forget_what(is_forgotten: Any) -> None:
    """Rows of the ledger that are forgotten when their instruction is met again."""
    from hub.edge import effects, ledger

    begin = effects.EffectLedger.begin

    def forgetful(self: Any, *asked: Any) -> Any:
        return [
            ledger.Begun(None, begun.earlier) if begun.was is not None and is_forgotten(begun.was) else begun
            for begun in begin(self, *asked)
        ]

    swap(effects.EffectLedger, "begin", forgetful)


def no_ledger_in_the_target() -> None:
    """The housing database keeps no row of what was written, so each try is the first."""
    from connectors.universal_housing import ledger

    swap(ledger, "receipts_of", lambda *_: {})
    swap(ledger, "remember", lambda *_: None)


def file_names_are_drawn() -> None:
    """Each try of an instruction leaves a file of another name."""
    from connectors.transport_files import connector
    from connectors.transport_files.mapping import booking_name

    def drawn(*asked: Any) -> str:
        # A name that the depot takes, BK_<18 digits>_<key>.dat, and another one within the second.
        name = booking_name(*asked)
        return f"{name[:17]}{uuid4().int % 10_000:04}{name[21:]}"

    swap(connector, "booking_name", drawn)


def zombies_write() -> None:
    """A process that wakes up where its successor has been goes on with what it had in hand."""
    from hub.edge import effects, tables

    def carelessly(self: Any, which: Any, *_states: Any) -> Any:
        return tables.effects.c.connector == self._connector, which

    swap(effects.EffectLedger, "_in_hand", carelessly)


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
    from hub.edge.kafka import receiver

    poll = receiver.Receiver.poll

    def hoard(self: Any, within_s: float, at_most: int) -> Any:
        taken = found = poll(self, within_s, at_most)
        while found:
            taken = [*taken, *(found := poll(self, within_s, 10_000))]
        return taken

    swap(receiver.Receiver, "poll", hoard)


def nothing_is_retried() -> None:
    """A sink takes a system that is away for a defect of its connector, and sets the instruction aside."""
    from hub.edge import again

    swap(again, "RetryLater", type("Never", (Exception,), {}))


def trouble_is_passed_over() -> None:
    """A sink whose own memory fails goes on with the next instructions."""
    from sqlalchemy.exc import DBAPIError

    from hub.edge import sink_runner

    carry_out = sink_runner.SinkRunner._carry_out

    def carefree(self: Any, together: Any) -> None:
        try:
            carry_out(self, together)
        except DBAPIError:
            for place in (turn.record.place for turn in together):
                self._done[place.topic, place.partition] = place

    swap(sink_runner.SinkRunner, "_carry_out", carefree)


def class_d_is_tried_again() -> None:
    """What a system of class D did not answer is applied again, as if it wrote nothing twice."""
    from hub.edge import again, carrier

    swap(carrier, "ApplyOnce", lambda ledger, system: again.ApplyAgain(ledger, system, None))


def sent_is_taken_for_an_intention() -> None:
    """What was on its way to a system of class D when the process died is new to the next one."""
    from hub.edge.ledger import State

    _forget_what(lambda was: was.state is State.SENT)


def rounds_hold_a_case_twice() -> None:
    """Instructions of one case are begun together: none of them knows what became of those before it."""
    from hub.edge import rounds

    swap(rounds.Turn, "case", property(lambda self: self.record.place))


def doubts_are_kept_to_oneself() -> None:
    """A connector that cannot know what became of an instruction tells nobody."""
    from hub.edge import carrier
    from hub.edge.ledger import State

    report = carrier.Carrier._report

    def quietly(self: Any, event: Any, row: Any) -> None:
        if row.state is not State.UNKNOWN:
            report(self, event, row)

    swap(carrier.Carrier, "_report", quietly)


def files_are_written_under_their_name() -> None:
    """A booking file has its final name from its first byte on."""
    from connectors.transport_files.client import SftpFolders

    async def deliver(self: Any, folder: str, name: str, content: bytes) -> None:
        async with (await self._connected()).open(f"{folder}/{name}", "wb") as file:
            await file.write(content)

    swap(SftpFolders, "_deliver", deliver)


def names_lose_their_letters() -> None:
    """Whatever is not in ASCII is left out of what is written."""
    from connectors.social_care_soap import mapping as social_care
    from connectors.transport_files import mapping as transport

    swap(transport, "plain", lambda text, _encoding: text.encode("ascii", "ignore").decode())
    swap(social_care, "_plain", lambda text: text.encode("ascii", "ignore").decode())


def the_past_is_replayed() -> None:
    """A new connector begins with the first task that is kept, whatever its settings say."""
    from hub.edge.kafka import receiver

    swap(receiver.Receiver, "_begin", lambda _self: [])


def refusals_are_for_later() -> None:
    """What the referral service refuses is asked of it again and again, as if it were away."""
    from connectors.sdk.errors import RetryLater
    from connectors.social_care_soap import client, connector

    class Later(RetryLater):
        def __init__(self, code: Any) -> None:
            super().__init__(code.name)

    swap(client, "Refused", Later)
    swap(connector, "Refused", type("Never", (Exception,), {}))
