"""NHS number, national insurance number, unique pupil number. All invented: NHS numbers in use here are synthetic or published examples."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from stdnum.gb import nhs

from schemas.identifiers import (
    IdentifierError,
    is_synthetic_nhs_number,
    is_temporary_upn,
    nhs_check_digit,
    nino_without_suffix,
    parse_nhs_number,
    parse_nino,
    parse_upn,
)


def refusal(parse: object, raw: object) -> str:
    assert callable(parse)
    with pytest.raises(IdentifierError) as refused:
        parse(raw)
    return refused.value.code


@pytest.mark.parametrize("number", ["9434765919", "9434765870", "4010232137"])
def test_published_nhs_numbers_are_accepted(number: str) -> None:
    assert parse_nhs_number(number) == number


@pytest.mark.parametrize(
    "damaged", ["943 476 5919", " 9434765919 ", "943-476-5919", 9434765919, 9434765919.0, "9.434765919E9"]
)
def test_a_damaged_nhs_number_becomes_ten_digits(damaged: object) -> None:
    assert parse_nhs_number(damaged) == "9434765919"


@given(st.integers(min_value=10_000_000, max_value=99_999_999))
def test_the_zero_that_a_number_column_took_comes_back(middle: int) -> None:
    nine = f"0{middle}"
    check = nhs_check_digit(nine)
    assume(check is not None)
    number = f"{nine}{check}"

    assert parse_nhs_number(int(number)) == number
    assert parse_nhs_number(str(int(number))) == number


@given(st.from_regex(r"[1-9][0-9]{9}", fullmatch=True))
def test_the_check_digit_agrees_with_an_independent_library(number: str) -> None:
    assume(len(set(number)) > 1)

    if nhs.is_valid(number):
        assert parse_nhs_number(number) == number
    else:
        assert refusal(parse_nhs_number, number) == "check-digit"


@given(st.integers(min_value=0, max_value=9), st.integers(min_value=1, max_value=9))
def test_one_wrong_digit_is_always_noticed(place: int, shift: int) -> None:
    right = "9434765919"
    wrong = right[:place] + str((int(right[place]) + shift) % 10) + right[place + 1 :]

    assert refusal(parse_nhs_number, wrong) == "check-digit"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("94347659", "wrong-length"),
        ("94347659190", "wrong-length"),
        ("ABCD/123", "not-a-number"),
        ("9999999999", "placeholder"),
        ("0000000000", "missing"),
        ("9.43477E9", "digits-cut"),
    ],
)
def test_an_nhs_number_beyond_repair_is_refused_by_name(wrong: str, code: str) -> None:
    assert refusal(parse_nhs_number, wrong) == code


def test_synthetic_nhs_numbers_are_valid_and_known_as_such() -> None:
    assert is_synthetic_nhs_number(parse_nhs_number("9990000018"))
    assert not is_synthetic_nhs_number("9434765919")


@pytest.mark.parametrize(
    ("stored", "canonical"),
    [
        ("AB123456C", "AB123456C"),
        ("ab 12 34 56 c", "AB123456C"),
        ("AB123456C   ", "AB123456C"),
        ("AB123456 ", "AB123456"),
        ("JN123456D", "JN123456D"),
    ],
)
def test_a_nino_is_read_from_padded_columns_and_without_its_suffix(stored: str, canonical: str) -> None:
    assert parse_nino(stored) == canonical
    assert nino_without_suffix(canonical) == canonical[:8]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("QQ123456C", "documentation-dummy"),
        ("qq 12 34 56 a", "documentation-dummy"),
        ("TN010190M", "temporary-reference"),
        ("TN010190F", "temporary-reference"),
        ("TN123456A", "temporary-reference"),
        ("11a11111", "temporary-reference"),
        ("BG123456A", "unused-prefix"),
        ("AO123456A", "unused-prefix"),
        ("VA123456A", "unused-prefix"),
        ("FY123456A", "administrative-prefix"),
        ("PP999999P", "administrative-prefix"),
        ("OO123456A", "administrative-prefix"),
        ("AB123456E", "suffix"),
        ("AB12345", "not-a-nino"),
        ("", "missing"),
        (123456, "not-text"),
    ],
)
def test_what_only_looks_like_a_nino_is_refused_by_name(wrong: object, code: str) -> None:
    assert refusal(parse_nino, wrong) == code


# The rule of the national insurance manual, as the councils' own validators write it.
MANUAL = re.compile(r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]", re.ASCII)
ADMINISTRATIVE = ("CR", "MW", "NC", "PY", "PZ")


@given(st.from_regex(r"[A-Z]{2}[0-9]{6}[A-D]", fullmatch=True))
def test_the_nino_rule_is_the_manuals_less_administrative_prefixes(nino: str) -> None:
    if MANUAL.fullmatch(nino) and not nino.startswith(ADMINISTRATIVE):
        assert parse_nino(nino.lower()) == nino
    else:
        with pytest.raises(IdentifierError):
            parse_nino(nino)


def test_a_upn_is_held_together_by_its_check_letter() -> None:
    assert parse_upn(" b801 2000 05001 ") == "B801200005001"
    assert refusal(parse_upn, "A801200005001") == "check-letter"
    assert refusal(parse_upn, "X80120000A001") == "not-a-upn"


def test_a_pupil_of_a_council_younger_than_the_librarys_list_has_a_upn() -> None:
    # 940 is North Northamptonshire, made in 2021; python-stdnum's own validate refuses it.
    assert parse_upn("N940200021001") == "N940200021001"


def test_a_temporary_upn_is_known_as_such() -> None:
    assert is_temporary_upn(parse_upn("M80120000500A"))
    assert not is_temporary_upn("B801200005001")


@given(st.from_regex(r"[0-9]{11}[0-9A-HJ-NP-RT-Z]", fullmatch=True))
def test_the_check_letter_follows_the_published_formula(body: str) -> None:
    letters = "ABCDEFGHJKLMNPQRTUVWXYZ"
    values = [letters.index(character) if character.isalpha() else int(character) for character in body]
    check = letters[sum(place * value for place, value in enumerate(values, start=2)) % 23]

    assert parse_upn(check + body) == check + body
    assert refusal(parse_upn, letters[(letters.index(check) + 1) % 23] + body) == "check-letter"


def test_a_reason_in_the_place_of_a_upn_is_refused_as_that() -> None:
    assert refusal(parse_upn, "UN3") == "reason-instead"
