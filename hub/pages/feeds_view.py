"""What pages say of feeds, made of the board and of how many cases wait for whom. Pure; templates only place it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.feeds.board import Boarded, Seen
from hub.pages import dates
from hub.pages.case_view import Moment, Status
from hub.pages.words import DEPARTMENTS
from schemas.envelope import Department
from schemas.feeds import FeedState

_WORDS: Mapping[FeedState | None, tuple[str, str]] = {
    FeedState.STARTING: ("Starting", "waiting"),
    FeedState.SPEAKING: ("Speaking", "done"),
    FeedState.WORKING: ("Working", "done"),
    FeedState.QUIET: ("Quiet", "waiting"),
    FeedState.LOW: ("Too little", "late"),
    FeedState.HIGH: ("Too much", "late"),
    FeedState.SILENT: ("Silent", "late"),
    FeedState.AWAY: ("Away", "refused"),
    FeedState.HELD: ("Held", "decide"),
    FeedState.BROKEN: ("Broken", "refused"),
    None: ("Not heard from", "refused"),
}
"""Each state's word and shape."""
_NEXT: Mapping[FeedState | None, str] = {
    FeedState.AWAY: "It is asked again and again; nothing is lost meanwhile. If it lasts, call whoever runs it.",
    FeedState.BROKEN: "It is tried again every few minutes. A person has to mend what is named here.",
    None: "No process says how it is. See whether its connector runs, and what its log says last.",
}
"""What to do, where what was said of a feed does not tell."""
_TROUBLE: Mapping[FeedState | None, str] = {
    FeedState.AWAY: "{whose} system has been away {span}",
    FeedState.BROKEN: "{whose} feed has been broken {span}",
    FeedState.HELD: "{whose} extract has been held {span}",
    FeedState.SILENT: "{whose} feed has been silent {span}",
    FeedState.LOW: "{whose} feed says less than it should",
    FeedState.HIGH: "{whose} feed says more than it should",
    None: "{whose} connector has not been heard from {span}",
}
"""What is the matter, in the first line."""
_HOLDS_UP = frozenset({FeedState.AWAY, FeedState.BROKEN, FeedState.HELD, FeedState.SILENT, None})
"""What keeps cases waiting."""
_SENTENCES = 3


@dataclass(frozen=True)
class FeedLine:
    """One feed in the list."""

    title: str
    name: str
    department: str
    status: Status
    note: str
    since: Moment | None
    spoke: Moment | None
    looked: Moment | None
    expected: str
    waiting: int


@dataclass(frozen=True)
class FeedsView:
    """The page."""

    first_line: str
    well: bool
    age: str
    lines: list[FeedLine]


def feeds_view(board: Boarded, waiting: Mapping[Department, int] | None, now: datetime) -> FeedsView:
    """The page of all feeds.

    Args:
        board: how they are.
        waiting: how many cases wait for each department; None where that cannot be read now.
        now: the present, with zone.
    """
    return FeedsView(
        first_line=first_line(board, waiting, now),
        well=not board.ill and not board.trouble and board.as_of is not None,
        age=_age(board, now),
        lines=[_line(feed, now) for feed in board.feeds],
    )


def first_line(board: Boarded, waiting: Mapping[Department, int] | None, now: datetime) -> str:
    """The gravest first, and what waits because of it; that all is well, where it is."""
    if board.as_of is None:
        return f"How the feeds are is not known yet. {board.trouble}".strip()
    if not board.feeds:
        return "There is no feed: the settings file names no connector, and none is heard from."
    gravest: dict[Department, Seen] = {}
    for feed in board.ill:
        gravest.setdefault(feed.known.department, feed)
    if not gravest:
        return _all_well(board)
    # Whom a case waits for comes before whom none waits for, however grave that is.
    told = sorted(gravest.values(), key=lambda feed: not _waits(feed, waiting))[:_SENTENCES]
    sentences = [f"{_trouble(feed, now)}{_because(feed, waiting)}." for feed in told]
    more = len(board.ill) - len(told)
    if more:
        sentences.append(f"{dates.plural(more, 'more feed wants', 'more feeds want')} a look.")
    return " ".join(sentences)


