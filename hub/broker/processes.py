"""Processes that outlive the command that started them, told apart from strangers that got their number later.

A pid file holds the process's number and when it began. A number alone proves nothing: after a crash or a reboot it
may belong to anybody, and a signal would hit them.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

_POLL_S = 0.02
_PROC = Path("/proc")
# Starts the command in the background and tells its number: the shell then ends, so that init, and not a Python that
# has other things to do, takes leave of the process when it ends.
_SPAWN = 'log="$1"; shift; "$@" </dev/null >>"$log" 2>&1 & echo $!'


def spawn(command: Sequence[str], log: Path, pid_file: Path) -> int:
    """Start a command in a session of its own, its output appended to `log`; its number."""
    shell = ["/bin/sh", "-c", _SPAWN, "sh", str(log), *command]
    started = subprocess.run(  # noqa: S603 - the command is one of ours, and each part is an argument of its own
        shell, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True, start_new_session=True
    )
    pid = int(started.stdout)
    new = pid_file.with_suffix(".new")
    new.write_text(json.dumps({"pid": pid, "began": began(pid)}), encoding="ascii")
    new.replace(pid_file)
    return pid


def running(pid_file: Path) -> int | None:
    """The number of the process that a pid file is about; None when it has ended."""
    try:
        noted = json.loads(pid_file.read_text(encoding="ascii"))
        pid, since = int(noted["pid"]), noted["began"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return pid if since is not None and began(pid) == since else None


def end(pid_files: Sequence[Path], within_s: float) -> list[Path]:
    """Ask the processes to end, all at once; kill those that have not ended within `within_s`.

    Returns:
        The pid files of those that had to be killed.
    """
    _signal(pid_files, signal.SIGTERM)
    late = _wait(pid_files, within_s)
    _signal(late, signal.SIGKILL)
    # What SIGKILL cannot end within seconds hangs in the kernel, and waiting longer does not help.
    _wait(late, within_s=10)
    for pid_file in pid_files:
        if running(pid_file) is None:
            pid_file.unlink(missing_ok=True)
    return late


def began(pid: int) -> str | None:
    """When a process began, in whatever words the system has for it; None when it has ended."""
    if not _PROC.joinpath("self").exists():
        return _began_by_ps(pid)
    try:
        # The name, in parentheses, may itself hold blanks and parentheses; proc(5) numbers what follows it from 3.
        line = _PROC.joinpath(str(pid), "stat").read_text(encoding="utf-8", errors="replace")
        fields = line.rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    if fields[0] in {"Z", "X"}:  # dead, and its parent has not taken leave of it yet
        return None
    return f"{_PROC.joinpath('sys/kernel/random/boot_id').read_text(encoding='ascii').strip()} {fields[19]}"


def _began_by_ps(pid: int) -> str | None:
    """As `began`, where there is no /proc (macOS)."""
    shown = subprocess.run(  # noqa: S603 - a fixed command and a number
        ["/bin/ps", "-o", "state=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, since = shown.stdout.strip().partition(" ")
    return since.strip() if since and not state.startswith("Z") else None


def _signal(pid_files: Sequence[Path], number: signal.Signals) -> None:
    for pid_file in pid_files:
        pid = running(pid_file)
        if pid is not None:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue  # it has just ended, which is what was wanted


def _wait(pid_files: Sequence[Path], within_s: float) -> list[Path]:
    """Those still running when time is up."""
    until = time.monotonic() + within_s
    left = list(pid_files)
    while (left := [pid_file for pid_file in left if running(pid_file) is not None]) and time.monotonic() < until:
        time.sleep(_POLL_S)
    return left
