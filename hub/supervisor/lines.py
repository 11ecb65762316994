"""Lines that processes say, made readable: JSON of our own, and whatever else comes out. Pure."""

import re
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

import orjson

_QUIET_KEYS = frozenset({"timestamp", "level", "process", "event", "logger", "exception"})
_LOUD = frozenset({"warning", "error", "critical"})
_LEVELS = {"WARN": "warning", "FATAL": "critical"}
_LAST_LINES = 12
_NOT_PRINTABLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
_PLAIN = re.compile(r"(?:\S+Z )?(?P<level>DEBUG|INFO|WARN|WARNING|ERROR|FATAL):? (?P<words>.*)")
"""What a Java says: Kafka with its time, the virtual machine without."""


class Line:
    """One line of a process.

    Attributes:
        process: who said it.
        at: when, with zone.
        level: debug, info, warning, error or critical; None where it says none.
        words: the line without time and level.
        record: the whole line as JSON values.
    """

    def __init__(self, process: str, raw: bytes, now: datetime) -> None:
        """Read a line that came at `now`."""
        self.process = process
        text = _NOT_PRINTABLE.sub("", raw.decode("utf-8", errors="replace")).rstrip()
        said = _object(text)
        self.at = _moment(said) or now
        if said is None:
            plain = _PLAIN.match(text)
            self.level = _LEVELS.get(plain["level"], plain["level"].lower()) if plain else None
            self.words = plain["words"] if plain else text
            self.record: Mapping[str, Any] = {"timestamp": now.isoformat(), "process": process, "event": text}
        else:
            self.level = str(said["level"]) if "level" in said else None
            self.words = _words(said)
            self.record = {"process": process} | said

    @property
    def loud(self) -> bool:
        """Whether it is a warning or worse, so that a person should see it."""
        return self.level in _LOUD

    def readable(self, width: int, zone: tzinfo | None = None) -> str:
        """The line for people: `12:03:04 worker  | applied a round  events=12`.

        Args:
            width: of the column of names.
            zone: for the time; None is the machine's.
        """
        mark = f"{self.level.upper()}: " if self.level is not None and self.loud else ""
        return f"{self.at.astimezone(zone):%H:%M:%S} {self.process:<{width}} | {mark}{self.words}"


class LastWords:
    """What a process said last that matters: its last warning or worse, or the plain lines at its end."""

    def __init__(self) -> None:
        self._plain: deque[str] = deque(maxlen=_LAST_LINES)
        self._loud = ""

    def hear(self, raw: bytes) -> None:
        """Take in one line."""
        line = Line("", raw, datetime.now(UTC))
        if line.level is not None:
            self._plain.clear()
            if line.loud:
                self._loud = line.words
        elif line.words.strip():
            self._plain.append(line.words)

    def forget(self) -> None:
        """Begin anew, for a new process."""
        self._plain.clear()
        self._loud = ""

    @property
    def text(self) -> str:
        """In words; empty when it said nothing of the kind."""
        return "\n".join(self._plain).removeprefix("hub: ") or self._loud


def _object(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return said if isinstance(said, dict) and "event" in said else None


def _moment(said: Mapping[str, Any] | None) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(said["timestamp"])) if said else None
    except (KeyError, ValueError):
        return None
    return at if at and at.tzinfo else None


def _words(said: Mapping[str, Any]) -> str:
    """The event, what goes with it as key=value, and the innermost words of an exception."""
    parts = [str(said["event"])]
    parts += [f"{key}={_value(value)}" for key, value in said.items() if key not in _QUIET_KEYS]
    exception = said.get("exception")
    if isinstance(exception, dict):
        parts.append(
            f"({exception.get('type', 'exception')}{': ' if 'says' in exception else ''}{exception.get('says', '')})"
        )
    return "  ".join(parts)


def _value(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"' if " " in value or not value else value
    return orjson.dumps(value).decode()
