"""What people did with the hub's own eyes and hands, on `audit`, for whoever asks later."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import Event, Message
from schemas.privacy import Privacy


class Reveal(Message):
    """A person looked at a record that may be about somebody."""

    by: Annotated[str, Privacy.PERSONAL, Field(min_length=1, max_length=80)]
    """Who looked."""
    why: Annotated[str, Privacy.PERSONAL, Field(min_length=1, max_length=200)]
    """Their reason."""
    letter: Annotated[str, Privacy.NONE, Field(max_length=300)]
    """The dead letter: topic/partition/offset."""
    record: Annotated[str, Privacy.NONE, Field(max_length=300)]
    """The record in it: where it stood, or which record of which dataset it is."""
    through: Annotated[Literal["command", "page"], Privacy.NONE]
    """Where they looked."""


class Revealed(Event):
    """Written before the record is shown: no trace, no look."""

    type: Annotated[Literal["audit.revealed.v1"], Privacy.NONE] = "audit.revealed.v1"
    data: Annotated[Reveal, Privacy.NONE]
