"""Postcodes: could this be one, written the one way everybody writes it?

Whether it exists today only the address gazetteer knows. The common regular expression knows less than it seems to:
it refuses N1P 1GW and GIR 0AA, which are genuine, and accepts BF2 4BB, which is not. So the rule here is data: the
areas, and what is known of their districts.

Sources: areas: ONS Postcode Directory user guide; shapes and letters: Royal Mail, Programmers' Guide to PAF;
district 0, lettered and forces' districts: Royal Mail's districts as listed in Wikipedia, "Postcodes in the United
Kingdom".
"""

import re
from itertools import product
from typing import Annotated

from schemas.identifiers.damage import text_of
from schemas.identifiers.refusal import IdentifierError, published, read_by

_AREAS = (
    "AB AL B BA BB BD BH BL BN BR BS BT BX CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY E EC EH "
    "EN EX FK FY G GL GU GY HA HD HG HP HR HS HU HX IG IM IP IV JE KA KT KW KY L LA LD LE LL LN LS LU M ME MK "
    "ML N NE NG NN NP NR NW OL OX PA PE PH PL PO PR RG RH RM S SA SE SG SK SL SM SN SO SP SR SS ST SW SY TA "
    "TD TF TN TQ TR TS TW UB W WA WC WD WF WN WR WS WV YO ZE"
)
AREAS = frozenset(_AREAS.split())
"""121 areas of the United Kingdom, GY, IM and JE of the Crown dependencies, and BX of large users, which is no place."""

AREAS_WITH_DISTRICT_0 = frozenset({"BL", "BS", "CM", "CR", "FY", "HA", "PR", "SL", "SS"})

LETTERED_DISTRICTS = {
    "E1": "W",
    "N1": "CP",
    "NW1": "W",
    "SE1": "P",
    "W1": "ABCDEFGHJKMNPRSTUVWXY",  # with the letters of before 2000, which old records still hold
    **dict.fromkeys(("EC1", "EC2", "EC3", "EC4", "SW1", "WC1", "WC2"), "ABEHMNPRVWXY"),
}
"""Districts of inner London that a letter divides further, with the letters that may follow."""

SINGLE_DISTRICTS = ("BF1",)
"""Areas with one district only: the forces' post offices."""


def _alternatives() -> str:
    lettered = [f"{district}[{letters}]" for district, letters in LETTERED_DISTRICTS.items()]
    outward = [
        f"(?:{'|'.join(sorted(AREAS))})[1-9][0-9]?",
        f"(?:{'|'.join(sorted(AREAS_WITH_DISTRICT_0))})0",
        *lettered,
        *SINGLE_DISTRICTS,
    ]
    return f"(?:{'|'.join(outward)}) [0-9][ABD-HJLNP-UW-Z]{{2}}|GIR 0AA"


_POSTCODE = re.compile(_alternatives())
_SHAPE = re.compile(r"[A-Z0-9]{5,7}")
_OTHER_READING = {"O": "O0", "0": "0O"}


def parse_postcode(raw: object) -> str:
    """A postcode in capitals with one space before its last three characters.

    O and 0 are put right where one reading alone is a postcode: S015 2AA can only be SO15 2AA.

    Raises:
        IdentifierError: `missing`, `not-text`, `not-a-postcode`, `pseudo-postcode`, `ambiguous`.
    """
    if isinstance(raw, str) and _POSTCODE.fullmatch(raw):
        return raw
    name = "The postcode"
    text = text_of(raw, name)
    if text.startswith("ZZ99"):
        raise IdentifierError(
            "pseudo-postcode",
            f"{name} is one of the health service's stand-ins (no fixed abode, abroad). Leave the field out.",
        )
    if not _SHAPE.fullmatch(text):
        raise IdentifierError(
            "not-a-postcode", f"{name} has 5 to 7 letters and digits. Check that one column holds it, whole."
        )
    spaced = f"{text[:-3]} {text[-3:]}"
    if _POSTCODE.fullmatch(spaced):
        return spaced
    spellings = map("".join, product(*(_OTHER_READING.get(character, character) for character in spaced)))
    readings = [spelling for spelling in spellings if _POSTCODE.fullmatch(spelling)]
    if len(readings) > 1:
        raise IdentifierError("ambiguous", f"{name} can be read in two ways, with O or with 0. Check it at its source.")
    if not readings:
        raise IdentifierError(
            "not-a-postcode",
            f"{name} has an area, district or letter that Royal Mail does not use. Check it at its source.",
        )
    return readings[0]


Postcode = Annotated[
    str,
    read_by(parse_postcode),
    published(
        "string",
        "Postcode in capitals, one space before the last three characters",
        ["SW1A 1AA", "N1P 1GW"],
        pattern=f"^(?:{_POSTCODE.pattern})$",
    ),
]
