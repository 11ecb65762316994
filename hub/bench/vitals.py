"""What a process and all that it started have used: seconds of a processor, and the most memory. Only Linux tells."""

import os
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_MB = 1024.0
"""Kilobytes, as the kernel counts, in one of them."""


@dataclass(frozen=True)
class Used:
    """So far.

    Attributes:
        cpu_s: seconds of a processor, of all processes together.
        peak_mb: the most memory that each had at a time, added up.
    """

    cpu_s: float
    peak_mb: float


def is_known() -> bool:
    """Whether this system tells."""
    return (_PROC / "self" / "stat").exists()


def used(pid: int) -> Used:
    """What a process and those that it started and that still run have used; nothing of one that has ended."""
    pids = family(pid)
    return Used(sum(map(_cpu_s, pids)), sum(_size_mb(member, "VmHWM:") for member in pids))


def memory_mb(pid: int) -> float:
    """The memory that a process and those that it started have now."""
    return sum(_size_mb(member, "VmRSS:") for member in family(pid))


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for member in found:  # grows as it goes
        try:
            threads = list((_PROC / str(member) / "task").iterdir())
        except OSError:
            continue
        for thread in threads:
            found += map(int, _text(thread / "children").split())
    return found


def _cpu_s(pid: int) -> float:
    # The name, in parentheses, may itself hold blanks and parentheses; proc(5) numbers what follows it from 3.
    fields = _text(_PROC / str(pid) / "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def _size_mb(pid: int, name: str) -> float:
    for line in _text(_PROC / str(pid) / "status").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / _MB
    return 0.0


def _text(file: Path) -> str:
    """What stands in a file of the kernel; nothing where the process has ended meanwhile."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
