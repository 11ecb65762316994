"""Every command of the README is tried; that its files are there, and what it says of them, is in tests/contract/test_ways_in.py."""

import json
import re
import shlex
import signal
import socket
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines() if line]
SETTINGS = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)

IN_THE_CHECKOUT = [command for command in COMMANDS if "journey" in command or "connector list" in command]
ON_A_COUNCILS_OWN_KAFKA = [
    command for command in COMMANDS if re.search(r"hub (topics|up|dead-letters|effects|feeds)", command)
]
DEMO = "make demo"
IN_TEST_DEMO = [command for command in COMMANDS if "hub demo" in command]
THIS_RUN = "make test"
BENCH = "make bench"
UP = ".venv/bin/hub up"
EXIT_CODES = {".venv/bin/hub topics plan": 2}


def words(command: str) -> list[str]:
    return shlex.split(command.replace(".venv/bin/hub", str(ROOT / ".venv" / "bin" / "hub")))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def council(tmp_path: Path, kafka_for_a_while: str, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the README's settings file, the addresses of the test's own servers in the place of the council's."""
    text = SETTINGS[0].replace("kafka-1.example.gov.uk:9092", kafka_for_a_while)
    text = text.replace("replication = 3", "replication = 1\npartitions = 4")
    text = text.replace("[web.memory]", f"[web]\nport = {free_port()}\n\n[web.memory]")
    text = text.replace("[worker.memory]", f"[worker]\nhealth_port = {free_port()}\n\n[worker.memory]")
    text = re.sub(r"postgresql\+psycopg://[^\"]+", lambda _: postgres_url, text)
    (tmp_path / "hub.toml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("HUB_COUNCIL_KEY", "an invented council's key")
    return tmp_path


def test_every_command_of_the_readme_is_tried_by_one_of_these_tests() -> None:
    assert sorted(COMMANDS) == sorted(
        [*IN_THE_CHECKOUT, *ON_A_COUNCILS_OWN_KAFKA, *IN_TEST_DEMO, DEMO, THIS_RUN, BENCH]
    )


def test_the_bench_takes_too_long_for_a_test_but_what_it_starts_is_there_and_takes_the_options_named() -> None:
    (given,) = re.findall(r'make bench BENCH="([^"]*)"', README)

    (line,) = subprocess.run(
        [*shlex.split(BENCH), "--dry-run", "--no-print-directory", f"BENCH={given}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()

    asked = subprocess.run([*shlex.split(line), "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert line.endswith(f"-m tests.bench {given}")
    assert all(option in asked.stdout for option in shlex.split(given) if option.startswith("--"))


@pytest.mark.parametrize("command", IN_TEST_DEMO)
def test_a_demo_that_the_readme_names_is_one_that_is_looked_into(command: str) -> None:
    assert f'demo("{command}", ' in Path(__file__).with_name("test_demo.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", IN_THE_CHECKOUT)
def test_a_command_that_needs_no_server_does_what_it_says(command: str) -> None:
    done = subprocess.run(words(command), cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_a_council_points_it_at_its_own_kafka_and_database(council: Path) -> None:
    for command in ON_A_COUNCILS_OWN_KAFKA:
        if command == UP:
            assert_it_comes_up_and_goes_down(council)
            continue
        done = subprocess.run(words(command), cwd=council, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == EXIT_CODES.get(command, 0), f"{command}: {done.stdout}{done.stderr}"
        assert done.stdout


def assert_it_comes_up_and_goes_down(council: Path) -> None:
    with subprocess.Popen([*words(UP), "--json"], cwd=council, stdout=subprocess.PIPE, text=True) as up:
        assert up.stdout is not None
        states: dict[str, str] = {}
        for line in up.stdout:
            change = json.loads(line)
            states[change["process"]] = change["state"]
            if states.get("worker") == states.get("web") == "ready":
                break
        up.send_signal(signal.SIGINT)
        up.stdout.read()
        assert up.wait(60) == 0


@pytest.mark.timeout(600)
def test_the_demo_finishes_every_case() -> None:
    done = subprocess.run(words(DEMO), cwd=ROOT, capture_output=True, text=True, check=False, timeout=540)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "all 200 cases finished" in done.stdout
