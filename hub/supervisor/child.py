"""One running process: started on a leash, its output handed over line by line, stopped in order or at once."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

_LEASH = str(Path(__file__).with_name("leash.py"))
_LONGEST_LINE = 1024 * 1024
_CHUNK = 64 * 1024


class Child:
    """A process in a process group of its own, so that a Ctrl-C in the terminal reaches the supervisor alone."""

    def __init__(self, process: asyncio.subprocess.Process, line: Callable[[bytes], None]) -> None:
        self._process = process
        self._reading = asyncio.create_task(self._read(line))

    @classmethod
    async def start(cls, command: Sequence[str], folder: Path, niceness: int, line: Callable[[bytes], None]) -> "Child":
        """Start a command in a folder.

        Called in the main thread: Linux counts the end of the thread that started a process as the end of its parent.

        Args:
            command: the command line.
            folder: its working folder.
            niceness: how far it stands behind others when the machine is busy: 0 not at all, 19 behind everything.
            line: given every line of its output, without the line's end.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-S", _LEASH, str(os.getpid()), str(niceness), *command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=folder,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            process_group=0,
        )
        return cls(process, line)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.returncode is None

    async def ended(self) -> int:
        """Wait until it has ended and its last line was handed over; its exit code, or minus the signal that ended it."""
        code = await self._process.wait()
        self.signal(signal.SIGKILL)  # whatever it started and left behind, which may hold its output open
        await self._reading
        return code

    async def stop(self, within_s: float, hurry: asyncio.Event) -> None:
        """Ask it to end, and kill it if it has not within that time, or as soon as there is a hurry."""
        self.signal(signal.SIGTERM)
        ending = asyncio.create_task(self._process.wait())
        hurrying = asyncio.create_task(hurry.wait())
        await asyncio.wait({ending, hurrying}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        hurrying.cancel()
        if not ending.done():
            self.signal(signal.SIGKILL)
        await ending

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its whole group, if any of it is left."""
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):  # macOS says the second of a group of zombies
            return

    async def _read(self, line: Callable[[bytes], None]) -> None:
        assert self._process.stdout is not None
        failure: Exception | None = None
        async for found in lines(self._process.stdout):
            try:
                line(found)
            except Exception as error:  # noqa: BLE001 - raised at the end: a process that nobody hears stands still
                failure = failure or error
        if failure is not None:
            raise failure


async def lines(stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Every line of a stream without its end; one that does not end in a megabyte comes in parts."""
    rest = b""
    while chunk := await stream.read(_CHUNK):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line
        if len(rest) > _LONGEST_LINE:
            yield rest
            rest = b""
    if rest:
        yield rest
