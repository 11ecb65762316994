"""A stream that loses what it cannot write, so that nobody ever waits, or ends, for want of somebody who reads.

A closed pipe or terminal is read by nobody any more; a file on a full disk may have room again later.
"""

import errno
import os
from collections.abc import Callable
from typing import Any, TextIO, cast

from rich.console import Console

_FOR_GOOD = {errno.EPIPE, errno.EIO}


class Outlet:
    """Writes to a stream; everything else is the stream's own.

    Args:
        stream: standard output, or standard error.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._loses = False
        self.lost: Callable[[OSError], object] = lambda _: None
        """Called once when writing begins to fail."""

    def console(self) -> Console:
        """A console that shows what it is given here; rich takes whatever writes as a file does."""
        return Console(file=cast("TextIO", self))

    def write(self, text: str) -> int:
        """Write, or lose it."""
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Let go of what is written."""
        if self._try(self._stream.flush):
            self._loses = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _try(self, work: Callable[[], object]) -> bool:
        try:
            work()
        except OSError as error:
            if error.errno in _FOR_GOOD:
                # What the stream still holds would fail again whenever it is flushed, at the end of the process at the latest.
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)
            if not self._loses:
                self._loses = True
                self.lost(error)
            return False
        return True
