"""A worker's memory, made ready: its folder, its tables."""

from pathlib import Path

from hub.errors import RestartMe
from hub.memory.store import Store, open_store


def prepare(url: str, app: str) -> Store:
    """The store behind a URL, with its tables made if they are not there.

    Args:
        url: sqlite:///FILE or postgresql+psycopg://...
        app: the consumer group.

    Raises:
        ConfigurationError: another kind of database.
        RestartMe: it does not answer.
    """
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    store = open_store(url, app)
    try:
        if not store.has_tables():
            _make_tables(url)
    except store.passing as error:
        raise RestartMe(
            f"The worker's database does not answer ({type(error).__name__}). Is worker.memory.url right, and does it run?"
        ) from error
    finally:
        store.close()
    return store


def _make_tables(url: str) -> None:
    # SQLAlchemy takes as long to import as all the rest of a start; it is needed once in a memory's life.
    from sqlalchemy import create_engine  # noqa: PLC0415 - as said
    from sqlalchemy.pool import NullPool  # noqa: PLC0415 - as said

    from hub.memory.tables import create  # noqa: PLC0415 - as said

    create(create_engine(url, poolclass=NullPool))
