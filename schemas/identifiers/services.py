"""LGSL and LGIL: which of a council's services, and what the citizen wants of it.

Both lists grow (esd standards publishes them), so a code that has no name here is still a code: the names are for
display only.
"""

from typing import Annotated

from schemas.identifiers.damage import digits_of
from schemas.identifiers.refusal import IdentifierError, published, read_by

LGSL_NAMES: dict[int, str] = {
    3: "School transport",
    40: "Special educational needs transport",
    57: "Council tax",
    59: "Council tax",
    63: "Council tax",
    69: "Council tax",
    88: "Mutual exchange of homes",
    92: "Housing register",
    107: "Sheltered housing",
    137: "Disabled facilities grant",
    141: "Housing repairs",
    178: "Home adaptations",
    209: "Care needs assessment",
    272: "Community transport",
    273: "Older person's bus pass",
    279: "Disabled person's parking and travel",
    280: "Disabled person's parking and travel",
    287: "Direct payments for care",
    313: "Telecare",
    315: "Meals at home",
    353: "Complaints",
    364: "Electoral register",
    372: "Abandoned vehicles",
    412: "Noise",
    524: "Household waste collection",
    528: "Bulky waste collection",
    533: "Waste containers",
    537: "Pavements",
    557: "Road maintenance",
    564: "Street lighting",
    580: "Litter",
    584: "Graffiti",
    587: "Fly-tipping",
    588: "Fly-posting",
    859: "Clinical waste collection",
}
"""Services that journeys and reports name. Source: esd standards, englishAndWelshServices."""

LGIL_NAMES: dict[int, str] = {0: "Apply for service", 4: "Pay for service", 8: "Find information", 17: "Report"}
"""Interactions that journeys and reports name. Source: esd standards, interactions."""


def parse_lgsl_code(raw: object) -> int:
    """A Local Government Service List code, 1 to 9999.

    Raises:
        IdentifierError: `missing`, `not-a-number`, `not-whole`, `digits-cut`, `out-of-range`.
    """
    return _code(raw, "The LGSL code", 1, 9999)


def parse_lgil_code(raw: object) -> int:
    """A Local Government Interaction List code, 0 to 99; 0 is an interaction like any other: apply.

    Raises:
        IdentifierError: `missing`, `not-a-number`, `not-whole`, `digits-cut`, `out-of-range`.
    """
    return _code(raw, "The LGIL code", 0, 99)


def _code(raw: object, name: str, lowest: int, highest: int) -> int:
    # Compared by length first: Python refuses, with another error, to read thousands of digits.
    digits = digits_of(raw, name).lstrip("0") or "0"
    if len(digits) > len(str(highest)) or not lowest <= int(digits) <= highest:
        raise IdentifierError(
            "out-of-range", f"{name} is a number from {lowest} to {highest}. Service and interaction are two fields."
        )
    return int(digits)


def lgsl_name(code: int) -> str:
    """The service's name for people, or its code where the list here has none."""
    return LGSL_NAMES.get(code, f"Service {code}")


def lgil_name(code: int) -> str:
    """The interaction's name for people, or its code where the list here has none."""
    return LGIL_NAMES.get(code, f"Interaction {code}")


LgslCode = Annotated[
    int,
    read_by(parse_lgsl_code),
    published("integer", "Local Government Service List code", [209, 587], minimum=1, maximum=9999),
]

LgilCode = Annotated[
    int,
    read_by(parse_lgil_code),
    published("integer", "Local Government Interaction List code", [0, 17], minimum=0, maximum=99),
]
