"""Questions to a process: do you do your work? Each returns None for yes, else why not, and never takes longer than a few seconds."""

import json
import socket
from collections.abc import Callable
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException

from hub.broker.cluster import LOOPBACK

_WITHIN_S = 3.0


def answers_http(host: str, port: int, path: str = "/readyz") -> Callable[[], str | None]:
    """A process that answers `path` with 200, or with 503 and its reason."""

    def ask() -> str | None:
        with closing(HTTPConnection(_reachable(host), port, timeout=_WITHIN_S)) as connection:
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                body = answer.read()
            except (OSError, HTTPException):
                return f"does not answer on port {port} yet"
        if answer.status == 200:
            return None
        try:
            return str(json.loads(body)["reason"])
        except (ValueError, KeyError, TypeError):
            return f"answers {answer.status} on port {port}"

    return ask


class AnswersWhereItSays:
    """As `answers_http`, for a process that takes a free port and says which in its log: {"health_port": 12345, ...}."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._port: int | None = None

    def hear(self, raw: bytes) -> bytes:
        """Read the port from a line, which is logged as it is."""
        if b'"health_port"' in raw:
            with suppress(ValueError, TypeError, KeyError):
                self._port = int(json.loads(raw)["health_port"])
        return raw

    def probe(self) -> str | None:
        """Ask it."""
        return answers_http(self._host, self._port)() if self._port else "has not said yet where it answers"


def accepts(port: int) -> Callable[[], str | None]:
    """A server that accepts connections on a port of loopback."""

    def ask() -> str | None:
        try:
            socket.create_connection((LOOPBACK, port), timeout=_WITHIN_S).close()
        except OSError:
            return f"does not answer on port {port} yet"
        return None

    return ask


def _reachable(host: str) -> str:
    """The address to ask a server that listens on every address."""
    return {"0.0.0.0": LOOPBACK, "::": "::1", "": LOOPBACK}.get(host, host)  # noqa: S104 - asked, not listened on
