"""Every feed that the web knows of, as it was last said to be, and those that nobody says anything of. May be shared by threads.

Facts have an age: the board is as of the last moment at which Kafka was read to its end. A beat is overdue by that moment, so a Kafka that
is away makes no feed look dead; it makes the whole board old, which is said as such. Nor do beats that are read once more after a break:
what is heard is shown together, once all of it is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from schemas.envelope import Department
from schemas.feeds import Feed, FeedState

_MOST_FEEDS = 2_000
"""More than any council has; a producer that invents names cannot fill the memory."""
_OVERDUE_BEATS = 3
_GRACE_S = 5.0
_FIRST_BEAT_S = 30.0
"""How long a feed that was never heard of is given, from when the board began."""


@dataclass(frozen=True)
class Known:
    """A feed that should be there.

    Attributes:
        connector: name of its connector's table.
        part: the dataset, or tasks.
        title: what it brings, in words.
        department: whose system it is.
        expected: what is expected of it, in words; empty for tasks.
    """

    connector: str
    part: str
    title: str
    department: Department
    expected: str = ""


@dataclass(frozen=True)
class Seen:
    """One feed, for a page.

    Attributes:
        state: how it is; None where it is not heard from.
        since: since when, or when it was last heard from; None where it never was.
        last: what was last said of it; None where nothing ever was.
    """

    known: Known
    state: FeedState | None
    since: datetime | None
    last: Feed | None

    @property
    def well(self) -> bool:
        """Whether nobody need look."""
        return self.state is not None and self.state.well


@dataclass(frozen=True)
class Boarded:
    """All feeds at one moment.

    Attributes:
        as_of: when the beats were last read; None where they never were.
        trouble: why they cannot be read now; empty where they can.
    """

    feeds: tuple[Seen, ...]
    as_of: datetime | None
    trouble: str

    @property
    def ill(self) -> tuple[Seen, ...]:
        """Those that want a look, the gravest first."""
        return tuple(feed for feed in self.feeds if not feed.well)


_GRAVEST: Mapping[FeedState | None, int] = {
    state: rank
    for rank, state in enumerate(
        (
            FeedState.BROKEN,
            FeedState.HELD,
            FeedState.AWAY,
            None,
            FeedState.SILENT,
            FeedState.LOW,
            FeedState.HIGH,
            FeedState.STARTING,
            FeedState.QUIET,
            FeedState.WORKING,
            FeedState.SPEAKING,
        )
    )
}


class Board:
    """The board of one web process.

    Args:
        known: the feeds that the settings file has; others are shown once they are heard from.
        began: now.
    """

    def __init__(self, known: Iterable[Known], began: datetime) -> None:
        self._lock = Lock()
        self._known = {(feed.connector, feed.part): feed for feed in known}
        self._heard: dict[tuple[str, str], tuple[datetime, Feed]] = {}
        self._shown: dict[tuple[str, str], tuple[datetime, Feed]] = {}
        self._began = began
        self._as_of: datetime | None = None
        self._trouble = "The web has not read from Kafka yet."

    def hear(self, at: datetime, feed: Feed) -> None:
        """A beat: the last that was heard counts, from `read_up` on. One feed too many changes nothing.

        Args:
            at: when it came.
            feed: what it says.
        """
        place = feed.connector, feed.part
        with self._lock:
            if place in self._heard or len(self._heard) < _MOST_FEEDS:
                self._heard[place] = at, feed

    def read_up(self, now: datetime) -> None:
        """Every beat that there is has been heard."""
        with self._lock:
            self._as_of, self._trouble, self._shown = now, "", dict(self._heard)

    def cut_off(self, why: str) -> None:
        """Beats cannot be read."""
        with self._lock:
            self._trouble = why

    def unheard(self) -> int:
        """How many feeds are not heard from."""
        return sum(feed.state is None for feed in self.feeds().feeds)

    def age_s(self, now: datetime) -> float:
        """How old what is known is, in seconds; counted from the beginning where beats were never read."""
        with self._lock:
            return (now - (self._as_of or self._began)).total_seconds()

    def feeds(self) -> Boarded:
        """Every feed, the gravest first."""
        with self._lock:
            beats, as_of, trouble = self._shown, self._as_of, self._trouble
        if as_of is None:
            return Boarded((), None, trouble)
        found = []
        for place in self._known.keys() | beats.keys():
            at, last = beats.get(place, (None, None))
            known = self._known.get(place) or _named_by(last)
            found.append(self._seen(known, at, last, as_of))
        found.sort(key=lambda feed: (_GRAVEST[feed.state], feed.known.connector, feed.known.part))
        return Boarded(tuple(found), as_of, trouble)

    def _seen(self, known: Known, at: datetime | None, last: Feed | None, as_of: datetime) -> Seen:
        if last is None or at is None:
            waited = (as_of - self._began).total_seconds()
            return Seen(known, FeedState.STARTING if waited < _FIRST_BEAT_S else None, None, None)
        overdue = timedelta(seconds=_OVERDUE_BEATS * last.beats_every_s + _GRACE_S)
        if as_of - at > overdue:
            return Seen(known, None, at, last)
        return Seen(known, last.state, last.since, last)


def _named_by(feed: Feed | None) -> Known:
    assert feed is not None
    return Known(feed.connector, feed.part, feed.title, feed.department)
