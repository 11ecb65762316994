from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from hub.errors import ConfigurationError
from hub.health.http import Health, HealthServer, in_sentences


@dataclass
class Process:
    server: HealthServer
    health: dict[str, Health] = field(default_factory=dict)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.server.port}{path}")


@pytest.fixture
def process() -> Iterator[Process]:
    health = {
        "live": Health(ok=True, reason="the loop beats"),
        "ready": Health(ok=False, reason="no partitions assigned"),
    }
    registry = CollectorRegistry()
    Counter("hub_rounds", "Rounds", registry=registry).inc(3)
    server = HealthServer("127.0.0.1", 0, lambda: health["live"], lambda: health["ready"], registry)
    server.start()
    yield Process(server, health)
    server.stop()


def test_a_process_that_lives_but_is_not_ready_says_so_with_the_reason(process: Process) -> None:
    live, ready = process.get("/livez"), process.get("/readyz")

    assert (live.status_code, live.json()) == (200, {"ok": True, "reason": "the loop beats"})
    assert (ready.status_code, ready.json()) == (503, {"ok": False, "reason": "no partitions assigned"})


def test_readiness_is_asked_anew_every_time(process: Process) -> None:
    process.health["ready"] = Health(ok=True, reason="4 partitions")

    assert process.get("/readyz").status_code == 200


def test_metrics_are_shown_to_prometheus(process: Process) -> None:
    assert "hub_rounds_total 3.0" in process.get("/metrics").text


def test_any_other_address_names_those_there_are(process: Process) -> None:
    answer = process.get("/")

    assert answer.status_code == 404
    assert "/readyz" in answer.text


def test_a_taken_port_is_a_matter_of_settings(process: Process) -> None:
    well = Health(ok=True, reason="")

    with pytest.raises(ConfigurationError, match="Choose another `health_port`"):
        HealthServer("127.0.0.1", process.server.port, lambda: well, lambda: well, CollectorRegistry())


def test_reasons_are_joined_as_sentences_whether_they_end_as_such_or_not() -> None:
    assert in_sentences(["Kafka answers", "", "5 acts wait to be sent."]) == "Kafka answers. 5 acts wait to be sent."
