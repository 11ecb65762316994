from hub.dead_letters.answers import Answers
from hub.dead_letters.letter import Headers, dead_letter, settled
from hub.edge.messages import Incoming, Place
from schemas.references import case_reference
from tests.unit.hub.dead_letters.test_plan import NOW

CASE = case_reference(NOW, "one")
LANE = ("case-events", 0, CASE)


def place(offset: int) -> Place:
    return Place("case-events", 0, offset)


def letter(at: int, code: str, offset: int, first: int | None = None) -> Incoming:
    headers = dead_letter(
        code=code, reason="", topic="case-events", partition=0, offset=offset, component="worker", key=None, value=None, first=first
    ).headers  # fmt: skip
    return said(at, headers, b"{}")


def applied(at: int, offset: int, first: int) -> Incoming:
    return said(at, settled(str(place(offset)), "applied", "worker", first=str(place(first))))


def replayed(at: int, offset: int, first: int) -> Incoming:
    return said(at, settled(str(place(offset)), "replayed", "dead-letters", first=str(place(first))))


def said(at: int, headers: Headers, value: bytes | None = None) -> Incoming:
    return Incoming(Place("case-events-dlq", 0, at), CASE.encode(), value, headers, 1_000 + at)


def heard(answers: Answers, *records: Incoming) -> list[str]:
    """What can go on once these were heard; it is sent."""
    for record in records:
        answers.hear(record)
    found = answers.next()
    answers.go(found)
    return [str(each.first) for each in found]


def asked() -> Answers:
    """Where the record that first stood at 10 has been sent again."""
    answers = Answers([letter(0, "not-json", 10)])
    answers.expect(place(10), LANE)
    return answers


def test_what_came_meanwhile_goes_and_what_came_before_that_one_was_applied_goes_too() -> None:
    answers = asked()

    assert heard(answers, replayed(1, 10, 10), letter(2, "parked", 49), applied(3, 50, 10)) == ["case-events/0/49"]
    assert heard(answers, replayed(4, 49, 49), letter(5, "parked", 70), applied(6, 75, 49)) == ["case-events/0/70"]
    assert answers.afterwards().unheard == 1
    assert heard(answers, replayed(7, 70, 70), applied(8, 80, 70)) == []

    assert (answers.afterwards().went, answers.afterwards().unheard, answers.afterwards().stuck) == (2, 0, ())


def test_what_waits_for_a_record_that_died_again_stays() -> None:
    answers = asked()

    assert heard(answers, replayed(1, 10, 10), letter(2, "parked", 49), letter(3, "not-json", 50, first=10)) == []

    assert answers.are_complete
    assert answers.afterwards().stuck == ()


def test_what_is_parked_again_behind_nothing_goes_once_and_is_named() -> None:
    lost = letter(0, "parked", 49)
    answers = Answers([lost])
    answers.expect(place(49), LANE)

    assert heard(answers, replayed(1, 49, 49), letter(2, "parked", 75, first=49)) == []

    assert answers.are_complete
    assert [str(each.first) for each in answers.afterwards().stuck] == ["case-events/0/49"]


def test_what_nobody_has_answered_is_counted() -> None:
    answers = asked()
    heard(answers, replayed(1, 10, 10))

    assert not answers.are_complete
    assert answers.afterwards().unheard == 1


def test_other_cases_are_left_alone() -> None:
    answers = asked()
    other = letter(2, "parked", 49)
    answers.hear(Incoming(other.place, case_reference(NOW, "two").encode(), b"{}", other.headers, 1_002))

    assert heard(answers, replayed(3, 10, 10), applied(4, 50, 10)) == []
