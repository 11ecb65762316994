"""/livez, /readyz and /metrics of a process, from a thread of its own, so that a loop that hangs can still be asked.

`/livez` fails: restart me. `/readyz` fails: wait, I am not working yet. Both answer 200 or 503 with {"ok": ..., "reason": ...}.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import orjson
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from hub.errors import ConfigurationError


@dataclass(frozen=True)
class Health:
    """An answer to "are you well?": yes or no, and why in words that hold nothing personal."""

    ok: bool
    reason: str


def in_sentences(reasons: Iterable[str]) -> str:
    """Several reasons as one text: each a sentence, whether it came as one or not; empty ones are left out."""
    return " ".join(f"{reason.rstrip('.')}." for reason in reasons if reason)


class HealthServer:
    """Answers on one port until it is stopped.

    Args:
        host, port: where to listen; port 0 takes a free one, see `port`.
        live: whether the process works at all; called in the server's threads, so it must only look.
        ready: whether it does its work now; likewise.
        registry: the metrics to show.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """

    def __init__(
        self,
        host: str,
        port: int,
        live: Callable[[], Health],
        ready: Callable[[], Health],
        registry: CollectorRegistry,
    ) -> None:
        answers = {"/livez": lambda: _health(live), "/readyz": lambda: _health(ready)}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if path == "/metrics":
                    encode, content_type = choose_encoder(self.headers.get("Accept", ""))
                    self._answer(HTTPStatus.OK, content_type, encode(registry))
                elif path in answers:
                    self._answer(*answers[path]())
                else:
                    self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"There are /livez, /readyz and /metrics.\n")

            def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as http.server calls it
                """Say nothing: a probe every few seconds is no news."""

        try:
            self._server = _Server((host, port), Handler)
        except OSError as error:
            raise ConfigurationError(
                f"Cannot listen on {host}:{port} for /livez, /readyz and /metrics: {error.strerror or error}. "
                "Choose another `health_port`, or end the process that has it."
            ) from error
        self._thread = Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="health", daemon=True
        )

    @property
    def port(self) -> int:
        """The port listened on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and free the port."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a probe that hung up is no news."""


def _health(ask: Callable[[], Health]) -> tuple[HTTPStatus, str, bytes]:
    health = ask()
    status = HTTPStatus.OK if health.ok else HTTPStatus.SERVICE_UNAVAILABLE
    return status, "application/json", orjson.dumps({"ok": health.ok, "reason": health.reason})
