"""A worker's memory full of cases that ended long ago: real ones, written again and again under other names."""

import itertools
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.bench.story import story
from hub.memory.prepare import prepare
from hub.memory.store import CaseRow, Partition
from hub.routing.share import partition_of, route
from hub.routing.step import World
from schemas.references import case_reference
from tests.bench.fetched import Fetched

_TEMPLATES = 400
LINES = 3
"""Lines of a stored case's timeline; a real one has seventeen, and millions of those would fill the disk and tell nothing more."""
_AT_ONCE = 50_000


@dataclass(frozen=True)
class Template:
    """A case as it is stored, and its timeline."""

    row: CaseRow
    lines: tuple[str, ...]


def templates(world: World, begins: datetime, number: int = _TEMPLATES, *, ended: bool = True) -> list[Template]:
    """So many different cases.

    Args:
        world: journeys and calendar.
        begins: when the first of them began.
        number: at most so many.
        ended: whether they have come to their end, or are in the middle of it.
    """
    by_case: dict[bytes, list[bytes]] = {}
    for turn in story(number * 12, world, begins, active=number):
        by_case.setdefault(turn.key, []).append(turn.value)
    found = []
    for key, values in itertools.islice(by_case.items(), number):
        told = values if ended else values[: len(values) // 2]
        records = [Fetched(offset, key, value) for offset, value in enumerate(told)]
        reference = key.decode()
        where = Partition("case-events", partition_of(reference, 1))
        share = route(where, 0, records, {}, world=world, partitions=1, lying={}, room=0)
        found.append(Template(share.rows[reference], tuple(line for _, line in share.timeline)))
    return found


def references(number: int, before: datetime, seed: str = "stored") -> Iterator[str]:
    """References of cases that began before a day, one a second, the oldest first."""
    for place in range(number):
        yield case_reference(before - timedelta(seconds=number - place), f"{seed}|{place}")


def furnish(file: str, chosen: list[Template], named: Iterable[str], lines: int | None = LINES) -> int:
    """Write cases into a worker's SQLite memory; how many.

    Args:
        file: its path; its tables are made where they are not there.
        chosen: what they are like, in turns.
        named: their references.
        lines: how many lines of its timeline each gets; all, where None.
    """
    prepare(f"sqlite:///{file}", "nobody").close()
    connection = sqlite3.connect(file, isolation_level=None)
    # What is furnished can be furnished again.
    connection.execute("PRAGMA synchronous=OFF")
    written = 0
    for batch in _batches(zip(named, itertools.cycle(chosen), strict=False)):
        connection.execute("BEGIN")
        connection.executemany(
            f"INSERT INTO cases ({', '.join(CaseRow._fields)}) VALUES ({', '.join('?' * len(CaseRow._fields))})",
            (_renamed(template.row, reference) for reference, template in batch),
        )
        connection.executemany(
            "INSERT INTO timeline (reference, body) VALUES (?, ?)",
            ((reference, line) for reference, template in batch for line in template.lines[:lines]),
        )
        connection.execute("COMMIT")
        written += len(batch)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return written


def _renamed(row: CaseRow, reference: str) -> CaseRow:
    return row._replace(reference=reference, body=row.body.replace(row.reference, reference))


def _batches(pairs: Iterable[tuple[str, Template]]) -> Iterator[list[tuple[str, Template]]]:
    iterator = iter(pairs)
    while batch := list(itertools.islice(iterator, _AT_ONCE)):
        yield batch
