"""Kafka records as the edge needs them: plain data, whichever client carries them."""

from dataclasses import dataclass, field
from functools import lru_cache

from schemas.envelope import EVENT_HEADERS

Headers = tuple[tuple[str, bytes], ...]
_ROUND_IT = 1024
"""Bytes, amply, of what Kafka puts round a record: its batch's head, and the length of every part."""


@dataclass(frozen=True)
class Place:
    """Where a record stands."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True)
class Outgoing:
    """A record to send."""

    topic: str
    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)
    headers: Headers = ()

    def fits(self, largest_bytes: int) -> bool:
        """Whether Kafka takes it where a record with all that is put round it may be so large."""
        return len(self.key or b"") + len(self.value or b"") + _bytes_of(self.headers) + _ROUND_IT <= largest_bytes

    @classmethod
    def event(cls, topic: str, key: str, body: bytes) -> "Outgoing":
        """An event as it stands on any topic, under its partition key.

        Args:
            topic: where it goes.
            key: its partition key.
            body: encoded by `Event.encode`.
        """
        return cls(topic, key.encode(), body, EVENT_HEADERS)


@dataclass(frozen=True)
class Incoming:
    """A record that was read."""

    place: Place
    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)
    headers: Headers = ()
    at_ms: int = 0
    """When it was sent, milliseconds since 1970; when it came, on a topic that its broker stamps."""

    def header(self, name: str) -> str | None:
        """The last header of that name, as text."""
        found = [value for key, value in self.headers if key == name and value is not None]
        return found[-1].decode("utf-8", "replace") if found else None


@lru_cache(maxsize=8)
def _bytes_of(headers: Headers) -> int:
    """How many there are in headers; those of all events are the same."""
    return sum(len(name.encode()) + len(value) for name, value in headers)
