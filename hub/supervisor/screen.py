"""What a person, or a program, sees of the supervisor: a live table, plain lines, or JSON."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import IO, Protocol, Self

from rich.console import Console, Group, JustifyMethod, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hub.supervisor.lines import Line
from hub.supervisor.restarts import in_words
from hub.supervisor.service import Service, Standing, State

_MARKS = {
    State.WAITING: ("·", "dim"),
    State.STARTING: ("◌", "yellow"),
    State.READY: ("●", "green"),
    State.NOT_READY: ("◐", "yellow"),
    State.RESTARTING: ("↻", "yellow"),
    State.NEEDS_A_PERSON: ("✖", "red"),
    State.STOPPING: ("◌", "dim"),
    State.STOPPED: ("○", "dim"),
}
"""Shape and colour of each state: either alone would do."""


class Screen(Protocol):
    """Shows what the supervisor tells it."""

    def line(self, line: Line) -> None:
        """A process said something."""

    def changed(self, standing: Standing) -> None:
        """A process stands differently now."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class News:
    """Tells a new standing from one in which only the words differ; while a process starts, those change several times a second."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[State, int | None, str]] = {}

    def is_new(self, standing: Standing) -> bool:
        """Whether a person wants to read of it."""
        says = "" if standing.state is State.STARTING else standing.says
        known, now = self._known.get(standing.name), (standing.state, standing.pid, says)
        self._known[standing.name] = now
        return known != now


class Plain:
    """Every line as it comes: for a log collector, a pipe, or someone who likes it so."""

    def __init__(self, console: Console, services: tuple[Service, ...]) -> None:
        self._console = console
        self._width = width_of(services)
        self._addresses = {service.name: service.address for service in services}
        self._news = News()

    def line(self, line: Line) -> None:
        """A process said something."""
        self._print(line.readable(self._width))

    def changed(self, standing: Standing) -> None:
        """A process stands differently now."""
        if not self._news.is_new(standing):
            return
        at = standing.since.astimezone()
        self._print(
            f"{at:%H:%M:%S} {standing.name:<{self._width}} * {in_a_line(standing, self._addresses[standing.name])}"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is left to do."""

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class JsonLines:
    """One JSON object a line for every change of state, and nothing else: for a program.

    {"at": "2026-11-03T09:00:00.000000+00:00", "process": "worker", "state": "ready", "pid": 123, "restarts": 0, "exit": null, "says": "",
    "address": null}
    """

    def __init__(self, stream: IO[str], services: tuple[Service, ...]) -> None:
        self._stream = stream
        self._addresses = {service.name: service.address for service in services}
        self._news = News()

    def line(self, line: Line) -> None:
        """Lines are in the log; here they would be in the way."""

    def changed(self, standing: Standing) -> None:
        """A process stands differently now."""
        if not self._news.is_new(standing):
            return
        self._stream.write(json.dumps(as_json(standing, self._addresses[standing.name])) + "\n")
        self._stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is left to do."""


class Terminal:
    """A table that is always up to date, and above it every warning."""

    def __init__(self, console: Console, services: tuple[Service, ...], foot: str) -> None:
        self._console, self._foot = console, foot
        self._services = services
        self._standing: dict[str, Standing] = {}
        self._live = Live(get_renderable=self._draw, console=console, refresh_per_second=4)

    def line(self, line: Line) -> None:
        """Warnings scroll by above the table; all the rest is in the log."""
        if line.loud:
            self._console.print(line.readable(width_of(self._services)), style="yellow", markup=False, highlight=False)

    def changed(self, standing: Standing) -> None:
        """A process stands differently now."""
        self._standing[standing.name] = standing

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last table on the screen."""
        self._live.__exit__(kind, error, trace)

    def _draw(self) -> RenderableType:
        return Group(table(self._services, self._standing, datetime.now(UTC)), Text(self._foot, style="dim"))


def table(services: tuple[Service, ...], standing: Mapping[str, Standing], now: datetime) -> Table:
    """Every process: how it stands, for how long, how often it was restarted, and where it is or what it lacks."""
    found = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("process", "state", "since", "pid", "restarts", ""):
        justify: JustifyMethod = "right" if heading in {"pid", "restarts"} else "left"
        found.add_column(heading, no_wrap=heading != "", justify=justify)
    for service in services:
        stands = standing.get(service.name)
        if stands is None:
            found.add_row(service.name, "[dim]· waiting[/]")
            continue
        mark, colour = _MARKS[stands.state]
        said = stands.says.splitlines()[0] if stands.says else service.address if stands.state is State.READY else ""
        found.add_row(
            service.name,
            f"[{colour}]{mark} {stands.state}[/]",
            duration((now - stands.since).total_seconds()),
            str(stands.pid or ""),
            str(stands.restarts or ""),
            # Cut off at the edge: a table that changes its height every second cannot be read.
            Text(said or "", no_wrap=True, overflow="ellipsis"),
        )
    return found


def in_a_line(standing: Standing, address: str | None) -> str:
    """A standing in words: `ready, process 123: http://127.0.0.1:8600/`."""
    words = [str(standing.state)]
    if standing.pid is not None:
        words.append(f"process {standing.pid}")
    if standing.state is State.RESTARTING and standing.exit is not None:
        words.append(in_words(standing.exit))
    said = standing.says if standing.state is not State.RESTARTING else ""
    said = said or (address if standing.state is State.READY else "") or ""
    return ", ".join(words) + (f": {said}" if said else "")


def as_json(standing: Standing, address: str | None) -> dict[str, object]:
    """A standing as `--json` writes it."""
    return {
        "at": standing.since.isoformat(timespec="microseconds"),
        "process": standing.name,
        "state": str(standing.state),
        "pid": standing.pid,
        "restarts": standing.restarts,
        "exit": standing.exit,
        "says": standing.says,
        "address": address,
    }


def width_of(services: tuple[Service, ...]) -> int:
    """Of the column of names."""
    return max((len(service.name) for service in services), default=0)


def duration(seconds: float) -> str:
    """`12 s`, `3 min`, `2 h 5 min`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
