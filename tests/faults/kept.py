"""Processes of the product under faults: started again when they ask for it, as the supervisor does, and looked at in /proc."""

import os
import signal
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[2]
_RESTART = 75
_STRUCK = {0, -signal.SIGKILL, -signal.SIGTERM}
_AGAIN_S = 0.2
_GONE_WITHIN_S = 90
_LOOK_S = 0.25


class Kept:
    """One process, started again whenever it ends with 75, or was killed or stopped by a test. Use it in a `with`.

    Args:
        command: what to run.
        log: where its output goes.
        environment: besides that of the test.
    """

    def __init__(self, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self._command, self._log, self._environment = command, log, {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._over, self._lock = threading.Event(), threading.Lock()
        self._struck = False
        self.restarts = 0
        """How often it asked to be started again."""
        self.wrong: list[int] = []
        """Exit codes by which it ended for good, though nobody asked it to."""
        self._thread = threading.Thread(target=self._keep, name=f"kept-{log.stem}", daemon=True)

    def __enter__(self) -> Self:
        self._start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._over.set()
            if self._process is not None:
                self._process.kill()
        self._thread.join(30)

    @property
    def pid(self) -> int:
        """Of the process that runs now, or ran last."""
        assert self._process is not None
        return self._process.pid

    @property
    def said(self) -> str:
        """Everything that was written to its log."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def kill(self) -> None:
        """SIGKILL to the one that runs, as soon as one does; it is started again."""
        self._strike(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM likewise."""
        self._strike(signal.SIGTERM)

    def freeze(self) -> None:
        """SIGSTOP."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _strike(self, number: signal.Signals) -> None:
        """Signal one process, and come back when another runs in its place."""
        with self._lock:
            assert self._process is not None
            assert self._process.poll() is None or self._process.returncode == _RESTART, self.wrong
            before, self._struck = self._process, True
            before.send_signal(number)
        deadline = time.monotonic() + _GONE_WITHIN_S
        while self._process is before:
            assert time.monotonic() < deadline, f"it did not end within {_GONE_WITHIN_S} s"
            time.sleep(0.02)

    def _start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )

    def _keep(self) -> None:
        while not self._over.is_set():
            assert self._process is not None
            code = self._process.wait()
            if self._over.is_set():
                return
            if code == _RESTART:
                self.restarts += 1
            elif not (self._struck and code in _STRUCK):
                self.wrong.append(code)
                return
            time.sleep(_AGAIN_S)
            with self._lock:
                if self._over.is_set():
                    return
                self._struck = False
                self._start()


@dataclass(frozen=True)
class Footprint:
    """What a process holds at one moment."""

    at: float
    pid: int
    rss_mb: float
    files: int
    threads: int


class Sampler:
    """O8: looks at processes in /proc, again and again. Use it in a `with`.

    Args:
        processes: by name, what gives the number of each now.
    """

    def __init__(self, processes: Mapping[str, Callable[[], int]]) -> None:
        self._processes = processes
        self.found: dict[str, list[Footprint]] = defaultdict(list)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="sampler", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(10)

    def _look(self) -> None:
        while not self._over.wait(_LOOK_S):
            for name, number in self._processes.items():
                if (footprint := look(number())) is not None:
                    self.found[name].append(footprint)

    def growth_mb(self, name: str, since: float) -> float:
        """By how much a process's memory has grown since a moment; that of the process that ran then, if it was started anew."""
        of_last = [each for each in self.found[name] if each.pid == self.found[name][-1].pid]
        later = [each for each in of_last if each.at >= since]
        assert later, f"{name} was not looked at since then"
        return max(each.rss_mb for each in later) - later[0].rss_mb

    def words(self, name: str) -> str:
        """What it held at most, for people."""
        found = self.found[name]
        return (
            f"{name} at most {max(each.rss_mb for each in found):.0f} MB, {max(each.files for each in found)} files, "
            f"{max(each.threads for each in found)} threads"
        )


def look(pid: int) -> Footprint | None:
    """What a process holds now; None where it has ended."""
    place = Path("/proc") / str(pid)
    try:
        status = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines() if ":" in line)
        files = len(list((place / "fd").iterdir()))
        return Footprint(time.monotonic(), pid, int(status["VmRSS"].split()[0]) / 1024, files, int(status["Threads"]))
    except (OSError, KeyError, ValueError):
        return None
