"""A database as a process finds it when it starts: its tables made in turns, and what stands in the way told in words."""

import sqlite3
from pathlib import Path

from sqlalchemy import Connection, Engine, MetaData, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.schema import CreateColumn

from hub import folders
from hub.errors import ConfigurationError, HubError, RestartMe
from hub.sqlite_file import make_durable

_LOCK = 0x68756220  # "hub "; any number will do that nothing else in this database locks
PATIENCE = {"connect_timeout": 3, "tcp_user_timeout": 5000}
"""For PostgreSQL: seconds to connect, milliseconds for what was sent to arrive. Without them a machine that has vanished is waited for two
minutes, and whoever asked waits too."""
_KNOWN = "There are sqlite:///FILE and postgresql+psycopg://USER@HOST/NAME."
_CLOSED = ("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


def make_tables(engine: Engine, metadata: MetaData, setting: str) -> None:
    """Make what is missing: tables, columns, indexes. Two processes may do so at once and would collide, so they take turns.

    Args:
        engine: of the database.
        metadata: the tables.
        setting: where its URL stands in the settings file.

    Raises:
        RestartMe: it does not answer.
        ConfigurationError: it does not let us make them, or has some of another version whose rows nobody can complete.
    """
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            else:
                connection.execute(text("BEGIN IMMEDIATE"))
            metadata.create_all(connection)
            _complete(connection, metadata, setting)
        _fold_in(engine)
    except DBAPIError as error:
        engine.dispose()
        raise unusable(error.orig or error, setting, engine.url) from error


def _complete(connection: Connection, metadata: MetaData, setting: str) -> None:
    """Give tables of an earlier version the columns and indexes that they lack, where their rows can do with NULL or a default.

    Raises:
        ConfigurationError: they cannot.
    """
    found = inspect(connection).get_multi_columns(filter_names=list(metadata.tables))
    there = {name: {column["name"] for column in columns} for (_, name), columns in found.items()}
    for table in metadata.sorted_tables:
        missing = [column for column in table.columns if column.name not in there[table.name]]
        if lost := [column.name for column in missing if not column.nullable and column.server_default is None]:
            what = f"{setting}: {connection.engine.url.set(query={}).render_as_string(hide_password=True)}"
            raise ConfigurationError(
                f"{what} was made by another version of the hub: its table {table.name} has no column {', '.join(lost)}, and nobody "
                "knows what its rows have there. Run the version that made it, or name an empty database there."
            )
        for column in missing:
            as_made = CreateColumn(column).compile(dialect=connection.dialect)
            connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {as_made}"))
        for index in table.indexes:
            index.create(connection, checkfirst=True)


def _fold_in(engine: Engine) -> None:
    """Bring what SQLite keeps in its log beside the file into the file itself: who loses that log loses nothing of before this start."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.execute(text("PRAGMA wal_checkpoint(PASSIVE)"))


def open_engine(url: URL, wait_s: float) -> Engine:
    """An engine whose commits are durable.

    Args:
        url: from `read_url`.
        wait_s: how long to wait for another process that has a SQLite file locked.
    """
    if url.get_backend_name() != "sqlite":
        return create_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args=PATIENCE)
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": wait_s})

    @event.listens_for(engine, "connect")
    def durable(connection: sqlite3.Connection, _record: object) -> None:
        make_durable(connection)

    return engine


def read_url(url: str, setting: str) -> URL:
    """A database's URL, taken apart.

    Raises:
        ConfigurationError: it is none, or of a database that the hub does not know.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigurationError(f"{setting} is no URL of a database. {_KNOWN}") from None
    if parsed.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise unknown(parsed.drivername, setting)
    return parsed


def unknown(kind: str, setting: str) -> ConfigurationError:
    """What to raise for a database that the hub does not know.

    Args:
        kind: what its URL begins with.
        setting: where the URL stands in the settings file.
    """
    return ConfigurationError(f"{setting} begins with {kind!r}. {_KNOWN}")


def make_folder(url: URL, setting: str) -> None:
    """Make the folder of a SQLite file; of any other database nothing.

    Raises:
        ConfigurationError: it cannot be made, or not be written to.
    """
    if url.get_backend_name() != "sqlite" or not url.database:
        return
    folders.make_folder(Path(url.database).parent, setting)


def unusable(error: BaseException, setting: str, url: URL) -> HubError:
    """What to raise when a database cannot be used at the start.

    Args:
        error: as the driver raised it.
        setting: where the URL stands in the settings file.
        url: the URL itself; its password is not repeated, nor its query, where another may stand.
    """
    what = f"{setting}: {url.set(query={}).render_as_string(hide_password=True)}"
    says = next(iter(str(error).splitlines()), "") or type(error).__name__
    if is_damaged(error):
        return damaged(what, says)
    if getattr(error, "sqlite_errorname", "").startswith(_CLOSED):
        return ConfigurationError(f"{what} cannot be opened and written ({says}). May this user write there?")
    # Both drivers name their errors as the DB-API does: Operational is a server that is away, or busy, or has no room.
    if any(kind.__name__ == "OperationalError" for kind in type(error).__mro__):
        return RestartMe(f"{what} does not answer ({says}). Is {setting} right, and does it run?")
    user = f'"{url.username}"' if url.username else "its user"
    return ConfigurationError(
        f"{what} does not let us make our tables ({says}). From PostgreSQL 15 on its owner has to say: "
        f"GRANT USAGE, CREATE ON SCHEMA public TO {user};"
    )


def is_damaged(error: BaseException) -> bool:
    """Whether a driver's error says that a SQLite file is not what it was, or none at all."""
    return getattr(error, "sqlite_errorname", "").startswith(_DAMAGED)


def is_unmade(error: BaseException | None) -> bool:
    """Whether a driver's error says that a table or column is not there: nobody has made it yet, or somebody took it away."""
    says = str(error)
    return (
        "no such table" in says
        or "no such column" in says
        or "has no column named" in says
        or type(error).__name__ in {"UndefinedTable", "UndefinedColumn"}
    )


def damaged(what: str, says: str) -> ConfigurationError:
    """What to raise for a memory that cannot be read any more. Nobody starts anew by himself: it knows what was done already.

    Args:
        what: setting and URL.
        says: what is wrong with it.
    """
    return ConfigurationError(
        f"{what} is damaged, or no memory of the hub ({says}). Keep it, put back its last backup, and start again; without one, "
        "`sqlite3 FILE .recover` reads what can still be read."
    )
