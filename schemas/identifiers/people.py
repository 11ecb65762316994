"""NHS number, national insurance number, unique pupil number: which person, in health, in work, at school."""

import re
from operator import mul
from typing import Annotated

from schemas.identifiers.damage import digits_of, missing, text_of
from schemas.identifiers.refusal import IdentifierError, published, read_by

_NHS_NUMBER = re.compile(r"[0-9]{10}")
_NHS_WEIGHTS = (10, 9, 8, 7, 6, 5, 4, 3, 2)

_NINO_LETTERS = r"(?!BG|GB|KN|NK|NT|TN|ZZ|CR|MW|NC|PY|PZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]"
_NINO = re.compile(_NINO_LETTERS + r"[0-9]{6}[A-D]?")
_NINO_LOOKALIKE = re.compile(r"[A-Z]{2}[0-9]{6}[A-Z]?")
_TAX_REFERENCE = re.compile(r"[0-9]{2}[A-Z][0-9]{5}")
_NOT_NINO_PREFIXES = frozenset({"OO", "CR", "FY", "MW", "NC", "PP", "PY", "PZ"})

_UPN = re.compile(r"[A-HJ-NP-RT-Z][0-9]{11}[0-9A-HJ-NP-RT-Z]")
_UPN_ABSENT = re.compile(r"UN[0-9]{1,2}")


def parse_nhs_number(raw: object) -> str:
    """An NHS number: 10 digits, the last of them a check digit (modulus 11); Scottish CHI numbers pass the same check.

    A 9-digit value gets back the zero that a number column took away. Only CHI numbers begin with 0, none with 00, so
    shorter ones are refused.

    Raises:
        IdentifierError: `missing`, `not-a-number`, `not-whole`, `digits-cut`, `wrong-length`, `check-digit`,
        `placeholder`.
    Source: NHS Data Dictionary, NHS NUMBER.
    """
    name = "The NHS number"
    if isinstance(raw, str) and _NHS_NUMBER.fullmatch(raw):
        digits = raw
    else:
        digits = digits_of(raw.replace("-", "") if isinstance(raw, str) else raw, name)
    if not digits.strip("0"):
        raise missing(name)
    if len(digits) == 9:
        digits = "0" + digits
    if len(digits) != 10:
        raise IdentifierError(
            "wrong-length",
            f"{name} has 10 digits; this has {len(digits)}. "
            "Numbers from before 1996 are looked up in the Personal Demographics Service.",
        )
    if digits == digits[0] * 10:
        # Ten equal digits pass the check, and are what people type into a box that must not stay empty.
        raise IdentifierError(
            "placeholder", f"{name} is one digit ten times: a filler. Leave the field out where there is none."
        )
    if nhs_check_digit(digits[:9]) != digits[9]:
        raise IdentifierError(
            "check-digit", f"{name} does not fit its last digit: one digit is wrong. Check it at its source."
        )
    return digits


def nhs_check_digit(first_nine: str) -> str | None:
    """The tenth digit of an NHS number, or None where the nine digits cannot begin one.

    Source: NHS Data Dictionary: weights 10 to 2, 11 minus the remainder by 11; 11 is written 0, and 10 is never issued.
    """
    remainder = sum(map(mul, _NHS_WEIGHTS, map(int, first_nine))) % 11
    check = (11 - remainder) % 11
    return None if check == 10 else str(check)


def is_synthetic_nhs_number(nhs_number: str) -> bool:
    """Whether it is from 999 000 0000 on: valid, never issued, kept for tests. It has no place among real records."""
    return nhs_number.startswith("999")


