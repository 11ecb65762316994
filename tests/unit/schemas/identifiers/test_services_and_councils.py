"""LGSL, LGIL and GSS codes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identifiers import (
    IdentifierError,
    Nation,
    lgil_name,
    lgsl_name,
    nation_of,
    parse_council_code,
    parse_lgil_code,
    parse_lgsl_code,
)


@pytest.mark.parametrize("raw", [587, "587", " 0587 ", 587.0, "587.0"])
def test_a_service_code_is_an_integer_however_it_was_stored(raw: object) -> None:
    assert parse_lgsl_code(raw) == 587


def test_interaction_0_is_an_interaction() -> None:
    assert parse_lgil_code("0") == 0
    assert lgil_name(0) == "Apply for service"


def test_a_code_without_a_name_here_is_still_a_code() -> None:
    assert lgsl_name(parse_lgsl_code(587)) == "Fly-tipping"
    assert lgsl_name(parse_lgsl_code(1234)) == "Service 1234"
    assert lgil_name(parse_lgil_code(30)) == "Interaction 30"


@pytest.mark.parametrize(
    ("raw", "code"), [("587/17", "not-a-number"), (0, "out-of-range"), ("9" * 5000, "out-of-range"), ("", "missing")]
)
def test_a_wrong_service_code_is_refused_by_name(raw: object, code: str) -> None:
    with pytest.raises(IdentifierError) as refused:
        parse_lgsl_code(raw)

    assert refused.value.code == code


@pytest.mark.parametrize(
    ("council", "nation", "calendar"),
    [
        ("E09000012", Nation.ENGLAND, "england-and-wales"),
        ("E10000017", Nation.ENGLAND, "england-and-wales"),
        ("W06000015", Nation.WALES, "england-and-wales"),
        ("S12000033", Nation.SCOTLAND, "scotland"),
        ("N09000003", Nation.NORTHERN_IRELAND, "northern-ireland"),
    ],
)
def test_a_council_code_tells_nation_and_bank_holidays(council: str, nation: Nation, calendar: str) -> None:
    assert nation_of(parse_council_code(council)) is nation
    assert nation.bank_holidays == calendar


@pytest.mark.parametrize("damaged", ["e09000012", " E09 000 012 ", "EO9OOOO12"])
def test_a_damaged_council_code_is_repaired(damaged: str) -> None:
    assert parse_council_code(damaged) == "E09000012"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("00AM", "older-code"),
        ("5360", "older-code"),
        ("E05000001", "not-a-council"),
        ("hackney", "not-a-gss-code"),
        ("", "missing"),
    ],
)
def test_other_codes_are_not_taken_for_a_councils(wrong: str, code: str) -> None:
    with pytest.raises(IdentifierError) as refused:
        parse_council_code(wrong)

    assert refused.value.code == code


@given(st.sampled_from(["E06", "E07", "E08", "E09", "E10", "W06", "S12", "N09"]), st.integers(0, 999_999))
def test_every_council_has_a_nation(kind: str, number: int) -> None:
    assert nation_of(parse_council_code(f"{kind}{number:06}")).value[0] == kind[0].lower()
