import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from hub.memory.store import Partition
from hub.routing.share import Share, microseconds, moment_of, partition_of, route, would_die_of
from hub.routing.step import World, step
from schemas.cases import Discard, RecordDiscarded

NewCase = Callable[[str], Any]


def routed(
    world: World,
    partition: Partition,
    records: Sequence[Any],
    *,
    lying: Mapping[str, Sequence[int]] | None = None,
    stored: Mapping[str, str] | None = None,
    room: int = 100,
) -> Share:
    first = records[0].offset
    return route(partition, first, records, stored or {}, world=world, partitions=4, lying=lying or {}, room=room)


def headers(share: Share) -> list[dict[str, str]]:
    letters = share.outgoing.get("case-events-dlq", [])
    return [{name: value.decode() for name, value in letter.headers} for letter in letters]


def test_several_events_of_one_case_come_to_one_row(world: World, new_case: NewCase) -> None:
    case = new_case("one")
    records = [
        case.record(7, case.reported()),
        case.record(8, case.cleared("accepted", 1)),
        case.record(9, case.cleared()),
    ]

    share = routed(world, case.partition, records)

    assert (share.old, share.new) == (7, 10)
    assert list(share.rows) == [case.reference]
    assert share.rows[case.reference].waiting_on == "transport"
    assert [o.key for o in share.outgoing["transport-tasks"]] == [case.reference.encode()]
    assert share.outcomes == {("case.request-received.v1", "applied"): 1, ("case.task-status-changed.v1", "applied"): 2}


def test_a_stored_case_goes_on_where_it_was(world: World, new_case: NewCase) -> None:
    case = new_case("one")
    stored = routed(world, case.partition, [case.record(0, case.reported())]).rows[case.reference].body

    share = routed(world, case.partition, [case.record(1, case.cleared())], stored={case.reference: stored})

    assert "housing-tasks" not in share.outgoing
    assert len(share.outgoing["transport-tasks"]) == 1
    assert [row.task for row in share.deadlines[case.reference]] == ["collect-load"]


