"""Invented citizens for the conformance suite, with names that nobody would write into a log by chance."""

from datetime import date, time

from connectors.sdk.simulation import Citizen
from schemas.facts import Facts, LandOwner, Mobility, WasteSize
from schemas.identifiers import GridReference, nhs_check_digit


def _citizen(number: int, forename: str, surname: str, born: date, mobility: Mobility) -> Citizen:
    stem = f"99900000{number}"
    return Citizen(
        title="Mx",
        forename=forename,
        surname=surname,
        date_of_birth=born,
        nhs_number=f"{stem}{nhs_check_digit(stem)}",
        phone=f"01632 96077{number}",
        uprn=f"9900000004{number}",
        address=f"{number} Quillon Parade, Nettlebourne",
        postcode="LE1 6ZZ",
        easting=458_600 + number,
        northing=304_400 + number,
        property_ref=f"0000009{number}",
        tenancy_ref=f"00009{number}/01",
        social_care_id=f"70000{number}",
        mobility=mobility,
        steps_at_door=number,
        keysafe_present=number % 2 == 0,
        care_visits_a_day=number,
    )


CITIZENS = (
    _citizen(1, "Zebadiah", "Quillfeather", date(1941, 2, 3), Mobility.WHEELCHAIR),
    _citizen(2, "Bernadotte", "O'Nettlewhistle", date(1938, 7, 29), Mobility.WALKS_WITH_AID),
    _citizen(3, "Zoë", "Thistlewrangle", date(1952, 12, 31), Mobility.WALKS),
)
"""Known to every department's simulator; one name with an apostrophe, one with a letter that is not ASCII."""

STRANGER = _citizen(8, "Ermintrude", "Wibberley-Plume", date(1947, 5, 11), Mobility.WALKS)
"""Known to nobody."""

PERSONAL_WORDS = tuple(
    word
    for citizen in (*CITIZENS, STRANGER)
    for word in (
        citizen.forename,
        citizen.surname,
        citizen.surname.upper(),
        citizen.nhs_number,
        citizen.phone,
        citizen.uprn,
        "Quillon Parade",
        citizen.date_of_birth.isoformat(),
    )
)
"""What must stand in no log and no error."""


def facts_for(citizen: Citizen) -> Facts:
    """Every fact that a task about this citizen could carry; a connector takes those it needs."""
    return Facts(
        person_name=f"{citizen.forename} {citizen.surname}",
        phone=citizen.phone,
        date_of_birth=citizen.date_of_birth,
        nhs_number=citizen.nhs_number,
        social_care_id=citizen.social_care_id,
        tenancy_ref=citizen.tenancy_ref,
        uprn=citizen.uprn,
        address=citizen.address,
        postcode=citizen.postcode,
        mobility=citizen.mobility,
        discharge_date=date(2026, 11, 20),
        hospital_site="Nettlebourne General, ward 7",
        steps_at_door=citizen.steps_at_door,
        keysafe_present=citizen.keysafe_present,
        care_visits_a_day=citizen.care_visits_a_day,
        pickup_time=time(10, 30),
        from_uprn=citizen.uprn,
        to_uprn="99000000099",
        to_address="99 Quillon Parade, Nettlebourne",
        move_date=date(2026, 11, 21),
        receives_care=True,
        has_travel_support=True,
        location=GridReference(easting=citizen.easting, northing=citizen.northing),
        location_text="Behind the garages",
        waste_size=WasteSize.SMALL_VAN,
        hazardous=False,
        land_owner=LandOwner.HOUSING,
    )
