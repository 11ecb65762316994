"""`hub up` as somebody runs it: one command, a broker, a worker and the web, and one log."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.broker.cluster import choose_ports, is_free

WITHIN_S = 120.0


class Up:
    """A running `hub up --json`."""

    def __init__(self, folder: Path) -> None:
        self.worker_port, self.web_port = choose_ports(2, range(12_000, 20_000), is_free)
        self.file = folder / "hub.toml"
        self.file.write_text(
            '[council]\nname = "Thornmere Borough Council"\ncode = "E07000999"\nkey = "0123456789abcdef"\n'
            f"[kafka]\npartitions = 4\n[worker]\nhealth_port = {self.worker_port}\n[web]\nport = {self.web_port}\n"
        )
        self.changes: list[dict[str, Any]] = []
        self.process = subprocess.Popen(
            [*hub(self.file), "up", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.changes.append(json.loads(line))

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not condition():
            assert self.process.poll() is None, (
                f"hub up has ended: {self.process.stderr and self.process.stderr.read()}"
            )
            assert time.monotonic() < deadline, self.changes
            time.sleep(0.05)

    def now(self, process: str) -> dict[str, Any]:
        return next((change for change in reversed(self.changes) if change["process"] == process), {"state": "unknown"})

    def all_ready(self) -> bool:
        return all(self.now(process)["state"] == "ready" for process in ("broker", "worker", "web"))

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self._reader.join(60)
        self.process.communicate(timeout=60)
        return self.process.returncode


def hub(file: Path) -> list[str]:
    return [sys.executable, "-m", "hub", "--settings", str(file)]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    running = Up(tmp_path_factory.mktemp("council"))
    try:
        running.until(running.all_ready)
        yield running
    finally:
        running.stop()


def test_one_command_brings_up_everything_until_it_works(up: Up) -> None:
    answer = httpx.get(f"http://127.0.0.1:{up.web_port}/readyz")

    assert answer.json()["ok"] is True
    assert up.now("web")["address"] == f"http://127.0.0.1:{up.web_port}/"


def test_a_killed_worker_is_back_by_itself(up: Up) -> None:
    killed = up.now("worker")["pid"]

    os.kill(killed, signal.SIGKILL)

    up.until(lambda: up.now("worker")["state"] == "ready" and up.now("worker")["pid"] != killed)
    assert up.now("worker")["exit"] == -signal.SIGKILL


def test_a_second_one_on_the_same_folder_is_refused_and_names_the_first(up: Up) -> None:
    second = subprocess.run([*hub(up.file), "up"], capture_output=True, text=True, timeout=60, check=False)

    assert second.returncode == 78
    assert f"is being run already, by process {up.process.pid}" in second.stderr


def test_what_every_process_says_is_in_one_log(up: Up) -> None:
    people = (up.file.parent / ".hub" / "hub.log").read_text()
    machines = [json.loads(line) for line in (up.file.parent / ".hub" / "hub.ndjson").read_text().splitlines()]

    assert "worker | worker ready" in people
    assert {"worker-1", "web"} <= {line["process"] for line in machines}


def test_a_taken_port_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        file = tmp_path / "hub.toml"
        file.write_text(
            f'[council]\nname = "Thornmere"\ncode = "E07000999"\nkey = "0123456789abcdef"\n[web]\nport = {port}\n'
        )

        checked = subprocess.run([*hub(file), "up", "--check"], capture_output=True, text=True, timeout=60, check=False)

    assert checked.returncode == 78
    assert f"Port {port} is taken by another program. Change web.port" in checked.stderr
    assert not (tmp_path / ".hub" / "broker").exists()


def test_asked_to_stop_it_stops_all_of_it_in_order_with_the_broker_last(up: Up) -> None:
    # Stands last in this file: it ends what the others share, since a start of everything takes seconds.
    up.until(up.all_ready)
    pids = [up.now(process)["pid"] for process in ("broker", "worker", "web")]

    code = up.stop()

    stopped = [change["process"] for change in up.changes if change["state"] == "stopped"]
    assert code == 0
    assert stopped[-1] == "broker"
    assert set(stopped) == {"broker", "worker", "web"}
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
