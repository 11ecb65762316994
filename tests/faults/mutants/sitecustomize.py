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

    swap(connector, "booking_name", lambda effect, rules: f"{uuid4().hex[:6]}{booking_name(effect, rules)}")


def unfinished_files_are_broken() -> None:
    """A results file that cannot be used is broken at the first look, though somebody may still be writing it."""
    from connectors.transport_files import results  # noqa: PLC0415 - as above

    news = results.Seen.news

    def hasty(self: Any, *arguments: Any, **_: Any) -> Any:
        return news(self, *arguments, may_grow=False)

    swap(results.Seen, "news", hasty)


def broken_files_are_passed_over() -> None:
    """A results file that cannot be used is read as one without rows."""
    from connectors.transport_files import results  # noqa: PLC0415 - as above

    read = results.read_sheet

    def lenient(*arguments: Any) -> Any:
        try:
            return read(*arguments)
        except results.BrokenFile:
            return results.Sheet([], [])

    swap(results, "read_sheet", lenient)


def rows_are_not_remembered() -> None:
    """Every row of a file is news, whatever other files said."""
    from connectors.transport_files import results  # noqa: PLC0415 - as above

    swap(results, "_repeated", lambda *_: 0)
    swap(results.Seen, "_has_said", lambda *_: False)


def one_bad_row_breaks_its_file() -> None:
    """A file with a row that cannot be used is not used at all."""
    from connectors.transport_files import results  # noqa: PLC0415 - as above

    read = results.read_sheet

    def strict(*arguments: Any) -> Any:
        sheet = read(*arguments)
        if any(row.fault for row in sheet.rows):
            raise results.BrokenFile(results.Fault.NOT_CSV)
        return sheet

    swap(results, "read_sheet", strict)


def encodings_are_guessed() -> None:
    """What is not in the declared encoding is read in whichever it fits."""
    from connectors.sdk.quirks import EncodingQuirk  # noqa: PLC0415 - as above

    def guess(_self: Any, content: bytes, _what: str) -> str:
        for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "cp1252"):
            try:
                text = content.decode(encoding)
            except UnicodeDecodeError:
                continue
            if "TRAILER" in text:
                return text
        return content.decode("latin-1")

    swap(EncodingQuirk, "decode_marked", guess)


def other_columns_are_set_aside() -> None:
    """A results file with other columns than were agreed is set aside like one that is broken."""
    from connectors.sdk import ContractBroken  # noqa: PLC0415 - as above
    from connectors.transport_files import results  # noqa: PLC0415 - as above

    news = results.Seen.news

    def lenient(self: Any, file: Any, *arguments: Any, **more: Any) -> Any:
        try:
            return news(self, file, *arguments, **more)
        except ContractBroken:
            self.files[file.name] = [file.size, file.modified, "", file.modified]
            return results.News((results._faulty(file.name, file.name, results.Fault.NO_HEADER),), ())

    swap(results.Seen, "news", lenient)


def files_are_written_under_their_name() -> None:
    """A booking file has its final name from its first byte on."""
    from connectors.transport_files.client import SftpFolders  # noqa: PLC0415 - as above

    async def deliver(self: Any, folder: str, name: str, content: bytes) -> None:
        async with (await self._connected()).open(f"{folder}/{name}", "wb") as file:
            await file.write(content)

    swap(SftpFolders, "_deliver", deliver)


def a_folder_away_is_a_wrong_setting() -> None:
    """A folder that is not there ends the connector, as if somebody had to edit its settings."""
    from connectors.sdk import ConfigurationError  # noqa: PLC0415 - as above
    from connectors.transport_files import client  # noqa: PLC0415 - as above

    swap(client, "FolderAway", ConfigurationError)


def a_checkpoint_is_two_steps() -> None:
    """A checkpoint is taken away, and the next one written in a transaction of its own."""
    from hub.edge import memory  # noqa: PLC0415 - as above

    put = memory.EdgeMemory._put

    def in_two_steps(self: Any, connection: Any, table: Any, where: Any, values: Any) -> None:
        if table.name == "checkpoints":
            connection.execute(table.delete())
            connection.connection.commit()
        put(self, connection, table, where, values)

    swap(memory.EdgeMemory, "_put", in_two_steps)


def logs_are_not_folded_in() -> None:
    """What SQLite has in the log beside its file stays there alone."""
    from hub import database  # noqa: PLC0415 - as above

    swap(database, "_fold_in", lambda *_: None)


def damage_has_no_words() -> None:
    """A damaged file is like any other trouble with a database."""
    from hub import database  # noqa: PLC0415 - as above

    swap(database, "is_damaged", lambda *_: False)


def polls_do_not_look_back() -> None:
    """A poll begins where the one before ended."""
    from connectors.sdk.quirks import OverlapQuirk  # noqa: PLC0415 - as above

    swap(OverlapQuirk, "since", lambda _self, newest: newest)


def columns_are_not_looked_at() -> None:
    """The shape of a table is taken for granted."""
    from connectors.universal_housing.connector import UniversalHousing  # noqa: PLC0415 - as above

    swap(UniversalHousing, "_columns", lambda *_: ())


def pages_go_by_number() -> None:
    """The pages of the referral service are asked for one after the other, whatever moves between them meanwhile."""
    from connectors.social_care_soap.client import Casebrook  # noqa: PLC0415 - as above

    ask = Casebrook.referrals_since

    def by_number(self: Any, since: str, _page: int) -> Any:
        asked, page, more = getattr(self, "by_number", (since, 0, False))
        asked, page = (asked, page + 1) if more else (since, 1)
        found, more = ask(self, asked, page)
        self.by_number = asked, page, more
        return found, more

    swap(Casebrook, "referrals_since", by_number)
    from connectors.social_care_soap import mapping  # noqa: PLC0415 - as above

    swap(mapping, "is_before", lambda *_: False)


def repeated_pages_are_followed() -> None:
    """Pages are asked for as long as the referral service says that there are more."""
    from connectors.social_care_soap import connector, mapping  # noqa: PLC0415 - as above

    swap(connector, "_PAGES_OF_OLD", 1_000_000_000)
    swap(mapping, "is_before", lambda *_: False)


def names_lose_their_letters() -> None:
    """Whatever is not in ASCII is left out of what is written."""
    from connectors.social_care_soap import mapping as social_care  # noqa: PLC0415 - as above
    from connectors.transport_files import mapping as transport  # noqa: PLC0415 - as above

    swap(transport, "plain", lambda text, _encoding: text.encode("ascii", "ignore").decode())
    swap(social_care, "_plain", lambda text: text.encode("ascii", "ignore").decode())


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
        unfinished_files_are_broken,
        broken_files_are_passed_over,
        rows_are_not_remembered,
        one_bad_row_breaks_its_file,
        encodings_are_guessed,
        other_columns_are_set_aside,
        files_are_written_under_their_name,
        a_folder_away_is_a_wrong_setting,
        a_checkpoint_is_two_steps,
        logs_are_not_folded_in,
        damage_has_no_words,
        polls_do_not_look_back,
        columns_are_not_looked_at,
        pages_go_by_number,
        repeated_pages_are_followed,
        names_lose_their_letters,
    )
}

if mutant := os.environ.get("HUB_MUTANT"):
    if mutant not in MUTANTS:
        sys.exit(f"HUB_MUTANT: no {mutant}. There are: {', '.join(MUTANTS)}.")
    MUTANTS[mutant]()
