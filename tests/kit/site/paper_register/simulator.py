"""The register itself, and a clerk who moves its jobs. A journal counts every entry, whoever makes it."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from threading import Event
from typing import Any

from connectors.sdk.simulation import Citizen, Simulator

_TABLES = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY, kind TEXT, status TEXT, changed TEXT, hub_ref TEXT, version INTEGER
);
CREATE TABLE IF NOT EXISTS journal (number INTEGER, hub_ref TEXT);
CREATE TRIGGER IF NOT EXISTS entered AFTER INSERT ON jobs BEGIN INSERT INTO journal VALUES (new.number, new.hub_ref); END;
"""


class PaperRegisterSimulator(Simulator):
    """A register in a file."""

    def seed(self, citizens: Iterable[Citizen]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.open() as register:
            register.executescript(_TABLES)

    def serve(self, ready: Callable[[], None], stop: Event) -> None:
        ready()
        while not stop.wait(0.02):
            if self.back_office.accept_s > 1000 or not (self.folder / "register.db").exists():
                continue
            with self.open() as register:
                for (number,) in register.execute("SELECT number FROM jobs WHERE status = 'NEW'").fetchall():
                    register.execute(
                        "UPDATE jobs SET status = 'DONE', changed = '03/11/2026 10:00:00', "
                        "version = (SELECT max(version) + 1 FROM jobs) WHERE number = ?",
                        (number,),
                    )
                register.commit()

    def connector_settings(self) -> Mapping[str, Any]:
        return {
            "file": str(self.folder / "register.db"),
            "poll_every_s": 0.05,
            "retry_after_s": 0.05,
            "retry_at_most_s": 0.2,
        }

    def entries(self) -> int:
        """How many jobs were ever entered."""
        with self.open() as register:
            return int(register.execute("SELECT count(*) FROM journal").fetchone()[0])

    def open(self) -> sqlite3.Connection:
        """The register."""
        return sqlite3.connect(self.folder / "register.db", timeout=10)
