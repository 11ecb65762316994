"""Records of a legacy system that could not be understood: kept here to be tried again, and told by a dead letter."""

import time
from collections.abc import Sequence
from typing import Any

import structlog

from connectors.sdk.contract import SourceConnector
from connectors.sdk.records import decode_record, encode_record
from hub.dead_letters.letter import record_key, record_letter, settled
from hub.edge.aside import Aside
from hub.edge.kafka import Sender
from hub.edge.memory import EdgeMemory, Held
from hub.edge.messages import Outgoing
from hub.edge.reach import Reach
from hub.edge.understanding import Puzzle
from hub.edge.wrapping import Speaker
from schemas.topics import FACTS, LARGEST_LETTER_BYTES

_BESIDE_A_LETTER = 64 * 1024
"""Bytes, amply, of all that stands beside the record in its dead letter."""
_KEPT_AT_HOME = "The record is too large to lie here; the connector keeps it whole."


class TooMany(Exception):
    """More records cannot be understood than may be set aside now. In sentences: why, and what to do."""


class Puzzles:
    """What could not be understood of one dataset.

    Args:
        speaker: whose dead letters they become.
        dataset: name in the manifest.
        memory, aside, sender: of the connector.
        reach: for a record that cannot even be kept.
    """

    def __init__(
        self,
        speaker: Speaker,
        dataset: str,
        *,
        memory: EdgeMemory,
        aside: Aside,
        sender: Sender,
        reach: Reach[SourceConnector[Any]],
    ) -> None:
        self._speaker, self._dataset, self._memory = speaker, dataset, memory
        self._rate, self._aside, self._sender, self._reach = aside.rate, aside, sender, reach
        self._letters = FACTS[speaker.department].dead_letters
        self._log = structlog.get_logger().bind(connector=speaker.connector, dataset=dataset)

    def set_aside(self, puzzles: Sequence[Puzzle]) -> list[tuple[Held, Outgoing]]:
        """What is to be kept of records, and their dead letters; those that are held have theirs. Nothing may be on its way to be held.

        Raises:
            TooMany: they are more than may be set aside now. Those for which there is room are; the checkpoint stays, and the next look
                takes up the rest.
            ContractBroken: one holds values that no legacy driver should hand over, and cannot be kept.
        """
        held = self._memory.held_ids(self._dataset) if puzzles else frozenset()
        found = [(puzzle, *self._kept(puzzle)) for puzzle in puzzles]
        fresh = [each for each in found if each[1].record_id not in held]
        room = self._rate.room()
        self._aside.count(min(room, len(fresh)))
        for puzzle, kept, _ in fresh[:room]:
            self._log.warning("record set aside", outcome="set-aside", code=puzzle.code, record=kept.record_id)
        if len(fresh) > room:
            self._sender.send([letter for _, _, letter in fresh[:room]])
            self._memory.hold([kept for _, kept, _ in fresh[:room]], round(time.time() * 1000))
            raise TooMany(self._rate.why(fresh[room][0].code))
        return [(kept, letter) for _, kept, letter in fresh]

    def mended(self, item: Held) -> Outgoing:
        """The marker that settles the dead letter of a record that is understood now."""
        origin = f"{self._speaker.connector}/{item.dataset}/{item.record_id}"
        key = record_key(decode_record(item.body).key, item.record_id)
        return Outgoing(self._letters, key, None, settled(origin, "mended", self._speaker.connector))

    def _kept(self, puzzle: Puzzle) -> tuple[Held, Outgoing]:
        record, who = puzzle.record, self._speaker
        try:
            body = encode_record(record)
        except (TypeError, ValueError) as error:
            raise self._reach.broken(error, "read") from error
        held = Held(who.id_of(record).hex, record.dataset, body)
        fits = len(body) <= LARGEST_LETTER_BYTES - _BESIDE_A_LETTER
        letter = record_letter(
            code=puzzle.code,
            reason=puzzle.reason if fits else f"{puzzle.reason} {_KEPT_AT_HOME}",
            component=who.connector,
            dataset=record.dataset,
            record_id=held.record_id,
            key=record.key,
            value=body if fits else None,
        )
        return held, Outgoing(self._letters, letter.key, letter.value, letter.headers)
