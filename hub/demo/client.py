"""The hub as any program sees it: over HTTP. Blocks; used from threads."""

import json
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from threading import Event
from typing import Any
from urllib.parse import quote

AGAIN_S = 0.3
_WITHIN_S = 10.0
_PART = 200


class Refused(Exception):
    """The hub understood, and does not accept it.

    Attributes:
        status: HTTP status.
        title: of the problem.
    """

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('title', '')}: {json.dumps(problem)}")
        self.status, self.title = status, str(problem.get("title", ""))


class Away(Exception):
    """The hub does not answer now, or not with what was asked for; try again."""


class HubClient:
    """Speaks to one hub.

    Args:
        port: of its web process on loopback.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._given_up = Event()

    def give_up(self) -> None:
        """Let every call that tries again come to an end."""
        self._given_up.set()

    def say(self, path: str, body: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Send something until it is accepted, always under the same key, so that it counts once.

        Raises:
            Refused: it is not accepted, and would not be the next time.
            Away: it did not answer until somebody gave up.
        """
        while True:
            try:
                return self._ask("POST", path, body, {"Idempotency-Key": key})
            except Away:
                if self._given_up.wait(AGAIN_S):
                    raise

    def cases(self) -> list[dict[str, Any]]:
        """Every case as a list shows it.

        Raises:
            Away: it does not answer now.
        """
        found: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            cursor = f"&after={quote(after)}" if after else ""
            part = self._ask("GET", f"/api/cases?standing=all&size={_PART}{cursor}")
            found += part["cases"]
            after = part["after"]
            if after is None:
                return found

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        sent = None if body is None else json.dumps(body).encode()
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=_WITHIN_S)) as connection:
            try:
                connection.request(method, path, sent, {"Content-Type": "application/json", **(headers or {})})
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, HTTPException) as error:
                raise Away(str(error)) from error
        try:
            said = json.loads(content)
        except ValueError as error:
            raise Away(f"{answer.status} without JSON") from error
        if answer.status >= 500 or "Retry-After" in answer.headers:
            raise Away(f"{answer.status} {said}")
        if answer.status >= 400:
            raise Refused(answer.status, said)
        return dict(said)
