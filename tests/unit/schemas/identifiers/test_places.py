"""UPRN and USRN."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identifiers import IdentifierError, parse_optional, parse_uprn, parse_usrn

UPRNS = st.integers(min_value=1, max_value=10**12 - 1)


@pytest.mark.parametrize(
    "damaged",
    [
        "000000199356",
        "  199356  ",
        "199 356",
        "\u00a0199356",
        "199356.0",
        "199356.",
        "1.99356E5",
        "1.99356e+05",
        "1.993560E5",
        199356,
        199356.0,
        Decimal("199356.00"),
        Decimal("1.99356E+5"),
    ],
)
def test_a_damaged_uprn_becomes_the_one_everybody_knows(damaged: object) -> None:
    assert parse_uprn(damaged) == "199356"


@pytest.mark.parametrize(
    "absent", [None, "", "   ", "0", "000000000000", 0, 0.0, "NULL", "nan", float("nan"), Decimal("NaN")]
)
def test_what_a_legacy_system_writes_for_none_is_missing(absent: object) -> None:
    with pytest.raises(IdentifierError) as refused:
        parse_uprn(absent)

    assert refused.value.code == "missing"
    assert parse_optional(parse_uprn, absent) is None


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("1.00023E+11", "digits-cut"),
        ("1E5", "digits-cut"),
        (1e17, "digits-cut"),
        ("1.5", "not-whole"),
        (1.5, "not-whole"),
        (Decimal("1.5"), "not-whole"),
        ("1.99356E2", "not-whole"),
        ("1000226227451", "too-long"),
        ("12A4", "not-a-number"),
        ("-5", "not-a-number"),
        (-5, "not-a-number"),
        (-5.0, "not-a-number"),
        (True, "not-a-number"),
        pytest.param(10**5000, "not-a-number", id="5001 digits"),
        (Decimal("1E+999999"), "not-a-number"),
        (["199356"], "not-text"),
        (b"199356", "not-text"),
        ("\u0661\u0662\u0663", "not-a-number"),
    ],
)
def test_a_uprn_beyond_repair_is_refused_by_name(wrong: object, code: str) -> None:
    with pytest.raises(IdentifierError) as refused:
        parse_uprn(wrong)

    assert refused.value.code == code


def test_a_wrong_uprn_is_never_turned_into_an_absent_one() -> None:
    with pytest.raises(IdentifierError, match="digits only"):
        parse_optional(parse_uprn, "see file")


def test_a_usrn_has_at_most_eight_digits() -> None:
    assert parse_usrn("08400001") == "8400001"
    with pytest.raises(IdentifierError, match="at most 8 digits; this has 9"):
        parse_usrn("123456789")


@given(UPRNS, st.integers(min_value=0, max_value=12), st.integers(min_value=0, max_value=5))
def test_padding_never_changes_a_uprn(uprn: int, zeros: int, blanks: int) -> None:
    assert parse_uprn("0" * zeros + str(uprn) + " " * blanks) == str(uprn)


@given(UPRNS)
def test_every_way_to_store_a_uprn_reads_the_same(uprn: int) -> None:
    stored = [uprn, float(uprn), str(uprn), f"{uprn}.0", f"{uprn:.11E}", Decimal(uprn)]

    assert {parse_uprn(value) for value in stored} == {str(uprn)}
