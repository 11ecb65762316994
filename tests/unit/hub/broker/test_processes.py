"""Processes in the background, and pid files that never name a stranger."""

import json
import os
from pathlib import Path

from hub.broker import processes


def test_a_process_outlives_its_start_and_writes_to_its_log(tmp_path: Path) -> None:
    log, pid_file, ready = tmp_path / "log", tmp_path / "pid", tmp_path / "ready"
    os.mkfifo(ready)

    pid = processes.spawn(["/bin/sh", "-c", f"echo here; echo > {ready}; exec sleep 60"], log, pid_file)
    ready.read_text(encoding="utf-8")  # returns once it has written

    assert processes.running(pid_file) == pid
    assert processes.end([pid_file], within_s=10) == []
    assert processes.running(pid_file) is None
    assert not pid_file.exists()
    assert log.read_text(encoding="utf-8") == "here\n"


def test_a_process_that_will_not_end_is_killed_and_named(tmp_path: Path) -> None:
    pid_file, ready = tmp_path / "pid", tmp_path / "ready"
    os.mkfifo(ready)
    processes.spawn(
        ["/bin/sh", "-c", f"trap '' TERM; echo > {ready}; while :; do sleep 60; done"], tmp_path / "log", pid_file
    )
    ready.read_text(encoding="utf-8")  # returns once the trap is set

    assert processes.end([pid_file], within_s=0.2) == [pid_file]
    assert processes.running(pid_file) is None


def test_a_number_that_now_belongs_to_another_process_is_left_alone(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    pid_file.write_text(json.dumps({"pid": os.getpid(), "began": "an earlier boot"}), encoding="ascii")

    assert processes.running(pid_file) is None
    assert processes.end([pid_file], within_s=0) == []


def test_a_pid_file_cut_short_names_nobody(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    pid_file.write_text('{"pid": 1', encoding="ascii")

    assert processes.running(pid_file) is None


def test_a_process_that_never_was_has_no_beginning() -> None:
    assert processes.began(2**22 + 1) is None


def test_the_beginning_of_a_process_does_not_change() -> None:
    assert processes.began(os.getpid()) == processes.began(os.getpid()) is not None
