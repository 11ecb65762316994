import json

from hub.dead_letters.letter import REASON_LIMIT, dead_letter, record_letter, settled
from hub.dead_letters.reading import masked, open_letters
from hub.edge.messages import Headers, Incoming, Place


def lying(letter_headers: Headers, offset: int, *, value: bytes | None = b"{}", at_ms: int = 0) -> Incoming:
    return Incoming(Place("housing-tasks-dlq", 1, offset), b"key", value, letter_headers, at_ms or 1000 + offset)


def of_topic(offset: int, attempt: int = 1, first: int | None = None) -> Headers:
    return dead_letter(
        code="unmapped-code", reason="No code.", topic="housing-tasks", partition=1, offset=offset, component="universal_housing",
        key=b"key", value=b"{}", attempt=attempt, first=first,
    ).headers  # fmt: skip


def of_record(record_id: str) -> Headers:
    return record_letter(
        code="bad-date",
        reason="No date.",
        component="universal_housing",
        dataset="works-orders",
        record_id=record_id,
        key="1",
        value=b"{}",
    ).headers


def test_a_letter_is_open_until_a_marker_settles_its_origin() -> None:
    marker = settled("housing-tasks/1/7", "replayed", "dead-letters")

    found = open_letters([lying(of_topic(7), 0), lying(of_topic(5), 1), lying(marker, 2, value=None)])

    assert [(letter.id, letter.origin) for letter in found] == [("housing-tasks-dlq/1/1", "housing-tasks/1/5")]


def test_two_letters_of_one_record_are_one() -> None:
    found = open_letters([lying(of_topic(7), 0), lying(of_topic(7), 1)])
    assert [letter.id for letter in found] == ["housing-tasks-dlq/1/1"]


def test_a_record_that_dies_again_after_it_was_mended_is_open_again() -> None:
    mended = settled("universal_housing/works-orders/abc", "mended", "universal_housing")
    found = open_letters([lying(of_record("abc"), 0), lying(mended, 1, value=None), lying(of_record("abc"), 2)])
    assert [letter.id for letter in found] == ["housing-tasks-dlq/1/2"]


def test_a_record_that_was_sent_again_and_died_has_one_letter_in_its_first_place() -> None:
    found = open_letters([lying(of_topic(6), 0), lying(of_topic(5), 1), lying(of_topic(9, attempt=2, first=5), 2)])

    assert [(letter.id, letter.attempt) for letter in found] == [
        ("housing-tasks-dlq/1/2", 2),
        ("housing-tasks-dlq/1/0", 1),
    ]


def test_a_marker_of_an_earlier_try_says_nothing_of_the_next() -> None:
    replayed = settled("housing-tasks/1/5", "replayed", "dead-letters", first="housing-tasks/1/5")

    found = open_letters(
        [lying(of_topic(5), 0), lying(of_topic(9, attempt=2, first=5), 1), lying(replayed, 2, value=None)]
    )

    assert [letter.id for letter in found] == ["housing-tasks-dlq/1/1"]


def test_a_marker_of_the_last_try_settles_the_earlier_letters_too() -> None:
    applied = settled("housing-tasks/1/9", "applied", "worker", first="housing-tasks/1/5")

    assert open_letters([lying(of_topic(5), 0), lying(applied, 1, value=None)]) == []


def test_letters_of_a_topic_that_is_read_again_from_its_beginning_are_open_until_they_are_settled_again() -> None:
    applied = settled("housing-tasks/1/9", "applied", "worker", first="housing-tasks/1/5")
    lived = [lying(of_topic(5), 0), lying(applied, 1, value=None)]

    assert [letter.id for letter in open_letters([*lived, lying(of_topic(5), 2)])] == ["housing-tasks-dlq/1/2"]
    assert open_letters([*lived, lying(of_topic(5), 2), lying(applied, 3, value=None)]) == []


def test_letters_come_in_the_order_of_their_sources() -> None:
    found = open_letters([lying(of_topic(9), 0), lying(of_topic(2), 1)])
    assert [letter.source.offset for letter in found if letter.source] == [2, 9]