def held_up(board: Boarded, departments: Sequence[Department], now: datetime) -> list[str]:
    """What a case's page says of the departments it waits for: whose system is away or silent, and since when."""
    found: dict[Department, str] = {}
    for feed in board.ill:
        which = feed.known.department
        if which in departments and feed.state in _HOLDS_UP and which not in found:
            found[which] = f"{_trouble(feed, now)}, so its news of this case may be late."
    return list(found.values())


def _all_well(board: Boarded) -> str:
    quiet = sum(feed.state is FeedState.QUIET for feed in board.feeds)
    starting = sum(feed.state is FeedState.STARTING for feed in board.feeds)
    speak = len(board.feeds) - quiet - starting
    parts = [f"{dates.plural(speak, 'feed works', 'feeds work')} as {'it' if speak == 1 else 'they'} should"]
    if quiet:
        parts.append(
            f"{quiet} {'is' if quiet == 1 else 'are'} quiet: nothing is expected of {'it' if quiet == 1 else 'them'} now"
        )
    if starting:
        parts.append(f"{starting} {'is' if starting == 1 else 'are'} starting")
    return f"{', '.join(parts if speak else parts[1:])}."


def _trouble(feed: Seen, now: datetime) -> str:
    """What is the matter with a feed, without its full stop: Housing's feed has been silent for 47 minutes."""
    whose = f"{DEPARTMENTS[feed.known.department]}'s"
    span = _for(feed.since, now) if feed.since else "yet"
    return _TROUBLE[feed.state].format(whose=whose, span=span)


def _waits(feed: Seen, waiting: Mapping[Department, int] | None) -> int:
    """How many cases wait because of a feed."""
    return (waiting or {}).get(feed.known.department, 0) if feed.state in _HOLDS_UP else 0


def _because(feed: Seen, waiting: Mapping[Department, int] | None) -> str:
    if waiting is None or feed.state not in _HOLDS_UP:
        return ""
    count = _waits(feed, waiting)
    return f"; {dates.plural(count, 'case waits', 'cases wait')} because of it" if count else "; no case waits for it"


def _for(since: datetime, now: datetime) -> str:
    gone = now - since
    if gone < timedelta(minutes=1):
        return "for less than a minute"
    if gone < timedelta(days=1):
        return f"for {dates.ago(since, now).removesuffix(' ago')}"
    return f"since {dates.since(since, now)}"


def _line(feed: Seen, now: datetime) -> FeedLine:
    words, shape = _WORDS[feed.state]
    last = feed.last
    said = last.why if last and feed.state is last.state else ""
    notes = [said, "" if feed.well else _NEXT.get(feed.state, "")]
    waits = last.waiting if last else 0
    if waits and last and last.state is FeedState.WORKING:
        notes.append(f"{dates.plural(waits, 'task is', 'tasks are')} on the way.")
    return FeedLine(
        title=feed.known.title,
        name=f"{feed.known.connector}/{feed.known.part}",
        department=DEPARTMENTS[feed.known.department],
        status=Status(words, shape, feed.state or "not-heard-from"),
        note=" ".join(note for note in notes if note),
        since=_moment(feed.since, now),
        spoke=_moment(last.spoke if last else None, now),
        looked=_moment(last.looked if last else None, now),
        expected=last.expected if last else feed.known.expected,
        waiting=waits,
    )


def _moment(at: datetime | None, now: datetime) -> Moment | None:
    return None if at is None else Moment.of(at, dates.short_with_time(at, now))


def _age(board: Boarded, now: datetime) -> str:
    """How old these facts are."""
    if board.as_of is None:
        return ""
    if board.trouble:
        return f"As of {dates.day_and_time(board.as_of, now)}: since then nothing can be read. {board.trouble}"
    return f"As of {dates.ago(board.as_of, now)}; every connector says how its feeds are several times a minute."
