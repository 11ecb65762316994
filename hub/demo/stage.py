"""What a person sees of the demo: a live display on a terminal, plain lines elsewhere, and the summary at the end."""

import time
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hub.demo.tally import Progress
from hub.supervisor.lines import Line
from hub.supervisor.screen import News, in_a_line, table, width_of
from hub.supervisor.service import Service, Standing

_NEWS_KEPT = 6
_PLAIN_EVERY_S = 2.0
_ORDER = ("on its way", "open", "needs-decision", "being undone", "finished", "closed", "withdrawn")


class PlainStage:
    """Lines: states of processes, what happens, and how it all stands every few seconds."""

    def __init__(self, console: Console, services: tuple[Service, ...], began: float) -> None:
        self._console, self._began = console, began
        self._width = width_of(services)
        self._addresses = {service.name: service.address for service in services}
        self._news = News()
        self._shown_at, self._shown = 0.0, Progress()

    def line(self, line: Line) -> None:
        """What processes say is in the log."""

    def changed(self, standing: Standing) -> None:
        """A process stands differently now."""
        if self._news.is_new(standing):
            self._print(f"{standing.name:<{self._width}}  {in_a_line(standing, self._addresses[standing.name])}")

    def shows(self, progress: Progress) -> None:
        """How it all stands now."""
        done = progress.ended == progress.asked
        if progress == self._shown or (not done and time.monotonic() - self._shown_at < _PLAIN_EVERY_S):
            return
        self._shown_at, self._shown = time.monotonic(), progress
        in_hand = ", ".join(f"{department} {count}" for department, count in sorted(progress.in_hand.items()))
        self._print(
            f"{progress.accepted} accepted, {progress.ended} ended; {in_words(progress)}; in hand: {in_hand or 'nothing'}"
        )

    def tells(self, words: str) -> None:
        """Something happened."""
        self._print(words)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is left to do."""

    def _print(self, text: str) -> None:
        elapsed = time.monotonic() - self._began
        self._console.print(f"{elapsed:6.1f} s  {text}", markup=False, highlight=False, soft_wrap=True)


class LiveStage:
    """Processes, progress and departments, always up to date, and the last few things that happened."""

    def __init__(
        self, console: Console, services: tuple[Service, ...], began: float, requests: int, title: str
    ) -> None:
        self._services, self._began, self._requests, self._title = services, began, requests, title
        self._standing: dict[str, Standing] = {}
        self._progress = Progress()
        self._happened: deque[str] = deque(maxlen=_NEWS_KEPT)
        self._live = Live(get_renderable=self._draw, console=console, refresh_per_second=5, transient=True)

    def line(self, line: Line) -> None:
        """What processes say is in the log."""

    def changed(self, standing: Standing) -> None:
        """A process stands differently now."""
        self._standing[standing.name] = standing

    def shows(self, progress: Progress) -> None:
        """How it all stands now."""
        self._progress = progress

    def tells(self, words: str) -> None:
        """Something happened."""
        self._happened.append(f"{time.monotonic() - self._began:6.1f} s  {words}")

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the display away; the summary follows."""
        self._live.__exit__(kind, error, trace)

    def _draw(self) -> RenderableType:
        now = self._progress
        bar = Table.grid(padding=(0, 2))
        bar.add_row(
            ProgressBar(total=self._requests, completed=now.ended, width=40),
            f"{now.ended} of {self._requests} cases have ended, {time.monotonic() - self._began:.0f} s",
        )
        departments = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
        for heading in ("department", "in hand", "done"):
            departments.add_column(heading, justify="left" if heading == "department" else "right")
        for name in sorted(now.in_hand):
            departments.add_row(name, str(now.in_hand[name]), str(now.done.get(name, 0)))
        return Group(
            Text(self._title, style="bold"),
            Text(),
            table(self._services, self._standing, datetime.now(UTC)),
            Text(),
            bar,
            Text(in_words(now), style="dim"),
            Text(),
            departments,
            Text(),
            *(Text(words, style="dim") for words in self._happened),
        )


def in_words(progress: Progress) -> str:
    """Cases by how they stand: `12 open, 30 finished`."""
    return ", ".join(f"{progress.by_status[status]} {status}" for status in _ORDER if progress.by_status.get(status))


def show_summary(console: Console, found: Mapping[str, Any]) -> None:
    """The end of the demo, in two tables and a few sentences."""
    console.print()
    console.print(_counts("Cases", "journey", found["journeys"]))
    console.print()
    console.print(_counts("Tasks", "department", found["departments"]))
    console.print()
    seconds = found["seconds_to_end"]
    lines = [
        f"First case moving after {found['first_moving_s']} s."
        if found["first_moving_s"] is not None
        else "No case moved.",
        f"From request to end: {seconds['median']} s in the middle, {seconds['p95']} s for the slowest twentieth."
        if seconds["median"] is not None
        else "",
        f"Departments refused {_tasks(found['refused_tasks'])}; {_tasks(found['deadlines_missed'])} missed the deadline.",
        f"{found['kills']} processes were killed, {sum(found['restarts'].values())} were started again."
        if found["kills"]
        else "",
    ]
    for line in filter(None, lines):
        console.print(line, highlight=False)
    for process, words in found["needs_a_person"].items():
        console.print(f"\n{process} needs a person: {words}", style="red", markup=False, highlight=False)
    for item in found["unfinished"]:
        console.print(f"  {item['case']} waits for {item['waits_for']}", markup=False, highlight=False)
    if found["not_asked"]:
        console.print(f"  {found['not_asked']} requests were never sent", highlight=False)
    console.print()
    if found["ok"]:
        console.print(f"all {found['requests']} cases finished", style="bold green", highlight=False)
    else:
        console.print(f"{found['ended']} of {found['requests']} cases finished", style="bold red", highlight=False)


def _tasks(count: int) -> str:
    return f"{count} task" if count == 1 else f"{count} tasks"


def _counts(title: str, what: str, rows: Mapping[str, Mapping[str, int]]) -> Table:
    found = Table(
        box=None,
        pad_edge=False,
        padding=(0, 3, 0, 0),
        header_style="dim",
        title=title,
        title_justify="left",
        title_style="bold",
    )
    columns = sorted({column for counts in rows.values() for column in counts})
    found.add_column(what)
    for column in columns:
        found.add_column(column, justify="right")
    for name, counts in rows.items():
        found.add_row(name, *(str(counts.get(column, "")) for column in columns))
    return found
