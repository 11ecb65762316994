"""What every stored piece of a case has in common: how it is written, how it is read, and what it means that it cannot be read."""

from typing import TypeVar

import msgspec

_T = TypeVar("_T")
_ENCODER = msgspec.json.Encoder()


UNREADABLE = "is damaged, or was written by a later version of the hub. Restore it from a backup or run that version"
"""What is the matter with a row that cannot be read, and what to do."""


class UnreadableCase(ValueError):
    """What is stored of a case cannot be read; the worker sets aside what it hears of that case."""

    code = "unreadable-case"

    def __init__(self) -> None:
        super().__init__(f"The row of its case in the worker's memory {UNREADABLE}; then replay.")


class CasePart(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A piece of a case. Immutable (each class says so again, for type checkers); stored as JSON without what is as it always is.

    Pieces lie in each other and never in a circle, so the garbage collector need not walk through them. A field that is not known here was
    written by a later version: it is refused, for what it says would be gone with the next event.
    """

    def write(self) -> str:
        """The piece as it is stored."""
        return _ENCODER.encode(self).decode()


def read(decoder: "msgspec.json.Decoder[_T]", body: str) -> _T:
    """A piece from where it is stored.

    Raises:
        UnreadableCase: it is none, or of a later version of the hub.
    """
    try:
        return decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise UnreadableCase from error
