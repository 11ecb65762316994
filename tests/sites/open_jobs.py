"""A connector of full extracts as a process of its own, and the web beside it: lists of open jobs in a folder, a real Kafka."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import URLError
from urllib.request import urlopen
from uuid import uuid4

from hub.demo.site import toml_table
from tests.sites.connector import with_third_party

ROOT = Path(__file__).parents[2]
FIRST_NIGHT = date(2026, 11, 3)


class OpenJobsSite:
    """Lists of open jobs with their connector.

    Args:
        folder: where everything is.
        kafka: the address of a Kafka with the hub's topics.
        partitions: of its topics.
        feed: what the council says of the feed.
        more: what else stands in the connector's table.
    """

    def __init__(
        self, folder: Path, kafka: str, partitions: int, feed: Mapping[str, Any], more: Mapping[str, Any]
    ) -> None:
        self.folder, self.kafka = folder, kafka
        self.name = f"open_jobs_{uuid4().hex[:8]}"
        self.lists, self.nights = folder / "lists", 0
        self.lists.mkdir()
        self._processes: list[subprocess.Popen[bytes]] = []
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.web_port = int(probe.getsockname()[1])
        tables: dict[str, Mapping[str, Any]] = {
            "council": {"name": "Nettlebourne", "code": "E06000999", "key": "not-a-real-council-key"},
            "kafka": {"bootstrap": kafka, "partitions": partitions},
            "worker": {"memory": {"url": f"sqlite:///{folder}/worker.db"}},
            "web": {"port": self.web_port, "memory": {"url": f"sqlite:///{folder}/web.db"}},
            f"connectors.{self.name}": {
                "connector": "open_jobs",
                "memory": {"url": f"sqlite:///{folder}/edge.db"},
                "folder": str(self.lists),
                "poll_every_s": 0.1,
                "beats_every_s": 0.5,
                "reads": {"jobs": feed},
                **more,
            },
        }
        text = "\n".join(toml_table(name, table) for name, table in tables.items())
        (folder / "hub.toml").write_text(text, encoding="utf-8")

    def list_of(self, jobs: Iterable[tuple[str, str]], *, alone: bool = False) -> str:
        """The list of the next night, there all at once: number and status of each job. Its name.

        Args:
            jobs: what is on it.
            alone: it takes the place of those before it.
        """
        old = list(self.lists.iterdir()) if alone else []
        name = f"OPEN_JOBS_{FIRST_NIGHT + timedelta(days=self.nights):%Y%m%d}.csv"
        self.nights += 1
        count, unfinished = 0, self.folder / "unfinished"
        with unfinished.open("w", encoding="utf-8") as file:
            file.write("number,status,property\n")
            for number, status in jobs:
                file.write(f"{number},{status},{int(number) % 997:08}\n")
                count += 1
            file.write(f"TRAILER,{count}\n")
        unfinished.replace(self.lists / name)
        for each in old:
            each.unlink()
        return name

    def start(self, environment: Mapping[str, str], *command: str) -> "subprocess.Popen[bytes]":
        """The connector's process, or another of the hub; what it says goes to `log`."""
        words = command or ("connector", "run", self.name)
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "hub", "--settings", str(self.folder / "hub.toml"), *words],
                cwd=ROOT,
                env=with_third_party({**os.environ, **environment}),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._processes.append(process)
        return process

    def hub(self, environment: Mapping[str, str], *command: str) -> str:
        """What a command of the hub says."""
        done = subprocess.run(
            [sys.executable, "-m", "hub", "--settings", str(self.folder / "hub.toml"), *command],
            cwd=ROOT,
            env=with_third_party({**os.environ, **environment}),
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def page(self, address: str) -> str:
        """What the web shows at an address; nothing while it does not answer."""
        try:
            with urlopen(f"http://127.0.0.1:{self.web_port}{address}", timeout=10) as answer:
                text: str = answer.read().decode()
                return text
        except (URLError, OSError):
            return ""

    @property
    def log(self) -> str:
        """What the processes have said."""
        return (self.folder / "log").read_text(encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing running."""
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait(30)
