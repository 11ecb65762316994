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


def sinks_swallow_failures() -> None:
    """An instruction that cannot be read is passed over without a dead letter."""
    from hub.edge import sink_runner  # noqa: PLC0415 - as above

    swap(sink_runner.SinkRunner, "_set_aside", lambda *_: None)


def parked_cases_flow() -> None:
    """Nothing waits for a record of its case that died."""
    from hub.dead_letters import parking  # noqa: PLC0415 - as above

    swap(parking.Parking, "waits_for", lambda *_: None)


def parking_is_not_written() -> None:
    """The worker's memory does not know what lies among the dead letters."""
    from hub.memory import sqlite  # noqa: PLC0415 - as above

    swap(sqlite.SqliteStore, "_write_dead_letters", lambda *_: None)


def replays_forget_where_they_stood() -> None:
    """A record that is sent again does not say where it first stood."""
    from hub.edge.messages import Outgoing  # noqa: PLC0415 - as above

    again = reading_letter().again

    def forgetful(self: Any) -> Any:
        sent = again(self)
        headers = tuple(each for each in sent.headers if each[0] != "first")
        return Outgoing(sent.topic, sent.key, sent.value, headers)

    swap(reading_letter(), "again", forgetful)


def reading_letter() -> Any:
    """A dead letter as it is read back."""
    from hub.dead_letters import reading  # noqa: PLC0415 - as above

    return reading.Letter


def replays_forget_their_attempts() -> None:
    """A record that dies again is as one that dies for the first time."""
    from hub.routing import share  # noqa: PLC0415 - as above

    swap(share, "attempts_before", lambda _: 0)


def refused_letters_are_forgotten() -> None:
    """What Kafka refuses counts as sent."""
    from hub.routing import publish  # noqa: PLC0415 - as above

    send = publish.Publisher._send

    async def careless(self: Any, *arguments: Any) -> bool:
        try:
            return await send(self, *arguments)
        except Exception:  # noqa: BLE001 - this is the mutation
            return True

    swap(publish.Publisher, "_send", careless)


def the_rate_never_stops() -> None:
    """There is always room for another dead letter."""
    from hub.dead_letters import rate  # noqa: PLC0415 - as above

    swap(rate.Rate, "room", lambda _: 10**9)


def the_rate_forgets() -> None:
    """A process that starts knows nothing of what was set aside before."""
    from hub.dead_letters import rate  # noqa: PLC0415 - as above

    swap(rate.Rate, "remember", lambda *_: None)


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
    from hub.edge import ledger, memory  # noqa: PLC0415 - as above

    begin = memory.EdgeMemory.begin

    def forgetful(self: Any, effect_key: str, **more: Any) -> Any:
        begun = begin(self, effect_key, **more)
        return ledger.Begun(None, begun.earlier) if begun.was is not None and begun.was.open else begun

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


def class_d_is_tried_again() -> None:
    """What a system of class D did not answer is applied again, as if it wrote nothing twice."""
    from hub.edge import sink_runner  # noqa: PLC0415 - as above

    carry_out = sink_runner.SinkRunner._carry_out

    def blindly(self: Any, *arguments: Any) -> Any:
        self._once = None
        return carry_out(self, *arguments)

    swap(sink_runner.SinkRunner, "_carry_out", blindly)


def sent_is_taken_for_an_intention() -> None:
    """What was on its way to a system of class D when the process died is new to the next one."""
    from hub.edge import ledger, memory  # noqa: PLC0415 - as above

    begin = memory.EdgeMemory.begin

    def forgetful(self: Any, effect_key: str, **more: Any) -> Any:
        begun = begin(self, effect_key, **more)
        was = begun.was
        return ledger.Begun(None, begun.earlier) if was is not None and was.state is ledger.State.SENT else begun

    swap(memory.EdgeMemory, "begin", forgetful)


def doubts_are_kept_to_oneself() -> None:
    """A connector that cannot know what became of an instruction tells nobody."""
    from hub.edge import sink_runner  # noqa: PLC0415 - as above
    from hub.edge.ledger import State  # noqa: PLC0415 - as above

    report = sink_runner.SinkRunner._report

    def quietly(self: Any, event: Any, row: Any) -> None:
        if row.state is not State.UNKNOWN:
            report(self, event, row)

    swap(sink_runner.SinkRunner, "_report", quietly)


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
            return results.Sheet([], iter(()))

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
        rows = list(sheet.rows)
        if any(row.fault for row in rows):
            raise results.BrokenFile(results.Fault.NOT_CSV)
        return sheet._replace(rows=iter(rows))

    swap(results, "read_sheet", strict)


def encodings_are_guessed() -> None:
    """What is not in the declared encoding is read in whichever it fits."""
    from connectors.sdk.encoding import EncodingQuirk, TextLine  # noqa: PLC0415 - as above

    def guess(_self: Any, file: Any, _what: str) -> list[TextLine]:
        content = file.read()
        return [TextLine(line, len(line)) for line in text_of(content).splitlines()]

    def text_of(content: bytes) -> str:
        for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "cp1252"):
            try:
                text = content.decode(encoding)
            except UnicodeDecodeError:
                continue
            if "TRAILER" in text:
                return text
        return content.decode("latin-1")

    swap(EncodingQuirk, "lines", guess)


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
        sinks_swallow_failures,
        parked_cases_flow,
        parking_is_not_written,
        replays_forget_where_they_stood,
        replays_forget_their_attempts,
        refused_letters_are_forgotten,
        the_rate_never_stops,
        the_rate_forgets,
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
        silence_is_no_change,
        beats_are_never_overdue,
        tripwire_is_off,
        news_is_forgotten_first,
        extracts_begin_anew,
        class_d_is_tried_again,
        sent_is_taken_for_an_intention,
        doubts_are_kept_to_oneself,
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
        extracts_are_held_whole,
        lines_are_of_any_length,
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
