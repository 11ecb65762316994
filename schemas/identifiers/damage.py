"""What legacy systems and spreadsheets do to a number, undone where only one reading is left.

CHAR columns pad with blanks, fixed-width files with zeros, data frames turn integers into floats, and spreadsheets
show a long number as 1.99356E+05. Nothing here raises inside an `except` or quotes what it read: a chained error
would carry the value into a log.
"""

import re
from decimal import Decimal

from schemas.identifiers.refusal import IdentifierError

NOTHING = frozenset({"", "NULL", "NONE", "NAN", "SNAN", "N/A", "#N/A"})
"""What stands in a column that holds nothing, blanks taken away, in upper case."""

_PLAIN = re.compile(r"([0-9]+)(\.[0-9]*)?")
_SCIENTIFIC = re.compile(r"([0-9])(?:\.([0-9]*))?E\+?([0-9]{1,2})")
_FLOAT_EXACT_BELOW = 2**53
_MOST_DIGITS = 30


def text_of(raw: object, name: str) -> str:
    """The text without any blanks, in upper case.

    Raises:
        IdentifierError: `missing`, or `not-text`.
    """
    if raw is None:
        raise missing(name)
    if not isinstance(raw, str):
        raise IdentifierError("not-text", f"{name} travels as text. Send it as a string, not as a number or a list.")
    text = "".join(raw.split()).upper()
    if text in NOTHING:
        raise missing(name)
    return text


def digits_of(raw: object, name: str) -> str:
    """The decimal digits of a whole number, however it was stored; leading zeros of a text are kept.

    Raises:
        IdentifierError: `missing`, `not-a-number`, `not-whole`, or `digits-cut` when a spreadsheet kept too few.
    """
    if isinstance(raw, int):
        if is_unreadable(raw) or raw < 0:
            raise _not_a_number(name)
        return str(raw)
    if isinstance(raw, float) and raw >= _FLOAT_EXACT_BELOW:
        raise IdentifierError("digits-cut", f"{name} is too long for a float to hold exactly. Send it as text.")
    if isinstance(raw, float):
        text = text_of(repr(float(raw)), name)
    elif isinstance(raw, Decimal):
        text = text_of(format(raw, "f") if abs(raw.adjusted()) < _MOST_DIGITS else str(raw), name)
    else:
        text = text_of(raw, name)
    plain = _PLAIN.fullmatch(text)
    if plain is not None:
        return _whole(plain[1], (plain[2] or "").lstrip("."), name)
    scientific = _SCIENTIFIC.fullmatch(text)
    if scientific is None:
        raise _not_a_number(name)
    decimals, exponent = scientific[2] or "", int(scientific[3])
    if len(decimals) < exponent:
        raise IdentifierError(
            "digits-cut",
            f"A spreadsheet has cut the last digits of this identifier. {name} must be exported again from a text column.",
        )
    return _whole(scientific[1] + decimals[:exponent], decimals[exponent:], name)


def is_unreadable(raw: int) -> bool:
    """Whether an integer is no number at all (yes or no), or one so long that Python will not write it out."""
    return isinstance(raw, bool) or abs(raw) >= 10**_MOST_DIGITS


def _whole(digits: str, decimals: str, name: str) -> str:
    if decimals.strip("0"):
        raise IdentifierError("not-whole", f"{name} is a whole number. Check which column is mapped to it.")
    return digits


def _not_a_number(name: str) -> IdentifierError:
    return IdentifierError("not-a-number", f"{name} is written in digits only. Check which column is mapped to it.")


def missing(name: str) -> IdentifierError:
    """The refusal of an empty value."""
    return IdentifierError("missing", f"{name} is missing. Leave the field out where there is none.")
