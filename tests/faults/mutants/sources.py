"""Mutants of the sources, their memory, their feeds and extracts."""

from dataclasses import replace
from typing import Any

from tests.faults.mutants.swapping import swap


def checkpoint_first() -> None:
    """A source moves its checkpoint on before its events are safe."""
    from hub.edge import source_runner

    take = source_runner.SourceRunner._take

    def hasty(self: Any, connector: Any, batch: Any) -> bool:
        self._edge.memory.move_on(self._dataset, batch.checkpoint, learned={}, held_records=[], at_ms=0)
        return take(self, connector, batch)

    swap(source_runner.SourceRunner, "_take", hasty)


def acknowledgements_are_not_awaited() -> None:
    """What is about to be sent counts as safe; a second later it is sent indeed."""
    from threading import Timer

    from hub.edge.kafka import sender

    begin = sender.Sender.begin

    def later(self: Any, records: Any) -> Any:
        Timer(1.0, begin, (self, records)).start()
        return list

    swap(sender.Sender, "begin", later)


def silence_is_no_change() -> None:
    """A feed that answers and has nothing new counts as one that speaks: no data is taken for no change."""
    from hub.feeds import cadence, pulse
    from schemas.feeds import FeedState

    judge = cadence.judge

    def trusting(*arguments: Any) -> Any:
        found = judge(*arguments)
        silent = found.state is FeedState.SILENT
        return cadence.Judgement(FeedState.SPEAKING, found.since) if silent else found

    swap(pulse, "judge", trusting)


def beats_are_never_overdue() -> None:
    """A feed is as it was last said to be, for ever."""
    from hub.feeds import board

    swap(board, "_OVERDUE_BEATS", 1_000_000)


def a_checkpoint_is_two_steps() -> None:
    """A checkpoint is taken away, and the next one written in a transaction of its own."""
    from hub.edge import memory

    put = memory.EdgeMemory._put

    def in_two_steps(self: Any, connection: Any, table: Any, where: Any, values: Any) -> None:
        if table.name == "checkpoints":
            connection.execute(table.delete())
            connection.connection.commit()
        put(self, connection, table, where, values)

    swap(memory.EdgeMemory, "_put", in_two_steps)


def logs_are_not_folded_in() -> None:
    """What SQLite has in the log beside its file stays there alone."""
    from hub import database

    swap(database, "_fold_in", lambda *_: None)


def damage_has_no_words() -> None:
    """A damaged file is like any other trouble with a database."""
    from hub import database

    swap(database, "is_damaged", lambda *_: False)


def polls_do_not_look_back() -> None:
    """A poll begins where the one before ended."""
    from connectors.sdk.quirks import OverlapQuirk

    swap(OverlapQuirk, "since", lambda _self, newest: newest)


def columns_are_not_looked_at() -> None:
    """The shape of a table is taken for granted."""
    from connectors.universal_housing.connector import UniversalHousing

    swap(UniversalHousing, "_columns", lambda *_: ())


def pages_go_by_number() -> None:
    """The pages of the referral service are asked for one after the other, whatever moves between them meanwhile."""
    from connectors.social_care_soap.client import Casebrook

    ask = Casebrook.referrals_since

    def by_number(self: Any, since: str, _page: int) -> Any:
        asked, page, more = getattr(self, "by_number", (since, 0, False))
        asked, page = (asked, page + 1) if more else (since, 1)
        found, more = ask(self, asked, page)
        self.by_number = asked, page, more
        return found, more

    swap(Casebrook, "referrals_since", by_number)
    from connectors.social_care_soap import mapping

    swap(mapping, "is_before", lambda *_: False)


def repeated_pages_are_followed() -> None:
    """Pages are asked for as long as the referral service says that there are more."""
    from connectors.social_care_soap import connector, mapping

    swap(connector, "_PAGES_OF_OLD", 1_000_000_000)
    swap(mapping, "is_before", lambda *_: False)


def tripwire_is_off() -> None:
    """An extract is taken for what it says, however few rows it has."""
    from hub.edge import full_extracts

    swap(full_extracts.FullExtracts, "_too_different", lambda *_: "")


def news_is_forgotten_first() -> None:
    """What an extract's page says is forgotten before it is safe on its topic."""
    from hub.edge import extracts

    news = extracts.Extracts.news

    def hasty(self: Any, taken: Any, at_most: int, after: Any = None) -> Any:
        records = news(self, taken, at_most, after)
        with self._engine.begin() as connection:
            self.acknowledged(connection, taken, records)
        return records

    swap(extracts.Extracts, "news", hasty)


def extracts_begin_anew() -> None:
    """An extract that a crash cut short is dropped, and the next one is read."""
    from hub.edge import full_extracts

    def dropped(self: Any) -> None:
        while (pending := self._memory.pending()) is not None:
            self._memory.forget(pending)

    swap(full_extracts.FullExtracts, "_pending", dropped)


def extracts_are_held_whole() -> None:
    """All rows of an extract are read before the first is remembered."""
    from hub.edge import full_extracts

    rows_of = full_extracts._extract

    def whole(answer: Any) -> Any:
        found = rows_of(answer)
        return replace(found, rows=list(found.rows))

    swap(full_extracts, "_extract", whole)


def letters_are_not_measured() -> None:
    """A dead letter carries its record, however large that is."""
    from hub.edge import puzzles

    swap(puzzles, "_BESIDE_A_LETTER", -(1 << 40))


def keys_have_any_size() -> None:
    """A dead letter stands under the key of its record, however long that is."""
    from hub.dead_letters import letter

    swap(letter, "KEY_LIMIT", 1 << 40)
