"""Reads dead letters back: which are still open, what stands in one without giving away whom it is about, how one is sent again. Pure.

A letter is kept without its body, which may be as large as a record may be: whoever needs that reads it from where the letter lies.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import Any

from hub.dead_letters.letter import attempts_before
from hub.dead_letters.parking import FIRST, PARKED, WAITING, case_in, place_in
from hub.edge.messages import Headers, Incoming, Outgoing, Place
from schemas.cases import RecordDiscarded
from schemas.envelope import EVENT_HEADERS
from schemas.topics import CASE_EVENTS, CATALOGUE, DEAD_LETTER_SUFFIX, TASKS, UnreadableEvent

_COLUMN = re.compile(r"[A-Za-z$_]\w{0,60}", re.ASCII)
_LEFT_OUT = "…"
"""Stands for a name that is not shown."""
_PLACE = ("topic", "partition", "offset")
MOST_ATTEMPTS = 5
"""A record that died so often is replayed only by its name."""
_TOPICS = {topic.name: topic for topic in CATALOGUE}
_TASKS = {topic.name: topic for topic in TASKS.values()}
IN_LINE = frozenset({CASE_EVENTS.name, *_TASKS})
"""Topics on which the records of a case follow each other."""

Lane = tuple[str, int, str]
"""A line: topic, partition and case."""


@dataclass(frozen=True)
class Letter:
    """One dead letter that nobody has settled.

    Attributes:
        place: where it lies; its id for people.
        source: the record of a topic that it holds; None for a record of a legacy system.
        first: where that record first stood; it has been sent again since where this is another place than `source`.
        origin: what a marker settles it by.
        attempt: how often the record has been tried; 0 where it has only waited.
        is_instruction: whether it holds what a department was asked to do, and a connector has noted: later ones of its task wait for it.
    """

    place: Place
    code: str
    reason: str
    component: str
    attempt: int
    at: datetime
    origin: str
    source: Place | None
    first: Place | None
    key: bytes | None = field(repr=False)
    is_instruction: bool

    @property
    def id(self) -> str:
        """How people name it: topic/partition/offset of the letter itself."""
        return str(self.place)

    @property
    def is_worn_out(self) -> bool:
        """Whether it died so often that trying it with all the others once more would be a loop."""
        return self.attempt >= MOST_ATTEMPTS

    @property
    def is_parked(self) -> bool:
        """Whether it only waits for an earlier record of its case."""
        return self.code == PARKED

    @cached_property
    def case(self) -> str | None:
        """The case that its record is about, by its key; None where that names none, and for a record of a legacy system."""
        return case_in(self.key) if self.source else None

    @cached_property
    def lane(self) -> Lane | None:
        """What it stands in line with, by the order of its first place: the records of one case in one partition; None for no line.

        An instruction is in none: the connector has it in its ledger, and the later ones of its task wait for it there.
        """
        if self.first is None or self.case is None or self.first.topic not in IN_LINE:
            return None
        if self.first.topic in _TASKS and self.is_instruction and not self.is_parked:
            return None
        return self.first.topic, self.first.partition, self.case

    @property
    def about(self) -> str:
        """What all letters and markers about its record have in common: where that first stood, or what it is in a legacy system."""
        return str(self.first) if self.first else self.origin

    @property
    def order(self) -> tuple[str, int, int]:
        """Its place among all letters: that in which its record first stood."""
        place = self.first or self.place
        return place.topic, place.partition, place.offset

    def again(self, body: bytes | None) -> Outgoing | None:
        """The record to send to its topic once more; None for a record of a legacy system, which its connector tries again.

        Args:
            body: what it holds.
        """
        return None if self.source is None else self._outgoing(self.source.topic, self.key, body)

    def corrected(self, value: bytes) -> Outgoing:
        """Another record to send in its place, under the key that belongs to it.

        Raises:
            UnreadableEvent: it would die too; the reason.
            LookupError: it is no record of a topic of the hub: what a legacy system says is mended there.
        """
        topic = _TOPICS[self.source.topic if self.source else ""]
        return self._outgoing(topic.name, topic.read(value).partitionkey.encode(), value)

    def _outgoing(self, topic: str, key: bytes | None, value: bytes | None) -> Outgoing:
        said = [*EVENT_HEADERS, ("attempt", str(self.attempt).encode())]
        if key == self.key:
            # Under the key of another case it stands in no line there: it is as new.
            said.append((FIRST, str(self.first).encode()))
        return Outgoing(topic, key, value, tuple(said))

    def marker(self, headers: Headers) -> Outgoing:
        """The empty record that settles it, beside it."""
        return Outgoing(self.place.topic, self.key, None, headers)


class OpenLetters:
    """What lies on the dead-letter topics and nobody has settled, record by record as it is read.

    Several letters about one record are one, the latest: a crash between a letter and its offset writes it again, and a record that was
    sent again and died has another. A marker settles what was written before it of a record that stood no later than the one it names:
    so what is said of an earlier try says nothing of the next.
    """

    def __init__(self) -> None:
        self._letters: dict[str, tuple[tuple[int, int], Letter]] = {}
        self._settled: dict[str, list[tuple[int, int]]] = {}

    def add(self, record: Incoming) -> None:
        """One more record of a dead-letter topic."""
        origin = record.header("settles")
        if origin is not None:
            about, upto = record.header(FIRST) or origin, (_offset(origin), record.at_ms)
            others = [each for each in self._settled.get(about, ()) if not _covers(upto, each)]
            self._settled[about] = [*others, upto]
            if about in self._letters and _covers(upto, self._letters[about][0]):
                del self._letters[about]
            return
        letter = letter_in(record)
        about, now = letter.about, (_offset(letter.origin), record.at_ms)
        if about in self._letters and self._letters[about][0] > now:
            return
        self._letters.pop(about, None)
        if not any(_covers(upto, now) for upto in self._settled.get(about, ())):
            self._letters[about] = now, letter

    def holds(self, letter: Letter, *, anew: bool = False) -> bool:
        """Whether a letter is open.

        Args:
            letter: as it was read before.
            anew: whether another letter about its record will do.
        """
        found = self._letters.get(letter.about)
        return found is not None and (anew or found[1].id == letter.id)

    def all(self) -> list[Letter]:
        """Those that are open, in the order in which their records first stood."""
        return sorted((letter for _, letter in self._letters.values()), key=lambda letter: letter.order)


def open_letters(records: Iterable[Incoming]) -> list[Letter]:
    """The open letters of these records of dead-letter topics."""
    found = OpenLetters()
    for record in records:
        found.add(record)
    return found.all()


def _covers(upto: tuple[int, int], letter: tuple[int, int]) -> bool:
    """Whether a marker, by the offset it names and its time, is about a letter."""
    return upto[0] >= letter[0] and upto[1] >= letter[1]


def _offset(origin: str) -> int:
    """Where in its partition the record of an origin stands; 0 for a record of a legacy system, which stands in none."""
    place = place_in(origin)
    return place.offset if place else 0


def masked(letter: Letter, value: bytes | None) -> str:
    """What a letter's record looks like without what it says: its fields, and the kind and length of each value.

    A name that no schema knows may be about somebody, too, and is left out; those of a legacy record are its system's columns.

    Args:
        letter: of the record.
        value: what it holds.
    """
    if value is None:
        return "empty"
    try:
        content = json.loads(value)
        return json.dumps(
            _masked(content, _is_column if letter.source is None else _is_known), indent=2, ensure_ascii=False
        )
    except ValueError:
        return f"{len(value)} bytes that are not JSON"
    except RecursionError:
        return f"{len(value)} bytes of JSON that is nested too deep to be shown"


def letter_in(record: Incoming) -> Letter:
    """A record of a dead-letter topic that is no marker."""
    component = record.header("component") or "unknown"
    source = place_in("/".join(record.header(name) or "" for name in _PLACE))
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
        attempt=attempts_before(record.headers) or int(record.header("code") not in WAITING),
        at=datetime.fromtimestamp(record.at_ms / 1000, UTC),
        origin=origin,
        source=source,
        first=_first(record, source),
        key=record.key,
        is_instruction=is_instruction(source, record.key, record.value),
    )


def is_instruction(source: Place | None, key: bytes | None, value: bytes | None) -> bool:
    """Whether a record of this topic is an instruction that its connector can read, and so has noted.

    Args:
        source: where it stood; None for a record of a legacy system.
        key: of the record.
        value: of the record.
    """
    topic = _TASKS.get(source.topic) if source else None
    try:
        return topic is not None and not isinstance(topic.decode(value, key), RecordDiscarded)
    except UnreadableEvent:
        return False


def _first(record: Incoming, source: Place | None) -> Place | None:
    """Where a letter's record first stood: what the letter says, if that is in the same partition and before."""
    said = place_in(record.header(FIRST) or "")
    if (
        said
        and source
        and (said.topic, said.partition) == (source.topic, source.partition)
        and said.offset < source.offset
    ):
        return said
    return source


def _masked(value: Any, shows: Callable[[str], bool]) -> Any:
    if isinstance(value, dict):
        found: dict[str, Any] = {}
        for name, item in value.items():
            key = name if shows(name) else _LEFT_OUT
            while key in found:
                key += _LEFT_OUT
            found[key] = _masked(item, shows)
        return found
    if isinstance(value, list):
        return [_masked(item, shows) for item in value]
    if isinstance(value, str):
        return f"(text of {len(value)})"
    if value is None:
        return None
    return "(yes or no)" if isinstance(value, bool) else "(number)"


def _is_column(name: str) -> bool:
    return _COLUMN.fullmatch(name) is not None


def _is_known(name: str) -> bool:
    return name in _known_names()


@cache
def _known_names() -> frozenset[str]:
    """Every name of a field in the events of any topic."""
    events = {event for topic in CATALOGUE for event in topic.events}
    return frozenset(name for event in events for name in _names_in(event.model_json_schema()))


def _names_in(schema: Any) -> Iterator[str]:
    """Names of the fields in a JSON Schema, at whatever depth."""
    if isinstance(schema, dict):
        yield from schema.get("properties", ())
        for part in schema.values():
            yield from _names_in(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _names_in(part)
