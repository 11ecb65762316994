"""What processes say, and how they stand, kept in the log and shown on a screen. Either may fail: then the other says so, once.

Whoever speaks is never kept waiting for that. A process whose output nobody takes stands still as soon as its pipe is full.
"""

from datetime import UTC, datetime
from typing import Any

import orjson

from hub.supervisor.lines import Line
from hub.supervisor.log import Log
from hub.supervisor.outlet import Outlet
from hub.supervisor.screen import Screen
from hub.supervisor.service import Standing

_OURS = "hub up"


class Hearing:
    """The log and the screen as one.

    Args:
        log: where every line is kept.
        screen: where it is shown.
        outlet: what the screen writes to.
    """

    def __init__(self, log: Log, screen: Screen, outlet: Outlet) -> None:
        self._log, self._screen = log, screen
        self._lost = 0
        outlet.lost = self._unread

    def line(self, process: str, raw: bytes) -> None:
        """A process said something."""
        line = Line(process, raw, datetime.now(UTC))
        self._keep(line)
        self._screen.line(line)

    def changed(self, standing: Standing) -> None:
        """A process stands differently now."""
        self._screen.changed(standing)

    def _keep(self, line: Line) -> None:
        try:
            self._log.write(line)
        except OSError as error:
            self._lost += 1
            if self._lost == 1:
                words = f"the log cannot be written ({error.strerror}): lines are lost until it can"
                self._screen.line(_ours("error", words, log=str(self._log.readable.path)))
            return
        if self._lost:
            lost, self._lost = self._lost, 0
            self._keep(_ours("info", "the log can be written again", lines_lost=lost))

    def _unread(self, error: OSError) -> None:
        words = f"what is shown here cannot be written ({error.strerror}); the log goes on"
        self._keep(_ours("warning", words))


def _ours(level: str, event: str, **more: Any) -> Line:
    now = datetime.now(UTC)
    said = {"event": event, "level": level, "timestamp": now.isoformat(), **more}
    return Line(_OURS, orjson.dumps(said), now)
