"""A judge of a folder: how each name in it came to be seen, as the kernel tells it (inotify, Linux). Imports nothing of the product."""

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

_CREATE, _MOVED_TO = 0x100, 0x80
_HEAD = struct.Struct("iIII")


class Arrival(NamedTuple):
    """A name that was not in the folder before.

    Attributes:
        renamed: whether what it names had another name until then, and so was there already, whole or not.
    """

    name: str
    renamed: bool


class Watch:
    """What has come into a folder, in its order; goes on when the folder itself is moved."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._seen = descriptor, list[Arrival]()

    def seen(self) -> list[Arrival]:
        """Every arrival until now."""
        while True:
            try:
                rest = os.read(self._descriptor, 65_536)
            except BlockingIOError:
                return list(self._seen)
            while rest:
                _, mask, _, length = _HEAD.unpack_from(rest)
                name = rest[_HEAD.size : _HEAD.size + length].rstrip(b"\0").decode()
                rest = rest[_HEAD.size + length :]
                if mask & (_CREATE | _MOVED_TO):
                    self._seen.append(Arrival(name, bool(mask & _MOVED_TO)))


@contextmanager
def watching(folder: Path) -> Iterator[Watch]:
    """Watch a folder from now on."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert descriptor >= 0
    assert libc.inotify_add_watch(descriptor, os.fsencode(folder), _CREATE | _MOVED_TO) >= 0, os.strerror(
        ctypes.get_errno()
    )
    try:
        yield Watch(descriptor)
    finally:
        os.close(descriptor)
