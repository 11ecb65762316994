"""Fills in the firm's booking form. Once it has been sent there is no asking the firm by machine (class D)."""

import re
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlencode

from connectors.sdk import Effect, EffectClass, OutcomeUnknown, Receipt, RetryLater, SinkConnector
from schemas.tasks import TaskChanged, TaskStatus, TaskWithdrawn

from . import mapping

_FORMS = {TaskChanged: "/changes", TaskWithdrawn: "/cancellations"}
_NUMBER = re.compile(r"Your booking number is <b>(\d+)</b>")


class Settings(mapping.Meanings):
    """Where the firm is."""

    host: str
    """Name of its web server."""
    port: int
    """Port of it."""


class TaxiFirm(SinkConnector[Settings]):
    """Books, changes and cancels trips. The firm takes a booking at once or not at all, and says nothing more of it."""

    settings_type = Settings
    effect_class = EffectClass.D

    def check(self) -> None:
        connection = self._connected()
        try:
            connection.request("GET", "/")
            if connection.getresponse().status != 200:
                raise RetryLater("The firm's site does not show its form.")
        except (OSError, HTTPException) as error:
            raise RetryLater(f"The firm's site does not answer: {type(error).__name__}.") from error
        finally:
            connection.close()

    def apply(self, effect: Effect) -> Receipt:
        path = _FORMS.get(type(effect.instruction), "/bookings")
        status, page = self._send(path, urlencode(mapping.form(effect, self.settings)).encode())
        if status == 422:
            return Receipt(status=TaskStatus.REJECTED, reason="The firm has no booking of that number")
        done = TaskStatus.CANCELLED if path == "/cancellations" else TaskStatus.COMPLETED
        number = _NUMBER.search(page)
        if status != 200 or number is None:
            raise OutcomeUnknown(f"The form was sent, and answered with status {status} and no booking number.")
        return Receipt(status=done, reference=number[1])

    def _send(self, path: str, body: bytes) -> tuple[int, str]:
        """Send a form; the status and the page that came back."""
        connection = self._connected()
        try:
            connection.request("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded"})
            answer = connection.getresponse()
            page = answer.read().decode(errors="replace")
        except (OSError, HTTPException) as error:
            raise OutcomeUnknown(
                f"The form of {len(body)} bytes was sent to {path}, and no answer came: {type(error).__name__}."
            ) from error
        finally:
            connection.close()
        if answer.status == 503:
            raise RetryLater("The firm takes no bookings now.")
        return answer.status, page

    def _connected(self) -> HTTPConnection:
        """A connection; nothing is sent before there is one."""
        connection = HTTPConnection(self.settings.host, self.settings.port, timeout=self.settings.timeout_s)
        try:
            connection.connect()
        except OSError as error:
            raise RetryLater(f"The firm's site cannot be reached: {type(error).__name__}.") from error
        return connection
