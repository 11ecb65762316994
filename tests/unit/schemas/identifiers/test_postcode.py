"""Postcodes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identifiers import IdentifierError, parse_postcode
from schemas.identifiers.postcode import AREAS


@pytest.mark.parametrize(
    "postcode",
    [
        *("E8 1EA", "SW1A 1AA", "EC1A 1BB", "W1A 0AX", "M1 1AE", "CR2 6XH", "DN55 1PT", "B33 8TH"),
        *("N1P 1GW", "GIR 0AA", "BF1 2AT", "BX1 1LT", "E1W 1LA", "NW1W 9AN", "SE1P 5LX", "N1C 4AG", "SW1Y 4QF"),
        *(
            "EC50 1AA",
            "SL0 0AA",
            "BS0 1AA",
            "CR0 2YR",
            "AB10 1AB",
            "ZE1 0AA",
            "JE2 3AB",
            "GY1 1AA",
            "IM1 1AA",
            "BT1 1AA",
        ),
    ],
)
def test_genuine_postcodes_are_accepted_at_the_edges_too(postcode: str) -> None:
    assert parse_postcode(postcode) == postcode
    assert parse_postcode(postcode.lower().replace(" ", "")) == postcode


@pytest.mark.parametrize(
    "wrong",
    [
        "BF2 4BB",
        "QQ1 1AA",
        "E8 1CV",
        "E8 1E",
        "M1A 1AE",
        "L0 1AA",
        "N01 1AA",
        "EC1I 1BB",
        "GIR 0AB",
        "AB100 1AA",
        "AB1O 1AO",
    ],
)
def test_what_royal_mail_never_made_is_refused(wrong: str) -> None:
    with pytest.raises(IdentifierError) as refused:
        parse_postcode(wrong)

    assert refused.value.code == "not-a-postcode"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("S015 2AA", "SO15 2AA"),
        ("C01 1AA", "CO1 1AA"),
        ("0X1 1AA", "OX1 1AA"),
        ("SLO OAA", None),
        ("SLO 0BA", "SL0 0BA"),
        ("E8 OEA", "E8 0EA"),
        ("E1O 6AA", "E10 6AA"),
        ("GIR OAA", "GIR 0AA"),
        ("  w1a   oax ", "W1A 0AX"),
    ],
)
def test_o_and_0_are_put_right_where_one_reading_is_left(typed: str, meant: str | None) -> None:
    assert parse_postcode(typed) == (meant or "SL0 0AA")


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("ZZ99 3VZ", "pseudo-postcode"),
        ("", "missing"),
        (None, "missing"),
        (12345, "not-text"),
        ("E8 1EA, London", "not-a-postcode"),
    ],
)
def test_other_refusals_have_names(raw: object, code: str) -> None:
    with pytest.raises(IdentifierError) as refused:
        parse_postcode(raw)

    assert refused.value.code == code


def test_there_are_124_areas_and_one_without_a_place() -> None:
    assert len(AREAS - {"BX"}) == 124


@given(st.sampled_from(sorted(AREAS)), st.integers(1, 99), st.from_regex(r"[0-9][ABD-HJLNP-UW-Z]{2}", fullmatch=True))
def test_every_district_of_every_area_survives_any_spacing_and_o_for_0(area: str, district: int, inward: str) -> None:
    postcode = f"{area}{district} {inward}"

    assert parse_postcode(f" {area.lower()} {district}{inward} ") == postcode
    assert parse_postcode(postcode.replace("0", "O")) == postcode
    assert parse_postcode(postcode.replace("O", "0")) == postcode


@given(st.text(max_size=9))
def test_what_is_accepted_is_canonical(text: str) -> None:
    try:
        postcode = parse_postcode(text)
    except IdentifierError:
        return
    assert parse_postcode(postcode) == postcode
