"""What came is parted into rounds without changing its order; a round has no case twice, and no more than the system does in a while."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from hub.edge.messages import Incoming, Place
from hub.edge.rounds import Pace, Turn, rounds
from schemas.envelope import Department
from schemas.references import case_reference
from schemas.tasks import Task, TaskRaised, Work
from schemas.topics import UnreadableEvent

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
TASK = Task(task="check-home", department=Department.HOUSING, work=Work.HOME_CHECK, asks="Is it fit?")
UNREADABLE = "?"


def turn(word: str, offset: int) -> Turn:
    """A record of the case that a letter names; a capital letter is one that has to be alone, ? one that cannot be read."""
    record = Incoming(Place("housing-tasks", 0, offset), word.encode(), word.encode())
    if word == UNREADABLE:
        return Turn(record, UnreadableEvent("not-json", "It is no JSON."))
    case = case_reference(NOW, word.lower())
    said = TaskRaised(
        id=uuid4(),
        source="/E06000999/worker",
        correlationid=case,
        partitionkey=case,
        council="E06000999",
        time=NOW,
        effectiveat=NOW,
        data=TASK,
    )
    return Turn(record, said)


def is_alone(each: Turn) -> bool:
    word = word_of(each)
    return word == UNREADABLE or word.isupper()


def word_of(each: Turn) -> str:
    return (each.record.value or b"").decode()


def parted(came: str, at_most: Callable[[], int] = lambda: 100) -> list[str]:
    turns = [turn(word, offset) for offset, word in enumerate(came)]
    return ["".join(map(word_of, together)) for together in rounds(turns, is_alone, at_most)]


@pytest.mark.parametrize(
    ("came", "gives"),
    [
        ("", []),
        ("a", ["a"]),
        ("abc", ["abc"]),
        ("abacb", ["ab", "acb"]),
        ("aaa", ["a", "a", "a"]),
        ("ab?cd", ["ab", "?", "cd"]),
        ("??a", ["?", "?", "a"]),
        ("abCde", ["ab", "C", "de"]),
        ("aAa", ["a", "A", "a"]),
    ],
)
def test_a_round_ends_before_what_is_alone_and_before_a_second_instruction_of_a_case(
    came: str, gives: list[str]
) -> None:
    assert parted(came) == gives
    assert "".join(parted(came)) == came


def test_a_round_has_as_much_room_as_there_is_when_it_begins() -> None:
    room = iter([2, 1, 3])

    assert parted("abcdefg", lambda: next(room, 100)) == ["ab", "c", "def", "g"]


def test_whether_a_record_is_alone_is_asked_again_once_the_round_before_it_is_over() -> None:
    over: list[str] = []
    turns = [turn(word, offset) for offset, word in enumerate("abab")]

    for together in rounds(turns, lambda each: bool(over) and word_of(each) == "a", lambda: 100):
        words = "".join(map(word_of, together))
        over.append(words)

    assert over == ["ab", "a", "b"]


def test_a_quick_system_gets_larger_rounds_up_to_a_bound_and_a_slow_one_smaller_down_to_one() -> None:
    pace = Pace(200, 0.5)
    for _ in range(10):
        pace.took(pace.room, 0.01)
    assert pace.room == 200

    pace.took(200, 2.0)
    assert pace.room == 50
    pace.took(50, 500.0)
    assert pace.room == 1


def test_a_round_that_had_room_left_says_nothing_about_larger_ones() -> None:
    pace = Pace(200, 0.5)
    before = pace.room

    pace.took(before - 1, 0.001)
    pace.took(before, 0.4)

    assert pace.room == before


def test_where_only_one_may_be_in_hand_a_round_is_one() -> None:
    pace = Pace(1, 0.5)
    pace.took(1, 0.001)

    assert pace.room == 1
