"""Invented people whose every value is a token of its own: searched wherever no value of a person may be seen, also while things fail."""

import json
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from click.testing import CliRunner

from connectors.sdk.simulation import BackOffice
from hub.__main__ import hub
from schemas.topics import CATALOGUE
from tests.faults.conftest import environment, eventually
from tests.faults.oracles import dump
from tests.faults.poison import Spoilt
from tests.faults.test_connectors import ends
from tests.faults.test_poison import put
from tests.sites.connector import ConnectorSite
from tests.sites.web import Web, webs
from tests.sites.worker import PARTITIONS, Site, WorkerProcess

Start = Callable[..., WorkerProcess]


class Canaries:
    """Makes tokens, and finds them again."""

    def __init__(self) -> None:
        self._mark = f"zq{uuid4().hex[:8]}"
        self._made = 0

    def token(self, what: str) -> str:
        """A value of an invented person that is nowhere else in the world."""
        self._made += 1
        return f"{self._mark}-{what}-{self._made}"

    def request(self) -> dict[str, Any]:
        """Somebody who saw tipped waste."""
        facts = {"uprn": "100023336956", "waste_size": "transit-van", "land_owner": "housing"}
        own = {name: self.token(name) for name in ("person_name", "location_text")}
        return {"request": "fly-tipping-reported", "channel": "phone", "facts": {**facts, **own}}

    def escaped_into(self, places: dict[str, str]) -> dict[str, list[str]]:
        """The tokens found, by place."""
        found = {place: sorted(set(re.findall(rf"{self._mark}-[a-z_]+-\d+", text))) for place, text in places.items()}
        return {place: tokens for place, tokens in found.items() if tokens}


@pytest.fixture
def web(tmp_path: Path, kafka: str) -> Iterator[Web]:
    """A web process on the worker's folder."""
    with webs() as made:
        made.append(Web(tmp_path, kafka, partitions=PARTITIONS, environment=environment()))
        yield made[0]


def refused(client: httpx.Client, canaries: Canaries, case: str) -> list[httpx.Response]:
    """Asks in every way that must be refused, each with a token in it; the name of a field may be said to whoever sent it."""
    token, good = canaries.token, canaries.request()
    bodies: list[Any] = [
        good | {"facts": {**good["facts"], "uprn": token("uprn")}},
        good | {"facts": {**good["facts"], "unknown_fact": token("fact")}},
        good | {"request": token("request")},
        good | {"facts": {**good["facts"], "waste_size": token("waste_size")}},
        good | {"unknown_field": token("field")},
        good | {"effective_at": token("time")},
        [token("list")],
    ]
    answers = [client.post("/api/requests", json=body) for body in bodies]
    json_type = {"Content-Type": "application/json"}
    answers += [
        client.post("/api/requests", content=f'{{"a": {token("cut")}'.encode(), headers=json_type),
        client.post("/api/requests", content=token("text").encode(), headers={"Content-Type": token("type")}),
        client.post("/api/requests", json=good, headers={"Idempotency-Key": f"{token('key')} {token('key')}"}),
        client.post(f"/api/cases/{token('case')}/withdrawal", json={"reason": token("reason")}),
        client.post(f"/api/cases/{case}/amendments", json={"facts": {"discharge_date": token("date")}}),
        client.post(
            f"/api/cases/{case}/decisions", json={"task": token("task"), "verdict": token("verdict"), "by": token("by")}
        ),
        client.get("/api/cases", params={"standing": token("standing"), "after": token("after")}),
        client.get(f"/cases/{token('page')}"),
        client.get(f"/{token('nowhere')}", params={"q": token("query")}),
    ]
    assert all(400 <= answer.status_code < 500 for answer in answers), [answer.status_code for answer in answers]
    return answers


def poison(canaries: Canaries, good: bytes, key: bytes) -> list[Spoilt]:
    """Records that no reader can use, with tokens in values, keys and headers."""
    token = canaries.token
    event = json.loads(good)
    inside: list[dict[str, Any]] = [
        event | {"data": token("data")},
        event | {"type": token("type")},
        event | {"time": token("time")},
        event
        | {
            "data": {
                **event["data"],
                "facts": {"nhs_number": token("nhs"), "mobility": token("mobility"), "uprn": token("uprn")},
            }
        },
        event | {"data": {**event["data"], "request": token("request"), "work": token("work"), "task": token("task")}},
        event | {"council": token("council"), "source": token("source"), "correlationid": token("case")},
    ]
    return [
        *(Spoilt(json.dumps(body).encode(), key) for body in inside),
        Spoilt(token("text").encode(), key),
        Spoilt(good, token("key").encode()),
        Spoilt(good[:-40] + token("cut").encode(), key, (("attempt", token("header").encode()),)),
    ]


