"""What was heard of each feed of one connector: when it last spoke, when its system last answered, how many records it had each day.

The runners say it, the pulse judges it. What must outlive the process stands in its memory, written in the transaction that moves a
checkpoint: a silence begins with the last record, not with the last start.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from threading import Lock

from sqlalchemy import Connection, Engine, delete, insert, select, update

from connectors.sdk.hours import LONDON
from hub.edge.tables import feed_days, feeds
from hub.feeds.cadence import Heard

_DAYS_KEPT = 14


class Speech:
    """What was heard of each feed; may be shared by threads.

    Args:
        engine: of the connector's memory, whose tables are made.
        connector: name of the connector.
        datasets: its feeds.
        now: the present; feeds that nobody has watched before are watched from now on.
    """

    def __init__(self, engine: Engine, connector: str, datasets: Iterable[str], now: datetime) -> None:
        self._lock = Lock()
        self._waiting = 0
        with engine.begin() as connection:
            self._heard = {name: _remembered(connection, connector, name, now) for name in datasets}

    def of(self, dataset: str) -> Heard:
        """What was heard of a feed."""
        with self._lock:
            return self._heard[dataset]

    @property
    def waiting(self) -> int:
        """Tasks that are not in the department's system yet."""
        return self._waiting

    def tasks_wait(self, number: int) -> None:
        """So many tasks are not in the department's system yet."""
        self._waiting = number

    def looked(self, dataset: str, at: datetime) -> None:
        """The system was asked for news, and has answered; what it said is told by `spoke`."""
        with self._lock:
            self._heard[dataset] = replace(self._heard[dataset], looked=at)

    def spoke(self, dataset: str, records: int, at: datetime) -> None:
        """So many records were new, and are remembered as read."""
        with self._lock:
            heard = self._heard[dataset]
            day = at.astimezone(LONDON).date()
            days = {kept: count for kept, count in heard.days.items() if kept > day - timedelta(days=_DAYS_KEPT)}
            self._heard[dataset] = replace(heard, spoke=at, days=days | {day: days.get(day, 0) + records})


def note(connection: Connection, connector: str, dataset: str, records: int, at: datetime) -> None:
    """Remember that a feed spoke, in a transaction of whoever moves its checkpoint."""
    day = at.astimezone(LONDON).date()
    this = (feeds.c.connector == connector, feeds.c.dataset == dataset)
    values = {"spoke_ms": _ms(at)}
    if connection.execute(update(feeds).where(*this).values(**values)).rowcount == 0:
        connection.execute(insert(feeds).values(connector=connector, dataset=dataset, watched_ms=_ms(at), **values))
    of_feed = (feed_days.c.connector == connector, feed_days.c.dataset == dataset)
    more = update(feed_days).where(*of_feed, feed_days.c.day == day.isoformat())
    if connection.execute(more.values(records=feed_days.c.records + records)).rowcount == 0:
        connection.execute(
            insert(feed_days).values(connector=connector, dataset=dataset, day=day.isoformat(), records=records)
        )
        old = (day - timedelta(days=_DAYS_KEPT)).isoformat()
        connection.execute(delete(feed_days).where(*of_feed, feed_days.c.day < old))


def _remembered(connection: Connection, connector: str, dataset: str, now: datetime) -> Heard:
    row = connection.execute(
        select(feeds.c.watched_ms, feeds.c.spoke_ms).where(feeds.c.connector == connector, feeds.c.dataset == dataset)
    ).one_or_none()
    if row is None:
        connection.execute(insert(feeds).values(connector=connector, dataset=dataset, watched_ms=_ms(now)))
        return Heard(now)
    days = connection.execute(
        select(feed_days.c.day, feed_days.c.records).where(
            feed_days.c.connector == connector, feed_days.c.dataset == dataset
        )
    )
    return Heard(
        watched=_moment(row.watched_ms),
        spoke=None if row.spoke_ms is None else _moment(row.spoke_ms),
        days={date.fromisoformat(day): count for day, count in days},
    )


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
