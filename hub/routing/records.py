"""What a round begins with: records, as the worker needs them, whichever client read them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hub.memory.store import Partition


class Record(Protocol):
    """One record; aiokafka's ConsumerRecord is one."""

    @property
    def offset(self) -> int:
        """Its place in its partition."""

    @property
    def key(self) -> bytes | None:
        """The case, if it is right."""

    @property
    def value(self) -> bytes | None:
        """The event, if it is one."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """What was said beside it; a replay says `attempt` and `first` there."""

    @property
    def timestamp(self) -> int:
        """When it was sent, milliseconds since 1970."""


def _unset() -> "asyncio.Future[None]":
    return asyncio.get_running_loop().create_future()


@dataclass(frozen=True)
class Fetch:
    """Everything fetched at once.

    Attributes:
        records: in order of offsets, by partition; may be empty while late partitions wait to be joined.
        generation: of the consumer group; when it has changed, the partitions may be another worker's.
        passed: of partitions without records, how far Kafka has gone beyond what is applied: it says that it has nothing before that.
        done: set when the round is over.
    """

    records: Mapping[Partition, Sequence[Record]]
    generation: int
    passed: Mapping[Partition, int] = field(default_factory=dict)
    done: "asyncio.Future[None]" = field(default_factory=_unset)
