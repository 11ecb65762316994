"""The depot's SFTP server, for a connector that waits for every answer: asyncssh on an event loop in a thread of its own.

Knows files and folders, not what is in them. The connection is kept between calls, made when it is missing, and dropped after any trouble.
"""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import asyncssh

from connectors.sdk import ConfigurationError, RetryLater
from connectors.transport_files.results import Found

if TYPE_CHECKING:
    from connectors.transport_files.connector import Settings

T = TypeVar("T")

KEEPALIVE_S = 30
"""How often a quiet connection is asked whether it still lives, in seconds."""
_PIECE = 64 * 1024
"""Bytes of a file that are one answer. Left alone, asyncssh asks for as much as a server gives at once, which may be megabytes."""


class _CutShortError(Exception):
    """The server took less than it was given and called it written: a full disk, on servers that do not look at what their disk says."""


class FolderAway(RetryLater):
    """A folder is not there or not ours: a share that nobody has mounted yet, or a wrong name. Whoever waits for it loses nothing."""


class SftpFolders:
    """Folders on the depot's server.

    Every method raises RetryLater when the server or a folder is away, too slow or refuses for the moment, and ConfigurationError, which
    names the setting, when it refuses for good: login, host key.
    """

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings
        self._connection: asyncssh.SSHClientConnection | None = None
        self._sftp: asyncssh.SFTPClient | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="transport_files-sftp", daemon=True)
        self._thread.start()

    def listing(self, folder: str) -> list[Found]:
        """The files of a folder, which is named by its setting: outbound."""
        return self._run(self._listing(self._path(folder)), folder)

    @contextmanager
    def fetch(self, folder: str, name: str) -> Iterator[BinaryIO | None]:
        """A whole file, on our disk for as long as the `with` lasts: it may be larger than memory. None when somebody tidied it up."""
        with TemporaryDirectory(prefix="hub-transport-files-") as here:
            copy = Path(here) / "copy"
            if not self._run(self._fetch(f"{self._path(folder)}/{name}", copy), folder, bounds_itself=True):
                yield None
                return
            with copy.open("rb") as file:
                yield file

    def exists(self, folder: str, name: str) -> bool:
        """Whether there is a file of that name."""
        return self._run(self._exists(self._path(folder), name), folder)

    def deliver(self, folder: str, name: str, content: bytes) -> None:
        """Put a whole file there or none: a temporary name, on the server's disk, then its own name.

        Trouble on the way leaves at most the temporary name, which nobody picks up and the next try writes over.
        """
        self._run(self._deliver(self._path(folder), name, content), folder)

    def check(self, folder: str, *, writes: bool) -> None:
        """See that a folder is there, and that files can be made in it; none is left.

        Raises:
            ConfigurationError: it is not there, or closed to us; here a person looks who can tell which it is.
        """
        try:
            self.listing(folder)
            if writes:
                self._run(self._probe(f"{self._path(folder)}/.hub-check.part"), folder)
        except FolderAway as error:
            raise ConfigurationError(str(error)) from error

    def close(self) -> None:
        """Let go of the connection and end the thread."""
        if self._loop.is_closed():
            return
        with suppress(Exception):
            asyncio.run_coroutine_threadsafe(self._disconnect(), self._loop).result(self._settings.timeout_s)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _path(self, folder: str) -> str:
        return str(getattr(self._settings, folder))

    def _run(self, work: Coroutine[Any, Any, T], folder: str, *, bounds_itself: bool = False) -> T:
        """Do it in the loop's thread, within the time of one answer, and say trouble in the connector's words."""
        where = f"transport_files: {self._settings.host}:{self._settings.port}"
        try:
            bounded = asyncio.wait_for(work, None if bounds_itself else self._settings.timeout_s)
            return asyncio.run_coroutine_threadsafe(bounded, self._loop).result()
        except asyncssh.PermissionDenied as error:
            raise ConfigurationError(
                f"{where} refuses the login of {self._settings.user}. Set user and password or key_file to what the depot gave."
            ) from error
        except asyncssh.HostKeyNotVerifiable as error:
            raise ConfigurationError(
                f"{where} shows another host key than host_key says. Ask the depot, by another way, for its SHA256 fingerprint."
            ) from error
        except (FileNotFoundError, asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
            raise ConfigurationError(
                f"{where}: key_file is not the path of a private key without passphrase."
            ) from error
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath, asyncssh.SFTPPermissionDenied) as error:
            raise FolderAway(
                f"{where}: folder {self._path(folder)} is missing or closed to us. Set {folder}, or have the depot open it."
            ) from error
        except _CutShortError as error:
            raise RetryLater(
                f"{where}: a file for {self._path(folder)} was cut short. Is the depot's disk full? Tried again later."
            ) from error
        except (OSError, asyncssh.Error) as error:
            asyncio.run_coroutine_threadsafe(self._disconnect(), self._loop).result()
            raise RetryLater(f"{where} does not answer ({type(error).__name__}). Tried again later.") from error

    async def _connected(self) -> asyncssh.SFTPClient:
        if self._sftp is not None and self._connection is not None and not self._connection.is_closed():
            return self._sftp
        given = self._settings
        self._connection = await asyncssh.connect(
            given.host,
            given.port,
            username=given.user,
            password=given.password.get_secret_value() if given.password else None,
            client_keys=[str(given.key_file)] if given.key_file else None,
            client_factory=lambda: _KnowsHostKey(given.host_key),
            known_hosts=([], [], []),  # nobody is trusted by name; `_KnowsHostKey` decides
            config=None,
            agent_path=None,
            keepalive_interval=KEEPALIVE_S,
        )
        self._sftp = await self._connection.start_sftp_client()
        return self._sftp

    async def _disconnect(self) -> None:
        connection, self._connection, self._sftp = self._connection, None, None
        if connection is not None:
            connection.abort()
            await connection.wait_closed()

    async def _listing(self, path: str) -> list[Found]:
        sftp = await self._connected()
        try:
            entries = await sftp.readdir(path)
        except asyncssh.SFTPNoSuchFile:
            # Some servers fail a listing when a file goes while they list. Only if the folder itself is gone is it a matter of settings.
            await sftp.stat(path)
            raise OSError("a file went while the folder was listed") from None
        return [
            Found(str(entry.filename), entry.attrs.size or 0, entry.attrs.mtime or 0)
            for entry in entries
            if entry.attrs.type != asyncssh.FILEXFER_TYPE_DIRECTORY
        ]

    async def _fetch(self, path: str, copy: Path) -> bool:
        """Every piece that comes gives the next one the time of an answer, so a file may be of any size and its line slow."""
        now, each = asyncio.get_running_loop().time, self._settings.timeout_s
        async with asyncio.timeout(each) as limit:
            sftp = await self._connected()
            try:
                await sftp.get(
                    path, str(copy), block_size=_PIECE, progress_handler=lambda *_: limit.reschedule(now() + each)
                )
            except asyncssh.SFTPNoSuchFile:
                return False
        return True

    async def _exists(self, folder: str, name: str) -> bool:
        sftp = await self._connected()
        try:
            await sftp.stat(
                f"{folder}/{name}"
            )  # not `isfile`, which takes a folder closed to us for one without the file
        except asyncssh.SFTPNoSuchFile:
            await sftp.stat(folder)  # a folder that is away says nothing about what was in it
            return False
        return True

    async def _deliver(self, folder: str, name: str, content: bytes) -> None:
        sftp = await self._connected()
        temporary = f"{folder}/.{name}.part"
        async with sftp.open(temporary, "wb") as file:
            await file.write(content)
            with suppress(asyncssh.SFTPOpUnsupported):  # only OpenSSH and its kin offer fsync
                await file.fsync()
        if (await sftp.stat(temporary)).size != len(content):
            raise _CutShortError
        try:
            await sftp.posix_rename(temporary, f"{folder}/{name}")
        except asyncssh.SFTPOpUnsupported:
            await sftp.rename(temporary, f"{folder}/{name}")

    async def _probe(self, path: str) -> None:
        sftp = await self._connected()
        async with sftp.open(path, "wb"):
            pass
        await sftp.remove(path)


class _KnowsHostKey(asyncssh.SSHClient):
    """Trusts one host key, by its fingerprint."""

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        return bool(key.get_fingerprint() == self._fingerprint)
