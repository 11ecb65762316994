"""A whole council on one settings file: worker, web and a connector of class D as processes of their own, seen as people see them."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

from connectors.sdk.rehearsal import Running
from connectors.sdk.simulation import BackOffice
from hub.demo.site import toml_table
from tests.sites.connector import ROOT, begin_now, with_third_party
from tests.sites.worker import PARTITIONS, Site, until

_JOURNEY = """
journey: book-a-trip
version: 1
title: A trip
owner: Head of Testing
starts: {request: trip-asked}
requires:
  uprn: From where (UPRN)?
tasks:
  book-transport:
    department: transport
    work: trip
    asks: Bring the person home
    due: 2 working days
"""


class Council:
    """A council whose trips go to a taxi firm.

    Args:
        site: its worker's folder, group and database.
        environment: of every process.
    """

    def __init__(self, site: Site, environment: Mapping[str, str]) -> None:
        self.folder, self._site = site.folder, site
        (simulator,) = entry_points(group="council_hub.simulators", name="taxi_firm")
        self.firm: Any = simulator.load()(site.folder / "firm", BackOffice(accept_s=1e9))
        self.firm.seed(())
        self._running = Running(self.firm)
        self._name = f"taxi_firm_{uuid4().hex[:8]}"
        self._environment = with_third_party({**os.environ, **environment})
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._write_settings()

    def _write_settings(self) -> None:
        (self.folder / "journeys").mkdir()
        (self.folder / "journeys" / "book-a-trip.v1.yaml").write_text(_JOURNEY, encoding="utf-8")
        tables: dict[str, Mapping[str, Any]] = {
            "web": {"port": self._port, "memory": {"url": f"sqlite:///{self.folder}/web.db"}},
            "journeys": {"folder": str(self.folder / "journeys")},
            f"connectors.{self._name}": {
                "connector": "taxi_firm",
                "memory": {"url": f"sqlite:///{self.folder}/edge.db"},
                **self.firm.connector_settings(),
                "timeout_s": 1,
            },
        }
        with (self.folder / "hub.toml").open("a", encoding="utf-8") as file:
            file.write("\n" + "\n".join(toml_table(name, table) for name, table in tables.items()))

    def asks_for_a_trip(self, trouble: str = "") -> str:
        """A new case, whose form the firm treats so; returns once the firm has read it."""
        if trouble:
            self.firm.trouble(trouble)
        before = self.firm.forms
        body = {"request": "trip-asked", "facts": {"uprn": "100023336956"}}
        answer = httpx.post(f"{self.url}/api/requests", json=body)
        assert answer.status_code == 202, answer.text
        until(lambda: self.firm.forms > before)
        return str(answer.json()["case"])

    def stands(self, case: str, status: str) -> None:
        """Wait until a case stands so."""
        until(lambda: self.case(case).get("status") == status)

    def case(self, case: str) -> dict[str, Any]:
        """A case as the API has it."""
        found: dict[str, Any] = httpx.get(f"{self.url}/api/cases/{case}").json()
        return found

    def page(self, path: str) -> str:
        """A page."""
        answer = httpx.get(f"{self.url}{path}")
        assert answer.status_code == 200, answer.text
        return answer.text

    def effect(self, case: str) -> str:
        """The effect key of what nobody knows of a case."""
        unknown = httpx.get(f"{self.url}/api/unknown-effects").json()["unknown"]
        return next(str(each["effect"]) for each in unknown if each["case"] == case)

    def settles(self, case: str, found: str, reference: str = "") -> None:
        """Somebody fills in the form on the page of unknown effects."""
        filled = {"task": "book-transport", "effect": self.effect(case), "found": found, "reference": reference}
        answer = httpx.post(
            f"{self.url}/unknown-effects/{case}", data={**filled, "by": "J. Invented", "key": str(uuid4())}
        )
        assert answer.status_code == 303, answer.text

    def command(self, *words: str) -> str:
        """What a `hub` command says."""
        done = subprocess.run(
            self._hub(*words), cwd=ROOT, env=self._environment, capture_output=True, check=False, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def restarts_the_connector(self) -> None:
        """It is killed and started anew, and everything that it was ever asked stands on its topic once more."""
        self._end("connector")
        for record in self._site.read("transport-tasks"):
            self._site.producer.produce("transport-tasks", record.value(), record.key())
        self._site.sent()
        self._start("connector", "connector", "run", self._name)

    def _hub(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "hub", "--settings", str(self.folder / "hub.toml"), *words]

    def _start(self, name: str, *words: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                self._hub(*words), cwd=ROOT, env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )

    def _end(self, name: str) -> None:
        self._processes[name].send_signal(signal.SIGKILL)
        self._processes[name].wait(30)

    def _answers(self) -> bool:
        assert self._processes["web"].poll() is None, (self.folder / "web.log").read_text()
        try:
            return httpx.get(f"{self.url}/livez").status_code == 200
        except httpx.TransportError:
            return False

    def __enter__(self) -> Self:
        self._running.start()
        begin_now(self._site.kafka, self._name, "transport-tasks", PARTITIONS)
        self._start("worker", "worker")
        self._start("web", "web")
        self._start("connector", "connector", "run", self._name)
        until(self._answers)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing running."""
        for name in self._processes:
            self._end(name)
        self._running.stop()
