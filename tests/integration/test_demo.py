"""The whole hub at work on an invented council, and an oracle that imports nothing of it to say whether all was done, and done once.

The demos are those of the README, which stay up to be looked into.
"""

import json
import os
import shlex
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
    """A command of the README that runs a demo, with other options and `--stay --json` behind it."""

    def __init__(self, command_of_readme: str, folder: Path, *options: str) -> None:
        assert command_of_readme in (ROOT / "README.md").read_text().splitlines()
        self.folder = folder
        program = [sys.executable, "-m", "hub", *shlex.split(command_of_readme)[1:]]
        command = [*program, "--folder", str(folder), "--stay", "--json", *options]
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
def demo(command_of_readme: str, folder: Path, *options: str) -> Iterator[Demo]:
    running = Demo(command_of_readme, folder, *options)
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Demo, dict[str, Any]]]:
    """A demo that has been played to its end and stays up."""
    site = tmp_path_factory.mktemp("demo") / "site"
    with demo(".venv/bin/hub demo --requests 40 --json", site) as running:
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
            # A change and a withdrawal stand behind the raising that they are about.
            answers.append(_say(api, f"/api/cases/{cases[0]}/amendments", {"facts": {"discharge_date": "2030-06-05"}}))
            answers.append(_say(api, f"/api/cases/{cases[1]}/withdrawal", {"reason": "Not needed any more"}))
        finally:
            os.kill(hanging, signal.SIGCONT)
        _until(lambda: all(_ended(api, case) for case in cases))
    found = running.oracle()

    assert [answer.status_code for answer in answers] == [202] * 14
    assert held_up == ["asked"] * 12
    assert _in_order(running.folder)
    assert found["problems"] == []
    assert found["changed"]["social-care"] >= 1
    assert found["withdrawn"]["social-care"] >= 1


def test_the_oracle_notices_what_was_done_twice_or_not_at_all(
    shown: tuple[Demo, dict[str, Any]], tmp_path: Path
) -> None:
    # Stands behind the change and the withdrawal of the test above; each kind of problem has a test of its own in tests/unit/oracle.
    running, _ = shown
    copy = tmp_path / "copy"
    shutil.copytree(running.folder, copy, ignore=shutil.ignore_patterns("data", "*.log"))
    with closing(sqlite3.connect(copy / "universal_housing" / "universal_housing.db")) as database, database:
        (ordered,) = database.execute(
            "select hub_ref from rmworder_journal where op = 'insert' and hub_ref <> ''"
        ).fetchone()
        database.execute(
            "insert into rmworder_journal (at, op, wo_ref, hub_ref, status) values ('', 'insert', '99999999', ?, '100')",
            (ordered,),
        )
    booked = _edit_journal(copy / "transport_files", lambda lines: lines.append(lines[0]))["effect_key"]
    amended = _edit_journal(copy / "social_care_soap", lambda lines: lines.append(_line(lines, "amend")))
    cancelled = _edit_journal(copy / "social_care_soap", lambda lines: lines.remove(_line(lines, "cancel")))

    found = running.oracle(copy, within_s=0)["problems"]

    assert _names(found, "housing", ordered, "was applied 2 times")
    assert _names(found, "transport", booked, "2 times")
    assert _names(found, "social-care", amended["external_reference"], "was made 2 times")
    assert _names(found, "social-care", cancelled["external_reference"], "was carried out 0 times")


def test_ctrl_c_leaves_nothing_running(shown: tuple[Demo, dict[str, Any]]) -> None:
    # Stands last of those that share a demo, since it ends it.
    running, _ = shown

    code = running.stop()

    assert code == 0
    assert not [pid for pid in _processes() if str(running.folder) in _command_line(pid)]


def test_with_processes_killed_all_the_while_every_task_is_still_applied_exactly_once(tmp_path: Path) -> None:
    # Sixty requests see as many kills as two hundred: victims are chosen by time.
    with demo(".venv/bin/hub demo --kill", tmp_path / "site", "--requests", "60", "--within", "360") as running:
        summary = running.summary()
        found = running.oracle(within_s=60)

    assert summary["ok"], summary["unfinished"]
    assert summary["kills"] > 0
    assert found["problems"] == []


def _line(lines: list[dict[str, Any]], did: str) -> dict[str, Any]:
    """The last line of a SOAP journal that says so."""
    return next(line for line in reversed(lines) if line["did"] == did)


def _edit_journal(folder: Path, edit: Callable[[list[dict[str, Any]]], object]) -> dict[str, Any]:
    """Add a line to a journal or take one away; that line."""
    journal = folder / "journal.ndjson"
    before = [json.loads(line) for line in journal.read_text().splitlines()]
    after = [*before]
    edit(after)
    journal.write_text("".join(json.dumps(line) + "\n" for line in after))
    return next(line for line in [*after, *before] if before.count(line) != after.count(line))


def _names(problems: list[str], department: str, key: str, words: str) -> bool:
    return any(problem.startswith(f"{department}:") and key in problem and words in problem for problem in problems)


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
    return _say(api, "/api/requests", {"request": "discharge-notified", "facts": facts})


def _say(api: httpx.Client, path: str, body: dict[str, Any]) -> httpx.Response:
    return api.post(path, json=body, headers={"Idempotency-Key": str(uuid4())})


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