def parse_nino(raw: object) -> str:
    """A national insurance number: two letters, six digits, and the suffix A to D where the source kept it.

    Suffixes get lost (Blue Badge and several back offices store a blank) and cannot be computed. The number is unique
    without it: compare by `nino_without_suffix`.

    Raises:
        IdentifierError: `missing`, `not-text`, `documentation-dummy`, `temporary-reference`, `administrative-prefix`,
        `unused-prefix`,
            `suffix`, `not-a-nino`.
    Source: HMRC National Insurance Manual NIM39110; administrative prefixes and TRN from the same page.
    """
    if isinstance(raw, str) and _NINO.fullmatch(raw):
        return raw
    name = "The national insurance number"
    text = text_of(raw, name)
    if _NINO.fullmatch(text):
        return text
    if _TAX_REFERENCE.fullmatch(text) or (text.startswith("TN") and text[2:8].isdigit()):
        raise IdentifierError(
            "temporary-reference", f"{name} is a temporary reference. Wait for the real one and leave the field out."
        )
    if not _NINO_LOOKALIKE.fullmatch(text):
        raise IdentifierError(
            "not-a-nino", f"{name} is two letters, six digits and a letter A to D. Check it at its source."
        )
    prefix = text[:2]
    if prefix == "QQ":
        raise IdentifierError(
            "documentation-dummy", f"{name} is the example from the forms. Leave the field out where there is none."
        )
    if prefix in _NOT_NINO_PREFIXES:
        raise IdentifierError(
            "administrative-prefix",
            f"{name} is an office's own reference that only looks like one. Leave the field out.",
        )
    if not _NINO.fullmatch(text[:8]):
        raise IdentifierError(
            "unused-prefix", f"{name} begins with two letters that are never used. Check it at its source."
        )
    raise IdentifierError("suffix", f"{name} ends in A, B, C or D. Check its last letter at its source.")


def nino_without_suffix(nino: str) -> str:
    """The eight characters that make a national insurance number unique: what to match people by."""
    return nino[:8]


def parse_upn(raw: object) -> str:
    """A unique pupil number of an English school: check letter, authority (3), school (4), year (2), serial (3).

    A letter at the end makes it temporary. The authority is not looked up: python-stdnum's list is of 2011 and would
    refuse pupils of the unitary authorities made since.

    Raises:
        IdentifierError: `missing`, `not-text`, `reason-instead`, `not-a-upn`, `check-letter`.
    Source: Department for Education, Unique pupil numbers (guide for schools and local authorities).
    """
    # Imported on first use: it takes longer than everything else in this package.
    from stdnum.gb.upn import calc_check_digit  # noqa: PLC0415 - see above

    name = "The unique pupil number"
    text = text_of(raw, name)
    if _UPN_ABSENT.fullmatch(text):
        raise IdentifierError(
            "reason-instead",
            f"This is the reason why {name[:1].lower()}{name[1:]} is unknown. Keep it in the field for that reason.",
        )
    if not _UPN.fullmatch(text):
        raise IdentifierError(
            "not-a-upn", f"{name} is a letter, 11 digits and a digit or letter. Check it at the school."
        )
    if calc_check_digit(text[1:]) != text[0]:
        raise IdentifierError(
            "check-letter", f"{name} does not fit its first letter: one character is wrong. Check it at the school."
        )
    return text


def is_temporary_upn(upn: str) -> bool:
    """Whether a school gave it out only until the pupil's own number is found."""
    return upn[-1].isalpha()


NhsNumber = Annotated[
    str,
    read_by(parse_nhs_number),
    published(
        "string",
        "NHS number, 10 digits without spaces",
        ["9990000018", "9434765919"],
        pattern=f"^{_NHS_NUMBER.pattern}$",
    ),
]

Nino = Annotated[
    str,
    read_by(parse_nino),
    published(
        "string",
        "National insurance number; the suffix is absent where the source lost it",
        ["AB123456C", "AB123456"],
        pattern=f"^{_NINO.pattern}$",
    ),
]

Upn = Annotated[
    str,
    read_by(parse_upn),
    published("string", "Unique pupil number of an English school", ["B801200005001"], pattern=f"^{_UPN.pattern}$"),
]
