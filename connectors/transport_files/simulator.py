"""A depot to try the connector with: a real SFTP server on loopback, with `simulated/depot.py` behind it.

<folder>/files/{inbound,inbound/rejected,archive,outbound}   what the server shows
<folder>/journal.ndjson                                      every booking file it took, once each: file, effect_key, kind, outcome
<folder>/depot.sqlite                                        its bookings
<folder>/{host_key,client_key,client_key.pub,password}       its host key; the two ways to sign in
"""

import asyncio
import hmac
import os
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import Event
from typing import Any

import asyncssh

from connectors.sdk.simulation import BackOffice, Citizen, Simulator
from connectors.transport_files.simulated.depot import Depot

USER = "hub"


class TransportSimulator(Simulator):
    """The depot's SFTP server and its back office, in one folder."""

    def __init__(self, folder: Path, back_office: BackOffice, port: int = 0) -> None:
        super().__init__(folder, back_office, port)
        self._sessions: set[asyncssh.SSHServerConnection] = set()

    def seed(self, citizens: Iterable[Citizen]) -> None:
        """A few bookings made by telephone and school runs, none of them the hub's."""
        self._make_keys()
        depot = Depot(self.folder, self.back_office)
        depot.seed(citizens, time.time())
        depot.close()

    def serve(self, ready: Callable[[], None], stop: Event) -> None:
        """Answer on SFTP and work through the back office until `stop` is set."""
        self._make_keys()
        asyncio.run(self._serve(ready, stop))

    def connector_settings(self) -> Mapping[str, Any]:
        """Where it listens, how to sign in, and the fingerprint of its host key."""
        self._make_keys()
        host_key = asyncssh.read_private_key(self.folder / "host_key")
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "user": USER,
            "password": (self.folder / "password").read_text(),
            "host_key": host_key.get_fingerprint(),
            "poll_every_s": 0.5,
        }

    @property
    def files(self) -> Path:
        """What the server shows as its root."""
        return self.folder / "files"

    @property
    def journal(self) -> Path:
        """Every booking file it took, one JSON object a line."""
        return self.folder / "journal.ndjson"

    async def _serve(self, ready: Callable[[], None], stop: Event) -> None:
        server = await asyncssh.create_server(
            lambda: _FrontDoor((self.folder / "password").read_text(), self._sessions),
            "127.0.0.1",
            self.port,
            server_host_keys=[self.folder / "host_key"],
            authorized_client_keys=str(self.folder / "client_key.pub"),
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(self.files).encode()),
            allow_scp=False,
        )
        self.port = server.get_port()
        try:
            await asyncio.to_thread(self._run_depot, ready, stop)
        finally:
            server.close()
            for session in list(self._sessions):
                session.abort()
            await server.wait_closed()

    def _run_depot(self, ready: Callable[[], None], stop: Event) -> None:
        """In a thread of its own: SQLite and fsync would hold up the server."""
        depot = Depot(self.folder, self.back_office)
        ready()
        try:
            depot.run(stop)
        finally:
            depot.close()

    def _make_keys(self) -> None:
        """Keys and password, made once; whoever comes second uses those of the first."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, make in (
            ("host_key", _private_key),
            ("client_key", _private_key),
            ("client_key.pub", lambda: asyncssh.read_private_key(self.folder / "client_key").export_public_key()),
            ("password", lambda: secrets.token_urlsafe(24).encode()),
        ):
            if not (self.folder / name).exists():
                _put_once(self.folder / name, make())


def _private_key() -> bytes:
    return asyncssh.generate_private_key("ssh-ed25519").export_private_key()


class _FrontDoor(asyncssh.SSHServer):
    """Lets in who knows the password, or whose key is the authorised one (asyncssh sees to that)."""

    def __init__(self, password: str, sessions: set[asyncssh.SSHServerConnection]) -> None:
        self._password, self._sessions = password, sessions

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._session = conn
        self._sessions.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        self._sessions.discard(self._session)

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return username == USER and hmac.compare_digest(password.encode(), self._password.encode())


def _put_once(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads, whole, unless there is one by now."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    temporary.touch(mode=0o600)
    temporary.write_bytes(content)
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
