"""Reads a dataset that delivers full extracts: the next one into memory, judged, compared, and its news page by page. See `extracts.py`."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from threading import Event as Signal
from typing import Any

import structlog
from sqlalchemy import Connection

from connectors.sdk.contract import Checkpoint, Extract, LegacyRecord, Row, SourceConnector, UnreadableRow
from connectors.sdk.manifest import Dataset
from hub.edge.extracts import Extracts, Phase, Taken
from hub.failpoints import Failpoint, reach

_LOADED_TOGETHER = 2_000
_SAID_TOGETHER = 500


class Held(Exception):
    """An extract waits for a person; the message says why, and what that person can do."""


@dataclass(frozen=True)
class Page:
    """Some of an extract's news.

    Attributes:
        records: what changed.
        acknowledged: forgets them, in the transaction of whoever sent them.
    """

    records: tuple[LegacyRecord, ...]
    acknowledged: Callable[[Connection], None]


class FullExtracts:
    """The full extracts of one dataset.

    Args:
        memory: remembers them.
        connector: name of the connector's table, for what a person is told.
        dataset: name in the manifest.
        feed: as it should deliver.
        stop: set when the process stops.
    """

    def __init__(self, memory: Extracts, connector: str, dataset: str, feed: Dataset, stop: Signal) -> None:
        self._memory, self._connector, self._dataset, self._feed, self._stop = memory, connector, dataset, feed, stop
        self._log = structlog.get_logger().bind(connector=connector, dataset=dataset)

    def pages(
        self,
        connector: SourceConnector[Any],
        after: Checkpoint | None,
        *,
        whole: Callable[[int], None],
        settled: Callable[[], None],
        now_ms: Callable[[], int],
    ) -> Iterator[Page]:
        """The news of what is pending, or of the next extract. A page may be asked for before the one before it is acknowledged.

        Args:
            connector: where extracts come from.
            after: the checkpoint of the last that was said to its end.
            whole: told how many rows an extract has that was read to its end.
            settled: returns when every page that was given is acknowledged; an extract is at its end no earlier.
            now_ms: milliseconds since 1970.

        Raises:
            Held: one differs too much from the one before; it waits.
            RetryLater: the system is away.
            ContractBroken: the extract is not what was agreed; nothing of it is used.
        """
        self._memory.sweep()
        before, pending = self._memory.applied(), self._pending()
        if pending is not None and pending.phase is not Phase.HELD:
            yield from self._say(pending, before, settled, now_ms)
            return
        extract = connector.extract(self._dataset, after if pending is None else pending.checkpoint)
        if extract is None:
            if pending is not None:
                raise Held(pending.why)
            return
        taken = self._load(_extract(extract), before)
        if taken is None:
            return
        if pending is not None and (released := self._memory.again(pending)).phase is Phase.RELEASED:
            # A person let it go while the next one was read, which is read again, and compared with it.
            self._memory.forget(taken)
            yield from self._say(released, before, settled, now_ms)
            return
        whole(taken.rows)
        if why := self._too_different(taken, before):
            self._memory.hold(taken, why)
            raise Held(why)
        yield from self._say(taken, before, settled, now_ms)

    def _pending(self) -> Taken | None:
        """What is not at its end; what was being read when a process died is forgotten, and read anew."""
        while (pending := self._memory.pending()) is not None and pending.phase is Phase.LOADING:
            self._memory.forget(pending)
        return pending

    def _load(self, extract: Extract, before: Taken | None) -> Taken | None:
        """All rows of an extract, remembered; None when the process stops."""
        taken, rows = self._memory.begin(extract.name, extract.as_of, extract.checkpoint), iter(extract.rows)
        try:
            while page := list(islice(rows, _LOADED_TOGETHER)):
                self._memory.load(taken, before, [_row(row) for row in page])
                reach(Failpoint.EXTRACT_LOADING)
                if self._stop.is_set():
                    return None
        except BaseException:
            self._memory.forget(taken)
            raise
        reach(Failpoint.EXTRACT_LOADED)
        return self._memory.again(taken)

    def _too_different(self, taken: Taken, before: Taken | None) -> str:
        """Why an extract is held; empty where it is not.

        What is judged is what would be deleted, and the number of rows. The first rows after an extract without any are news: there is
        nothing that they could damage.
        """
        if before is None:
            return ""
        share = (taken.rows - before.rows) / before.rows if before.rows else 0.0
        gone, of = self._memory.gone(taken, before)
        found = []
        if abs(share) > self._feed.held_beyond:
            found.append(
                f"{_percent(abs(share))} {'more' if share > 0 else 'fewer'} rows than the extract before ({taken.rows:,}, where that "
                f"had {before.rows:,})"
            )
        if of and gone / of > self._feed.held_beyond and not (found and gone == before.rows - taken.rows):
            # As many as there are fewer: then the number of rows says it all.
            found.append(
                f"{_percent(gone / of)} of the rows of the extract before are gone ({gone:,} of {of:,}; this one has {taken.rows:,})"
            )
        if not found:
            return ""
        return (
            f"{', and '.join(found)}: held. Nothing of {taken.name} was said. If it is right, run "
            f"`hub connector release {self._connector} {self._dataset} {taken.id}`; if not, have a whole one sent: it takes its place."
        )

    def _say(
        self, taken: Taken, before: Taken | None, settled: Callable[[], None], now_ms: Callable[[], int]
    ) -> Iterator[Page]:
        """What is news of an extract, to its end; then it is the one that the next is compared with."""
        if taken.phase is not Phase.APPLYING:
            self._memory.accept(taken, before)
            reach(Failpoint.EXTRACT_ACCEPTED)
        said: LegacyRecord | None = None
        while records := self._memory.news(taken, _SAID_TOGETHER, after=said):
            said = records[-1]
            yield Page(tuple(records), partial(self._forget, taken=taken, said=records))
            if self._stop.is_set():
                return
        settled()
        reach(Failpoint.EXTRACT_SAID)
        self._memory.finish(taken, before, now_ms())
        self._log.info(
            "extract read", outcome="read", name=taken.name, rows=taken.rows, unreadable=taken.unreadable or None
        )

    def _forget(self, connection: Connection, taken: Taken, said: Iterable[LegacyRecord]) -> None:
        self._memory.acknowledged(connection, taken, said)


def _extract(answer: object) -> Extract:
    """What a connector answered, if it is an extract.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(answer, Extract):
        raise TypeError(f"a {type(answer).__name__} instead of an extract")
    return answer


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


def _row(item: object) -> Row | UnreadableRow:
    if not isinstance(item, Row | UnreadableRow):
        raise TypeError(f"a {type(item).__name__} in an extract instead of a row")
    return item
