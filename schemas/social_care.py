"""Facts that social care tells the rest of the council, on `social-care-events`: that something happened, never its content."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import Classification, Event, Message
from schemas.privacy import Privacy

Reference = Annotated[str, Field(min_length=1, max_length=32)]


class Referral(Message):
    """A referral as it now stands. No need, diagnosis or note: other departments learn those of a task's answers, if at all."""

    referral: Annotated[Reference, Privacy.NONE]
    """Referral number of the social-care system."""
    social_care_id: Annotated[Reference | None, Privacy.PERSONAL] = None
    """The person's number there."""
    kind: Annotated[Reference, Privacy.NONE]
    """Kind of referral, in the hub's words."""
    status: Annotated[Reference, Privacy.NONE]
    """accepted, in-progress, completed, rejected or cancelled."""


class ReferralChanged(Event):
    """A referral was made or moved, by whomever."""

    classification = Classification.SPECIAL_CATEGORY
    type: Annotated[Literal["social-care.referral-changed.v1"], Privacy.NONE] = "social-care.referral-changed.v1"
    data: Annotated[Referral, Privacy.SPECIAL]
