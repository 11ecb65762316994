"""What pages and the API read of the worker's memory. Opened read-only: the web process never writes what is the worker's.

A memory that does not exist yet (no worker has run) reads as empty; one that cannot be read raises `MemoryAway`, and the log says when
that begins and when it ends.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import structlog
from sqlalchemy import ColumnElement, Connection, Engine, and_, create_engine, func, or_, select
from sqlalchemy.exc import OperationalError, ProgrammingError, SQLAlchemyError

from hub.database import PATIENCE, is_unmade, read_url
from hub.health.http import Health
from hub.health.outage import Outage
from hub.memory.tables import IN_DOUBT, SETTING, cases, parked, timeline
from hub.routing.case import Case
from hub.routing.entry import Entry
from hub.routing.stored import UNREADABLE, UnreadableCase
from schemas.cases import CaseStatus
from schemas.envelope import Department

_OPEN = (CaseStatus.UNKNOWN, CaseStatus.OPEN, CaseStatus.NEEDS_DECISION)
_log = structlog.get_logger()
_NEVER = 2**53
"""Sorts cases without a due time behind all others; later than any date, and exact in every database."""

_NOT_PERMITTED = "42501"
"""What PostgreSQL calls insufficient_privilege."""


class MemoryAway(Exception):
    """The worker's memory, or a row of it, cannot be read now. In sentences, for whoever asked: what is the matter, and what to do."""


class Standing(StrEnum):
    """Which cases a list shows."""

    OPEN = "open"
    OVERDUE = "overdue"
    WAITING_FOR_PERSON = "waiting-for-a-person"
    FINISHED = "finished"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"
    ALL = "all"


@dataclass(frozen=True)
class Summary:
    """All cases in a few numbers.

    Attributes:
        open, overdue, waiting_for_person: of those that have not ended.
        ended: finished, closed or withdrawn.
        newest_ms: when the worker last heard something new of any case; None where there is no case.
    """

    open: int = 0
    overdue: int = 0
    waiting_for_person: int = 0
    ended: int = 0
    newest_ms: int | None = None


@dataclass(frozen=True)
class CasePage:
    """Some cases of a list, and where the next page begins: a cursor that stays right while cases come and go."""

    cases: tuple[Case, ...]
    after: str | None


