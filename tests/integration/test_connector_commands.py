"""`hub connector simulate` and `check`, as a person or the supervisor calls them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.sdk.specimens import CITIZENS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["universal_housing", "social_care_soap", "transport_files"])
def test_a_simulated_system_answers_its_connector_until_it_is_told_to_stop(tmp_path: Path, name: str) -> None:
    citizens = tmp_path / "citizens.ndjson"
    citizens.write_text("".join(citizen.model_dump_json() + "\n" for citizen in CITIZENS), encoding="utf-8")
    arguments = [
        "simulate",
        name,
        "--folder",
        str(tmp_path / "system"),
        "--citizens",
        str(citizens),
        "--seed",
        "7",
        "--accept-s",
        "0.1",
    ]
    with subprocess.Popen(hub("connector", *arguments), cwd=ROOT, stdout=subprocess.PIPE) as simulator:
        assert simulator.stdout is not None
        ready = json.loads(simulator.stdout.readline())
        assert (ready["ready"], ready["name"]) == (True, name)
        settings = tmp_path / "hub.toml"
        settings.write_text(
            '[council]\nname = "Nettlebourne"\ncode = "E06000999"\nkey = "not-a-real-council-key"\n'
            f"[connectors.{name}]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in ready["settings"].items()),
            encoding="utf-8",
        )

        checked = subprocess.run(
            hub("--settings", str(settings), "connector", "check", name),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        simulator.send_signal(signal.SIGTERM)

        assert checked.stdout.endswith("reached, and as it should be.\n"), checked.stderr
        assert simulator.wait(20) == 0


def test_a_narrow_terminal_cuts_no_name_short() -> None:
    shown = subprocess.run(
        hub("connector", "list"),
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "50"},
        capture_output=True,
        text=True,
        check=True,
    )

    first_words = {line.partition(" ")[0] for line in shown.stdout.splitlines()}
    assert {"universal_housing", "social_care_soap", "transport_files"} <= first_words


def test_a_citizen_who_is_not_whole_is_named_by_line_and_field(tmp_path: Path) -> None:
    citizens = tmp_path / "citizens.ndjson"
    citizens.write_text('{"title": "Mx"}\n', encoding="utf-8")
    arguments = ["connector", "simulate", "universal_housing", "--folder", str(tmp_path), "--citizens", str(citizens)]

    refused = subprocess.run(hub(*arguments), cwd=ROOT, capture_output=True, text=True, check=False)

    assert refused.returncode == 78
    assert "citizens.ndjson, line 1 cannot be used:" in refused.stderr
    assert "forename: missing" in refused.stderr


def hub(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "hub", *arguments]


def toml(value: object) -> str:
    """A value as TOML; a JSON object becomes an inline table."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(item)}" for key, item in value.items()) + "}"
    return json.dumps(value)
