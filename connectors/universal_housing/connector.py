"""Universal Housing (Civica): a SQL database, polled and written directly. Reaches it and knows no meaning (`mapping.py` does).

It is read with committed reads, never NOLOCK, and only in the columns `tables.py` names, for special-category columns stand beside
them. Works orders are written (`works_orders.py`) in one transaction with the hub's ledger (`ledger.py`), so a retry is always safe.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from sqlalchemy import Connection, Row, create_engine, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, NoSuchModuleError, ProgrammingError

from connectors.sdk.contract import (
    Batch,
    Checkpoint,
    Effect,
    EffectClass,
    LegacyRecord,
    Receipt,
    Said,
    SinkConnector,
    SourceConnector,
)
from connectors.sdk.errors import ConfigurationError, ConnectorError, RetryLater, TranslationError
from connectors.universal_housing import ledger, mapping, works_orders
from connectors.universal_housing.tables import LookupTable, OrdersTable, TenanciesTable, page

_NAMES: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "works-orders": {
            "own": ("order", "property_ref", "type", "status", "completed", "reason", "outcome", "hub_ref", "stamp"),
            "home": ("uprn", "steps", "keysafe"),
        },
        "tenancies": {"own": ("tenancy_ref", "property_ref", "start", "end", "tenure", "stamp"), "home": ("uprn",)},
    }
)
"""What each dataset selects, by the hub's names: of its own table, whose key comes first, and of the property."""

_TRANSLATIONS = MappingProxyType({"works-orders": mapping.works_order_said, "tenancies": mapping.tenancy_said})


class Settings(works_orders.WorksOrdersSettings):
    """Where the database is and how it is read; its tables and codes are in the settings this one adds to."""

    url: str
    """SQLAlchemy URL without the password: mssql+pyodbc://hub@uh-live/uhlive?driver=ODBC+Driver+18+for+SQL+Server."""
    password: SecretStr | None = None
    """Password of the database user."""
    lookup: LookupTable = LookupTable()
    """The system's own code lists."""
    since: date = mapping.NO_DATE.date()
    """The first poll reads what changed from this day on; the default is everything."""
    page_rows: Annotated[int, Field(ge=1, le=10_000)] = 500
    """Rows per query and batch."""

    @field_validator("url")
    @classmethod
    def _is_url(cls, text: str) -> str:
        try:
            url = make_url(text)
        except ArgumentError:
            raise ValueError("not an SQLAlchemy URL, such as mssql+pyodbc://user@server/database?driver=...") from None
        if url.password:
            raise ValueError("holds a password; give it as password, where it is kept out of logs and pages")
        return text


