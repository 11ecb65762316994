"""A worker's memory, made ready: the store of its kind of database, its folder, its tables."""

from pathlib import Path

from hub.errors import HubError
from hub.memory.store import Store


def prepare(url: str, app: str) -> Store:
    """The store behind a URL, with its tables made if they are not there.

    Args:
        url: sqlite:///FILE or postgresql+psycopg://...
        app: the consumer group.

    Raises:
        ConfigurationError: another kind of database, or one that does not let us in.
        RestartMe: it does not answer.
    """
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).parent.is_dir():
        _make_folder(url)
    store = _store(url, app)
    try:
        if not store.has_tables():
            _make_tables(url)
    except store.error as error:
        raise _unusable(error, url) from error
    finally:
        store.close()
    return store


def _store(url: str, app: str) -> Store:
    kind = url.partition(":")[0]
    if kind == "sqlite":
        from hub.memory.sqlite import SqliteStore  # noqa: PLC0415 - a worker loads the driver of its own database only

        return SqliteStore(url.removeprefix("sqlite:///"), app)
    if kind == "postgresql+psycopg":
        from hub.memory.postgresql import PostgresqlStore  # noqa: PLC0415 - as above

        return PostgresqlStore(url.replace("+psycopg", "", 1), app)
    raise _unknown(kind)


# SQLAlchemy takes as long to import as all the rest of a start; it is needed once in a memory's life, and when something is wrong.


def _unknown(kind: str) -> HubError:
    from hub.database import unknown  # noqa: PLC0415 - as said
    from hub.memory.tables import SETTING  # noqa: PLC0415 - as said

    return unknown(kind, SETTING)


def _make_folder(url: str) -> None:
    from hub.database import make_folder, read_url  # noqa: PLC0415 - as said
    from hub.memory.tables import SETTING  # noqa: PLC0415 - as said

    make_folder(read_url(url, SETTING), SETTING)


def _make_tables(url: str) -> None:
    from sqlalchemy import create_engine  # noqa: PLC0415 - as said
    from sqlalchemy.pool import NullPool  # noqa: PLC0415 - as said

    from hub.memory.tables import create  # noqa: PLC0415 - as said

    create(create_engine(url, poolclass=NullPool))


def _unusable(error: Exception, url: str) -> HubError:
    from hub.database import read_url, unusable  # noqa: PLC0415 - as said
    from hub.memory.tables import SETTING  # noqa: PLC0415 - as said

    return unusable(error, SETTING, read_url(url, SETTING))
