import pickle
from collections.abc import Iterator, Mapping

from hub.dead_letters.letter import settled
from hub.dead_letters.watch import FRESH_S, Watch
from hub.edge.messages import Incoming
from tests.unit.hub.dead_letters.test_reading import lying, of_topic


class Topic:
    """A dead-letter topic, and the time."""

    def __init__(self) -> None:
        self.records: list[Incoming] = []
        self.now = 0.0

    def read(self, begin: Mapping[tuple[str, int], int]) -> Iterator[Incoming]:
        return iter(self.records[begin.get(("housing-tasks-dlq", 1), 0) :])

    def watch(self) -> Watch:
        return Watch(self.read, lambda: self.now)


def test_the_bodies_of_what_lies_there_are_not_kept() -> None:
    topic = Topic()
    topic.records = [lying(of_topic(offset), offset, value=b"x" * 900_000) for offset in range(20)]
    watch = topic.watch()

    assert len(watch.letters()) == 20
    kept = pickle.dumps((watch._open, watch.letters()))
    assert len(kept) < 20_000


def test_what_has_come_since_the_last_look_is_seen_once_that_is_not_fresh() -> None:
    topic = Topic()
    topic.records = [lying(of_topic(7), 0)]
    watch = topic.watch()
    assert [letter.id for letter in watch.letters()] == ["housing-tasks-dlq/1/0"]
    topic.records += [
        lying(settled("housing-tasks/1/7", "replayed", "dead-letters"), 1, value=None),
        lying(of_topic(8), 2),
    ]

    assert [letter.id for letter in watch.letters()] == ["housing-tasks-dlq/1/0"]
    topic.now += FRESH_S
    assert [letter.id for letter in watch.letters()] == ["housing-tasks-dlq/1/2"]