class UniversalHousing(SourceConnector[Settings], SinkConnector[Settings]):
    """Reads works orders and tenancies, writes works orders."""

    settings_type = Settings
    effect_class = EffectClass.A

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        url = make_url(settings.url)
        if settings.password is not None:
            url = url.set(password=settings.password.get_secret_value())
        # Parameters are people's data: hidden, so that no error ever shows them.
        try:
            self._engine = create_engine(
                url,
                hide_parameters=True,
                pool_pre_ping=True,
                connect_args=_patience(url.get_backend_name(), settings.timeout_s),
            )
        except (ImportError, NoSuchModuleError):
            raise ConfigurationError(
                f"url names the driver {url.drivername}, which is not installed. Install it beside the hub, or name another."
            ) from None
        self._ledger_seen = False

    def close(self) -> None:
        """Let go of connections."""
        self._engine.dispose()

    def check(self) -> None:
        """Sign in, find every table and column, ask whether every status has a meaning, make the ledger where it is missing."""
        settings = self.settings
        with self._database() as connection:
            inspector = inspect(connection)
            for name, section in (
                ("property", settings.property),
                ("works_orders", settings.works_orders),
                ("tenancies", settings.tenancies),
            ):
                section.check(inspector, name)
            if settings.lookup.status_type:
                settings.lookup.check(inspector, "lookup")
                self._check_statuses(connection)
        self._see_ledger()

    def _check_statuses(self, connection: Connection) -> None:
        lookup, status = self.settings.lookup, self.settings.status
        listed = connection.scalars(select(lookup["code"]).where(lookup["type"] == lookup.status_type))
        if unmapped := {str(code).strip() for code in listed} - set(status.codes) - set(status.ignored):
            raise ConfigurationError(
                f"Works order statuses without a meaning: {', '.join(sorted(unmapped))}. Add them to status.codes, "
                "or to status.ignored with a reason."
            )

    def _see_ledger(self) -> None:
        """Make the hub's own tables if a DBA has not; looked at once per connector."""
        if self._ledger_seen:
            return
        try:
            with self._engine.begin() as connection:
                ledger.make(connection)
        except DBAPIError as error:
            with self._database() as connection:  # another process may have made them at the same moment
                missing = ledger.missing(connection)
            if missing:
                raise ConfigurationError(
                    f"The hub's own tables {', '.join(missing)} are not there and the user may not make them "
                    f"({type(error.orig).__name__}). Have a DBA run the DDL in connectors/universal_housing/README.md."
                ) from None
        self._ledger_seen = True

    def read(self, dataset: str, after: Checkpoint | None) -> Iterator[Batch]:
        """Rows whose change stamp is newer than the newest seen, or a little older: rows become visible after they are stamped.

        The checkpoint is the newest stamp and the positions already seen inside the overlap, so nothing is sent twice; and the columns
        that the table has, so that one more is remarked upon.
        """
        settings, key = self.settings, _NAMES[dataset]["own"][0]
        rows = self._polled(dataset)
        newest = datetime.fromisoformat(after["newest"]) if after else datetime.combine(settings.since, time())
        seen: set[str] = set(after["seen"]) if after else set()
        columns: list[str] = list(after.get("columns", ())) if after else []
        place = (self._look_back(newest) if after else newest, "")
        remarks: tuple[str, ...] | None = None
        while True:
            query = page(rows, key, settings.property, _NAMES[dataset], place).limit(settings.page_rows)
            try:
                with self._database() as connection:
                    records = [_record(dataset, key, row) for row in connection.execute(query)]
            except (ConfigurationError, ValueError, AttributeError):
                self._columns(dataset)  # says which column it is, where it is one
                raise
            if not records:
                return
            place = (records[-1].values["stamp"], records[-1].key)
            # A row stamped years ahead (2079-06-06) must not carry the cursor there and silence the feed.
            newest = max(newest, min(place[0], settings.now()))
            horizon = self._look_back(newest).isoformat()
            fresh = tuple(record for record in records if record.position not in seen)
            seen = {position for position in seen.union(record.position for record in fresh) if position >= horizon}
            if fresh:
                if remarks is None:
                    remarks, columns = _remarks(rows.table, columns, self._columns(dataset))
                yield Batch(
                    records=fresh,
                    checkpoint={"newest": newest.isoformat(), "seen": sorted(seen), "columns": columns},
                    remarks=remarks,
                )
                remarks = ()

    def _polled(self, dataset: str) -> OrdersTable | TenanciesTable:
        return self.settings.works_orders if dataset == "works-orders" else self.settings.tenancies

    def _columns(self, dataset: str) -> tuple[str, ...]:
        """The columns of the table that a dataset is read from, once they and those of the property are seen to be as they must."""
        with self._database() as connection:
            inspector = inspect(connection)
            self.settings.property.check(inspector, "property")
            return self._polled(dataset).check(inspector, dataset.replace("-", "_"))

    def translate(self, record: LegacyRecord) -> Iterable[Said]:
        """What one record says; `mapping.py` knows."""
        try:
            return tuple(_TRANSLATIONS[record.dataset](record, self.settings))
        except ValidationError as error:
            fields = ", ".join(sorted({str(item["loc"][0]) for item in error.errors(include_input=False)}))
            raise TranslationError(
                f"{record.dataset}: {fields} holds what it cannot be. Check the column it is read from.",
                code="bad-value",
            ) from None

    def _look_back(self, newest: datetime) -> datetime:
        """From when to read again; an hour earlier where the clock may show, or have shown, the same hour twice."""
        since, zone = self.settings.overlap.since(newest), self.settings.zone
        twice = any(
            moment.replace(tzinfo=zone).utcoffset() != moment.replace(tzinfo=zone, fold=1).utcoffset()
            for moment in (since, newest)
        )
        return since - timedelta(hours=1) if twice else since

    def apply(self, effect: Effect) -> Receipt:
        """Write works order and ledger row in one transaction; an effect the ledger knows gets its receipt again."""
        self._see_ledger()
        for attempt in range(10):
            try:
                (receipt,) = self._write([effect], step=2**attempt)
            except IntegrityError:
                # Somebody has used the number: leap further. Or somebody has applied this effect: the ledger will say so.
                continue
            except DBAPIError as error:
                return self._in_doubt(effect, _named(error))
            return receipt
        raise ConfigurationError(
            "The database refuses every new works order: its numbers are in use (set first_works_order to a range nobody "
            "uses), or a column must be filled (set works_orders.constants)."
        )

    def apply_together(self, effects: Sequence[Effect]) -> Sequence[Receipt]:
        """The same for many: each query looks for all of them, and one commit is waited for."""
        self._see_ledger()
        try:
            return self._write(effects, step=1)
        except DBAPIError as error:
            raise _named(error) from None

    def _write(self, effects: Sequence[Effect], step: int) -> list[Receipt]:
        """What became of each, written in one transaction but for what was written before."""
        with self._engine.begin() as connection:
            receipts = ledger.receipts_of(connection, [effect.key for effect in effects])
            new = [effect for effect in effects if effect.key not in receipts]
            written = works_orders.write(connection, new, self.settings, step)
            ledger.remember(connection, written)
        return [(receipts | written)[effect.key] for effect in effects]

    def _in_doubt(self, effect: Effect, error: ConnectorError) -> Receipt:
        """The transaction broke off, perhaps after its COMMIT went out: the ledger row says whether it took place."""
        with self._database() as connection:
            receipt = ledger.receipts_of(connection, [effect.key]).get(effect.key)
        if receipt is None:
            raise error
        return receipt

    @contextmanager
    def _database(self) -> Iterator[Connection]:
        """A connection to read by; errors are named by what happens next."""
        try:
            with self._engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            raise _named(error) from None


