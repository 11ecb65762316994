"""One supervisor on a folder at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hub.errors import ConfigurationError
from hub.folders import make_folder


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the folder for as long as the `with` lasts; a SIGKILL lets go of it too.

    Args:
        folder: `.hub` beside the settings file; made if it is not there.

    Raises:
        ConfigurationError: another supervisor has it, whose number the message gives; or it cannot be written to.
    """
    make_folder(folder, "Beside the settings file")
    file = folder / "up.pid"
    with file.open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise ConfigurationError(
                f"{folder.parent} is being run already, by process {lock.read().strip() or 'unknown'}. "
                "Stop that one first (Ctrl-C where it runs, or `kill` with its number)."
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield
