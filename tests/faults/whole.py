"""A hub that is whole where a storm goes through: worker, housing's connector in both directions, and the housing system behind it.

The product reaches Kafka through the proxies; requests are put in, and everything is looked at, on the direct way.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from connectors.sdk.simulation import BackOffice
from connectors.sdk.specimens import CITIZENS
from hub.broker.cluster import choose_ports, is_free
from tests.faults.brokers import Brokers
from tests.faults.conftest import environment, eventually
from tests.faults.effects import ended, heard, judge_hub
from tests.faults.kept import Kept
from tests.faults.oracles import Verdict, dump
from tests.oracle import legacy
from tests.sites.connector import ConnectorSite
from tests.sites.worker import PARTITIONS, Site, Tipping

BUSY = BackOffice(accept_s=0.2, work_s=0.4, reject_share=0, stall_share=0)
_TASKS = ("housing-tasks", "transport-tasks", "social-care-tasks")
_GUARD_S = 120.0
"""How long anything may take on a busy machine before it counts as lost."""
_WEB_PORTS = range(16_000, 16_900)
_BODY = {
    "request": "fly-tipping-reported",
    "channel": "phone",
    "facts": {"uprn": CITIZENS[0].uprn, "waste_size": "transit-van", "land_owner": "housing"},
}
_LETTERS = ("case-events-dlq", "housing-tasks-dlq", "housing-events-dlq")


class Whole:
    """The hub. Use it in a `with`: it has taken its first request then.

    Args:
        folder: of everything but the brokers.
        brokers: they answer.
        comes_as: what each process's settings say of how it comes to Kafka, by its name; nothing, where everybody may come.
    """

    def __init__(
        self, folder: Path, brokers: Brokers, comes_as: Callable[[str], Mapping[str, str]] = lambda _: {}
    ) -> None:
        self.brokers, self._comes_as = brokers, comes_as
        for name in ("worker", "housing"):
            (folder / name).mkdir(parents=True)
        url = f"sqlite:///{folder / 'worker' / 'worker.db'}"
        self.site = Site(folder / "worker", brokers.direct, url)
        (self._port,) = choose_ports(1, _WEB_PORTS, is_free)
        self.housing = ConnectorSite(
            folder / "housing", brokers.direct, PARTITIONS, "universal_housing", BUSY, given=brokers.through
        )
        self.write_settings()
        told = environment()
        self.worker = Kept(self.site.command(), folder / "worker" / "worker.log", told)
        self.connector = Kept(self.housing.command, self.housing.log_file, told)
        web = [*self.site.command(folder / "worker" / "web.toml")[:-1], "web"]
        self.web = Kept(web, folder / "worker" / "web.log", told)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            opening.callback(self.site.close)
            opening.enter_context(self.housing)
            opening.enter_context(self.worker)
            opening.enter_context(self.connector)
            self.is_done_with(self.ask(1))
            self._open = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def write_settings(self) -> None:
        """The settings file of every process, with what it comes as now; each reads its own when it starts."""
        site, through = self.site, self.brokers.through
        web = f'[web]\nport = {self._port}\nmemory.url = "sqlite:///{site.folder / "web.db"}"'
        site.write_settings(site.database_url, web, bootstrap=through, **self._comes_as("web"))
        (site.folder / "hub.toml").rename(site.folder / "web.toml")
        site.write_settings(site.database_url, bootstrap=through, **self._comes_as("worker"))
        self.housing.kafka_settings = {"bootstrap": through, **self._comes_as("connector")}
        self.housing.write_settings({})

    @property
    def database(self) -> Path:
        """The worker's."""
        return self.site.folder / "worker.db"

    def ask(self, requests: int) -> list[str]:
        """So many requests on the topic; their cases."""
        new = [Tipping(uprn=CITIZENS[0].uprn) for _ in range(requests)]
        for request in new:
            self.site.send(request.reported())
        return [request.reference for request in new]

    @contextmanager
    def door(self) -> Iterator[Callable[[str], str]]:
        """The web process, once it answers; gives what asks it for one request under a key, and answers with the case."""
        with self.web, httpx.Client(base_url=f"http://127.0.0.1:{self._port}", timeout=20) as client:
            self._opens(client)

            def ask(key: str) -> str:
                answer = client.post("/api/requests", json=_BODY, headers={"Idempotency-Key": key})
                assert answer.status_code == 202, answer.text
                return str(answer.json()["case"])

            yield ask

    def door_says(self) -> str:
        """What the web answers at /readyz."""
        return httpx.get(f"http://127.0.0.1:{self._port}/readyz", timeout=20).text

    def _opens(self, client: httpx.Client) -> None:
        def answers() -> bool:
            try:
                return client.get("/livez").status_code == 200
            except httpx.TransportError:
                return False

        eventually(answers)

    def takes(self, cases: Collection[str]) -> None:
        """Wait until the first of these is in hand: a works order was raised, and its end is not heard yet."""
        self.site.sent()
        eventually(lambda: any(("clear-estate", "accepted") in lines for lines in self._heard(cases)), _GUARD_S)

    @staticmethod
    def rests(seconds: float) -> None:
        """Let a storm last so long."""
        time.sleep(seconds)

    def is_done_with(self, cases: Collection[str], within_s: float = _GUARD_S) -> None:
        """Wait until the end of each of these is heard."""
        self.site.sent()
        eventually(lambda: ended(self.database).issuperset(cases), within_s)

    def judged(self, asked: Collection[str]) -> Verdict:
        """What the oracle says of these cases; whatever lies among the dead letters is wrong, for nothing that was asked is."""
        begin, kafka = self.site.begin, self.brokers.direct
        verdict = judge_hub(
            asked,
            dump(kafka, "case-events", begin["case-events"]),
            {topic: dump(kafka, topic, begin[topic]) for topic in _TASKS},
            legacy.housing(self.housing.folder / "legacy"),
            self.database,
        )
        letters = [letter for topic in _LETTERS for letter in dump(kafka, topic, begin[topic])]
        verdict.wrong += [f"a dead letter: {letter.headers['reason'].decode()}" for letter in letters]
        verdict.wrong += [f"{name} ended with {each.wrong}" for name, each in self.processes.items() if each.wrong]
        return verdict

    @property
    def processes(self) -> dict[str, Kept]:
        """By name."""
        return {"worker": self.worker, "connector": self.connector, "web": self.web}

    def words(self) -> str:
        """How often they asked to be started again, for the page."""
        return ", ".join(f"{name} restarted {each.restarts}" for name, each in self.processes.items())

    def _heard(self, cases: Collection[str]) -> list[Counter[tuple[str, str]]]:
        found = heard(self.database)
        return [found[case] for case in cases]
