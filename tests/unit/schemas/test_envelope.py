"""Ids, references and envelopes: the same cause has the same id, and a slip of the pen is noticed."""

from datetime import UTC, datetime, timedelta
from itertools import combinations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.cases import CaseChange, CaseStatus, CaseUpdated, Update
from schemas.envelope import output_id, record_id
from schemas.facts import Facts, only
from schemas.references import ALPHABET, InvalidReference, case_reference, parse_case_reference
from schemas.requests import Request, RequestReceived

AT = datetime(2026, 11, 3, 9, 12, 30, tzinfo=UTC)
CAUSE = UUID("0b8f7a52-6f0e-8c3d-9a41-2d5c7e9f1a60")
KEY = b"0123456789abcdef"


def request() -> RequestReceived:
    case = case_reference(AT, "one")
    return RequestReceived(
        id=CAUSE,
        source="/E06000999/web",
        time=AT,
        effectiveat=AT - timedelta(days=1),
        correlationid=case,
        partitionkey=case,
        council="E06000999",
        data=Request(request="discharge-notified"),
    )


def test_what_follows_from_an_event_has_an_id_computed_from_it() -> None:
    assert output_id(CAUSE, "raise|check-home") == output_id(CAUSE, "raise|check-home")
    assert output_id(CAUSE, "raise|check-home") != output_id(CAUSE, "raise|assess-care")


def test_a_record_read_twice_has_the_same_id_and_nobody_without_the_key_can_compute_it() -> None:
    one = record_id(KEY, "universal_housing", "works-orders", "00012345|2026-11-03T09:00")

    assert one == record_id(KEY, "universal_housing", "works-orders", "00012345|2026-11-03T09:00")
    assert one != record_id(KEY, "universal_housing", "works-orders", "00012345|2026-11-03T09:01")
    assert one != record_id(b"another key 1234", "universal_housing", "works-orders", "00012345|2026-11-03T09:00")
    assert one.version == 8


def test_what_follows_keeps_the_case_the_council_and_the_times() -> None:
    cause = request()
    data = Update(journey="hospital-discharge", change=CaseChange.ACCEPTED, status=CaseStatus.OPEN)

    update = CaseUpdated.following(cause, "update|accepted|None", source="/E06000999/worker", data=data)

    assert update.correlationid == update.partitionkey == cause.correlationid
    assert update.causationid == cause.id
    assert (update.time, update.effectiveat, update.council) == (cause.time, cause.effectiveat, cause.council)


def test_an_event_cannot_be_changed_and_has_a_zone_in_every_time() -> None:
    event = request()

    with pytest.raises(ValidationError):
        event.source = "/somebody/else"  # type: ignore[misc]  # the point of the test
    with pytest.raises(ValidationError, match="timezone"):
        RequestReceived.model_validate(event.model_dump() | {"time": "2026-11-03T09:00:00"})


def test_facts_given_to_a_department_are_those_asked_for_and_no_others() -> None:
    facts = Facts.model_validate({"person_name": "Ada Invented", "uprn": "100000000017", "mobility": "walks"})

    assert only(["mobility", "uprn"], facts.known()) == {"uprn": "100000000017", "mobility": "walks"}


def test_a_protected_person_is_nowhere_and_every_department_is_told_that_they_are_protected() -> None:
    places = {"uprn": "100000000017", "tenancy_ref": "000017/01"}
    facts = Facts.model_validate({"person_name": "Ada Invented", "protected_address": True} | places)

    told = only(["person_name", "uprn", "address", "tenancy_ref"], facts.known())

    assert told == {"person_name": "Ada Invented", "protected_address": True}


def test_of_a_person_who_is_not_protected_nothing_is_said_of_that() -> None:
    facts = Facts.model_validate({"uprn": "100000000017", "protected_address": False})

    assert only(["uprn"], facts.known()) == {"uprn": "100000000017"}


SECONDS = st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


@given(SECONDS, st.text(max_size=40))
def test_a_reference_is_read_back_however_it_was_said(at: datetime, seed: str) -> None:
    reference = case_reference(at, seed)
    spoken = reference.replace("-", " ").lower().replace("0", "o").replace("1", "l")

    assert parse_case_reference(reference) == parse_case_reference(spoken) == reference


@given(SECONDS, st.text(max_size=20))
def test_every_single_wrong_character_is_noticed(at: datetime, seed: str) -> None:
    plain = case_reference(at, seed).replace("-", "")
    wrong = [
        plain[:place] + other + plain[place + 1 :]
        for place, right in enumerate(plain)
        for other in ALPHABET
        if other != right
    ]

    assert not [text for text in wrong if is_reference(text)]


@given(SECONDS, st.text(max_size=20))
def test_every_two_swapped_characters_are_noticed_wherever_they_stand(at: datetime, seed: str) -> None:
    plain = case_reference(at, seed).replace("-", "")
    pairs = [(one, other) for one, other in combinations(range(16), 2) if plain[one] != plain[other]]
    swapped = [
        "".join({one: plain[other], other: plain[one]}.get(place, right) for place, right in enumerate(plain))
        for one, other in pairs
    ]

    assert not [text for text in swapped if is_reference(text)]


def is_reference(text: str) -> bool:
    try:
        parse_case_reference(text)
    except InvalidReference:
        return False
    return True


@given(st.lists(SECONDS, min_size=2, max_size=5))
def test_references_sort_by_the_second_their_request_came_in(moments: list[datetime]) -> None:
    ordered = sorted(moments, key=lambda at: int(at.timestamp()))
    seconds = [case_reference(at, "same")[:8] for at in ordered]

    assert seconds == sorted(seconds)


def test_a_reference_with_one_wrong_character_says_so() -> None:
    with pytest.raises(InvalidReference, match="One character of this case reference is wrong"):
        parse_case_reference("0TJ9-4QXM-7C2K-VN30")


@pytest.mark.parametrize("raw", ["", "0TJ9", "0TJ9-4QXM-7C2K-VN3U", 17, None, "0TJ9 4QXM 7C2K VN31 extra"])
def test_what_is_no_reference_is_refused_without_being_repeated(raw: object) -> None:
    with pytest.raises(InvalidReference) as refusal:
        parse_case_reference(raw)

    assert not raw or str(raw) not in str(refusal.value)
