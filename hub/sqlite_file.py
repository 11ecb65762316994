"""A SQLite file as every process of the hub opens its own: a commit is on the disk before it returns, and readers never wait for it."""

import sqlite3
import time

_PATIENCE_S = 3.0
_PAUSE_S = 0.01


def make_durable(connection: sqlite3.Connection) -> None:
    """Write ahead, and wait for the disk.

    Args:
        connection: just opened, with no transaction.

    Raises:
        sqlite3.OperationalError: others have held the file for seconds, or it cannot be written.
    """
    give_up = time.monotonic() + _PATIENCE_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError as error:
            # The first change to WAL does not wait for who has the file open, as all else does: SQLite calls no busy handler there.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(_PAUSE_S)
    connection.execute("PRAGMA synchronous=FULL")