def test_a_stored_case_that_cannot_be_read_is_no_defect_of_the_hub_and_is_left_as_it_is(
    world: World, new_case: NewCase
) -> None:
    case = new_case("one")
    stored = routed(world, case.partition, [case.record(0, case.reported())]).rows[case.reference].body

    share = routed(
        world,
        case.partition,
        [case.record(1, case.cleared()), case.record(2, case.reported())],
        stored={case.reference: stored[: len(stored) // 2]},
    )

    first, second = headers(share)
    assert (first["code"], second["code"]) == ("unreadable-case", "parked")
    assert first["reason"] == (
        "The row of its case in the worker's memory is damaged, or was written by a later version of the hub. Restore it from a backup or "
        "run that version; then replay."
    )
    assert (share.defects, share.rows) == ([], {})


def test_an_event_that_changes_nothing_writes_nothing(world: World, new_case: NewCase) -> None:
    case = new_case("one")
    stored = routed(world, case.partition, [case.record(0, case.reported())]).rows[case.reference].body

    share = routed(world, case.partition, [case.record(1, case.reported())], stored={case.reference: stored})

    assert (share.rows, share.timeline, share.outgoing, share.deadlines) == ({}, [], {}, {})
    assert share.new == 2
    assert share.outcomes == {("case.request-received.v1", "unchanged"): 1}


def test_what_cannot_be_read_is_set_aside_whole_with_its_reason_and_place(world: World, new_case: NewCase) -> None:
    case = new_case("one")
    broken = case.record(5, case.reported())._replace(value=b'{"oops')

    share = routed(world, case.partition, [broken])

    (letter,) = share.outgoing["case-events-dlq"]
    (told,) = headers(share)
    assert (letter.key, letter.value) == (case.reference.encode(), b'{"oops')
    assert (
        told
        | {
            "reason": "case-events: the record is not JSON in UTF-8.",
            "code": "not-json",
            "topic": "case-events",
            "partition": str(case.partition.number),
            "offset": "5",
            "component": "worker",
        }
        == told
    )
    assert share.set_aside == {"not-json": 1}


def poison(case: Any, offset: int) -> Any:
    return case.record(offset, case.reported())._replace(value=b"{")


def again(case: Any, offset: int, event: Any, first: int, attempt: int = 1) -> Any:
    said = (("attempt", str(attempt).encode()), ("first", f"case-events/{case.partition.number}/{first}".encode()))
    return case.record(offset, event)._replace(headers=said)


def discarded(case: Any, first: int) -> Any:
    data = Discard(record=f"case-events/{case.partition.number}/{first}", by="Jo Field", why="Nobody can read it")
    return case.event(RecordDiscarded, data, 5)


def neighbour(new_case: NewCase, case: Any) -> Any:
    return next(each for each in map(new_case, map(str, range(100))) if each.partition == case.partition)


def test_what_comes_behind_a_record_that_died_waits_and_every_other_case_flows(world: World, new_case: NewCase) -> None:
    case = new_case("one")
    other = neighbour(new_case, case)

    share = routed(
        world, case.partition, [poison(case, 5), case.record(6, case.reported()), other.record(7, other.reported())]
    )

    _, waits = headers(share)
    assert (waits["code"], waits["attempt"]) == ("parked", "0")
    assert (
        f"It came while case-events/{case.partition.number}/5, an earlier record of its case, lay here"
        in waits["reason"]
    )
    assert list(share.rows) == [other.reference]
    assert [row[:2] for row in share.advance().parked] == [(case.reference, 5), (case.reference, 6)]
    assert share.died == 1


def test_a_case_that_is_parked_is_parked_in_the_next_round_too(world: World, new_case: NewCase) -> None:
    case = new_case("one")

    share = routed(world, case.partition, [case.record(9, case.cleared())], lying={case.reference: [5, 6]})

    assert share.set_aside == {"parked": 1}
    assert share.rows == {}


def test_a_replay_in_order_is_applied_and_the_case_flows_again(world: World, new_case: NewCase) -> None:
    case = new_case("one")
    records = [
        again(case, 20, case.reported(), 5),
        again(case, 21, case.cleared("accepted", 1), 6),
        case.record(22, case.cleared()),
    ]

    share = routed(world, case.partition, records, lying={case.reference: [5, 6]})

    assert share.set_aside == {}
    assert share.rows[case.reference].waiting_on == "transport"
    assert share.advance().settled == {(case.reference, 5), (case.reference, 6)}
    assert share.advance().parked == []
    assert [told["settles"].rpartition("/")[2] for told in headers(share)] == ["20", "21"]


def test_a_replay_out_of_order_waits_for_the_earlier_one(world: World, new_case: NewCase) -> None:
    case = new_case("one")
    records = [again(case, 20, case.cleared(), 6), again(case, 21, case.reported(), 5)]

    share = routed(world, case.partition, records, lying={case.reference: [5, 6]})

    waits, applied = headers(share)
    assert (waits["code"], waits["first"].rpartition("/")[2], waits["offset"]) == ("parked", "6", "20")
    assert applied["outcome"] == "applied"
    assert share.advance().settled == {(case.reference, 5)}


def test_what_comes_between_the_records_of_a_replay_waits_for_its_turn(world: World, new_case: NewCase) -> None:
    case = new_case("one")
    records = [
        again(case, 20, case.reported(), 5),
        case.record(21, case.cleared()),
        again(case, 22, case.cleared("accepted", 1), 6),
    ]

    share = routed(world, case.partition, records, lying={case.reference: [5, 6]})

    assert share.set_aside == {"parked": 1}
    assert share.advance().settled == {(case.reference, 5), (case.reference, 6)}
    assert [row[:2] for row in share.advance().parked] == [(case.reference, 21)]


def test_a_replay_that_dies_again_keeps_its_first_place_and_counts(world: World, new_case: NewCase) -> None:
    case = new_case("one")
    broken = again(case, 20, case.reported(), 5, attempt=2)._replace(value=b"{")

    share = routed(world, case.partition, [broken], lying={case.reference: [5]})

    (told,) = headers(share)
    assert (told["code"], told["attempt"], told["offset"]) == ("not-json", "3", "20")
    assert told["first"] == f"case-events/{case.partition.number}/5"
    assert (share.advance().parked, share.advance().settled) == ([], set())


def test_a_replay_that_was_sent_twice_is_applied_once(world: World, new_case: NewCase) -> None:
    case = new_case("one")
    records = [again(case, 20, case.reported(), 5), again(case, 21, case.reported(), 5)]

    share = routed(world, case.partition, records, lying={case.reference: [5]})

    assert share.outcomes == {
        ("case.request-received.v1", "applied"): 1,
        ("case.request-received.v1", "unchanged"): 1,
    }
    assert share.set_aside == {}


@pytest.mark.parametrize("said", [b"case-events/9/1", b"case-events/x/1", b"other/0/1", b"case-events//", b"\xff", b""])
def test_a_first_place_that_cannot_be_is_none(world: World, new_case: NewCase, said: bytes) -> None:
    case = new_case("one")
    record = case.record(20, case.reported())._replace(headers=(("first", said),))

    share = routed(world, case.partition, [record], lying={case.reference: [5]})

    assert share.set_aside == {"parked": 1}


def test_a_discarded_record_is_waited_for_no_longer_and_the_timeline_says_who_and_why(
    world: World, new_case: NewCase
) -> None:
    case = new_case("one")
    stored = routed(world, case.partition, [case.record(0, case.reported())]).rows[case.reference].body
    records = [again(case, 20, discarded(case, 5), 5), case.record(21, case.cleared())]

    share = routed(world, case.partition, records, lying={case.reference: [5]}, stored={case.reference: stored})

    assert share.set_aside == {}
    assert share.advance().settled == {(case.reference, 5)}
    line = json.loads(share.timeline[0][1])
    assert (line["kind"], line["by"], line["reason"]) == ("record-discarded", "Jo Field", "Nobody can read it")
    assert share.rows[case.reference].waiting_on == "transport"


def test_a_discard_waits_for_nobody(world: World, new_case: NewCase) -> None:
    case = new_case("one")

    share = routed(world, case.partition, [again(case, 20, discarded(case, 6), 6)], lying={case.reference: [5, 6]})

    assert (share.set_aside, share.advance().settled) == ({}, {(case.reference, 6)})


def test_a_discard_makes_no_case_of_which_nothing_else_was_heard(world: World, new_case: NewCase) -> None:
    case = new_case("one")

    share = routed(world, case.partition, [again(case, 20, discarded(case, 5), 5)], lying={case.reference: [5]})

    assert (share.rows, share.timeline) == ({}, [])
    assert share.advance().settled == {(case.reference, 5)}


@pytest.mark.parametrize("key", [None, b"", b"no-case", b"0TJ9-4QXM-7C2K-VN32", b"\xff"])
def test_a_record_whose_key_is_no_case_parks_nothing(world: World, new_case: NewCase, key: bytes | None) -> None:
    case = new_case("one")

    share = routed(world, case.partition, [poison(case, 5)._replace(key=key)])

    assert share.advance().parked == []


def test_a_record_that_stands_in_another_partition_than_its_case_parks_nothing(world: World, new_case: NewCase) -> None:
    case = new_case("one")
    elsewhere = Partition("case-events", (case.partition.number + 1) % 4)

    assert routed(world, elsewhere, [poison(case, 5)]).advance().parked == []


def test_a_share_ends_before_the_record_for_which_there_is_no_room(world: World, new_case: NewCase) -> None:
    case = new_case("one")
    other = neighbour(new_case, case)
    records = [poison(case, 5), case.record(6, case.cleared()), poison(other, 7), other.record(8, other.cleared())]

    share = routed(world, case.partition, records, room=1)

    assert (share.new, share.stopped_for) == (7, "not-json")
    assert share.set_aside == {"not-json": 1, "parked": 1}


def test_a_request_no_journey_starts_with_is_set_aside_with_what_to_do(world: World, new_case: NewCase) -> None:
    case = new_case("one")

    share = routed(world, case.partition, [case.record(0, case.reported("unicorn-wanted"))])

    (told,) = headers(share)
    assert told["code"] == "no-journey"
    assert "Add a journey file and replay." in told["reason"]


def test_a_record_in_another_partition_than_its_case_is_set_aside(world: World, new_case: NewCase) -> None:
    case = new_case("one")
    elsewhere = Partition("case-events", (case.partition.number + 1) % 4)

    share = routed(world, elsewhere, [case.record(0, case.reported())])

    assert share.set_aside == {"wrong-partition": 1}
    assert share.rows == {}


def test_a_record_in_another_partition_than_its_case_waits_for_nothing_there(world: World, new_case: NewCase) -> None:
    case = new_case("one")
    elsewhere = Partition("case-events", (case.partition.number + 1) % 4)

    share = routed(world, elsewhere, [case.record(9, case.reported())], lying={case.reference: [5]})

    assert share.set_aside == {"wrong-partition": 1}


def test_an_event_whose_key_is_no_case_is_set_aside(world: World, new_case: NewCase) -> None:
    case = new_case("one")
    event = case.reported().model_copy(update={"partitionkey": "\x00"})
    partition = Partition("case-events", partition_of("\x00", 4))

    share = routed(world, partition, [case.record(0, event)._replace(key=b"\x00")])

    assert share.set_aside == {"wrong-key": 1}


@pytest.mark.parametrize(("said", "attempt"), [(b"2", "3"), (b"many", "1"), (b"9" * 30, "1"), (None, "1")])
def test_a_replayed_record_is_counted_on_whatever_its_header_says(
    world: World, new_case: NewCase, said: bytes | None, attempt: str
) -> None:
    case = new_case("one")
    broken = case.record(0, case.reported())._replace(value=b"[]", headers=(("attempt", said),))

    (told,) = headers(routed(world, case.partition, [broken]))

    assert told["attempt"] == attempt


def test_a_defect_of_the_hub_sets_one_record_aside_and_tells_no_value(
    world: World, new_case: NewCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, other = new_case("one"), new_case("other")

    def failing(before: Any, event: Any, world: World) -> Any:
        if event.partitionkey == case.reference:
            raise KeyError("Ada Invented, 1 Nowhere Street")
        return step(before, event, world)

    monkeypatch.setattr("hub.routing.share.step", failing)
    records = [case.record(0, case.reported())]
    share = routed(world, case.partition, records)

    (told,) = headers(share)
    assert told["code"] == "defect"
    assert "KeyError in test_share.py" in told["reason"]
    assert "Ada" not in str(told)
    assert share.defects[0].offset == 0
    assert routed(world, other.partition, [other.record(0, other.reported())]).set_aside == {}


def test_a_process_without_memory_blames_no_record(
    world: World, new_case: NewCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = new_case("one")

    def out_of_memory(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr("hub.routing.share.step", out_of_memory)

    with pytest.raises(MemoryError):
        routed(world, case.partition, [case.record(0, case.reported())])


def test_a_deadline_keeps_the_very_moment_the_case_knows_it_by() -> None:
    due = datetime(2026, 11, 6, 16, 30, 0, 123457, tzinfo=UTC)

    assert moment_of(microseconds(due)) == due


# The hashes are those of UtilsTest in Apache Kafka.
@pytest.mark.parametrize(
    ("key", "murmur2"),
    [("21", -973932308), ("foobar", -790332482), ("abc", 479470107), ("a-little-bit-longer-string", -1486304829)],
)
def test_partitions_are_those_of_kafkas_java_client(key: str, murmur2: int) -> None:
    assert partition_of(key, 12) == (murmur2 & 0x7FFFFFFF) % 12


def test_what_would_be_set_aside_is_known_before_it_is_sent(world: World, new_case: NewCase) -> None:
    case = new_case("one")
    good, unicorn = case.reported(), case.reported("unicorn-wanted")
    other = good.model_copy(update={"correlationid": new_case("two").reference})
    key = case.reference.encode()

    def says(value: bytes) -> str | None:
        return would_die_of(key, value, world, 4)

    assert says(good.encode()) is None
    assert says(case.cleared().encode()) is None
    assert "No journey starts with 'unicorn-wanted'" in (says(unicorn.encode()) or "")
    assert "partitionkey are not its case" in (says(other.encode()) or "")
    assert "not JSON" in (says(b"{") or "")
