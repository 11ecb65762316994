"""What the instructions of a task before one of them allow: the table of `hub/edge/history.py`, line by line."""

import pytest

from hub.edge.history import History, Move
from hub.edge.ledger import EffectRow, Kind, State
from schemas.tasks import TaskStatus

_ENDED = {
    State.APPLIED: TaskStatus.ACCEPTED,
    State.REJECTED: TaskStatus.REJECTED,
    State.DROPPED: TaskStatus.CANCELLED,
}


def before(kind: Kind, words: str) -> History:
    """A history told in words: "raised aside, changed aside"; the reference of what was applied is its place."""
    rows = []
    for place, told in enumerate(filter(None, words.split(", "))):
        asked, state = told.split()
        status = _ENDED.get(State(state))
        reference = f"{place:08}" if State(state) is State.APPLIED else None
        rows.append(EffectRow(str(place), "case", "fit-ramp", Kind(asked), State(state), status, reference, None, None))
    return History(kind, tuple(rows))


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("earlier", ["", "raised applied", "raised rejected", "raised dropped, withdrawn applied"])
def test_where_all_before_it_has_ended_an_instruction_waits_for_nothing(kind: Kind, earlier: str) -> None:
    assert before(kind, earlier).open == ()


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("state", ["intent", "sent", "aside", "in-doubt", "unknown"])
def test_an_instruction_waits_for_each_before_it_of_which_nobody_knows_what_became(kind: Kind, state: str) -> None:
    assert len(before(kind, f"raised applied, changed {state}").open) == 1


@pytest.mark.parametrize(
    ("earlier", "settled"),
    [
        ("raised aside", True),
        ("raised aside, changed aside", True),
        ("raised rejected, changed aside", True),
        ("raised applied, withdrawn applied, raised aside", True),
        ("raised in-doubt", False),
        ("raised intent", False),
        ("raised aside, changed in-doubt", False),
        ("raised applied, changed aside", False),
        ("raised applied, withdrawn aside, raised aside", False),
        ("raised in-doubt, withdrawn aside, raised aside", False),
    ],
)
def test_a_withdrawal_settles_what_lies_aside_only_where_nothing_of_it_can_be_there(
    earlier: str, settled: bool
) -> None:
    assert before(Kind.WITHDRAWN, earlier).never_sent is settled
    assert before(Kind.CHANGED, earlier).never_sent is False


@pytest.mark.parametrize(
    ("kind", "earlier", "reference", "raised_as"),
    [
        (Kind.RAISED, "raised applied, withdrawn applied", None, None),
        (Kind.CHANGED, "raised applied", "00000000", "0"),
        (Kind.WITHDRAWN, "raised applied, changed applied", "00000001", "0"),
        (Kind.CHANGED, "raised applied, withdrawn applied, raised applied", "00000002", "2"),
        (Kind.CHANGED, "raised applied, withdrawn applied, raised rejected", None, None),
        (Kind.WITHDRAWN, "", None, None),
    ],
)
def test_an_instruction_is_about_the_record_of_the_last_raise_before_it(
    kind: Kind, earlier: str, reference: str | None, raised_as: str | None
) -> None:
    history = before(kind, earlier)

    assert (history.reference, history.raised_as) == (reference, raised_as)


@pytest.mark.parametrize(
    ("state", "move"),
    [
        (None, Move.APPLY),
        ("intent", Move.APPLY),
        ("in-doubt", Move.APPLY),
        ("aside", Move.APPLY),
        ("sent", Move.DOUBT),
        ("unknown", Move.REPORT),
        ("applied", Move.REPORT),
        ("rejected", Move.REPORT),
        ("dropped", Move.REPORT),
        ("not-applied", Move.REPORT),
        ("superseded", Move.REPORT),
    ],
)
def test_what_is_done_about_an_instruction_that_is_met_again_depends_on_how_far_it_had_come(
    state: str | None, move: Move
) -> None:
    was = None if state is None else before(Kind.CHANGED, f"changed {state}").earlier[0]

    assert before(Kind.CHANGED, "raised applied").move(was) is move


@pytest.mark.parametrize(
    ("kind", "earlier", "move"),
    [
        (Kind.RAISED, "", Move.APPLY),
        (Kind.WITHDRAWN, "raised applied", Move.APPLY),
        (Kind.CHANGED, "raised aside", Move.WAIT),
        (Kind.WITHDRAWN, "raised aside", Move.SETTLE),
        (Kind.WITHDRAWN, "raised in-doubt", Move.WAIT),
        (Kind.WITHDRAWN, "raised applied, changed aside", Move.WAIT),
        (Kind.CHANGED, "raised unknown", Move.SUPERSEDE),
    ],
)
def test_what_is_done_about_a_new_instruction_depends_on_those_before_it(kind: Kind, earlier: str, move: Move) -> None:
    assert before(kind, earlier).move(None) is move
