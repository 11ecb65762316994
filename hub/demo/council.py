"""Thornmere Borough Council and its citizens, invented. Pure: the same seed gives the same people.

Nobody real: NHS numbers begin with 999, telephone numbers with 01632, which are never given to anybody; UPRNs, streets and the
postcode district (LE98) are not in use.
"""

import random
from datetime import date, timedelta

from connectors.sdk.simulation import Citizen
from schemas.facts import Mobility
from schemas.identifiers import nhs_check_digit

NAME = "Thornmere Borough Council"
CODE = "E07000999"
HOSPITAL = "Thornmere General"

_FORENAMES = {
    "Mrs": [
        "Agatha",
        "Beryl",
        "Clementina",
        "Dorothea",
        "Edna",
        "Faiza",
        "Gwendoline",
        "Harriet",
        "Imelda",
        "Joyce",
        "Kamala",
        "Lettice",
    ],
    "Ms": [
        "Maud",
        "Nerys",
        "Oluchi",
        "Philippa",
        "Queenie",
        "Rosalind",
        "Siân",
        "Tamsin",
        "Ursula",
        "Violet",
        "Wilhelmina",
        "Zoë",
    ],
    "Mr": [
        "Alaric",
        "Barnaby",
        "Cedric",
        "Dilip",
        "Ernest",
        "Ferdinand",
        "Godfrey",
        "Horace",
        "Ignatius",
        "Jasper",
        "Kwame",
        "Leopold",
    ],
    "Dr": [
        "Mortimer",
        "Nathaniel",
        "Obadiah",
        "Percival",
        "Quentin",
        "Rafiq",
        "Septimus",
        "Tobias",
        "Umberto",
        "Vernon",
        "Winston",
        "Xavier",
    ],
}
_FIRST_PARTS = [
    "Apple",
    "Bramble",
    "Copper",
    "Drizzle",
    "Ember",
    "Fennel",
    "Gander",
    "Hazel",
    "Inkle",
    "Juniper",
    "Kestrel",
    "Larks",
]
_LAST_PARTS = [
    "thwaite",
    "combe",
    "quill",
    "mere",
    "whistle",
    "bottom",
    "feather",
    "stone",
    "marsh",
    "rigg",
    "worthy",
    "gate",
]
_STREETS = (
    "Heron Row",
    "Tannery Close",
    "Bellfounders Lane",
    "Old Osier Walk",
    "Chandlers Rise",
    "Pepperpot Street",
    "Fallow Field",
    "Weavers Yard",
    "Lantern Hill",
    "Sedge Bank",
    "Cobblers Green",
    "Nine Elms Parade",
    "Mill Leat",
    "Saltpan Terrace",
)
_LETTERS = "ABDEFGHJLNPQRSTUWXYZ"
_TODAY = date(2026, 1, 1)
"""Ages are counted from here, so that a seed gives the same people next year."""


def citizens(count: int, seed: int) -> tuple[Citizen, ...]:
    """So many citizens, each with a home and a tenancy; about four in ten are known to social care."""
    chance = random.Random(f"{CODE}|{seed}")  # noqa: S311 - invents people, guards nothing
    numbers = _nhs_numbers(count)
    return tuple(_citizen(place, numbers[place], chance) for place in range(count))


def _citizen(place: int, nhs_number: str, chance: random.Random) -> Citizen:
    title = chance.choice(tuple(_FORENAMES))
    street, house = place % len(_STREETS), 1 + place // len(_STREETS)
    age = int(chance.triangular(19, 97, 74))
    mobility = chance.choices(tuple(Mobility), weights=(45, 30, 25))[0]
    return Citizen(
        title=title,
        forename=chance.choice(_FORENAMES[title]),
        surname=chance.choice(_FIRST_PARTS) + chance.choice(_LAST_PARTS),
        date_of_birth=_TODAY - timedelta(days=age * 365 + chance.randrange(365)),
        nhs_number=nhs_number,
        phone=f"01632 {960000 + place % 1000:06d}",
        uprn=str(990_010_000_000 + place),
        address=f"{house} {_STREETS[street]}, Thornmere",
        postcode=f"LE98 {1 + street % 9}{_LETTERS[house % len(_LETTERS)]}{_LETTERS[street]}",
        easting=447_000 + 40 * street,
        northing=306_000 + 15 * house,
        property_ref=f"{10_000 + place:08d}",
        tenancy_ref=f"{1_000 + place:06d}/01",
        social_care_id=f"{400_000 + place}" if chance.random() < 0.4 else None,
        mobility=mobility,
        steps_at_door=chance.choices((0, 1, 2, 3, 5, 12), weights=(35, 20, 20, 10, 10, 5))[0],
        keysafe_present=chance.random() < 0.3,
        care_visits_a_day=chance.choices((0, 1, 2, 3, 4), weights=(30, 25, 20, 15, 10))[0],
    )


def _nhs_numbers(count: int) -> list[str]:
    """The first so many valid numbers of the range that is never issued."""
    found: list[str] = []
    number = 999_000_000
    while len(found) < count:
        digit = nhs_check_digit(str(number))
        if digit is not None:
            found.append(f"{number}{digit}")
        number += 1
    return found
