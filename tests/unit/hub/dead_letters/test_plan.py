import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub.dead_letters.plan import Act, Along, Plan, Stays, free, to_discard, to_fix, to_replay
from hub.dead_letters.reading import MOST_ATTEMPTS, Letter, is_instruction
from hub.edge.messages import Place
from schemas.references import case_reference

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
EXAMPLES = Path(__file__).parents[4] / "schemas" / "examples"
ONE, OTHER = (case_reference(NOW, name).encode() for name in ("one", "other"))


def letter(
    offset: int, code: str = "not-json", *, key: bytes | None = ONE, topic: str = "case-events", attempt: int = 1, value: bytes = b"{"
) -> Letter:  # fmt: skip
    source = Place(topic, 0, offset)
    return Letter(
        place=Place(f"{topic}-dlq", 0, offset), code=code, reason="", component="worker", attempt=attempt, at=NOW,
        origin=str(source), source=source, first=source, key=key, is_instruction=is_instruction(source, key, value),
    )  # fmt: skip


def parked(offset: int, key: bytes = ONE) -> Letter:
    return letter(offset, "parked", key=key, attempt=0)


def done(plan: Plan) -> list[tuple[int, Act]]:
    return [(step.letter.place.offset, step.act) for step in plan.steps]


def stays(plan: Plan) -> list[tuple[int, Stays]]:
    return [(each.place.offset, why) for each, why in plan.stay]


LINE = [letter(5), parked(6), parked(9), letter(7, key=OTHER), parked(8, key=OTHER)]


def test_what_waits_for_a_replayed_record_goes_with_it_in_order() -> None:
    plan = to_replay(LINE, [LINE[0]], by_name=True)

    assert done(plan) == [(5, Act.REPLAYED), (6, Act.REPLAYED), (9, Act.REPLAYED)]
    assert [step.along for step in plan.steps] == [None, Along.BEHIND, Along.BEHIND]


def test_everything_goes_in_the_order_in_which_it_first_stood() -> None:
    assert [offset for offset, _ in done(to_replay(LINE, LINE, by_name=False))] == [5, 6, 7, 8, 9]


def test_what_waits_is_not_replayed_without_what_it_waits_for() -> None:
    plan = to_replay(LINE, [LINE[2]], by_name=True)

    assert done(plan) == []
    assert stays(plan) == [(9, Stays.WAITS)]


def test_what_waits_for_a_record_that_is_worn_out_stays_with_it() -> None:
    line = [letter(5, attempt=MOST_ATTEMPTS), parked(6), letter(7, key=OTHER)]

    plan = to_replay(line, line, by_name=False)

    assert done(plan) == [(7, Act.REPLAYED)]
    assert sorted(stays(plan)) == [(5, Stays.WORN_OUT), (6, Stays.WAITS)]


def test_a_record_that_died_behind_a_replayed_one_for_its_own_reason_stays_and_holds_what_is_behind_it() -> None:
    line = [letter(5), letter(6, "no-journey"), parked(7)]

    plan = to_replay(line, [line[0]], by_name=True)

    assert done(plan) == [(5, Act.REPLAYED)]
    assert stays(plan) == [(7, Stays.WAITS)]


def test_what_waited_for_a_discarded_record_is_replayed() -> None:
    plan = to_discard(LINE, [LINE[0]])

    assert done(plan) == [(5, Act.DISCARDED), (6, Act.REPLAYED), (9, Act.REPLAYED)]


def test_one_that_waits_may_be_discarded_before_what_it_waits_for() -> None:
    assert done(to_discard(LINE, [LINE[1]])) == [(6, Act.DISCARDED)]


def test_what_waits_for_a_fixed_record_goes_with_it() -> None:
    assert done(to_fix(LINE, LINE[0])) == [(5, Act.FIXED), (6, Act.REPLAYED), (9, Act.REPLAYED)]


@pytest.mark.parametrize("key", [None, b"no case"])
def test_records_of_no_case_wait_for_nobody(key: bytes | None) -> None:
    line = [letter(5, key=key, attempt=MOST_ATTEMPTS), letter(6, key=key)]

    assert done(to_replay(line, line, by_name=False)) == [(6, Act.REPLAYED)]


def test_an_instruction_is_not_discarded_and_holds_nothing_up() -> None:
    event = (EXAMPLES / "task.raised.v1.json").read_bytes()
    key = str(json.loads(event)["partitionkey"]).encode()
    line = [
        letter(5, "unmapped-code", topic="housing-tasks", key=key, value=event),
        letter(6, topic="housing-tasks", key=key),
    ]

    plan = to_discard(line, line)

    assert stays(plan) == [(5, Stays.INSTRUCTION)]
    assert done(plan) == [(6, Act.DISCARDED)]


def test_what_arrived_while_the_one_before_it_was_replayed_is_free_and_so_is_what_is_parked_behind_it() -> None:
    line = [parked(6), parked(9), letter(7, key=OTHER), parked(8, key=OTHER)]

    assert sorted(each.place.offset for each in free(line)) == [6, 9]
    assert done(to_replay(line, [line[0]], by_name=True)) == [(6, Act.REPLAYED), (9, Act.REPLAYED)]
    assert done(to_replay(line, [each for each in line if each.is_parked], by_name=False)) == [
        (6, Act.REPLAYED),
        (9, Act.REPLAYED),
    ]


def test_what_is_free_goes_ahead_of_a_record_of_its_case_that_is_replayed_or_discarded() -> None:
    line = [parked(4), letter(5), parked(6)]

    plan = to_replay(line, [line[1]], by_name=True)

    assert done(plan) == [(4, Act.REPLAYED), (5, Act.REPLAYED), (6, Act.REPLAYED)]
    assert [step.along for step in plan.steps] == [Along.FREE, None, Along.BEHIND]
    assert done(to_discard(line, [line[1]])) == [(4, Act.REPLAYED), (5, Act.DISCARDED), (6, Act.REPLAYED)]


def test_a_record_of_a_legacy_system_is_not_discarded_for_its_connector_tries_it_again_all_the_same() -> None:
    kept = replace(letter(5), source=None, first=None, origin="universal_housing/works-orders/abc")

    plan = to_discard([kept], [kept])

    assert done(plan) == []
    assert stays(plan) == [(5, Stays.LEGACY)]
