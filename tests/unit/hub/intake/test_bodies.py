"""What the API accepts, and that everything wrong with a body is said at once, in words, without a value."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from hub.intake.bodies import (
    AHEAD,
    NewAmendment,
    NewDecision,
    NewRequest,
    NewWithdrawal,
    Vocabulary,
    decode,
    in_words,
    read_amendment,
    read_plain,
    read_request,
)
from hub.intake.problems import Kind, Refusal
from hub.journeys.load import SHIPPED, load_files
from hub.journeys.model import Journeys
from schemas.facts import Facts
from schemas.fields import reader_of

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "request": "fly-tipping-reported",
    "facts": {"uprn": "100023336956", "waste_size": "car-boot", "land_owner": "housing"},
}


@pytest.fixture(scope="module")
def journeys() -> Journeys:
    return load_files(sorted(SHIPPED.glob("*.yaml")))


def refusal(journeys: Journeys, body: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(Refusal) as refused:
        read_request(body, journeys, NOW)
    assert refused.value.kind is Kind.INVALID_BODY
    return {fault.pointer: fault.detail for fault in refused.value.faults}


def test_a_good_body_is_a_request(journeys: Journeys) -> None:
    request = read_request(GOOD, journeys, NOW)

    assert request.facts.known() == GOOD["facts"]
    assert request.channel == "online"


def test_everything_that_is_wrong_is_said_at_once(journeys: Journeys) -> None:
    faults = refusal(
        journeys,
        {
            "request": "fly-tipping-reported",
            "chanel": "phone",
            "channel": "fax",
            "lgsl": "abc",
            "effective_at": "2026-11-24T10:00:00",
            "facts": {"uprn": "12 Invented Street", "waste_size": "huge", "nhs_number": "9990000018", "colour": "red"},
        },
    )

    assert faults.keys() == {
        "/chanel",
        "/channel",
        "/lgsl",
        "/effective_at",
        "/facts/uprn",
        "/facts/waste_size",
        "/facts/nhs_number",
        "/facts/colour",
        "/facts/land_owner",
    }
    assert faults["/chanel"].startswith("There is no such field here. Did you mean channel?")
    assert faults["/facts/land_owner"] == "Whose land is it on? This fact is needed."
    assert faults["/facts/nhs_number"].startswith("This is no fact this request may carry.")
    assert faults["/facts/colour"].startswith("This is no fact the hub knows.")
    assert "'single-item', 'car-boot'" in faults["/facts/waste_size"]
    assert faults["/effective_at"] == "A time needs its zone: 2026-11-30T14:00:00Z."


def test_no_value_is_repeated(journeys: Journeys) -> None:
    secrets = {"uprn": "secret-1", "waste_size": "secret-2", "land_owner": "secret-3", "phone": "secret-4" * 9}
    faults = refusal(journeys, {"request": "fly-tipping-reported", "channel": "secret-5", "facts": secrets})

    assert len(faults) == 5
    assert "secret" not in " ".join(faults.values())


def test_an_unknown_kind_of_request_is_answered_with_the_nearest_and_the_list(journeys: Journeys) -> None:
    faults = refusal(journeys, {"request": "fly-tiping-reported", "facts": {"uprn": "x"}})

    assert "Did you mean fly-tipping-reported? There are: address-changed, discharge-notified" in faults["/request"]
    assert faults["/facts/uprn"] == "The UPRN is written in digits only. Check which column is mapped to it."


def test_a_required_fact_that_is_null_is_missing(journeys: Journeys) -> None:
    faults = refusal(journeys, GOOD | {"facts": GOOD["facts"] | {"uprn": None}})

    assert faults == {"/facts/uprn": "Next to which building is it (UPRN)? This fact is needed."}


def test_a_request_without_its_kind_and_with_facts_that_are_no_object_says_both(journeys: Journeys) -> None:
    assert refusal(journeys, {"facts": []}).keys() == {"/request", "/facts"}


def test_what_is_yet_to_become_true_is_refused_beyond_what_clocks_may_differ(journeys: Journeys) -> None:
    late = (NOW + AHEAD + timedelta(seconds=1)).isoformat()
    soon = (NOW + AHEAD).isoformat()

    assert refusal(journeys, GOOD | {"effective_at": late}).keys() == {"/effective_at"}
    assert read_request(GOOD | {"effective_at": soon}, journeys, NOW).effective_at == NOW + AHEAD


def test_a_key_with_a_slash_is_pointed_at_as_the_standard_says(journeys: Journeys) -> None:
    assert "/facts/a~1b~0c" in refusal(journeys, GOOD | {"facts": GOOD["facts"] | {"a/b~c": 1}})


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'"text"', b"\xff\xfe", b'{"name": "secret', b"[" * 100_000])
def test_what_is_not_a_json_object_is_refused_without_repeating_it(raw: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        decode(raw)

    assert refused.value.kind is Kind.NOT_JSON
    assert "secret" not in refused.value.detail


def test_an_amendment_names_facts_of_its_journey_and_at_least_one(journeys: Journeys) -> None:
    journey = journeys.for_request("discharge-notified")
    assert journey is not None
    vocabulary = Vocabulary.of(journey)

    assert read_amendment({"facts": {"discharge_date": "2026-12-01"}}, vocabulary, NOW).facts.known()
    for facts in ({}, {"uprn": None}, {"waste_size": "car-boot"}):
        with pytest.raises(Refusal):
            read_amendment({"facts": facts}, vocabulary, NOW)


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
def test_a_day_that_nobody_can_count_from_is_refused_in_a_request_and_in_an_amendment(
    journeys: Journeys, day: str
) -> None:
    moving = journeys.for_request("address-changed")
    assert moving is not None
    facts = {"person_name": "Ada Invented", "from_uprn": "1000", "to_uprn": "1001", "date_of_birth": day}

    faults = refusal(journeys, {"request": "address-changed", "facts": facts | {"move_date": day}})
    with pytest.raises(Refusal) as refused:
        read_amendment({"facts": {"move_date": day}}, Vocabulary.of(moving), NOW)

    said = "The year lies outside 1900 to 2099. Check what was typed."
    assert faults == {"/facts/move_date": said, "/facts/date_of_birth": said}
    assert [(fault.pointer, fault.detail) for fault in refused.value.faults] == [("/facts/move_date", said)]


def test_a_number_is_not_taken_for_a_day_in_1970(journeys: Journeys) -> None:
    faults = refusal(journeys, {"request": "discharge-notified", "facts": {"discharge_date": 0}, "effective_at": 0})

    assert faults["/facts/discharge_date"] == "A date reads like 2026-11-30 and is a day that exists."
    assert "A date reads like 2026-11-30" in faults["/effective_at"]


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_time_that_no_clock_can_count_from_is_refused(journeys: Journeys, time: str) -> None:
    assert "The year lies outside 1800 to 2199" in refusal(journeys, GOOD | {"effective_at": time})["/effective_at"]


def test_a_decision_needs_a_task_a_verdict_and_a_name() -> None:
    with pytest.raises(Refusal) as refused:
        read_plain(NewDecision, {"verdict": "perhaps", "by": ""}, NOW)

    assert {fault.pointer for fault in refused.value.faults} == {"/task", "/verdict", "/by"}


def test_a_withdrawal_needs_nothing() -> None:
    assert read_plain(NewWithdrawal, {}, NOW).reason == ""


@pytest.mark.parametrize("model", [NewRequest, NewAmendment, NewWithdrawal, NewDecision])
def test_the_examples_shown_to_developers_are_accepted(model: Any, journeys: Journeys) -> None:
    for example in model.model_config["json_schema_extra"]["examples"]:
        model.model_validate(example)
        if model is NewRequest:
            read_request(example, journeys, NOW)


def test_a_problem_travels_as_the_standard_says(journeys: Journeys) -> None:
    with pytest.raises(Refusal) as refused:
        read_request({}, journeys, NOW)

    problem = refused.value.problem()
    assert (problem.type, problem.status) == ("/api/docs#problem-invalid-body", 422)
    assert problem.errors[0].pointer == "/request"


def test_every_kind_of_problem_has_a_name_of_its_own() -> None:
    assert len({kind.slug for kind in Kind}) == len(Kind)


@pytest.mark.parametrize("name", ["person_name", "phone", "tenancy_ref", "social_care_id", "address"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "This may not be empty."),
        ("  ", "This may not be empty."),
        (" \t\n", "This may not be empty."),
        ("\u200b", "This may not be empty."),
        ("\u0000", "This holds a tab, a line break or another control character. Write it in one line."),
        ("7 High\tSt", "This holds a tab, a line break or another control character. Write it in one line."),
    ],
)
def test_a_text_in_which_nothing_or_more_than_text_is_to_be_seen_is_refused(name: str, text: str, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        reader_of(Facts, name).validate_python(text)

    assert [in_words(dict(item)) for item in refused.value.errors(include_context=False)] == [said]


def test_a_required_fact_that_is_blank_is_refused(journeys: Journeys) -> None:
    body = {"request": "discharge-notified", "facts": {"person_name": "  "}}

    assert refusal(journeys, body)["/facts/person_name"] == "This may not be empty."


def test_blanks_around_a_text_are_dropped_and_do_not_count() -> None:
    assert Facts.model_validate({"person_name": " Edna Invented\n"}).person_name == "Edna Invented"
    assert Facts.model_validate({"tenancy_ref": "  000017/01  "}).tenancy_ref == "000017/01"
