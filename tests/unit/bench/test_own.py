"""What is the measurement's own, and what of the hub's settings it takes."""

import json
from pathlib import Path

from hub.bench.worker import Own, settings_of
from hub.settings import load


def test_the_worker_of_a_measurement_has_the_hubs_settings_but_names_and_a_database_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "hub.toml"
    file.write_text(
        """
        [council]
        name = "Invented"
        code = "E06000999"
        key = "not a secret at all"
        [kafka]
        bootstrap = "kafka-1:9092"
        partitions = 6
        [worker]
        name = "worker-7"
        group = "hub"
        round_ms = 3
        health_port = 8601
        health_host = "0.0.0.0"
        memory.url = "postgresql+psycopg://hub@db/hub"
        """
    )
    own = Own(str(file), "hub-bench-1", "sqlite:///elsewhere.db")

    found, usual = settings_of(own), load(file)

    assert (found.worker.name, found.worker.group) == ("hub-bench-1", "hub-bench-1")
    assert found.worker.memory.url == "sqlite:///elsewhere.db"
    assert (found.worker.health_port, found.worker.health_host) == (0, "127.0.0.1")
    assert found.worker.round_ms == 3
    assert found.kafka == usual.kafka
    assert found.file == usual.file
    assert own.prefix == "hub-bench-1-"


def test_what_it_is_told_is_one_line() -> None:
    own = Own("hub.toml", "hub-bench-1", "postgresql+psycopg://hub:secret@db/bench")

    assert own.line().count(b"\n") == 1
    assert Own(**json.loads(own.line())) == own
