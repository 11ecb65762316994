"""References people read out and machines sort by.

A case reference is 16 characters of Crockford's base 32 in four groups, `0TJ9-4QXM-7C2K-VN31`: no I, L, O or U, so it survives a telephone.
It begins with the second the request came in, so what is active lies together on disk; it ends with a check character, so a slip
of the pen is found before anybody looks for a case that does not exist.
"""

import hashlib
import re
from datetime import datetime
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUE = {character: index for index, character in enumerate(ALPHABET)}
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1"})
_SHAPE = re.compile(r"[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}")
_LENGTH = 19
"""Of a reference as it is written."""
_SECONDS_BITS, _HASH_BITS = 35, 40
_FIELD = 0b100101
"""x^5 + x^2 + 1, which makes the numbers below 32 a field: adding is XOR, and doubling goes round all but 0 before it repeats."""


class InvalidReference(ValueError):
    """The text is not a case reference; the message says in what way, and never repeats it."""


def _check(body: str) -> str:
    """One character over the other fifteen, by arithmetic in the field of 32 elements, where each place has a weight of its own.

    Counted modulo 32, an even weight would let a slip through; modulo 31, Z for 0 would. In a field a difference times a weight is never
    nought, so every single slip is noticed, and so are any two characters that were swapped.
    """
    total = 0
    for character in body:
        total = (total ^ _VALUE[character]) << 1
        if total > 31:
            total ^= _FIELD
    return ALPHABET[total]


def case_reference(received_at: datetime, seed: str) -> "CaseReference":
    """The reference of a case: from the moment its request was received and a seed that is unique to it (its idempotency key)."""
    seconds = int(received_at.timestamp())
    digest = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:5], "big")
    number = (seconds & ((1 << _SECONDS_BITS) - 1)) << _HASH_BITS | digest
    body = "".join(ALPHABET[number >> (5 * place) & 31] for place in range(14, -1, -1))
    text = body + _check(body)
    return "-".join(text[start : start + 4] for start in range(0, 16, 4))


def parse_case_reference(raw: object) -> str:
    """A case reference as it was typed or read out: spaces, lower case, missing hyphens, O for 0 and I or L for 1 are put right.

    Raises:
        InvalidReference: wrong length, a character that is never used, or a check character that does not fit.
    """
    if not isinstance(raw, str):
        raise InvalidReference("A case reference is text of 16 letters and digits, such as 0TJ9-4QXM-7C2K-VN31.")
    return _parse_again(raw) if len(raw) == _LENGTH else _parse(raw)


def _parse(raw: str) -> str:
    if _SHAPE.fullmatch(raw):
        text = raw.replace("-", "")
    else:
        text = re.sub(r"[\s-]", "", raw).upper().translate(_READ_AS)
        if len(text) != 16 or not set(text) <= set(ALPHABET):
            raise InvalidReference("A case reference has 16 letters and digits in four groups. Check what was typed.")
    if _check(text[:15]) != text[15]:
        raise InvalidReference(
            "One character of this case reference is wrong: its last character does not fit the rest."
        )
    return "-".join(text[start : start + 4] for start in range(0, 16, 4))


# One record names its case several times, and a case has many records. What a person typed is read once, and may be of any length.
_parse_again = lru_cache(maxsize=16_384)(_parse)

CaseReference = Annotated[
    str,
    BeforeValidator(parse_case_reference),
    Field(description="Reference of a case, with a check character", examples=["0TJ9-4QXM-7C2K-VN31"]),
]

_SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@lru_cache(maxsize=1024)
def _slug(text: str) -> str:
    if not _SLUG.fullmatch(text) or len(text) > 64:
        raise ValueError("lower-case words joined by hyphens, such as check-home (at most 64 characters)")
    return text


Slug = Annotated[str, AfterValidator(_slug), Field(description="Lower-case words joined by hyphens")]
"""A name people and machines share: a journey, a task, a connector."""
