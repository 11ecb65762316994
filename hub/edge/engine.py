"""The database of a connector's memory: where the settings name it, how it is opened, and what its errors mean."""

from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, InternalError, OperationalError, ProgrammingError

from hub import database
from hub.database import damaged, is_damaged, is_unmade, make_folder, read_url
from hub.edge.tables import metadata
from hub.errors import ConfigurationError, RestartMe

_WAIT_S = 30.0
"""For another part of the connector that writes, before its memory counts as locked."""


def setting(connector: str) -> str:
    """Where the settings file says which database is a connector's memory.

    Args:
        connector: name of its table.
    """
    return f"connectors.{connector}.memory.url"


def open_engine(url: str, connector: str) -> Engine:
    """An engine whose commits are durable; makes a SQLite file's folder.

    Args:
        url: sqlite:///FILE or postgresql+psycopg://...
        connector: name of the connector's table in the settings.

    Raises:
        ConfigurationError: another kind of database, or no folder for its file.
    """
    parsed = read_url(url, setting(connector))
    make_folder(parsed, setting(connector))
    return database.open_engine(parsed, _WAIT_S)


GONE = (OperationalError, InterfaceError, InternalError)
"""Errors of a database that does not answer, or has dropped us: a fresh process may find it well."""
FAILED = (DatabaseError, InterfaceError)
"""Every error of a database."""


def trouble(engine: Engine, connector: str, error: DBAPIError) -> Exception:
    """What it means for a connector's process that its memory failed while it ran; the error itself, where it is a defect of ours.

    Args:
        engine: of the memory.
        connector: name of the connector's table in the settings.
        error: one of `FAILED`.
    """
    kind, url = type(error.orig).__name__, engine.url.set(query={})
    memory = f"{setting(connector)}: {url.render_as_string(hide_password=True)}"
    if error.orig is not None and is_damaged(error.orig):
        return damaged(memory, str(error.orig))
    if getattr(error.orig, "sqlite_errorname", "") == "SQLITE_FULL" or kind == "DiskFull":
        return RestartMe(
            f"{memory}: its disk is full ({kind}). Make room there; nothing is lost, and it goes on by itself."
        )
    if is_unmade(error.orig):
        return RestartMe(
            f"{memory} is not as this version of the hub makes it ({kind}). The next start adds what is missing, or says what to do."
        )
    if isinstance(error, GONE):
        return RestartMe(f"{memory} does not answer any more ({kind}). Does it run?")
    if not isinstance(error, ProgrammingError):
        return error
    user, tables = f'"{url.username}"', ", ".join(sorted(metadata.tables))
    return ConfigurationError(
        f"{memory} does not let us use its tables ({kind}). Have their owner say GRANT ALL ON {tables} TO {user}; or name another "
        "database there."
    )
