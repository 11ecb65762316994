"""The whole hub at work on an invented council, and an oracle that imports nothing of it to say whether all was done, and done once."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition

ROOT = Path(__file__).parents[2]
LIMIT_S = 420
pytestmark = pytest.mark.timeout(LIMIT_S)


class Demo:
    """A running `hub demo --stay`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "hub", "demo", "--folder", str(folder), "--stay", "--json", *options]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"COLUMNS": "200"}
        )
        self.seen: list[str] = []
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        self.seen.extend(self.process.stderr)

    def summary(self) -> dict[str, Any]:
        """What it says when every case has ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "".join(self.seen)
        found: dict[str, Any] = json.loads(line)
        return found

    def oracle(self, folder: Path | None = None, within_s: float = 30) -> dict[str, Any]:
        """What the oracle says; another folder may stand in for the legacy systems' own."""
        command = [sys.executable, "-m", "tests.oracle.oracle", str(folder or self.folder), "--within", str(within_s)]
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        assert said.stdout, said.stderr
        found: dict[str, Any] = json.loads(said.stdout)
        assert found["ok"] == (said.returncode == 0)
        return found

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        code = self.process.wait(90)
        self._listener.join(30)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return code


@contextmanager
def demo(folder: Path, *options: str) -> Iterator[Demo]:
    running = Demo(folder, *options)
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Demo, dict[str, Any]]]:
    """A demo that has been played to its end and stays up."""
    with demo(tmp_path_factory.mktemp("demo") / "site", "--requests", "40") as running:
        yield running, running.summary()


def test_every_case_of_the_demo_finishes(shown: tuple[Demo, dict[str, Any]]) -> None:
    running, summary = shown

    assert summary["ok"], summary
    assert (summary["requests"], summary["ended"], summary["unfinished"]) == (40, 40, [])
    assert set(summary["departments"]) == {"housing", "social-care", "transport"}
    assert "all 40 cases finished\n" in running.seen


def test_every_task_was_applied_exactly_once_and_every_page_agrees(shown: tuple[Demo, dict[str, Any]]) -> None:
    running, _ = shown

    found = running.oracle()

    assert found["problems"] == []
    assert found["cases"] == 40


@pytest.mark.parametrize("department", ["housing", "social-care", "transport"])
def test_the_oracle_notices_one_effect_that_was_doubled(
    department: str, shown: tuple[Demo, dict[str, Any]], tmp_path: Path
) -> None:
    running, _ = shown
    copy = tmp_path / "copy"
    shutil.copytree(running.folder, copy, ignore=shutil.ignore_patterns("data", "*.log"))
    doubled = _double_one(copy, department)

    found = running.oracle(copy, within_s=0)

    assert not found["ok"]
    assert any(problem.startswith(f"{department}:") and doubled in problem for problem in found["problems"])


def test_a_legacy_system_that_hangs_delays_only_its_own_tasks(shown: tuple[Demo, dict[str, Any]]) -> None:
    running, summary = shown
    hanging = _pid_of(running.folder, "social_care_soap")

    with httpx.Client(base_url=summary["address"], timeout=20) as api:
        os.kill(hanging, signal.SIGSTOP)
        try:
            answers = [_ask_for_discharge(api, running.folder, number) for number in range(12)]
            cases = [answer.json()["case"] for answer in answers]
            _until(lambda: all(_state(api, case, "check-home") in {"completed", "rejected"} for case in cases))
            held_up = [_state(api, case, "assess-care") for case in cases]
        finally:
            os.kill(hanging, signal.SIGCONT)
        _until(lambda: all(_ended(api, case) for case in cases))

    assert [answer.status_code for answer in answers] == [202] * 12
    assert held_up == ["asked"] * 12
    assert _in_order(running.folder)
    assert running.oracle()["problems"] == []


def test_ctrl_c_leaves_nothing_running(shown: tuple[Demo, dict[str, Any]]) -> None:
    # Stands last of those that share a demo, since it ends it.
    running, _ = shown

    code = running.stop()

    assert code == 0
    assert not [pid for pid in _processes() if str(running.folder) in _command_line(pid)]


