"""A council's web process for tests: its folder, `hub web` as a process of its own, and a client that asks it over HTTP."""

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.sites.worker import until

COUNCIL = "E06000999"
BODY = {
    "request": "fly-tipping-reported",
    "channel": "phone",
    "facts": {"uprn": "100023336956", "waste_size": "car-boot", "land_owner": "housing"},
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Web:
    """One web process in a folder; it can be killed and started again.

    Attributes:
        more: what else stands in its settings, from [web] on.
        environment: what it is told beside them.
    """

    folder: Path
    kafka: str
    more: str = ""
    partitions: int = 12
    port: int = field(default_factory=free_port)
    environment: Mapping[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> httpx.Client:
        """Start it, and give a client once it answers."""
        settings = self.folder / "hub.toml"
        settings.write_text(
            f'[council]\nname = "Inventshire"\ncode = "{COUNCIL}"\nkey = "0123456789abcdef0123"\n'
            f'[kafka]\nbootstrap = "{self.kafka}"\npartitions = {self.partitions}\n[worker]\nmemory.url = "sqlite:///worker.db"\n'
            f'[web]\nport = {self.port}\nmemory.url = "sqlite:///web.db"\n{self.more}',
            encoding="utf-8",
        )
        command = [sys.executable, "-m", "hub", "--settings", str(settings), "web"]
        with (self.folder / "web.log").open("ab") as log:
            told = {**os.environ, **self.environment}
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=told)
        client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=20)
        until(lambda: self._answers(client))
        return client

    def _answers(self, client: httpx.Client) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        try:
            return client.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def end(self, how: int) -> int:
        """Send it a signal and give its exit code."""
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(30)

    @property
    def log(self) -> str:
        return (self.folder / "web.log").read_text()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Look into the outbox from outside."""
        with sqlite3.connect(self.folder / "web.db") as connection:
            found = connection.execute(query).fetchall()
        connection.close()
        return found


@contextmanager
def webs() -> Iterator[list[Web]]:
    """Webs that a test puts here; none outlives it, and pytest shows what each said when it failed."""
    started: list[Web] = []
    yield started
    for web in started:
        if web.process is not None and web.process.poll() is None:
            web.process.kill()
            web.process.wait()
        sys.stdout.write(web.log)
