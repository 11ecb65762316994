"""The log of `hub up`: one readable file, and the same lines as JSON for machines, in the hub's folder.

    .hub/hub.log      12:03:04 worker  | applied a round  events=12
    .hub/hub.ndjson   {"event": "applied a round", "events": 12, "level": "info", "process": "worker-1", ...}

Each is kept to a size: a full one becomes `hub.log.1`, and what was that before is deleted after two more.
"""

import errno
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from hub.supervisor.lines import Line

LARGEST_BYTES = 32 * 1024 * 1024
KEPT = 3


class Log:
    """Both files, open for appending. Use it in a `with`.

    Args:
        folder: where they are.
        width: of the column of names.
    """

    def __init__(self, folder: Path, width: int) -> None:
        self.readable = _File(folder / "hub.log")
        self.machine = _File(folder / "hub.ndjson")
        self._width = width

    def write(self, line: Line) -> None:
        """Keep one line in both files.

        Raises:
            OSError: it could not be written into one of them; the next line may find room.
        """
        texts = {self.readable: line.readable(self._width).encode(), self.machine: orjson.dumps(line.record)}
        failure: OSError | None = None
        for file, text in texts.items():
            try:
                file.append(text)
            except OSError as error:
                failure = error
        if failure is not None:
            raise failure

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.readable.close()
        self.machine.close()


class _File:
    """One file that is turned over when it is full."""

    _cut: bool
    """Whether the last line is only there in part."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open()

    def append(self, line: bytes) -> None:
        if self._size > LARGEST_BYTES:
            self._turn_over()
        text = line + b"\n"
        written = os.write(self._descriptor, b"\n" + text if self._cut else text)
        self._size += written
        # A disk that fills up takes part of a line: the next one begins on a line of its own.
        self._cut = written < len(text)
        if self._cut:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        os.close(self._descriptor)

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        self._size = os.fstat(self._descriptor).st_size
        self._cut = False

    def _turn_over(self) -> None:
        full = self._descriptor
        for age in range(KEPT, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{age}")
            newer = self.path.with_name(f"{self.path.name}.{age - 1}") if age > 1 else self.path
            if newer.exists():
                newer.replace(older)
        self._open()
        os.close(full)