class CaseReader:
    """Reads cases.

    Args:
        url: SQLAlchemy URL of the worker's memory.
        failed: called for every reading that fails.

    Raises:
        ConfigurationError: this is no such URL.
    """

    def __init__(self, url: str, failed: Callable[[], object] = lambda: None) -> None:
        self._file, self._engine = _read_only(url)
        self._failed = failed
        self._away = Outage("the worker's memory cannot be read", "the worker's memory can be read again")

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def health(self) -> Health:
        """Whether cases can be read; asks the database, and never raises."""
        try:
            with self._connection() as connection:
                if connection is not None:
                    connection.execute(select(cases.c.reference).limit(1)).first()
        except MemoryAway as error:
            return Health(ok=not self._away.why, reason=str(error))
        return Health(ok=True, reason="cases can be read")

    def case(self, reference: str) -> Case | None:
        """One case as it stands.

        Raises:
            MemoryAway: it cannot be read now.
        """
        with self._connection() as connection:
            if connection is None:
                return None
            body = connection.execute(select(cases.c.body).where(cases.c.reference == reference)).scalar()
        return self._case(reference, body) if body is not None else None

    def timeline(self, reference: str) -> tuple[Entry, ...]:
        """Every line of a case's timeline, in the order the hub heard of them.

        Raises:
            MemoryAway: it cannot be read now.
        """
        query = select(timeline.c.body).where(timeline.c.reference == reference).order_by(timeline.c.id)
        with self._connection() as connection:
            if connection is None:
                return ()
            with self._readable(reference):
                return tuple(Entry.read(body) for body in connection.execute(query).scalars())

    def parked(self, reference: str) -> tuple[int, ...]:
        """When each record of a case that lies among the dead letters was sent (milliseconds since 1970), by its place.

        Raises:
            MemoryAway: it cannot be read now.
        """
        query = select(parked.c.since_ms).where(parked.c.reference == reference).order_by(parked.c.first_offset)
        with self._connection() as connection:
            return () if connection is None else tuple(connection.execute(query).scalars())

    def standing_still(self) -> tuple[int, int]:
        """How many cases wait for a record that lies among the dead letters, and how many of their records lie there.

        Raises:
            MemoryAway: it cannot be read now.
        """
        query = select(func.count(parked.c.reference.distinct()), func.count())
        with self._connection() as connection:
            if connection is None:
                return 0, 0
            number, records = connection.execute(query).one()
            return number, records

    def summary(self, now_ms: int) -> Summary:
        """How many cases stand how.

        Raises:
            MemoryAway: it cannot be read now.
        """
        overdue = func.count().filter(cases.c.due_ms < now_ms)
        query = select(cases.c.status, func.count(), overdue, func.max(cases.c.updated_ms)).group_by(cases.c.status)
        with self._connection() as connection:
            rows = [] if connection is None else [tuple(row) for row in connection.execute(query)]
        still_open = [row for row in rows if row[0] in _OPEN]
        return Summary(
            open=sum(row[1] for row in still_open),
            overdue=sum(row[2] for row in still_open),
            waiting_for_person=sum(row[1] for row in still_open if row[0] == CaseStatus.NEEDS_DECISION),
            ended=sum(row[1] for row in rows) - sum(row[1] for row in still_open),
            newest_ms=max((row[3] for row in rows), default=None),
        )

    def waiting(self) -> dict[Department, int]:
        """How many open cases wait for each department; one that waits for two counts for both.

        Raises:
            MemoryAway: it cannot be read now.
        """
        query = select(cases.c.waiting_on, func.count()).where(cases.c.status.in_(_OPEN)).group_by(cases.c.waiting_on)
        with self._connection() as connection:
            rows = [] if connection is None else [tuple(row) for row in connection.execute(query)]
        return {
            department: sum(count for names, count in rows if department in names.split(","))
            for department in Department
        }

    def uncertain(self) -> int:
        """How many instructions may or may not have reached a department.

        Raises:
            MemoryAway: it cannot be read now.
        """
        query = select(func.coalesce(func.sum(cases.c.uncertain), 0)).where(IN_DOUBT)
        with self._connection() as connection:
            return 0 if connection is None else int(connection.execute(query).scalar_one())

    def cases_in_doubt(self, most: int) -> tuple[Case, ...]:
        """The cases with such an instruction, those that wait longest first.

        Args:
            most: no more than that.

        Raises:
            MemoryAway: it cannot be read now.
        """
        query = select(cases.c.reference, cases.c.body).where(IN_DOUBT).order_by(cases.c.uncertain_ms).limit(most)
        with self._connection() as connection:
            rows = [] if connection is None else connection.execute(query).all()
        return tuple(self._case(row.reference, row.body) for row in rows)

    def page(
        self, standing: Standing, department: Department | None, after: str | None, size: int, now_ms: int
    ) -> CasePage:
        """Some cases of a list: what is open by due time, the most pressing first; any other list newest first.

        Args:
            standing: which cases.
            department: only those that wait for it; None for all.
            after: `CasePage.after` of the page before; None for the first, and what is no cursor counts as none.
            size: most cases of a page.
            now_ms: what overdue is measured by.

        Raises:
            MemoryAway: it cannot be read now.
        """
        due = func.coalesce(cases.c.due_ms, _NEVER)
        by_due = standing in {Standing.OPEN, Standing.OVERDUE, Standing.WAITING_FOR_PERSON}
        query = select(cases.c.body, cases.c.reference, due).where(*_which(standing, now_ms))
        if department is not None:
            query = query.where(("," + cases.c.waiting_on + ",").contains(f",{department},"))
        if after is not None:
            query = query.where(*_behind(after, due, by_due=by_due))
        query = query.order_by(due, cases.c.reference) if by_due else query.order_by(cases.c.reference.desc())
        with self._connection() as connection:
            rows = [] if connection is None else connection.execute(query.limit(size + 1)).all()
        shown = rows[:size]
        more = len(rows) > size
        return CasePage(
            cases=tuple(self._case(row[1], row[0]) for row in shown),
            after=(f"{shown[-1][2]}.{shown[-1][1]}" if by_due else str(shown[-1][1])) if more else None,
        )

    def _case(self, reference: str, body: str) -> Case:
        with self._readable(reference):
            return Case.read(body)

    @contextmanager
    def _readable(self, reference: str) -> Iterator[None]:
        """Says which case's row cannot be read: the database answers, and waiting mends nothing."""
        try:
            yield
        except UnreadableCase as error:
            self._failed()
            _log.error("the row of a case cannot be read", case=reference)
            raise MemoryAway(f"The row of case {reference} in the worker's memory {UNREADABLE}.") from error

    @contextmanager
    def _connection(self) -> Iterator[Connection | None]:
        """A connection; None where no worker has made the memory yet."""
        if self._file is not None and not self._file.exists():
            yield None
            return
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            if _is_unmade(error):
                self._away.end()
                raise MemoryAway("The worker is making its memory. Ask again in a moment.") from error
            self._failed()
            why = _why(error)
            self._away.begin(why, error)
            raise MemoryAway(why) from error
        self._away.end()


