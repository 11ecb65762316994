"""Something a process needs that is away for a while: one line when it goes, one when it returns, and why for whoever asks meanwhile."""

import time
from threading import Lock

import structlog

_log = structlog.get_logger()


class Outage:
    """One thing that may be away. May be shared by threads.

    Args:
        goes: the line when it goes.
        returns: the line when it is back.
    """

    def __init__(self, goes: str, returns: str) -> None:
        self._goes, self._returns = goes, returns
        self._lock = Lock()
        self._since: float | None = None
        self._why = ""

    @property
    def why(self) -> str:
        """What is the matter now; empty while it is there."""
        return self._why

    def begin(self, why: str, error: Exception | None = None) -> None:
        """It is away; said once, however often this is called.

        Args:
            why: for whoever asks meanwhile; of the last call.
            error: what was met, for the log.
        """
        with self._lock:
            known, self._why = self._since is not None, why
            self._since = self._since if known else time.monotonic()
        if not known:
            _log.warning(self._goes, reason=why, exc_info=error)

    def end(self) -> None:
        """It is there; said once, if it was away."""
        if self._since is None:  # as nearly always, and asked for every row that is read
            return
        with self._lock:
            since, self._since, self._why = self._since, None, ""
        if since is not None:
            _log.info(self._returns, away_s=round(time.monotonic() - since, 1))
