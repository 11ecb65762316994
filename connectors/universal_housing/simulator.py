"""A small copy of a Universal Housing database with its back office: for tests, the demo, and a team that waits for access.

The tables, types, blank padding, sentinels and misspellings are those of LBHackney-IT's schema and documentation; SQLite columns compare
with RTRIM and are padded by a trigger, which is how CHAR behaves on SQL Server. Triggers also write `rmworder_journal`, which nothing
else touches: an outsider counts effects there. Everything is in the database, so a killed back office goes on where it was.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, Row, Select, create_engine, insert, select, update
from sqlalchemy.exc import OperationalError

from connectors.sdk.simulation import BackOffice, Citizen, Simulator
from connectors.universal_housing.simulated import schema, seeding
from connectors.universal_housing.simulated.councils import Council

_ZONE = ZoneInfo("Europe/London")
_LOOK_EVERY_S = 0.05


class UniversalHousingSimulator(Simulator):
    """A council's housing database, in SQLite in its folder or in any database given by URL, and the people who work in it."""

    def __init__(
        self,
        folder: Path,
        back_office: BackOffice,
        port: int = 0,
        *,
        url: str | None = None,
        council: Council | None = None,
    ) -> None:
        """As `Simulator`; a database has no port of its own.

        Args:
            folder: where the SQLite file is.
            back_office: how its staff behave.
            port: not used.
            url: SQLAlchemy URL of another database; None: SQLite in the folder.
            council: whose columns and codes; None: the first council's.
        """
        super().__init__(folder, back_office, port)
        self.council = council or Council()
        self.url = url or f"sqlite:///{folder / 'universal_housing.db'}"
        self.tables = schema.tables_of(self.council, sqlite=self.url.startswith("sqlite"))

    def seed(self, citizens: Iterable[Citizen]) -> None:
        """Put citizens into the database as tenants of their homes, with a repair here and there; known ones are left alone."""
        with self.open() as engine, engine.begin() as connection:
            homes = self.tables["property"]
            known = {ref.strip() for ref in connection.scalars(select(homes.c.prop_ref))}
            rows = seeding.rows_of(citizens, self.council, self.back_office.seed, known)
            for name, table in self.tables.items():
                if rows.get(name):
                    connection.execute(insert(table), rows[name])

    def serve(self, ready: Callable[[], None], stop: Event) -> None:
        """Work through the orders until `stop` is set. The database answers by itself."""
        with self.open() as engine:
            ready()
            while not stop.wait(_LOOK_EVERY_S):
                try:
                    self._work(engine)
                except OperationalError:
                    # The database is busy or away: the same orders are still there at the next look.
                    continue

    def connector_settings(self) -> Mapping[str, Any]:
        """Settings that reach this database. `mode=rw` keeps SQLite from making an empty one where there is none."""
        url = self.url
        if url.startswith("sqlite"):
            url = f"sqlite:///file:{self.folder / 'universal_housing.db'}?mode=rw&uri=true"
        return {"url": url, "poll_every_s": 0.5}

    @contextmanager
    def open(self) -> Iterator[Engine]:
        """The database, its tables and triggers made where they are missing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        engine = create_engine(self.url, connect_args={"timeout": 30} if self.url.startswith("sqlite") else {})
        try:
            schema.make(engine, self.tables, self.council)
            yield engine
        finally:
            engine.dispose()

    def _work(self, engine: Engine) -> None:
        """Move every order that is due for it one step on."""
        council, orders = self.council, self.tables["rmworder"]
        kind = orders.c[council.order_type].label("kind")
        open_orders: Select[Any] = select(
            orders.c.wo_ref, orders.c.prop_ref, orders.c.wo_status, orders.c.created, orders.c.issued, kind
        )
        with engine.connect() as connection:
            waiting = connection.execute(
                open_orders.where(orders.c.wo_status.in_([council.raised, council.accepted, council.in_progress]))
            ).all()
        now = datetime.now(_ZONE).replace(tzinfo=None)
        due = [(row, step) for row in waiting if (step := self._next_step(row, now))]
        if not due:
            return
        with engine.begin() as connection:
            for row, step in due:
                this = (orders.c.wo_ref == row.wo_ref) & (orders.c.wo_status == row.wo_status)
                moved = connection.execute(
                    update(orders).where(this).values(step | {"dtstamp": now.replace(microsecond=0)})
                )
                if moved.rowcount and step["wo_status"] == council.completed and row.kind.strip() == council.home_check:
                    self._note_findings(connection, row.prop_ref)

    def _next_step(self, row: Row[Any], now: datetime) -> dict[str, Any] | None:
        """The columns that change when the order moves, or None while it is not due."""
        council, order = self.council, row.wo_ref.strip()
        course, status = self.back_office.course(order), row.wo_status.strip()
        if status == council.raised:
            if not _past(row.created, course.accept_after_s, now):
                return None
            if course.rejected:
                why = council.refusals[_chance(order) % len(council.refusals)]
                return {
                    "wo_status": council.refused,
                    council.reason: why,
                    "cancelnote": "Spoke to Mrs Invented at no 5",
                }
            return {"wo_status": council.accepted, "issued": now}
        if status == council.accepted:
            begun = _past(row.issued, course.end_after_s / 2, now)
            return {"wo_status": council.in_progress, "attend_date": now.replace(microsecond=0)} if begun else None
        if not _past(row.issued, course.end_after_s, now):
            return None
        done: dict[str, Any] = {"wo_status": council.completed, "completed": now.replace(microsecond=0)}
        if row.kind.strip() == council.clearance:
            done["insp_outcome"] = council.evidence if _chance(order) % 2 else council.no_evidence
        return done

    def _note_findings(self, connection: Connection, prop_ref: str) -> None:
        """Write what the inspector found at the door into the property's record."""
        homes, truth = self.tables["property"], self.tables["simulator_truth"]
        found = connection.execute(
            select(truth.c.steps, truth.c.keysafe).where(truth.c.prop_ref == prop_ref)
        ).one_or_none()
        if found is not None:
            keysafe = self.council.yes if found.keysafe else self.council.no
            connection.execute(
                update(homes)
                .where(homes.c.prop_ref == prop_ref)
                .values({self.council.steps: found.steps, self.council.keysafe: keysafe})
            )


def _past(begun: datetime, wait_s: float, now: datetime) -> bool:
    """Whether it is time; a clock that was put back in autumn makes nobody wait an hour."""
    return not 0 <= (now - begun).total_seconds() < wait_s


def _chance(text: str) -> int:
    return hashlib.sha256(text.encode()).digest()[0]