def _is_unmade(error: SQLAlchemyError) -> bool:
    """Whether the tables are not there yet: the worker makes them when it starts for the first time."""
    if not isinstance(error, OperationalError | ProgrammingError):
        return False
    return "no such table" in str(error.orig) or type(error.orig).__name__ == "UndefinedTable"


def _why(error: SQLAlchemyError) -> str:
    if getattr(getattr(error, "orig", None), "sqlstate", None) == _NOT_PERMITTED:
        return (
            "The database does not let the web read the worker's memory. Whoever runs the hub has to mend that: the user in "
            "worker.memory.url must be allowed to SELECT from its tables."
        )
    if is_unmade(getattr(error, "orig", None)):
        return "The worker's memory is of another version of the hub: its worker completes it when it starts. Try again in a moment."
    return "The worker's memory cannot be read now. Try again in a moment."


def _which(standing: Standing, now_ms: int) -> Sequence[ColumnElement[bool]]:
    match standing:
        case Standing.ALL:
            return ()
        case Standing.OPEN:
            return (cases.c.status.in_(_OPEN),)
        case Standing.OVERDUE:
            return (cases.c.status.in_(_OPEN), cases.c.due_ms < now_ms)
        case Standing.WAITING_FOR_PERSON:
            return (cases.c.status == CaseStatus.NEEDS_DECISION,)
        case _:
            return (cases.c.status == standing,)


def _behind(after: str, due: ColumnElement[int], *, by_due: bool) -> Sequence[ColumnElement[bool]]:
    """What comes behind a cursor."""
    if not by_due:
        return (cases.c.reference < after,)
    moment, _, reference = after.partition(".")
    if not (moment.isascii() and moment.isdigit() and len(moment) <= len(str(_NEVER))):
        return ()
    return (or_(due > int(moment), and_(due == int(moment), cases.c.reference > reference)),)


def _read_only(url: str) -> tuple[Path | None, Engine]:
    parsed = read_url(url, SETTING)
    if parsed.get_backend_name() != "sqlite":
        return None, create_engine(
            parsed,
            hide_parameters=True,
            pool_pre_ping=True,
            connect_args=PATIENCE | {"options": "-c default_transaction_read_only=on"},
        )
    file = Path(parsed.database or "")
    # `mode=ro` refuses every write; the readers of a WAL database still share its index file with the worker.
    query = {"uri": "true", "mode": "ro", "timeout": "10"}
    return file, create_engine(parsed.set(database=f"file:{file}", query=query), hide_parameters=True)
