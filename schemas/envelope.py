"""The envelope of everything on a topic: CloudEvents 1.0, structured JSON (`application/cloudevents+json`).

Three times are kept apart: `effectiveat` (true in the world), `recordedat` (keyed into the legacy system), `time` (seen by the hub).
Ids are computed, never drawn, so that the same cause read twice makes the same event and every consumer can ignore the second.
Source: cloudevents/spec 1.0.2; the extensions correlationid, causationid and partitionkey are the published ones.
"""

import hmac
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field

from schemas.identifiers import CouncilCode
from schemas.privacy import Privacy
from schemas.references import CaseReference
from schemas.times import Moment

EVENT_HEADERS: tuple[tuple[str, bytes], ...] = (("content-type", b"application/cloudevents+json"),)
"""What stands beside every event on a topic."""


class Department(StrEnum):
    """The departments whose work the hub routes."""

    HOUSING = "housing"
    SOCIAL_CARE = "social-care"
    TRANSPORT = "transport"


class Channel(StrEnum):
    """How a request or fact came in: the Blue Badge service's list, widened by what councils also use."""

    ONLINE = "online"
    PHONE = "phone"
    PAPER = "paper"
    IN_PERSON = "in-person"
    EMAIL = "email"
    ASSISTED = "assisted"
    PROACTIVE = "proactive"
    SYSTEM = "system"


class Classification(StrEnum):
    """The most private thing an event carries; what a topic may hold."""

    OPEN = "open"
    PERSONAL = "personal"
    SPECIAL_CATEGORY = "special-category"


class Message(BaseModel):
    """What stands in an event's `data`: immutable; unknown fields of a later version are ignored on reading."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True, hide_input_in_errors=True)


class Event(BaseModel):
    """A fact in the past tense. Each kind is a subclass that fixes `type` and the model of `data`."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True, hide_input_in_errors=True)
    classification: ClassVar[Classification] = Classification.PERSONAL

    specversion: Annotated[Literal["1.0"], Privacy.NONE] = "1.0"
    """CloudEvents version."""
    id: Annotated[UUID, Privacy.NONE]
    """Computed by `output_id` or `record_id`; the same cause has the same id."""
    source: Annotated[str, Privacy.NONE, Field(pattern=r"^/")]
    """Who says so: /E06000999/connectors/universal_housing."""
    type: Annotated[str, Privacy.NONE]
    """Department or subject, past-tense fact, version: housing.tenancy-ended.v1."""
    subject: Annotated[str | None, Privacy.PERSONAL] = None
    """The legacy record it is about, where there is one."""
    time: Annotated[Moment, Privacy.NONE]
    """When the hub saw it."""
    datacontenttype: Annotated[Literal["application/json"], Privacy.NONE] = "application/json"
    """The form of `data`."""
    correlationid: Annotated[CaseReference | None, Privacy.NONE] = None
    """The case; set once, kept by everything that follows."""
    causationid: Annotated[UUID | None, Privacy.NONE] = None
    """Id of the event that led to this one."""
    partitionkey: Annotated[str, Privacy.PERSONAL]
    """The Kafka key: the case, or the subject of a department's fact."""
    council: Annotated[CouncilCode, Privacy.NONE]
    """GSS code of the council."""
    effectiveat: Annotated[Moment, Privacy.NONE]
    """When it became true in the world."""
    recordedat: Annotated[Moment | None, Privacy.NONE] = None
    """When it was keyed into the legacy system, where that is known."""
    channel: Annotated[Channel, Privacy.NONE] = Channel.SYSTEM
    """How it came in."""
    dataclassification: Annotated[Classification, Privacy.NONE] = Classification.PERSONAL
    """The most private thing in `data`."""
    data: Annotated[Message, Privacy.NONE]
    """The fact itself; its own fields carry their own tags."""

    def encode(self) -> bytes:
        """The event as it travels."""
        return self.__pydantic_serializer__.to_json(self, exclude_none=True)

    @classmethod
    def following(cls, cause: "Event", name: str, *, source: str, data: Message, **attributes: Any) -> Self:
        """The event that follows from another: same case, same times unless given, an id computed from the cause and `name`.

        No clock is read, so the same cause makes the same bytes however often it is handled.
        """
        given: dict[str, Any] = {
            "id": output_id(cause.id, name),
            "causationid": cause.id,
            "correlationid": cause.correlationid,
            "partitionkey": cause.correlationid or cause.partitionkey,
            "council": cause.council,
            "time": cause.time,
            "effectiveat": cause.effectiveat,
            "dataclassification": cls.classification,
        }
        return cls(source=source, data=data, **(given | attributes))


def output_id(cause: UUID, name: str) -> UUID:
    """Id of what follows from an event: the same cause and name give the same id, in every process and after every crash."""
    return uuid5(cause, name)


def record_id(council_key: bytes, system: str, dataset: str, position: str) -> UUID:
    """Id of one version of one legacy record.

    Keyed, because the number spaces of councils (NHS, national insurance) are small enough to be tried through.

    Args:
        council_key: secret of the council, at least 16 bytes.
        system: name of the connector, such as universal_housing.
        dataset: table, operation or file kind, such as works-orders.
        position: what tells this version from every other: key and version stamp, or file hash and line.
    """
    text = f"{system}|{dataset}|{position}".encode()
    digest = bytearray(hmac.digest(council_key, text, "sha256")[:16])
    digest[6] = digest[6] & 0x0F | 0x80  # RFC 9562 version 8: the layout is ours
    digest[8] = digest[8] & 0x3F | 0x80
    return UUID(bytes=bytes(digest))