def test_with_processes_killed_all_the_while_every_task_is_still_applied_exactly_once(tmp_path: Path) -> None:
    with demo(tmp_path / "site", "--requests", "60", "--kill", "--within", "360") as running:
        summary = running.summary()
        found = running.oracle(within_s=60)

    assert summary["ok"], summary["unfinished"]
    assert summary["kills"] > 0
    assert found["problems"] == []


def _double_one(folder: Path, department: str) -> str:
    """Make it look as if one task had been applied twice; its effect key."""
    if department == "housing":
        with closing(sqlite3.connect(folder / "universal_housing" / "universal_housing.db")) as database, database:
            (key,) = database.execute(
                "select hub_ref from rmworder_journal where op = 'insert' and hub_ref <> ''"
            ).fetchone()
            database.execute(
                "insert into rmworder_journal (at, op, wo_ref, hub_ref, status) values ('', 'insert', '99999999', ?, '100')",
                (key,),
            )
        return str(key)
    social = department == "social-care"
    journal = folder / ("social_care_soap" if social else "transport_files") / "journal.ndjson"
    lines = journal.read_text().splitlines()
    first = next(
        line for line in lines if json.loads(line).get("did", json.loads(line).get("kind")) in {"create", "NEW"}
    )
    journal.write_text("\n".join([*lines, first]) + "\n")
    return str(json.loads(first)["external_reference" if social else "effect_key"])


def _ask_for_discharge(api: httpx.Client, folder: Path, number: int) -> httpx.Response:
    citizens = (folder / "citizens.ndjson").read_text().splitlines()
    who = json.loads(citizens[-1 - number])
    facts = {
        "discharge_date": "2030-06-03",
        "mobility": "walks",
        "nhs_number": who["nhs_number"],
        "person_name": f"{who['forename']} {who['surname']}",
        "uprn": who["uprn"],
        "date_of_birth": who["date_of_birth"],
    }
    body = {"request": "discharge-notified", "facts": facts}
    return api.post("/api/requests", json=body, headers={"Idempotency-Key": str(uuid4())})


def _case(api: httpx.Client, case: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/api/cases/{case}").json()
    return found


def _state(api: httpx.Client, case: str, task: str) -> str | None:
    return next((each["state"] for each in _case(api, case).get("tasks", ()) if each["task"] == task), None)


def _ended(api: httpx.Client, case: str) -> bool:
    found = _case(api, case)
    return found.get("status") in {"finished", "closed", "withdrawn"} and not found["undoing"]


def _in_order(folder: Path) -> bool:
    """Whether social care's referrals were made in the order of its topic, partition by partition."""
    nodes = json.loads((folder / ".hub/broker/cluster.json").read_text())["nodes"]
    journal = [json.loads(line) for line in (folder / "social_care_soap/journal.ndjson").read_text().splitlines()]
    place = {line["external_reference"]: line["seq"] for line in journal if line["did"] == "create"}
    settings = {"bootstrap.servers": f"127.0.0.1:{nodes[0]['port']}", "group.id": "order", "enable.auto.commit": False}
    consumer = Consumer(settings)
    try:
        for part in consumer.list_topics("social-care-tasks", timeout=20).topics["social-care-tasks"].partitions:
            first, end = consumer.get_watermark_offsets(TopicPartition("social-care-tasks", part), timeout=20)
            consumer.assign([TopicPartition("social-care-tasks", part, first)])
            found: list[int] = []
            for _ in range(first, end):
                message = consumer.poll(20)
                assert message is not None
                key = json.loads(message.value() or b"")["id"].replace("-", "")
                found += [place[key]] if key in place and place[key] not in found else []
            if found != sorted(found):
                return False
    finally:
        consumer.close()
    return bool(place)


def _until(condition: Callable[[], object], within_s: float = 120) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _pid_of(folder: Path, simulator: str) -> int:
    """The process of a simulated legacy system."""
    (pid,) = (
        pid
        for pid in _processes()
        if str(folder) in _command_line(pid) and f"simulate {simulator}" in _command_line(pid)
    )
    return pid


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _command_line(pid: int) -> str:
    try:
        parts = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return " ".join(part.decode(errors="replace") for part in parts)
