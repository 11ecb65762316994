"""Reads dead letters back: which are still open, what stands in one without giving away whom it is about, how one is sent again. Pure."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hub.dead_letters.letter import attempts_before
from hub.edge.messages import Headers, Incoming, Outgoing, Place
from schemas.envelope import EVENT_HEADERS
from schemas.topics import CATALOGUE, DEAD_LETTER_SUFFIX, TASKS, UnreadableEvent

_KEY = re.compile(r"[A-Za-z$_][\w.-]{0,60}")
_PLACE = ("topic", "partition", "offset")
MOST_ATTEMPTS = 5
"""A record that died so often is replayed only by its name."""
_TOPICS = {topic.name: topic for topic in CATALOGUE}
_TASKS = {topic.name: topic for topic in TASKS.values()}


@dataclass(frozen=True)
class Letter:
    """One dead letter that nobody has settled.

    Attributes:
        place: where it lies; its id for people.
        source: the record of a topic that it holds; None for a record of a legacy system.
        origin: what a marker settles it by.
        attempt: how often the record has been tried.
    """

    place: Place
    code: str
    reason: str
    component: str
    attempt: int
    at: datetime
    origin: str
    source: Place | None
    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)
    headers: Headers = field(default=(), repr=False)

    @property
    def id(self) -> str:
        """How people name it: topic/partition/offset of the letter itself."""
        return str(self.place)

    @property
    def is_worn_out(self) -> bool:
        """Whether it died so often that trying it with all the others once more would be a loop."""
        return self.attempt >= MOST_ATTEMPTS

    @property
    def is_instruction(self) -> bool:
        """Whether it holds what a department was asked to do, and a connector has noted: later ones of its task wait for it."""
        topic = _TASKS.get(self.source.topic) if self.source else None
        try:
            return topic is not None and bool(topic.decode(self.value, self.key))
        except UnreadableEvent:
            return False

    def again(self) -> Outgoing | None:
        """The record to send to its topic once more; None for a record of a legacy system, which its connector tries again."""
        return None if self.source is None else self._outgoing(self.source.topic, self.key, self.value)

    def corrected(self, value: bytes) -> Outgoing:
        """Another record to send in its place, under the key that belongs to it.

        Raises:
            UnreadableEvent: it would die too; the reason.
            LookupError: it is no record of a topic of the hub: what a legacy system says is mended there.
        """
        topic = _TOPICS[self.source.topic if self.source else ""]
        return self._outgoing(topic.name, topic.read(value).partitionkey.encode(), value)

    def _outgoing(self, topic: str, key: bytes | None, value: bytes | None) -> Outgoing:
        return Outgoing(topic, key, value, (*EVENT_HEADERS, ("attempt", str(self.attempt).encode())))

    def marker(self, headers: Headers) -> Outgoing:
        """The empty record that settles it, beside it."""
        return Outgoing(self.place.topic, self.key, None, headers)


def open_letters(records: Iterable[Incoming]) -> list[Letter]:
    """The letters of dead-letter topics that no marker has settled, in the order of their sources.

    A source record that died twice without having been replayed (a crash between its letter and its offset) is one letter: the later.
    """
    settled_at: dict[str, int] = {}
    found: dict[str, tuple[int, Letter]] = {}
    for record in records:
        origin = record.header("settles")
        if origin is not None:
            settled_at[origin] = max(record.at_ms, settled_at.get(origin, 0))
            continue
        letter = _letter(record)
        if letter.origin not in found or found[letter.origin][0] <= record.at_ms:
            found[letter.origin] = (record.at_ms, letter)
    still_open = [letter for at_ms, letter in found.values() if settled_at.get(letter.origin, -1) < at_ms]
    return sorted(still_open, key=_order)


def masked(value: bytes | None) -> str:
    """What a record looks like without what it says: its fields, and the kind and length of each value."""
    if value is None:
        return "empty"
    try:
        content = json.loads(value)
    except ValueError:
        return f"{len(value)} bytes that are not JSON"
    return json.dumps(_masked(content), indent=2, ensure_ascii=False)


def _letter(record: Incoming) -> Letter:
    topic, partition, offset = (record.header(name) or "" for name in _PLACE)
    component = record.header("component") or "unknown"
    numbered = partition.isdecimal() and offset.isdecimal()
    source = Place(topic, int(partition), int(offset)) if topic and numbered else None
    if source is not None:
        origin = str(source)
    elif record.header("record"):
        origin = f"{component}/{record.header('dataset')}/{record.header('record')}"
    else:
        # Not one of ours: somebody else's record on a dead-letter topic. It stands for itself, and goes where the topic's name says.
        origin = str(record.place)
        source = Place(record.place.topic.removesuffix(DEAD_LETTER_SUFFIX), record.place.partition, record.place.offset)
    return Letter(
        place=record.place,
        code=record.header("code") or "unknown",
        reason=record.header("reason") or "It carries no reason.",
        component=component,
        attempt=max(1, attempts_before(record.headers)),
        at=datetime.fromtimestamp(record.at_ms / 1000, UTC),
        origin=origin,
        source=source,
        key=record.key,
        value=record.value,
        headers=record.headers,
    )


def _order(letter: Letter) -> tuple[str, int, int]:
    place = letter.source or letter.place
    return place.topic, place.partition, place.offset


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key if _KEY.fullmatch(key) else "(odd name)": _masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item) for item in value]
    if isinstance(value, str):
        return f"(text of {len(value)})"
    if value is None:
        return None
    return "(yes or no)" if isinstance(value, bool) else "(number)"
