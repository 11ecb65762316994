from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from connectors.sdk.contract import Effect
from connectors.sdk.errors import UnmappedCode
from connectors.social_care_soap import mapping
from connectors.social_care_soap.mapping import Meanings, Nobody
from schemas.envelope import Department
from schemas.facts import Facts
from schemas.references import case_reference
from schemas.tasks import Task, TaskRaised, Work

MEANINGS = Meanings()
ASKED = datetime(2026, 7, 14, 13, 5, 9, tzinfo=UTC)
CASE = case_reference(ASKED, "first")


def effect_of(task: Task) -> Effect:
    raised = TaskRaised(
        id=UUID(int=7),
        source="/E06000999/worker",
        correlationid=CASE,
        partitionkey=CASE,
        council="E06000999",
        time=ASKED,
        effectiveat=ASKED,
        data=task,
    )
    return Effect(key=raised.id.hex, case=CASE, instruction=raised, earlier="R0000417")


def task_with(facts: Facts, **others: Any) -> Task:
    fields: dict[str, Any] = {"work": Work.CARE_ASSESSMENT, "asks": "What care is needed at home?", "facts": facts}
    return Task(task="assess-care", department=Department.SOCIAL_CARE, **(fields | others))


def on_record(**others: Any) -> dict[str, Any]:
    return {"PersonId": "700012", "NHSNumber": None, "DateOfBirth": "03/02/1941"} | others


@pytest.mark.parametrize(
    ("newest", "since"),
    [
        (None, "01/01/2000 00:00:00"),
        ("03/11/2026 09:12:40", "03/11/2026 09:07:40"),
        ("25/10/2026 01:30:00", "25/10/2026 00:25:00"),
        ("25/10/2026 02:20:00", "25/10/2026 02:15:00"),
        ("25/10/2026 01:02:00", "25/10/2026 00:57:00"),
    ],
    ids=["first-poll", "ordinary", "inside-the-repeated-hour", "after-it", "at-its-beginning"],
)
def test_a_poll_looks_back_so_far_that_the_repeated_hour_hides_nothing(newest: str | None, since: str) -> None:
    assert mapping.poll_from(newest, MEANINGS) == since


def test_the_latest_moment_goes_by_the_calendar_and_not_by_its_text() -> None:
    assert mapping.latest(["31/10/2026 23:00:00", "01/11/2026 01:00:00", "30/11/2025 09:00:00"], MEANINGS) == (
        "01/11/2026 01:00:00"
    )


def test_a_moment_that_cannot_be_read_is_passed_over() -> None:
    assert mapping.latest([None, "yesterday", "01/11/2026 01:00:00"], MEANINGS) == "01/11/2026 01:00:00"
    assert mapping.latest([None, "yesterday"], MEANINGS) is None


def test_only_what_the_next_poll_shows_again_is_remembered() -> None:
    seen = {"R1|1": "03/11/2026 09:00:00", "R2|4": "03/11/2026 09:08:00", "R3|1": "03/11/2026 09:12:40"}

    assert mapping.shown_again(seen, "03/11/2026 09:12:40", MEANINGS).keys() == {"R2|4", "R3|1"}


def test_a_referral_carries_our_reference_the_local_time_and_what_people_read() -> None:
    facts = Facts(person_name="Zoë Müller & Sons", keysafe_present=True, to_address="5 Rookery Row, Nettlebourne")
    task = task_with(facts, due=datetime(2026, 7, 17, 16, 0, tzinfo=UTC))

    referral = mapping.referral_for(effect_of(task), task, {"PersonId": "700012"}, MEANINGS)

    assert referral == {
        "ReferralType": "ASMT",
        "PersonId": "700012",
        "ExternalReference": UUID(int=7).hex,
        "LoggedDate": "14/07/2026 14:05:09",
        "RequiredBy": "17/07/2026 17:00:00",
        "Details": f"{CASE}: What care is needed at home?; "
        "Whether the home has a keysafe; never its code: yes; "
        "Address of the new home in one line: 5 Rookery Row, Nettlebourne",
    }


def test_details_that_are_too_long_are_cut_where_people_see_it() -> None:
    task = task_with(Facts(address="9" * 200, to_address="8" * 200))

    details = mapping.amendment_for(effect_of(task), task, MEANINGS)["Details"]

    assert len(details) == 500
    assert details.endswith("8...")


def test_control_characters_that_xml_cannot_carry_become_blanks() -> None:
    task = task_with(Facts(), asks="What care\x00\x1bis needed?")

    assert mapping.amendment_for(effect_of(task), task, MEANINGS)["Details"] == f"{CASE}: What care  is needed?"


def test_an_nhs_number_travels_as_a_number_and_is_recognised_without_its_zero() -> None:
    facts = Facts(person_name="Ada Quill", nhs_number="0123456789", date_of_birth=date(1941, 2, 3))

    assert mapping.person_for([], facts, MEANINGS) == {
        "NewPerson": {"FullName": "Ada Quill", "DateOfBirth": "03/02/1941", "NHSNumber": 123456789}
    }
    assert mapping.person_for([on_record(NHSNumber=123456789)], facts, MEANINGS) == {"PersonId": "700012"}


def test_a_person_with_another_date_of_birth_or_nhs_number_is_somebody_else() -> None:
    born, other_day = Facts(date_of_birth=date(1941, 2, 3)), Facts(date_of_birth=date(1941, 3, 2))

    assert mapping.person_for([on_record()], born, MEANINGS) == {"PersonId": "700012"}
    assert mapping.person_for([on_record()], other_day, MEANINGS) is Nobody.ANOTHER
    assert (
        mapping.person_for([on_record(NHSNumber=9990000018)], Facts(nhs_number="0123456789"), MEANINGS)
        is Nobody.ANOTHER
    )


def test_a_date_of_birth_that_is_not_known_there_says_nothing() -> None:
    unknown = on_record(DateOfBirth="01/01/1900")

    assert mapping.person_for([unknown], Facts(date_of_birth=date(1941, 2, 3)), MEANINGS) == {"PersonId": "700012"}


def test_nobody_can_be_opened_without_a_name() -> None:
    assert mapping.person_for([], Facts(date_of_birth=date(1941, 2, 3)), MEANINGS) is Nobody.UNKNOWN
    occupier = mapping.person_for([], Facts.model_validate({"uprn": "100000000017"}), MEANINGS)
    assert not isinstance(occupier, Nobody)
    assert occupier["NewPerson"]["FullName"] == "The Occupier"


def test_work_the_council_has_no_referral_type_for_names_those_it_has() -> None:
    task = task_with(Facts(), work=Work.TRIP)

    with pytest.raises(UnmappedCode, match=r"Table referral_type has no code for trip; it has codes for care-address"):
        mapping.referral_for(effect_of(task), task, {"PersonId": "700012"}, MEANINGS)
