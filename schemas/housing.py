"""Facts that housing tells the rest of the council, on `housing-events`, keyed by property or tenancy."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import Event, Message
from schemas.identifiers import Uprn
from schemas.privacy import Privacy

Reference = Annotated[str, Field(min_length=1, max_length=32)]


class WorksOrder(Message):
    """A works order as it now stands."""

    works_order: Annotated[Reference, Privacy.NONE]
    """Works order reference."""
    property_ref: Annotated[Reference, Privacy.PERSONAL]
    """Property reference of the housing system."""
    uprn: Annotated[Uprn | None, Privacy.PERSONAL] = None
    """The property, where the housing system knows its UPRN."""
    order_type: Annotated[Reference, Privacy.NONE]
    """Kind of work, in the hub's words."""
    status: Annotated[Reference, Privacy.NONE]
    """raised, accepted, in-progress, completed, rejected or cancelled."""


class WorksOrderChanged(Event):
    """A works order was raised or moved, by whomever."""

    type: Annotated[Literal["housing.works-order-changed.v1"], Privacy.NONE] = "housing.works-order-changed.v1"
    data: Annotated[WorksOrder, Privacy.NONE]


class Tenancy(Message):
    """A tenancy at its start or end."""

    tenancy_ref: Annotated[Reference, Privacy.PERSONAL]
    """Tenancy reference."""
    property_ref: Annotated[Reference, Privacy.PERSONAL]
    """Property reference."""
    uprn: Annotated[Uprn | None, Privacy.PERSONAL] = None
    """The property, where its UPRN is known."""
    tenure: Annotated[Reference, Privacy.NONE]
    """Kind of tenancy, in words: secure, introductory, leasehold, temporary."""
    on: Annotated[date, Privacy.PERSONAL]
    """First day, or last."""


class TenancyStarted(Event):
    """A tenancy began."""

    type: Annotated[Literal["housing.tenancy-started.v1"], Privacy.NONE] = "housing.tenancy-started.v1"
    data: Annotated[Tenancy, Privacy.NONE]


class TenancyEnded(Event):
    """A tenancy ended."""

    type: Annotated[Literal["housing.tenancy-ended.v1"], Privacy.NONE] = "housing.tenancy-ended.v1"
    data: Annotated[Tenancy, Privacy.NONE]
