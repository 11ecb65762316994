"""Logs: one JSON object per line on stdout, whichever library speaks.

Lines of libraries pass through the same structlog processors as ours. Nothing personal may get in: models and bytes are withheld, and an
exception's own words are kept only where they speak of machinery (a host that does not answer), never where they could quote a record.
"""

import logging
import sys
import threading
import time
import traceback
from contextlib import suppress
from types import TracebackType
from typing import BinaryIO, cast

import orjson
import structlog
from pydantic import BaseModel
from structlog.typing import EventDict, Processor, WrappedLogger

from hub import failpoints

_QUIET = ("aiokafka", "kafka", "faust", "mode", "zeep", "asyncssh", "uvicorn.access")
"""Libraries whose INFO says what each of their parts does: of use only in finding a fault of theirs."""
_REPEATERS = ("aiokafka", "kafka")
"""Libraries that say the same thing 10 to 20 times a second for every broker that does not answer."""
_SPEAK_OF_MACHINERY = {"hub", "connectors", "schemas", "aiokafka", "kafka", "faust", "mode"}
"""Packages whose exceptions hold no values of records: ours by rule, the others because they never see any decoded."""
_REPEATS_PER_MINUTE = 5
_FRAMES = 12


def configure(level: str, process: str) -> None:
    """Send every line of this process to stdout as JSON.

    Args:
        level: least level written: DEBUG, INFO, WARNING or ERROR. Libraries are one step quieter: WARNING, at DEBUG INFO.
        process: name of this process, in every line: worker-1, web, connector-universal_housing.
    """

    def add_process(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
        line["process"] = process
        return line

    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_process,
        withhold_payloads,
        render_exception,
        structlog.processors.JSONRenderer(serializer=orjson.dumps, default=str),
    ]
    least = logging.getLevelNamesMapping()[level]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.BytesLoggerFactory(cast("BinaryIO", _Unfailing(sys.stdout.buffer))),
        cache_logger_on_first_use=True,
    )
    handler = LibraryHandler()
    handler.addFilter(RepeatFilter(_REPEATERS, _REPEATS_PER_MINUTE))
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(least)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.INFO if level == "DEBUG" else max(least, logging.WARNING))
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_crash
    threading.excepthook = lambda args: _log_crash(args.exc_type, args.exc_value, args.exc_traceback)
    if places := failpoints.armed():
        structlog.get_logger().warning(
            "faults are injected into this process; in production unset the variable",
            variable=failpoints.ENVIRONMENT,
            places=places,
        )


class _Unfailing:
    """Standard output as structlog writes to it: a line that finds no room must not end what it tells of."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, line: bytes) -> None:
        with suppress(OSError):
            self._stream.write(line)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


class LibraryHandler(logging.Handler):
    """Hands what a library logs to structlog, so that its lines look like ours, with the library's name as `logger`."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record of the standard library's logging."""
        try:
            text = record.getMessage()
            # asyncio adds the repr of a task to its first line, and with it the words of any exception.
            text = text.partition("\n")[0] if record.name == "asyncio" else text
            repeats = getattr(record, "repeats", 0)
            extra = {"repeats_left_out": repeats} if repeats else {}
            structlog.get_logger().log(record.levelno, text, logger=record.name, exc_info=record.exc_info, **extra)
        except Exception:  # noqa: BLE001 - a line that cannot be written must not end what it tells of
            self.handleError(record)


class RepeatFilter(logging.Filter):
    """Lets the same message of the same logger through a few times a minute; the first of the next minute says how many were left out."""

    def __init__(self, loggers: tuple[str, ...], per_minute: int) -> None:
        super().__init__()
        self._loggers = loggers
        self._per_minute = per_minute
        self._seen: dict[tuple[str, str], tuple[int, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this record is written."""
        if record.name.partition(".")[0] not in self._loggers:
            return True
        minute, key = int(time.monotonic() // 60), (record.name, str(record.msg))
        last, count = self._seen.get(key, (minute, 0))
        if last != minute:
            record.repeats = max(0, count - self._per_minute)
            count = 0
        self._seen[key] = (minute, count + 1)
        return count < self._per_minute


def withhold_payloads(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Replace what could hold a person's data, whatever it is called: models and bytes."""
    for key, value in line.items():
        if isinstance(value, BaseModel | bytes | bytearray | memoryview):
            line[key] = f"({type(value).__name__} withheld)"
    return line


def render_exception(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Turn `exc_info` into `exception`: type, place in the code and, where they cannot quote a record, the words."""
    info = line.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        line["exception"] = describe(error)
    return line


def describe(error: BaseException) -> dict[str, object]:
    """An exception for a log: type, words if they are about machinery, the innermost places, and what caused it."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    found: dict[str, object] = {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if speaks_of_machinery(error):
        found["says"] = str(error)
    cause = error.__cause__ or error.__context__
    if cause is not None:
        found["because"] = describe(cause)
    return found


def speaks_of_machinery(error: BaseException) -> bool:
    """Whether an exception's words are about hosts, files and settings; any other may quote the record it failed on."""
    if isinstance(error, OSError):
        return True
    # Of sqlite3, psycopg and SQLAlchemy: disk full, locked, no connection.
    if type(error).__name__ == "OperationalError":
        return True
    return any(kind.__module__.partition(".")[0] in _SPEAK_OF_MACHINERY for kind in type(error).__mro__)


def _log_crash(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    structlog.get_logger().critical("process crashed", exc_info=(kind, error, trace))
