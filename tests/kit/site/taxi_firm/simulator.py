"""The firm: a web form over real sockets, a book, and a journal that a trigger writes. It can be told to lose its answers."""

import socket
import sqlite3
import struct
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs

from connectors.sdk.simulation import BackOffice, Citizen, Simulator

_TABLES = """
CREATE TABLE IF NOT EXISTS bookings (number INTEGER PRIMARY KEY, state TEXT, remark TEXT, passenger TEXT, vehicle TEXT, by TEXT);
CREATE TABLE IF NOT EXISTS journal (what TEXT, number INTEGER, remark TEXT);
CREATE TRIGGER IF NOT EXISTS booked AFTER INSERT ON bookings
    BEGIN INSERT INTO journal VALUES ('booked', new.number, new.remark); END;
CREATE TRIGGER IF NOT EXISTS altered AFTER UPDATE ON bookings
    BEGIN INSERT INTO journal VALUES (new.state, new.number, new.remark); END;
"""
RESET_UNREAD, RESET_BOOKED, SILENT = "reset-unread", "reset-booked", "silent"
"""What a test may ask for, once each time: the connection is reset when the form has been read; when it has been booked; or the form is
booked and never answered, until the other side has given up."""


class TaxiFirmSimulator(Simulator):
    """A firm in a folder."""

    def __init__(self, folder: Path, back_office: BackOffice, port: int = 0) -> None:
        super().__init__(folder, back_office, port)
        self.forms = 0
        """How many were read."""
        # Bound here, so that the port is known before anybody asks.
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self), bind_and_activate=False)
        self._server.server_bind()
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]

    def seed(self, citizens: Iterable[Citizen]) -> None:
        (self.folder / "troubles").mkdir(parents=True, exist_ok=True)
        with closing(self.open()) as book:
            book.executescript(_TABLES)

    def serve(self, ready: Callable[[], None], stop: Event) -> None:
        self._server.server_activate()
        thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        ready()
        stop.wait()
        self._server.shutdown()
        self._server.server_close()
        thread.join(10)

    def connector_settings(self) -> Mapping[str, Any]:
        return {"host": "127.0.0.1", "port": self.port, "retry_after_s": 0.05, "retry_at_most_s": 0.2}

    def trouble(self, what: str) -> None:
        """The next form is treated so."""
        (self.folder / "troubles" / what).touch()

    def asked_for(self, what: str) -> bool:
        """Whether a test asked for it; once."""
        file = self.folder / "troubles" / what
        asked = file.exists()
        file.unlink(missing_ok=True)
        return asked

    def entries(self) -> int:
        """How many forms ever changed the book."""
        with closing(self.open()) as book:
            return int(book.execute("SELECT count(*) FROM journal").fetchone()[0])

    def open(self) -> sqlite3.Connection:
        """The book."""
        return sqlite3.connect(self.folder / "book.db", timeout=10)

    def take(self, path: str, form: Mapping[str, str]) -> tuple[int, str]:
        """What the firm makes of a form: status and page."""
        with closing(self.open()) as book, book:
            if path == "/bookings":
                values = [form.get(name, "") for name in ("remark", "passenger", "vehicle", "by")]
                number = book.execute(
                    "INSERT INTO bookings (state, remark, passenger, vehicle, by) VALUES ('booked', ?, ?, ?, ?)", values
                ).lastrowid
            else:
                state = "cancelled" if path == "/cancellations" else "changed"
                number = int(form.get("number", "0"))
                if not book.execute("UPDATE bookings SET state = ? WHERE number = ?", (state, number)).rowcount:
                    return 422, "<p>We have no such booking.</p>"
        return 200, f"<p>Thank you. Your booking number is <b>{number}</b>.</p>"


def _fields(sent: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(sent).items()}


def _handler(firm: TaxiFirmSimulator) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, "<form action='/bookings' method='post'>...</form>")

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
            unread, booked, silent = (firm.asked_for(trouble) for trouble in (RESET_UNREAD, RESET_BOOKED, SILENT))
            status, page = (0, "") if unread else firm.take(self.path, _fields(sent))
            firm.forms += 1
            if unread or booked:
                self._reset()
            elif silent:
                self.connection.recv(1)  # until the other side has given up
                self.close_connection = True
            else:
                self._answer(status, page)

        def _answer(self, status: int, page: str) -> None:
            body = page.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _reset(self) -> None:
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

        def finish(self) -> None:
            if not self.wfile.closed:
                try:
                    super().finish()
                except OSError:
                    self.rfile.close()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's own name
            """A form holds a person's name."""

    return Handler
