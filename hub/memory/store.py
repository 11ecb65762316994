"""The worker's memory as a round needs it, whichever database it is kept in.

One connection, used from one thread. Positions and cases of a round are read from one snapshot, and written in one transaction that
begins with a compare-and-set of every partition's position: a partition that another worker has moved is left out, its cases too.
The SQL is written by hand, each database its best way (`sqlite.py`, `postgresql.py`); the tables are in `tables.py`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, ParamSpec, Protocol, TypeVar

from hub.dead_letters.rate import Counted

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Partition(NamedTuple):
    """A partition of a topic."""

    topic: str
    number: int


class CaseRow(NamedTuple):
    """A row of `cases`, in the order of its columns."""

    reference: str
    journey: str | None
    status: str
    opened_ms: int
    updated_ms: int
    due_ms: int | None
    waiting_on: str
    uncertain: int
    uncertain_ms: int | None
    body: str


class DeadlineRow(NamedTuple):
    """An open deadline, in the order of its columns."""

    reference: str
    task: str
    due_us: int
    part: int


class ParkedRow(NamedTuple):
    """A record that lies among the dead letters, in the order of its columns."""

    reference: str
    first_offset: int
    since_ms: int


@dataclass(frozen=True)
class Advance:
    """What one partition's records of a round come to.

    Attributes:
        partition: which.
        old, new: next offset to apply, before and after.
        cases: each case that changed, once.
        timeline: reference and entry (JSON), in the order in which they happened.
        deadlines: for each case whose deadlines changed, all that are open now.
        parked: records of cases that lie among the dead letters now, for which later ones of their case wait.
        settled: case and first offset of those that are waited for no longer.
        counted: how many records were set aside, where any were.
    """

    partition: Partition
    old: int
    new: int
    cases: Sequence[CaseRow] = ()
    timeline: Sequence[tuple[str, str]] = ()
    deadlines: Mapping[str, Sequence[DeadlineRow]] | None = None
    parked: Sequence[ParkedRow] = ()
    settled: Collection[tuple[str, int]] = ()
    counted: Counted | None = None


@dataclass(frozen=True)
class Snapshot:
    """Positions, cases and what waits of them, as they were at one moment.

    Attributes:
        positions: next offset to apply, of the partitions that have one.
        bodies: JSON of the cases there are, by reference.
        parked: first offsets of the records of these cases that lie among the dead letters.
    """

    positions: Mapping[Partition, int]
    bodies: Mapping[str, str]
    parked: Mapping[str, Sequence[int]]


class Store(Protocol):
    """What a database must do for a round. Every method is one transaction."""

    error: type[Exception]
    """Whatever its driver raises."""
    passing: tuple[type[Exception], ...]
    """Errors after which the same call may succeed: locked, full, away, deadlocked."""

    def positions(self, earliest: Mapping[Partition, int]) -> dict[Partition, int]:
        """Where to read on in each partition; one never seen before begins at the offset given."""

    def snapshot(self, partitions: Collection[Partition], references: Collection[str]) -> Snapshot:
        """What a round begins with."""

    def apply(self, advances: Sequence[Advance]) -> frozenset[Partition]:
        """Write a round; the partitions that this worker moved. Nothing is written of the others: somebody else owns them."""

    def counted(self, partitions: Collection[Partition]) -> list[Counted]:
        """What was set aside lately in these partitions, whichever worker had them."""

    def due(self, parts: Collection[int], now_us: int, limit: int) -> list[DeadlineRow]:
        """Deadlines of these partitions that have passed and are not published, the oldest first.

        Passed is what has passed by the worker's clock, and by the database's where that is another machine's.
        """

    def mark_published(self, deadlines: Sequence[DeadlineRow]) -> None:
        """Remember that these deadlines were published, unless they have moved meanwhile."""

    def count_deadlines(self, parts: Collection[int]) -> int:
        """How many deadlines of these partitions are still to come or to be published."""

    def has_tables(self) -> bool:
        """Whether the tables are there, with what the latest version of the hub has added to them."""

    def close(self) -> None:
        """Give the connection back; the next call opens another."""


def call(store: Store, method: Callable[_P, _T], *arguments: _P.args, **named: _P.kwargs) -> _T:
    """Call one method of a store; after an error its connection is thrown away, so that the next try has a fresh one."""
    try:
        return method(*arguments, **named)
    except Exception:
        store.close()
        raise