def _remarks(table: str, before: list[str], now: tuple[str, ...]) -> tuple[tuple[str, ...], list[str]]:
    """A word about each column that a table did not have before, and the columns to remember; at the very first look there is none."""
    new = sorted(set(now) - set(before)) if before else []
    return tuple(f"Table {table} has a column {name} that it had not before; it is not read." for name in new), list(
        now
    )


def _patience(database: str, timeout_s: float) -> dict[str, Any]:
    """How the driver is told to wait no longer than that for one answer."""
    whole_s = max(1, int(timeout_s))
    if database == "postgresql":
        return {"connect_timeout": whole_s, "options": f"-c statement_timeout={whole_s * 1000}"}
    return {"timeout": whole_s}


def _record(dataset: str, key: str, row: Row[Any]) -> LegacyRecord:
    """A row as it came. Its position begins with the stamp and ends with a digest: two changes may share one stamp."""
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
    digest = hashlib.blake2b(repr(sorted(values.items())).encode(), digest_size=6).hexdigest()
    name = str(values[key]).strip()
    return LegacyRecord(
        dataset=dataset, key=name, position=f"{values['stamp'].isoformat()}|{name}|{digest}", values=values
    )


def _named(error: DBAPIError) -> ConnectorError:
    """A driver's error by what happens next. Its own words may hold values, so only its name is passed on."""
    name, words = type(error.orig).__name__, str(error.orig).lower()
    if any(word in words for word in ("password authentication failed", "no password supplied", "login failed")):
        return ConfigurationError(f"The database refuses the sign-in ({name}). Check the user in url, and password.")
    if isinstance(error, ProgrammingError) or any(
        word in words for word in ("no such table", "no column", "no such column")
    ):
        return ConfigurationError(
            f"A table or column is not there, or the user has no right to it ({name}). `hub connector check` says which."
        )
    if isinstance(error, DataError):
        return TranslationError(f"The database cannot hold a value of this order ({name}).", code="value-refused")
    return RetryLater(f"The housing database does not answer, or is busy ({name}).")
