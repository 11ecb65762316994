"""Where a measurement takes place: topics, a group, a database and a folder of its own, made for it and gone afterwards.

Nothing of the hub's own is touched: its topics are neither read nor written, its group is not joined, its database is not opened. What
is made carries a name that begins with `hub-bench-`, so that what a killed measurement left behind is known for what it is.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from sqlalchemy import create_engine, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from hub import topics
from hub.bench.worker import Own
from hub.database import read_url, unusable
from hub.edge.kafka import TopicFacts, Topics, topics_of
from hub.errors import ConfigurationError
from hub.memory import tables
from hub.settings import HubSettings
from hub.supervisor import leash
from schemas.topics import CASE_EVENTS, CASE_UPDATES, TASKS

SETTING = "--database"
_STOPS_WITHIN_S = 20.0
_LAST_LINES = 12
_READ = (CASE_EVENTS, *TASKS.values(), CASE_UPDATES)


@dataclass(frozen=True)
class Bench:
    """A place that is made.

    Attributes:
        own: names and addresses of all that is its own.
        made: its topics.
        admin: looks at them.
        folder: for files.
    """

    own: Own
    made: Sequence[TopicFacts]
    admin: Topics
    folder: Path

    @property
    def input(self) -> str:
        """The topic that the worker reads."""
        return self.own.prefix + CASE_EVENTS.name

    @property
    def outputs(self) -> list[str]:
        """The topics that it writes, but for dead letters."""
        return [topic.name for topic in self.made if topic.name not in {self.input, self.dead_letters}]

    @property
    def dead_letters(self) -> str:
        """Where what it cannot use goes."""
        return self.own.prefix + CASE_EVENTS.dead_letters

    def ends(self, names: Sequence[str]) -> dict[tuple[str, int], int]:
        """The next offset of every partition of these topics."""
        return self.admin.ends([topic for topic in self.made if topic.name in names])

    @contextmanager
    def worker(self) -> Iterator["subprocess.Popen[bytes]"]:
        """The worker at work; stopped afterwards as an operator stops one."""
        with self._log.open("wb") as log:
            # Whatever ends this process ends the worker, too.
            bound = [sys.executable, "-I", "-S", leash.__file__, str(os.getpid()), "0"]
            process = subprocess.Popen(  # noqa: S603 - our own command, and our own number
                [*bound, sys.executable, "-m", "hub.bench.worker"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        assert process.stdin is not None
        with suppress(BrokenPipeError), process.stdin as told:
            told.write(self.own.line())
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOPS_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @property
    def _log(self) -> Path:
        return self.folder / "worker.log"

    def last_lines(self) -> str:
        """The end of what the worker said."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-_LAST_LINES:])


@contextmanager
def place(settings: HubSettings, bootstrap: str, database: str | None) -> Iterator[Bench]:
    """A place for one measurement, gone afterwards.

    Args:
        settings: of the hub.
        bootstrap: where its Kafka is.
        database: URL of an empty PostgreSQL database; a SQLite file beside the settings where not given.

    Raises:
        ConfigurationError: the cluster does not let us make topics, or the database is not empty.
        RestartMe: one of them does not answer.
    """
    name = f"hub-bench-{uuid4().hex[:8]}"
    folder = settings.path(Path(".hub")) / name
    url = database or f"sqlite:///{folder.absolute()}/worker.db"
    if database is not None:
        _must_be_empty(database)
    own = Own(str(settings.file.absolute()), name, url)
    made = _topics(own, settings)
    folder.mkdir(parents=True)
    try:
        with topics_of(settings.kafka, bootstrap) as admin:
            try:
                admin.create(made)
                yield Bench(own, made, admin, folder)
            finally:
                if there := admin.existing([topic.name for topic in made]):
                    admin.delete(list(there))
                admin.forget_group(name, name)
    finally:
        if database is not None:
            _empty(database)
        shutil.rmtree(folder, ignore_errors=True)


def _topics(own: Own, settings: HubSettings) -> list[TopicFacts]:
    """What the worker reads and writes, as the hub's own are but for their names; the broker's clock stamps what comes."""
    wanted = {each.name: each for each in topics.wanted(settings.kafka.partitions, settings.kafka.replication, _READ)}
    names = [*(topic.name for topic in _READ), CASE_EVENTS.dead_letters]
    return [
        replace(
            wanted[name],
            name=own.prefix + name,
            configs={**wanted[name].configs, "message.timestamp.type": "LogAppendTime"},
        )
        for name in names
    ]


def _must_be_empty(database: str) -> None:
    url = read_url(database, SETTING)
    if url.get_backend_name() == "sqlite":
        raise ConfigurationError(f"{SETTING} wants a PostgreSQL. Left out, a SQLite file is made for the measurement.")
    try:
        found = inspect(create_engine(url, poolclass=NullPool)).get_table_names()
    except DBAPIError as error:
        raise unusable(error.orig or error, SETTING, url) from error
    if found:
        raise ConfigurationError(
            f"{SETTING} is not empty: it has the tables {', '.join(sorted(found)[:5])}. A measurement deletes what it has made in it: "
            "name an empty database, and never the hub's own."
        )


def _empty(database: str) -> None:
    with suppress(DBAPIError):
        tables.metadata.drop_all(create_engine(read_url(database, SETTING), poolclass=NullPool))
