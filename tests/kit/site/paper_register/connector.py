"""Reads and writes the register. Keeps our reference, so a write of unknown outcome can be looked up (class B)."""

import os
import signal
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.sdk import (
    Batch,
    Checkpoint,
    Effect,
    EffectClass,
    LegacyRecord,
    OutcomeUnknown,
    Receipt,
    RetryLater,
    Said,
    SinkConnector,
    SourceConnector,
    TranslationError,
)
from schemas.tasks import TaskStatus, TaskWithdrawn

from . import mapping

COLUMNS = ("number", "kind", "status", "changed", "hub_ref", "version")


class Settings(mapping.Meanings):
    """Where the register is."""

    file: Path
    """The SQLite file."""
    troubles: Path | None = None
    """A folder in which a test asks for troubles.

    killed-before-write, killed-after-write, unknown-after-write, failed-after-write: once; away, blind (look-ups fail): while it stands.
    """


class PaperRegister(SourceConnector[Settings], SinkConnector[Settings]):
    """Reads jobs and enters them."""

    settings_type = Settings
    effect_class = EffectClass.B

    def check(self) -> None:
        with self._register() as register:
            register.execute("SELECT 1 FROM jobs LIMIT 1").fetchall()

    def read(self, dataset: str, after: Checkpoint | None) -> Iterator[Batch]:
        version = after["version"] if after else 0
        while True:
            with self._register() as register:
                rows = register.execute(
                    f"SELECT {', '.join(COLUMNS)} FROM jobs WHERE version > ? ORDER BY version LIMIT 1", (version,)
                ).fetchall()
            if not rows:
                return
            version = rows[-1][-1]
            yield Batch(records=tuple(_record(row) for row in rows), checkpoint={"version": version})

    def translate(self, record: LegacyRecord) -> Iterable[Said]:
        return tuple(mapping.said(record, self.settings))

    def apply(self, effect: Effect) -> Receipt:
        if self._asked_for("away"):
            raise RetryLater("The register is away.")
        if isinstance(effect.instruction, TaskWithdrawn):
            kind, status = self.settings.kind.code(effect.instruction.data.work), TaskStatus.CANCELLED
        else:
            kind, status = self.settings.kind.code(effect.instruction.data.work), TaskStatus.ACCEPTED
        if self._asked_for("killed-before-write", once=True):
            os.kill(os.getpid(), signal.SIGKILL)
        code = self.settings.status.code(status)
        with self._register() as register, register:
            job = register.execute(
                "INSERT INTO jobs (kind, status, changed, hub_ref, version) "
                "VALUES (?, ?, ?, ?, (SELECT coalesce(max(version), 0) + 1 FROM jobs))",
                (kind, code, "03/11/2026 09:00:00", effect.key),
            ).lastrowid
        if self._asked_for("killed-after-write", once=True):
            os.kill(os.getpid(), signal.SIGKILL)
        if self._asked_for("unknown-after-write", once=True):
            raise OutcomeUnknown("The register went silent.")
        if self._asked_for("failed-after-write", once=True):
            raise ValueError("A defect of this connector.")
        return Receipt(status=status, reference=str(job))

    def find(self, effect: Effect) -> Receipt | None:
        if self._asked_for("blind"):
            raise TranslationError("jobs: the status of this job has no meaning.")
        with self._register() as register:
            row = register.execute(
                "SELECT number FROM jobs WHERE hub_ref = ? ORDER BY number", (effect.key,)
            ).fetchone()
        withdrawn = isinstance(effect.instruction, TaskWithdrawn)
        return row and Receipt(status=TaskStatus.CANCELLED if withdrawn else TaskStatus.ACCEPTED, reference=str(row[0]))

    def _asked_for(self, trouble: str, *, once: bool = False) -> bool:
        file = self.settings.troubles / trouble if self.settings.troubles else None
        asked = file is not None and file.exists()
        if asked and once and file is not None:
            file.unlink()
        return asked

    @contextmanager
    def _register(self) -> Iterator[sqlite3.Connection]:
        try:
            register = sqlite3.connect(f"file:{self.settings.file}?mode=rw", uri=True, timeout=self.settings.timeout_s)
            register.execute("PRAGMA synchronous=FULL")
            try:
                yield register
            finally:
                register.close()
        except sqlite3.OperationalError as error:
            raise RetryLater("The register cannot be opened.") from error


def _record(row: tuple[object, ...]) -> LegacyRecord:
    values = dict(zip(COLUMNS, row, strict=True))
    return LegacyRecord(
        dataset="jobs", key=str(values["number"]), position=f"{values['number']}|{values['version']}", values=values
    )