def test_a_replay_sends_the_same_bytes_to_the_source_and_counts() -> None:
    (letter,) = open_letters([lying(of_topic(7, attempt=2), 0, value=b"{broken")])
    again = letter.again(b"{broken")
    assert again is not None
    assert (again.topic, again.key, again.value, again.headers) == (
        "housing-tasks",
        b"key",
        b"{broken",
        (("content-type", b"application/cloudevents+json"), ("attempt", b"2"), ("first", b"housing-tasks/1/7")),
    )


def test_a_record_of_a_legacy_system_is_not_sent_from_here() -> None:
    (letter,) = open_letters([lying(of_record("abc"), 0)])
    assert letter.again(b"{}") is None


def test_somebody_elses_record_on_the_topic_stands_for_itself() -> None:
    (letter,) = open_letters([lying((), 4)])
    assert (letter.code, letter.origin, letter.component) == ("unknown", "housing-tasks-dlq/1/4", "unknown")


def test_headers_that_say_nonsense_do_not_hide_the_other_letters() -> None:
    odd = (("topic", b"housing-tasks"), ("partition", b"one"), ("offset", b""), ("attempt", b"often"))

    found = open_letters([lying(odd, 4), lying(of_topic(7), 5)])

    assert [(letter.id, letter.attempt) for letter in found] == [
        ("housing-tasks-dlq/1/4", 1),
        ("housing-tasks-dlq/1/5", 1),
    ]


def test_a_reason_is_kept_short() -> None:
    headers = dict(
        dead_letter(
            code="x", reason="y" * 5000, topic="t", partition=0, offset=0, component="w", key=None, value=None
        ).headers
    )
    assert len(headers["reason"].decode()) == REASON_LIMIT


def as_shown(value: bytes | None, headers: Headers | None = None) -> str:
    (letter,) = open_letters([lying(headers or of_topic(7), 0, value=value)])
    return masked(letter, value)


def test_a_masked_record_shows_its_shape_and_nothing_of_what_it_says() -> None:
    shown = as_shown(
        b'{"data": {"facts": {"person_name": "Quillfeather", "steps": 3, "home": true}, "Mx Quillfeather": [null]}}'
    )
    assert "Quillfeather" not in shown
    assert '"person_name": "(text of 12)"' in shown
    assert as_shown(b"\xff\xfe") == "2 bytes that are not JSON"
    assert as_shown(None) == "empty"


def test_a_name_that_no_schema_knows_is_left_out() -> None:
    shown = json.loads(as_shown(b'{"Edna.Invented": {"data": 1}, "Invented": true, "data": {}}'))

    assert shown == {"…": {"data": "(number)"}, "……": "(yes or no)", "data": {}}


def test_the_columns_of_a_legacy_record_are_shown() -> None:
    shown = as_shown(b'{"values": {"PROP_REF": "0001", "Edna Invented": 1}}', of_record("abc"))

    assert json.loads(shown) == {"values": {"PROP_REF": "(text of 4)", "…": "(number)"}}


def test_a_record_that_is_nested_too_deep_is_said_to_be() -> None:
    deep = b"[" * 100_000

    assert as_shown(deep) == "100000 bytes of JSON that is nested too deep to be shown"


def test_how_often_a_record_was_tried_is_a_number() -> None:
    parked = dead_letter(
        code="parked", reason="", topic="housing-tasks", partition=1, offset=5, component="worker", key=b"key", value=b"{}", attempt=0
    ).headers  # fmt: skip

    found = [*open_letters([lying(parked, 0)]), *open_letters([lying((), 4)])]

    assert [repr(letter.attempt) for letter in found] == ["0", "1"]


def test_what_has_only_waited_for_an_earlier_instruction_was_never_tried() -> None:
    waits = dead_letter(
        code="waits-for-earlier", reason="", topic="housing-tasks", partition=1, offset=5, component="universal_housing",
        key=b"key", value=b"{}", attempt=0,
    )  # fmt: skip

    assert [letter.attempt for letter in open_letters([lying(waits.headers, 0)])] == [0]
