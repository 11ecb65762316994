"""The fact vocabulary: what a request may carry, a department may be told, and a department may answer.

One closed list, so that one word means one thing everywhere. A journey names facts from it, a task is given only those its journey
names (`only`), and a department's answers come back in the same words. A new fact is a new field here, with its tag.
"""

from collections.abc import Iterable, Mapping
from datetime import time
from enum import StrEnum
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from unicodedata import category

from pydantic import AfterValidator, Field, StringConstraints

from schemas.envelope import Message
from schemas.identifiers import GridReference, NhsNumber, Postcode, Uprn
from schemas.privacy import Privacy
from schemas.times import Day


class Mobility(StrEnum):
    """How a person gets about; decides vehicle and ramp."""

    WALKS = "walks"
    WALKS_WITH_AID = "walks-with-aid"
    WHEELCHAIR = "wheelchair"


class WasteSize(StrEnum):
    """Fly-tipping size, as WasteDataFlow counts it."""

    SINGLE_ITEM = "single-item"
    CAR_BOOT = "car-boot"
    SMALL_VAN = "small-van"
    TRANSIT_VAN = "transit-van"
    TIPPER_LORRY = "tipper-lorry"
    MULTIPLE_LOADS = "multiple-loads"


class LandOwner(StrEnum):
    """Whose land it is; decides who clears it."""

    HOUSING = "housing"
    HIGHWAY = "highway"
    PARKS = "parks"
    PRIVATE = "private"


def _in_plain_sight(text: str) -> str:
    """A text that somebody can read: something to be seen in it, and nothing that moves the cursor or the sense of a line."""
    if any(category(letter) == "Cc" for letter in text):
        raise ValueError("This holds a tab, a line break or another control character. Write it in one line.")
    if all(category(letter)[0] in "CZ" for letter in text):
        raise ValueError("This may not be empty.")
    return text


# Blanks around a text go: nobody means them, and alone they would pass for an answer.
_TRIMMED, _SEEN = StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_in_plain_sight)
ShortText = Annotated[str, Field(max_length=200), _TRIMMED, _SEEN]


class Facts(Message):
    """Facts about one case. Every field may be absent; an absent one is unknown, never "no"."""

    person_name: Annotated[ShortText | None, Privacy.PERSONAL] = None
    """Name of the person it is about, as they give it."""
    phone: Annotated[Annotated[str, Field(max_length=20), _TRIMMED, _SEEN] | None, Privacy.PERSONAL] = None
    """Telephone number."""
    date_of_birth: Annotated[Day | None, Privacy.PERSONAL] = None
    """Date of birth."""
    nhs_number: Annotated[NhsNumber | None, Privacy.PERSONAL] = None
    """NHS number."""
    social_care_id: Annotated[Annotated[str, Field(max_length=20), _TRIMMED, _SEEN] | None, Privacy.PERSONAL] = None
    """The person's number in the social-care system."""
    tenancy_ref: Annotated[Annotated[str, Field(max_length=11), _TRIMMED, _SEEN] | None, Privacy.PERSONAL] = None
    """Tenancy reference in the housing system, such as 000017/01."""
    uprn: Annotated[Uprn | None, Privacy.PERSONAL] = None
    """The home, or the place it is about."""
    address: Annotated[ShortText | None, Privacy.PERSONAL] = None
    """Address of the home in one line."""
    postcode: Annotated[Postcode | None, Privacy.PERSONAL] = None
    """Postcode of the home."""
    protected_address: Annotated[bool | None, Privacy.SPECIAL] = None
    """The address must not be passed on (refuge, adoption, witness): departments are then told no address, UPRN, tenancy or place."""
    mobility: Annotated[Mobility | None, Privacy.SPECIAL] = None
    """How the person gets about."""

    discharge_date: Annotated[Day | None, Privacy.SPECIAL] = None
    """The day the person is expected to leave hospital."""
    hospital_site: Annotated[ShortText | None, Privacy.SPECIAL] = None
    """Hospital and ward."""
    pathway: Annotated[Annotated[int, Field(ge=0, le=3)] | None, Privacy.SPECIAL] = None
    """Discharge-to-assess pathway, 0 to 3."""
    steps_at_door: Annotated[Annotated[int, Field(ge=0, le=200)] | None, Privacy.PERSONAL] = None
    """Steps between the street and the front door."""
    keysafe_present: Annotated[bool | None, Privacy.PERSONAL] = None
    """Whether the home has a keysafe; never its code."""
    care_visits_a_day: Annotated[Annotated[int, Field(ge=0, le=8)] | None, Privacy.SPECIAL] = None
    """Care visits a day that were assessed as needed; 0 is none."""
    pickup_time: Annotated[time | None, Privacy.PERSONAL] = None
    """When the person is fetched, local time."""

    from_uprn: Annotated[Uprn | None, Privacy.PERSONAL] = None
    """The home the household leaves."""
    to_uprn: Annotated[Uprn | None, Privacy.PERSONAL] = None
    """The home the household moves to."""
    to_address: Annotated[ShortText | None, Privacy.PERSONAL] = None
    """Address of the new home in one line."""
    move_date: Annotated[Day | None, Privacy.PERSONAL] = None
    """First day at the new address."""
    receives_care: Annotated[bool | None, Privacy.SPECIAL] = None
    """Whether social care supports someone in the household."""
    has_travel_support: Annotated[bool | None, Privacy.PERSONAL] = None
    """Whether someone in the household is fetched by council transport."""

    location: Annotated[GridReference | None, Privacy.NONE] = None
    """Where it is, on the national grid."""
    location_text: Annotated[ShortText | None, Privacy.NONE] = None
    """Where it is, in words."""
    waste_size: Annotated[WasteSize | None, Privacy.NONE] = None
    """How much was tipped."""
    hazardous: Annotated[bool | None, Privacy.NONE] = None
    """Whether it looks dangerous (asbestos, needles, chemicals)."""
    land_owner: Annotated[LandOwner | None, Privacy.NONE] = None
    """Whose land it lies on."""
    evidence_found: Annotated[bool | None, Privacy.NONE] = None
    """Whether something in the waste names who left it."""

    def known(self) -> dict[str, object]:
        """The facts that are known, by name, as plain JSON values."""
        return self.model_dump(mode="json", exclude_none=True)


PLACES = frozenset(
    {
        "tenancy_ref",
        "uprn",
        "address",
        "postcode",
        "from_uprn",
        "to_uprn",
        "to_address",
        "location",
        "location_text",
    }
)
"""Facts that say where somebody is, or lead there."""


def only(names: Iterable[str], known: Mapping[str, object]) -> dict[str, object]:
    """These facts and no others: what a department needs to know.

    Of a protected person the places are left out whatever is asked for, and that they are protected is said whatever is asked for:
    a department that finds the home in its own records must not act on it.

    Args:
        names: of the facts that are asked for.
        known: facts by name, as `Facts.known` gives them.
    """
    if known.get("protected_address"):
        names = [*(name for name in names if name not in PLACES), "protected_address"]
    return {name: known[name] for name in names if name in known}


LABELS: dict[str, str] = {name: (field.description or name) for name, field in Facts.model_fields.items()}
"""What each fact is, in a sentence."""


def kind_of(name: str) -> Any:
    """The plain type of a fact, out of its optional and its annotations: str, int, bool, date, time, an enum, GridReference."""
    kind: Any = Facts.model_fields[name].annotation
    while get_origin(kind) in {Union, UnionType, Annotated}:
        kind = next(part for part in get_args(kind) if part is not type(None))
    return kind
