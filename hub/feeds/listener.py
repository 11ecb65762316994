"""Keeps the board up to date from `hub-heartbeats`, in a thread of its own: pages never wait for Kafka."""

from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Protocol

from hub.edge.messages import Incoming
from hub.errors import HubError
from hub.feeds.board import Board
from hub.health.outage import Outage
from schemas.feeds import FeedJudged
from schemas.topics import HEARTBEATS, UnreadableEvent

_POLL_S = 0.5
_RETRY_S = (0.5, 1.0, 2.0, 5.0)


class Follows(Protocol):
    """What the listener needs of a reader: `hub.edge.kafka.Follower`."""

    def poll(self, within_s: float) -> Sequence[Incoming]:
        """The next records.

        Raises:
            RestartMe: Kafka does not answer.
        """

    def caught_up(self) -> bool:
        """Whether everything was read that was there when it began."""

    def close(self) -> None:
        """Let go."""


class Listener:
    """Hears beats.

    Args:
        board: told of each.
        connect: makes a reader; raises HubError while Kafka cannot be reached.
        unreadable: called for every record that is no beat; it is passed over, for the next beat says the same.
        clock: now, with a zone.
    """

    def __init__(
        self,
        board: Board,
        connect: Callable[[], Follows],
        unreadable: Callable[[], object] = lambda: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._board, self._connect, self._unreadable, self._clock = board, connect, unreadable, clock
        self._stop = Event()
        self._thread = Thread(target=self._run, name="feeds", daemon=True)
        self._away = Outage("how the feeds are cannot be read from Kafka", "how the feeds are is read again")

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self, within_s: float = 5.0) -> None:
        """Listen no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(within_s)

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                with closing(self._connect()) as reader:
                    while not self._stop.is_set():
                        self._hear(reader)
                        failures = 0
            except Exception as error:  # noqa: BLE001 - whatever it is, the pages go on and say how old their facts are
                why = str(error) if isinstance(error, HubError) else f"Reading failed ({type(error).__name__})."
                self._board.cut_off(why)
                self._away.begin(why, error)
                failures += 1
                self._stop.wait(_RETRY_S[min(failures, len(_RETRY_S)) - 1])

    def _hear(self, reader: Follows) -> None:
        hear(reader.poll(_POLL_S), self._board, self._unreadable)
        if reader.caught_up():
            self._board.read_up(self._clock())
            self._away.end()


def hear(records: Sequence[Incoming], board: Board, unreadable: Callable[[], object] = lambda: None) -> None:
    """Tell a board what stands in records of `hub-heartbeats`.

    Args:
        records: in their order.
        board: told of each.
        unreadable: called for every one that is no beat.
    """
    for record in records:
        try:
            event = HEARTBEATS.decode(record.value, record.key)
        except UnreadableEvent:
            unreadable()
            continue
        assert isinstance(event, FeedJudged)
        # Kafka's clock, for a connector whose own is minutes behind would never be heard from.
        board.hear(datetime.fromtimestamp(record.at_ms / 1000, UTC), event.data)
