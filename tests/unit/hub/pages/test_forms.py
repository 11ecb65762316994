"""A journey's questions as a form, and what was filled in as a body."""

from datetime import UTC, datetime

import pytest

from hub.intake.bodies import read_request
from hub.intake.problems import Fault, Refusal
from hub.journeys.load import SHIPPED, load_files
from hub.journeys.model import Journey
from hub.pages import forms


def journey(request: str) -> Journey:
    found = load_files(sorted(SHIPPED.glob("*.yaml"))).for_request(request)
    assert found is not None
    return found


def test_every_question_of_the_journey_is_a_field_of_its_kind() -> None:
    shown = {field.name: field for field in forms.fields(journey("discharge-notified"), {}, ())}

    assert shown["discharge_date"].kind == "date"
    assert shown["mobility"].choices == (
        ("walks", "Walks"),
        ("walks-with-aid", "Walks with aid"),
        ("wheelchair", "Wheelchair"),
    )
    assert shown["protected_address"].choices == (("true", "Yes"), ("false", "No"))
    assert shown["pathway"].kind == "number"
    assert shown["uprn"].question == "Which home do they return to (UPRN)?"
    assert shown["uprn"].required
    assert not shown["phone"].required


def test_a_fault_stands_beside_its_field_with_what_was_filled_in() -> None:
    faults = [Fault("/facts/uprn", "Digits only."), Fault("/facts/mobility", "How? This fact is needed.")]

    shown = {field.name: field for field in forms.fields(journey("discharge-notified"), {"uprn": "x"}, faults)}

    assert (shown["uprn"].value, shown["uprn"].error) == ("x", "Digits only.")
    assert shown["mobility"].error == "This answer is needed."
    assert shown["person_name"].error == ""


def test_a_day_that_nobody_can_count_from_is_told_beside_its_field() -> None:
    home, all_journeys = journey("discharge-notified"), load_files(sorted(SHIPPED.glob("*.yaml")))
    filled = {"person_name": "Edna Invented", "nhs_number": "9990000018", "uprn": "1000", "mobility": "walks"}
    filled |= {"discharge_date": "9999-12-31"}

    with pytest.raises(Refusal) as refused:
        read_request(forms.body(home, filled), all_journeys, datetime(2026, 11, 3, 9, tzinfo=UTC))
    shown = {field.name: field for field in forms.fields(home, filled, refused.value.faults)}

    assert shown["discharge_date"].error == "The year lies outside 1900 to 2099. Check what was typed."
    assert not any(field.error for field in shown.values() if field.name != "discharge_date")


def test_what_was_filled_in_becomes_a_body_without_what_was_left_empty() -> None:
    filled = forms.parse(b"uprn=+1000+&location=533912%2C+184321&waste_size=&key=k&channel=email")

    assert forms.body(journey("fly-tipping-reported"), filled) == {
        "request": "fly-tipping-reported",
        "channel": "email",
        "facts": {"uprn": "1000", "location": ["533912", " 184321"]},
    }
