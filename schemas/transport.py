"""Facts that transport tells the rest of the council, on `transport-events`, keyed by booking."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import Event, Message
from schemas.privacy import Privacy

Reference = Annotated[str, Field(min_length=1, max_length=32)]


class Booking(Message):
    """A booking as it now stands."""

    booking: Annotated[Reference, Privacy.NONE]
    """Booking number of the transport system."""
    kind: Annotated[Reference, Privacy.NONE]
    """Kind of booking, in the hub's words."""
    status: Annotated[Reference, Privacy.NONE]
    """accepted, in-progress, completed, rejected or cancelled."""
    on: Annotated[date | None, Privacy.PERSONAL] = None
    """The day of the trip or visit, once it is known."""


class BookingChanged(Event):
    """A booking was made or moved."""

    type: Annotated[Literal["transport.booking-changed.v1"], Privacy.NONE] = "transport.booking-changed.v1"
    data: Annotated[Booking, Privacy.NONE]
