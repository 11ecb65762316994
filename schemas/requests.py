"""What comes in at the door: a request, its changes, and its end. All on `case-events`, keyed by the case."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import Classification, Event, Message
from schemas.facts import Facts
from schemas.identifiers import LgilCode, LgslCode
from schemas.privacy import Privacy
from schemas.references import Slug


class Request(Message):
    """What a citizen, or a department for one, asks for."""

    request: Annotated[Slug, Privacy.NONE]
    """Kind of request: discharge-notified. A journey says which it starts with."""
    lgsl: Annotated[LgslCode | None, Privacy.NONE] = None
    """Local Government Service List code."""
    lgil: Annotated[LgilCode | None, Privacy.NONE] = None
    """Local Government Interaction List code."""
    facts: Annotated[Facts, Privacy.NONE] = Facts()
    """What was said; each fact carries its own tag."""


class RequestReceived(Event):
    """A request was accepted at the door."""

    classification = Classification.SPECIAL_CATEGORY
    type: Annotated[Literal["case.request-received.v1"], Privacy.NONE] = "case.request-received.v1"
    data: Annotated[Request, Privacy.NONE]


class Amendment(Message):
    """Facts that changed; those not named stay as they are."""

    facts: Annotated[Facts, Privacy.NONE]
    """The new values."""


class RequestAmended(Event):
    """The person, or someone for them, corrected or moved something: the discharge date, the size of the pile."""

    classification = Classification.SPECIAL_CATEGORY
    type: Annotated[Literal["case.request-amended.v1"], Privacy.NONE] = "case.request-amended.v1"
    data: Annotated[Amendment, Privacy.NONE]


class Withdrawal(Message):
    """Why the request ends early."""

    reason: Annotated[str, Privacy.PERSONAL, Field(max_length=200)] = ""
    """In the person's words; may be empty."""


class RequestWithdrawn(Event):
    """The request is not wanted any more; what was begun is undone in reverse order."""

    type: Annotated[Literal["case.request-withdrawn.v1"], Privacy.NONE] = "case.request-withdrawn.v1"
    data: Annotated[Withdrawal, Privacy.NONE]
