"""The transport depot's connector does what every connector must; its second council differs by settings alone."""

import json
import time
import tomllib
from pathlib import Path
from typing import Any, ClassVar

import pytest

from connectors.sdk import load_settings
from connectors.sdk.conformance import ConnectorConformance
from connectors.transport_files.connector import Settings, TransportFiles
from connectors.transport_files.simulator import TransportSimulator

EXAMPLES = Path(__file__).parents[2] / "deploy" / "connectors"


class TestTransportFiles(ConnectorConformance):
    connector = TransportFiles
    simulator = TransportSimulator
    fixture_settings: ClassVar = {
        "host": "127.0.0.1",
        "user": "hub",
        "password": "unused",
        "host_key": f"SHA256:{'A' * 43}",
    }

    def effects_written(self, simulator: TransportSimulator) -> int:
        deadline = time.monotonic() + 10
        while any((simulator.files / "inbound").glob("BK_*")):  # the depot takes what lies there within a moment
            assert time.monotonic() < deadline, "the depot does not take its files in"
            time.sleep(0.01)
        lines = simulator.journal.read_text().splitlines() if simulator.journal.exists() else []
        taken = [json.loads(line)["outcome"] for line in lines]
        assert set(taken) <= {"applied"}, "the depot refused a file or met one twice"
        return len(taken)


@pytest.mark.parametrize("council", ["transport_files", "transport_files.ashmere"])
def test_a_council_needs_no_more_than_twenty_lines(council: str) -> None:
    text = (EXAMPLES / f"{council}.example.toml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    table: dict[str, Any] = tomllib.loads(text)["connectors"]["transport_files"]

    if "password" in table:
        table["password"] = "kept-elsewhere"
    load_settings(Settings, table, council)

    assert len(lines) <= 20
