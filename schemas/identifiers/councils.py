"""Council codes (GSS), and what a code tells: nation, kind of council, whose bank holidays."""

import re
from enum import StrEnum
from typing import Annotated

from schemas.identifiers.damage import text_of
from schemas.identifiers.refusal import IdentifierError, published, read_by


class BankHolidays(StrEnum):
    """The three calendars of bank holidays, by the names of gov.uk/bank-holidays.json."""

    ENGLAND_AND_WALES = "england-and-wales"
    SCOTLAND = "scotland"
    NORTHERN_IRELAND = "northern-ireland"


class Nation(StrEnum):
    """The nation a council is in; decides law and calendar."""

    ENGLAND = "england"
    WALES = "wales"
    SCOTLAND = "scotland"
    NORTHERN_IRELAND = "northern-ireland"

    @property
    def bank_holidays(self) -> BankHolidays:
        """Whose bank holidays count."""
        if self in (Nation.ENGLAND, Nation.WALES):
            return BankHolidays.ENGLAND_AND_WALES
        return BankHolidays(self.value)


COUNCIL_KINDS: dict[str, str] = {
    "E06": "unitary authority",
    "E07": "district",
    "E08": "metropolitan district",
    "E09": "London borough",
    "E10": "county",
    "W06": "Welsh unitary authority",
    "S12": "Scottish council area",
    "N09": "Northern Irish district",
}
"""What the first three characters stand for. Source: ONS Register of Geographic Codes."""

_NATIONS = {"E": Nation.ENGLAND, "W": Nation.WALES, "S": Nation.SCOTLAND, "N": Nation.NORTHERN_IRELAND}
_COUNCIL_CODE = re.compile(rf"(?:{'|'.join(COUNCIL_KINDS)})[0-9]{{6}}")
_GSS_CODE = re.compile(r"[A-Z][0-9]{8}")
_OLDER_CODE = re.compile(r"[0-9]{2}[A-Z]{2}|[0-9]{4}")


def parse_council_code(raw: object) -> str:
    """The GSS code of a council: a letter for the nation, two digits for the kind, six for the council.

    That a council of this code exists is not looked up: councils merge, and the older code stays on the older records.

    Raises:
        IdentifierError: `missing`, `not-text`, `older-code`, `not-a-council`, `not-a-gss-code`.
    """
    if isinstance(raw, str) and _COUNCIL_CODE.fullmatch(raw):
        return raw
    name = "The council code"
    text = text_of(raw, name)
    text = text[:1] + text[1:].replace("O", "0")  # only the first character is a letter
    if _COUNCIL_CODE.fullmatch(text):
        return text
    if _OLDER_CODE.fullmatch(text):
        raise IdentifierError("older-code", f"{name} is a SNAC or custodian code. Use the GSS code, such as E09000012.")
    if _GSS_CODE.fullmatch(text):
        raise IdentifierError(
            "not-a-council",
            f"{name} is the GSS code of some other area. A council's begins with {', '.join(COUNCIL_KINDS)}.",
        )
    raise IdentifierError(
        "not-a-gss-code", f"{name} is a letter and 8 digits, such as E09000012. Check the settings file or column."
    )


def nation_of(council: str) -> Nation:
    """The nation of a council, by its code."""
    return _NATIONS[council[0]]


CouncilCode = Annotated[
    str,
    read_by(parse_council_code),
    published("string", "GSS code of a council", ["E09000012", "S12000033"], pattern=f"^{_COUNCIL_CODE.pattern}$"),
]
