"""An SFTP server as a process of its own, which can be stopped, starved and killed: `python -m tests.sites.sftp ROOT HOST_KEY PORT`.

It lets everybody in. While a file `denied` stands beside its root, it opens nothing.
"""

import asyncio
import subprocess
import sys
from pathlib import Path

import asyncssh

ROOT = Path(__file__).parents[2]


class _Folders(asyncssh.SFTPServer):
    """The root, or nothing."""

    def __init__(self, channel: "asyncssh.SSHServerChannel[bytes]", root: Path) -> None:
        super().__init__(channel, chroot=str(root).encode())
        self._denied = root.with_name("denied")

    def map_path(self, path: bytes) -> bytes:
        """Where a path is."""
        if self._denied.exists():
            raise asyncssh.SFTPPermissionDenied("closed")
        return super().map_path(path)


class _OpenDoor(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return False


def start(root: Path, host_key: Path, port: int = 0) -> "tuple[subprocess.Popen[str], int]":
    """The process and where it listens."""
    command = [sys.executable, "-m", "tests.sites.sftp", str(root), str(host_key), str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


async def _serve(root: Path, host_key: Path, port: int) -> None:
    server = await asyncssh.create_server(
        _OpenDoor,
        "127.0.0.1",
        port,
        server_host_keys=[host_key],
        sftp_factory=lambda channel: _Folders(channel, root),
    )
    sys.stdout.write(f"{server.get_port()}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
