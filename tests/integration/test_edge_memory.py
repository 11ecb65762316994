"""A connector's memory, on both databases."""

from collections.abc import Iterator

import pytest

from connectors.sdk import Receipt
from hub.edge.memory import EdgeMemory, EffectRow, Held, Kind, State, open_engine
from hub.edge.messages import Place
from schemas.tasks import TaskStatus

PLACE = Place("housing-tasks", 3, 17)


@pytest.fixture
def memory(database_url: str) -> Iterator[EdgeMemory]:
    engine = open_engine(database_url)
    yield EdgeMemory(engine, "universal_housing")
    engine.dispose()


def begin(memory: EdgeMemory, key: str, kind: Kind = Kind.RAISED, at_ms: int = 1000) -> EffectRow | None:
    return memory.begin(key, case="0TJ9-4QXM-7C2K-VN3K", task="check-home", kind=kind, place=PLACE, at_ms=at_ms)


def test_an_intention_is_found_by_whoever_comes_next_and_an_outcome_ends_it(memory: EdgeMemory) -> None:
    assert begin(memory, "a") is None
    assert memory.unfinished() == 1
    again = memory.begin("a", case="x", task="y", kind=Kind.RAISED, place=PLACE, at_ms=2000)
    assert again is not None
    assert (again.state, again.receipt, again.case) == (State.INTENT, None, "0TJ9-4QXM-7C2K-VN3K")

    row = memory.finish("a", Receipt(status=TaskStatus.ACCEPTED, reference="00012345"), 3000)

    assert (row.state, row.receipt) == (State.APPLIED, Receipt(status=TaskStatus.ACCEPTED, reference="00012345"))
    assert memory.unfinished() == 0
    assert memory.effect_of("00012345") == row == memory.effect("a")


def test_an_effect_knows_which_instruction_it_is(memory: EdgeMemory) -> None:
    memory.begin("a", case="x", task="y", kind=Kind.CHANGED, place=PLACE, at_ms=1000, raising=2, revision=3)

    row = memory.effect("a")

    assert row is not None
    assert (row.raising, row.revision) == (2, 3)


def test_what_the_legacy_system_refused_is_remembered_with_its_reason(memory: EdgeMemory) -> None:
    begin(memory, "a")
    row = memory.finish("a", Receipt(status=TaskStatus.REJECTED, reason="No such tenancy"), 3000)
    assert (row.state, row.reason) == (State.REJECTED, "No such tenancy")


def test_an_instruction_set_aside_is_an_intention_again_once_it_is_replayed(memory: EdgeMemory) -> None:
    begin(memory, "a")
    memory.set_aside("a")
    assert memory.unfinished() == 0

    before = begin(memory, "a")

    assert before is not None
    assert before.state is State.ASIDE
    assert memory.unfinished() == 1


def test_an_instruction_set_aside_that_may_have_been_written_is_in_doubt_when_it_is_replayed(
    memory: EdgeMemory,
) -> None:
    begin(memory, "a")
    memory.set_aside("a", perhaps_written=True)
    assert memory.unfinished() == 0

    before = begin(memory, "a")

    assert before is not None
    assert before.state is State.UNKNOWN
    assert before.perhaps_written
    assert memory.unfinished() == 1


def test_an_outcome_without_an_intention_is_a_defect(memory: EdgeMemory) -> None:
    with pytest.raises(LookupError, match="begin"):
        memory.finish("a", Receipt(status=TaskStatus.ACCEPTED), 3000)


def test_the_instructions_of_a_task_come_in_their_order(memory: EdgeMemory) -> None:
    for at_ms, key in ((1000, "b"), (2000, "a"), (3000, "c")):
        begin(memory, key, at_ms=at_ms)
    assert [row.effect_key for row in memory.task_rows("0TJ9-4QXM-7C2K-VN3K", "check-home")] == ["b", "a", "c"]
    assert memory.unfinished() == 3


def test_a_checkpoint_moves_on_with_what_was_learned_and_what_was_held(memory: EdgeMemory) -> None:
    begin(memory, "a")
    memory.finish("a", Receipt(status=TaskStatus.ACCEPTED), 3000)
    held = Held("0" * 32, "works-orders", b"{}")
    assert memory.checkpoint("works-orders") is None

    for version in (1, 2):
        memory.move_on("works-orders", {"version": version}, learned={"a": "00012345"}, held_records=[held], at_ms=4000)

    assert memory.checkpoint("works-orders") == {"version": 2}
    learned = memory.effect_of("00012345")
    assert learned is not None
    assert learned.reference == "00012345"
    assert memory.held("works-orders") == [held]
    memory.release(held, {})
    assert memory.held("works-orders") == []


def test_connectors_that_share_a_database_do_not_see_each_other(database_url: str) -> None:
    engine = open_engine(database_url)
    ours, theirs = EdgeMemory(engine, "ours"), EdgeMemory(engine, "theirs")

    begin(ours, "a")
    ours.move_on("d", {"n": 1}, learned={}, at_ms=1)

    assert (theirs.effect("a"), theirs.checkpoint("d"), theirs.unfinished()) == (None, None, 0)
    engine.dispose()