@pytest.mark.fault(
    "I6",
    "tokens of invented people in requests, refusals, poison and defects; searched in logs, reasons, metrics, pages and listings",
    invariants="I6",
    oracle="O6",
    twins=("reasons-hold-values",),
)
def test_nothing_of_a_person_is_seen_where_it_does_not_belong(
    site: Site, web: Web, start: Start, tmp_path: Path, seen: Callable[[str], None]
) -> None:
    kafka = site.kafka
    canaries, letters = Canaries(), [topic.dead_letters for topic in CATALOGUE]
    begin = {name: ends(kafka, name) for name in (*letters, "case-events", "housing-tasks")}
    worker = start(site, "worker.routed:%7:raise", settings=site.settings_of("worker-1"))
    said = worker.says("worker starting")
    (tmp_path / "housing").mkdir()
    with (
        closing(web.start()) as client,
        ConnectorSite(
            tmp_path / "housing", kafka, PARTITIONS, "universal_housing", BackOffice(accept_s=1e9)
        ) as housing,
    ):
        housing.start(environment())
        cases = [client.post("/api/requests", json=canaries.request()).json()["case"] for _ in range(12)]
        eventually(lambda: len(dump(kafka, "case-events", begin["case-events"])) >= len(cases))
        answers = refused(client, canaries, cases[0])
        first = next(each for each in dump(kafka, "case-events", begin["case-events"]) if each.value and each.key)
        put(kafka, "case-events", poison(canaries, first.value or b"", first.key or b""))
        instruction = housing.instruction()
        on_tasks = poison(canaries, instruction.encode(), instruction.partitionkey.encode())
        put(kafka, "housing-tasks", on_tasks)
        site.applies_everything(90)
        eventually(lambda: len(dump(kafka, "housing-tasks-dlq", begin["housing-tasks-dlq"])) >= len(on_tasks))

        port = re.findall(r'"health_port": ?(\d+)', (tmp_path / "housing" / "connector.log").read_text())[-1]
        pages_of_connector = [httpx.get(f"http://127.0.0.1:{port}{page}").text for page in ("/metrics", "/readyz")]
        health = httpx.Client(base_url=f"http://127.0.0.1:{said['health_port']}")
        pages = ["/", "/cases", "/api/cases", "/metrics", "/readyz", *(f"/api/cases/{case}" for case in cases)]
        pages += [f"/cases/{case}" for case in cases]
        places = {f"web {page}": client.get(page).text for page in pages}
        places |= {f"worker {page}": health.get(page).text for page in ("/metrics", "/readyz", "/livez")}
        places["connector's pages"] = json.dumps(pages_of_connector)
        health.close()
    worker.kill()
    assert web.end(signal.SIGTERM) == 0
    aside = {name: dump(kafka, name, begin[name]) for name in letters}
    for name, records in aside.items():
        headers = [(key, value.decode(errors="replace")) for each in records for key, value in each.headers.items()]
        places[f"headers of {name}"] = json.dumps(headers)
    for number, answer in enumerate(answers):
        places[f"refusal {number}"] = answer.text.replace(str(answer.request.url.path), "")
    places |= {"web's log": web.log, "connector's log": (tmp_path / "housing" / "connector.log").read_text()}
    worker.log += worker.lines.queue
    places["worker's log"] = json.dumps(worker.log)
    run = CliRunner()
    for command in (["list"], ["list", "--json"]):
        done = run.invoke(
            hub, ["--settings", str(tmp_path / "hub.toml"), "dead-letters", *command], env={"COLUMNS": "400"}
        )
        assert done.exit_code == 0, done.output
        places[f"dead-letters {command}"] = done.output
    listed = [letter["id"] for letter in json.loads(places["dead-letters ['list', '--json']"])]
    ours = [f"{name}/{each.partition}/{each.offset}" for name, records in aside.items() for each in records]
    for identifier in listed[-6:]:
        places[f"show {identifier}"] = run.invoke(
            hub, ["--settings", str(tmp_path / "hub.toml"), "dead-letters", "show", identifier]
        ).output

    assert canaries.escaped_into(
        {"topic": str([each.value for each in dump(kafka, "case-events", begin["case-events"])])}
    )
    assert canaries.escaped_into(places) == {}
    assert len(ours) >= 2 * len(on_tasks)
    seen(f"{canaries._made} tokens, {len(ours)} dead letters, {len(answers)} refusals, {len(places)} places searched")
