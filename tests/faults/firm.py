"""O2 and O3 for a system of class D: the taxi firm's own journal, and what the connector's ledger says of each instruction.

Imports nothing of the product.
"""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path


def bookings(folder: Path) -> Counter[str]:
    """How often the firm booked a trip, by case: its own journal, written by a trigger."""
    with closing(sqlite3.connect(f"file:{folder / 'book.db'}?mode=ro", uri=True, timeout=30)) as book:
        rows = book.execute("SELECT remark FROM journal WHERE what = 'booked'").fetchall()
    return Counter(remark.removeprefix("Council case ") for (remark,) in rows)


def ledger(folder: Path) -> dict[str, str]:
    """The state of every instruction in a connector's ledger, by effect key; empty while there is no ledger yet."""
    with closing(sqlite3.connect(folder / "edge.db", timeout=30)) as memory:
        if memory.execute("SELECT 1 FROM sqlite_master WHERE name = 'effects'").fetchone() is None:
            return {}
        return dict(memory.execute("SELECT effect_key, state FROM effects").fetchall())
