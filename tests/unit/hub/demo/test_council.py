from hub.demo.council import CODE, citizens
from schemas.facts import Facts
from schemas.identifiers import parse_council_code

FIRST = citizens(3000, seed=1)


def test_the_same_seed_invents_the_same_people() -> None:
    assert citizens(50, seed=1) == FIRST[:50]
    assert citizens(50, seed=2) != FIRST[:50]


def test_nobody_real_can_be_among_them() -> None:
    assert all(citizen.nhs_number.startswith("999") for citizen in FIRST)
    assert all(citizen.phone.startswith("01632 960") for citizen in FIRST)


def test_numbers_and_addresses_are_as_real_ones_are() -> None:
    for citizen in FIRST[:200]:
        Facts(nhs_number=citizen.nhs_number, uprn=citizen.uprn, postcode=citizen.postcode, address=citizen.address)
    assert parse_council_code(CODE) == CODE


def test_no_two_share_a_number_or_a_home() -> None:
    for name in ("nhs_number", "uprn", "address", "property_ref", "tenancy_ref"):
        assert len({getattr(citizen, name) for citizen in FIRST}) == len(FIRST)


def test_some_are_known_to_social_care_and_some_are_not() -> None:
    known = sum(citizen.social_care_id is not None for citizen in FIRST)

    assert 1000 < known < 1500
