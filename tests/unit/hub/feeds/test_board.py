"""What the web knows of feeds, and what its pages say of them. Every clock is given."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.edge.messages import Incoming, Place
from hub.errors import RestartMe
from hub.feeds.board import Board, Known
from hub.feeds.listener import Listener, hear
from hub.pages.feeds_view import feeds_view, first_line, held_up
from schemas.envelope import Department
from schemas.feeds import Feed, FeedState
from tests.sites.beats import beat_of

NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
KNOWN = [
    Known("universal_housing", "works-orders", "Works orders", Department.HOUSING),
    Known("universal_housing", "tasks", "Tasks", Department.HOUSING),
    Known("transport_files", "results", "Bookings", Department.TRANSPORT),
]


def feed(known: Known = KNOWN[0], state: FeedState = FeedState.SPEAKING, **more: Any) -> Feed:
    given = {
        "connector": known.connector,
        "part": known.part,
        "title": known.title,
        "department": known.department,
        "state": state,
        "since": NOW - timedelta(minutes=47),
        "beats_every_s": 15,
    }
    return Feed.model_validate(given | more)


def board(*feeds: Feed) -> Board:
    """A board that has heard these a moment ago, and all others of KNOWN as they should be."""
    made = Board(KNOWN, NOW - timedelta(hours=1))
    for known in KNOWN:
        made.hear(NOW, feed(known))
    for each in feeds:
        made.hear(NOW, each)
    made.read_up(NOW)
    return made


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (FeedState.SILENT, "Housing's feed has been silent for 47 minutes; 12 cases wait because of it."),
        (FeedState.AWAY, "Housing's system has been away for 47 minutes; 12 cases wait because of it."),
        (FeedState.HELD, "Housing's extract has been held for 47 minutes; 12 cases wait because of it."),
        (FeedState.LOW, "Housing's feed says less than it should."),
    ],
)
def test_the_first_line_says_whose_feed_is_how_and_what_waits_because_of_it(state: FeedState, line: str) -> None:
    assert first_line(board(feed(state=state)).feeds(), {Department.HOUSING: 12}, NOW) == line


def test_the_gravest_feed_comes_first_and_each_department_is_named_once() -> None:
    made = board(
        feed(KNOWN[0], FeedState.AWAY),
        feed(KNOWN[1], FeedState.AWAY),
        feed(KNOWN[2], FeedState.BROKEN, since=NOW - timedelta(days=3)),
    ).feeds()

    assert first_line(made, {Department.TRANSPORT: 1}, NOW) == (
        "Transport's feed has been broken since Saturday 31 October; 1 case waits because of it. "
        "Housing's system has been away for 47 minutes; no case waits for it. 1 more feed wants a look."
    )
    assert [each.known.connector for each in made.feeds] == [
        "transport_files",
        "universal_housing",
        "universal_housing",
    ]


def test_whom_cases_wait_for_comes_before_whom_none_waits_for_however_grave_that_is() -> None:
    made = board(feed(KNOWN[2], FeedState.BROKEN), feed(KNOWN[0], FeedState.SILENT)).feeds()

    assert first_line(made, {Department.HOUSING: 12}, NOW).startswith(
        "Housing's feed has been silent for 47 minutes; 12"
    )
    assert made.ill[0].state is FeedState.BROKEN


def test_that_all_is_well_is_said_and_what_is_quiet_is_told_apart() -> None:
    assert first_line(board().feeds(), {}, NOW) == "3 feeds work as they should."
    assert first_line(board(feed(state=FeedState.QUIET)).feeds(), {}, NOW) == (
        "2 feeds work as they should, 1 is quiet: nothing is expected of it now."
    )


def test_a_feed_whose_beats_stop_is_not_heard_from() -> None:
    made = board()
    made.read_up(NOW + timedelta(seconds=40))
    for known in KNOWN[1:]:
        made.hear(NOW + timedelta(seconds=45), feed(known))
    made.read_up(NOW + timedelta(seconds=51))

    found = made.feeds()

    assert [each.state for each in found.feeds] == [None, FeedState.SPEAKING, FeedState.SPEAKING]
    assert first_line(found, None, NOW) == "Housing's connector has not been heard from for less than a minute."
    assert made.unheard() == 1


def test_beats_that_are_read_once_more_after_a_break_make_no_feed_look_dead() -> None:
    made = board()
    made.cut_off("Kafka at kafka-1:9092 does not answer.")
    made.hear(NOW - timedelta(minutes=59), feed(state=FeedState.AWAY))

    assert made.unheard() == 0
    assert [each.state for each in made.feeds().feeds] == [FeedState.SPEAKING] * 3

    made.hear(NOW + timedelta(seconds=5), feed(state=FeedState.SILENT))
    made.read_up(NOW + timedelta(seconds=5))
    assert [each.state for each in made.feeds().ill] == [FeedState.SILENT]


@pytest.mark.parametrize("wrong_by", [timedelta(minutes=-5), timedelta(minutes=5)])
def test_a_beat_came_when_kafka_says_whatever_the_clock_of_its_connector_says(wrong_by: timedelta) -> None:
    made = Board(KNOWN[:1], NOW - timedelta(hours=1))
    value, key = beat_of(feed(), NOW + wrong_by)

    hear([Incoming(Place("hub-heartbeats", 0, 0), key, value, at_ms=round(NOW.timestamp() * 1000))], made)

    made.read_up(NOW + timedelta(seconds=40))
    assert made.unheard() == 0
    made.read_up(NOW + timedelta(seconds=51))
    assert made.unheard() == 1


def test_a_feed_of_the_settings_that_nobody_ever_spoke_of_is_not_heard_from_after_a_while() -> None:
    made = Board(KNOWN, NOW)

    made.read_up(NOW + timedelta(seconds=10))
    assert {each.state for each in made.feeds().feeds} == {FeedState.STARTING}
    made.read_up(NOW + timedelta(seconds=40))

    assert made.unheard() == 3
    assert first_line(made.feeds(), {}, NOW).startswith("Transport's connector has not been heard from yet; no case")


def test_a_kafka_that_is_away_makes_the_facts_old_and_no_feed_look_dead() -> None:
    made = board()
    made.cut_off("Kafka at kafka-1:9092 does not answer.")
    later = NOW + timedelta(hours=2)

    shown = feeds_view(made.feeds(), {}, later)

    assert made.unheard() == 0
    assert not shown.well
    assert shown.age == (
        "As of Tuesday 3 November, 12:00: since then nothing can be read. Kafka at kafka-1:9092 does not answer."
    )
    assert made.age_s(later) == 7200


def test_a_feed_that_the_settings_do_not_have_is_shown_once_it_is_heard() -> None:
    stranger = Known("waste", "rounds", "Rounds", Department.TRANSPORT)

    assert feed(stranger).title in [each.known.title for each in board(feed(stranger)).feeds().feeds]


def test_a_producer_that_invents_feeds_fills_no_memory() -> None:
    made = Board((), NOW)
    for number in range(2_100):
        made.hear(NOW, feed(connector=f"invented_{number}"))
    made.read_up(NOW)

    assert len(made.feeds().feeds) == 2_000


def test_a_case_that_waits_for_a_department_whose_system_is_away_says_so() -> None:
    made = board(feed(KNOWN[2], FeedState.AWAY), feed(KNOWN[0], FeedState.LOW)).feeds()

    assert held_up(made, [Department.TRANSPORT], NOW) == [
        "Transport's system has been away for 47 minutes, so its news of this case may be late."
    ]
    assert held_up(made, [Department.HOUSING], NOW) == []


def test_every_state_has_a_word_and_what_is_wrong_says_what_to_do() -> None:
    for state in FeedState:
        (line, *_) = feeds_view(board(feed(state=state, why="Do this.")).feeds(), {}, NOW).lines
        assert line.status.words
        assert state.well or "Do this." in line.note


class Reader:
    """A topic as a list; then Kafka is gone."""

    def __init__(self, records: Sequence[Incoming]) -> None:
        self._records = list(records)

    def poll(self, _within_s: float) -> Sequence[Incoming]:
        if not self._records:
            raise RestartMe("Kafka at kafka-1:9092 does not answer.")
        return [self._records.pop(0)]

    def caught_up(self) -> bool:
        return not self._records

    def close(self) -> None:
        """Nothing is left to do."""


def test_a_record_that_is_no_beat_is_counted_and_passed_over() -> None:
    made, unreadable = Board((), NOW), list[int]()
    value, key = beat_of(feed(), NOW)
    at_ms = round(NOW.timestamp() * 1000)
    records = [
        Incoming(Place("hub-heartbeats", 0, number), key, body, at_ms=at_ms)
        for number, body in enumerate((b"[]", value))
    ]
    readers = [Reader(records)]
    done: list[str] = []

    def connect() -> Reader:
        if readers:
            return readers.pop()
        done.append("asked again")
        raise RestartMe("Kafka at kafka-1:9092 does not answer.")

    listener = Listener(made, connect, lambda: unreadable.append(1), lambda: NOW)
    listener.start()
    while not done:
        assert listener._thread.is_alive()
    listener.stop()

    shown = made.feeds()
    assert unreadable == [1]
    assert [each.state for each in shown.feeds] == [FeedState.SPEAKING]
    assert shown.trouble == "Kafka at kafka-1:9092 does not answer."
