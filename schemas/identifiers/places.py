"""UPRN and USRN: which property, which street."""

import re
from typing import Annotated

from schemas.identifiers.damage import digits_of, missing
from schemas.identifiers.refusal import IdentifierError, published, read_by

_UPRN = re.compile(r"[1-9][0-9]{0,11}")
_USRN = re.compile(r"[1-9][0-9]{0,7}")


def parse_uprn(raw: object) -> str:
    """A Unique Property Reference Number: 1 to 12 digits, no leading zero.

    Raises:
        IdentifierError: `missing` (also for zeros only), `not-a-number`, `not-whole`, `digits-cut`, `too-long`.
    """
    if isinstance(raw, str) and _UPRN.fullmatch(raw):
        return raw
    return _without_padding(raw, "The UPRN", 12)


def parse_usrn(raw: object) -> str:
    """A Unique Street Reference Number: 1 to 8 digits, no leading zero. Highways systems call it NSGRef or SiteCode.

    Raises:
        IdentifierError: `missing` (also for zeros only), `not-a-number`, `not-whole`, `digits-cut`, `too-long`.
    """
    if isinstance(raw, str) and _USRN.fullmatch(raw):
        return raw
    return _without_padding(raw, "The USRN", 8)


def _without_padding(raw: object, name: str, longest: int) -> str:
    digits = digits_of(raw, name).lstrip("0")
    if not digits:
        raise missing(name)  # 0 is what a numeric column holds when nobody filled it in
    if len(digits) > longest:
        raise IdentifierError(
            "too-long",
            f"{name} has at most {longest} digits; this has {len(digits)}. Check which column is mapped to it.",
        )
    return digits


Uprn = Annotated[
    str,
    read_by(parse_uprn),
    published("string", "Unique Property Reference Number", ["199356", "10008227619"], pattern=f"^{_UPRN.pattern}$"),
]

Usrn = Annotated[
    str,
    read_by(parse_usrn),
    published("string", "Unique Street Reference Number", ["20499999", "8400001"], pattern=f"^{_USRN.pattern}$"),
]
