"""What the citizens of the demo ask for, when, and what they say afterwards. Pure: the same seed asks for the same things.

The mix is made so that everything happens to somebody: conditions that hold and do not, deadlines that are over already, discharge
dates that move, people who change their minds. Refusals and stalls are the back offices' part (`connectors.sdk.simulation`).
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from connectors.sdk.simulation import Citizen
from hub.demo.council import HOSPITAL
from schemas.facts import LandOwner, Mobility, WasteSize

MEAN_GAP_S = 0.1
"""Between two requests: 200 of them take about twenty seconds."""
_LATE, _MOVES, _WITHDRAWS = 0.06, 0.10, 0.04
_PLACES = (
    "Behind the garages",
    "Beside the bin store",
    "At the end of the footpath",
    "By the recycling banks",
    "On the verge",
)
_CHANNELS = ("online", "phone", "in-person")


@dataclass(frozen=True)
class Said:
    """Something a citizen says, over HTTP.

    Attributes:
        after_s: seconds after the demo opens its door, or for something said of a case, after the case was accepted.
        path: below the case; empty for the request itself.
        body: as the API takes it.
        key: its Idempotency-Key.
        about: for people who watch: moves the date, withdraws.
    """

    after_s: float
    path: str
    body: Mapping[str, Any]
    key: str
    about: str = ""


@dataclass(frozen=True)
class Story:
    """One citizen's request and what follows it."""

    request: Said
    later: Said | None = None


def stories(citizens: Sequence[Citizen], count: int, seed: int, now: datetime) -> tuple[Story, ...]:
    """So many requests, each by another citizen, in the order in which they are made.

    Args:
        citizens: at least twice as many as requests.
        count: how many.
        seed: another seed, other requests.
        now: with zone; dates are counted from it.
    """
    chance = random.Random(f"requests|{seed}")  # noqa: S311 - invents requests, guards nothing
    chosen = chance.sample(range(len(citizens)), 2 * count)
    at, found = 0.0, []
    for place in range(count):
        at += chance.expovariate(1 / MEAN_GAP_S)
        who, other = citizens[chosen[place]], citizens[chosen[count + place]]
        kind = chance.choices(("discharge", "move", "fly-tipping"), weights=(50, 25, 25))[0]
        since = now - timedelta(days=chance.randint(8, 12)) if chance.random() < _LATE else None
        begun = since or now
        later: dict[str, Any] | None = None
        if kind == "discharge":
            body, later = _discharge(who, begun, chance)
        elif kind == "move":
            body = _move(who, other, begun, chance)
        else:
            body = _fly_tipping(who, chance)
        if since is not None:
            body["effective_at"] = since.isoformat()
        body["channel"] = chance.choice(_CHANNELS)
        found.append(Story(Said(at, "", body, _key(chance)), _later(later, chance)))
    return tuple(found)


def _discharge(who: Citizen, begun: datetime, chance: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    """A hospital says that somebody comes home; and the amendment by which the date moves, should it."""
    home_on = begun.date() + timedelta(days=chance.randint(3, 10))
    facts = {
        "discharge_date": home_on.isoformat(),
        "mobility": str(who.mobility),
        "nhs_number": who.nhs_number,
        "person_name": _name(who),
        "uprn": who.uprn,
        "date_of_birth": who.date_of_birth.isoformat(),
        "phone": who.phone,
        "hospital_site": f"{HOSPITAL}, ward {chance.randint(1, 12)}",
        "pathway": 1 if who.mobility is Mobility.WALKS else 2,
    }
    if who.social_care_id is not None:
        facts["social_care_id"] = who.social_care_id
    moved = home_on + timedelta(days=chance.randint(1, 4))
    return {"request": "discharge-notified", "facts": facts}, {"facts": {"discharge_date": moved.isoformat()}}


def _move(who: Citizen, other: Citizen, begun: datetime, chance: random.Random) -> dict[str, Any]:
    """A household exchanges homes with another."""
    facts: dict[str, Any] = {
        "person_name": _name(who),
        "from_uprn": who.uprn,
        "to_uprn": other.uprn,
        "to_address": other.address,
        "move_date": (begun.date() + timedelta(days=chance.randint(5, 20))).isoformat(),
        "tenancy_ref": who.tenancy_ref,
        "date_of_birth": who.date_of_birth.isoformat(),
        "phone": who.phone,
        "nhs_number": who.nhs_number,
        "receives_care": who.social_care_id is not None,
        "has_travel_support": chance.random() < 0.4,
    }
    if who.social_care_id is not None:
        facts["social_care_id"] = who.social_care_id
    return {"request": "address-changed", "facts": facts}


def _fly_tipping(who: Citizen, chance: random.Random) -> dict[str, Any]:
    """Somebody reports rubbish near their home; on housing land mostly."""
    facts = {
        "uprn": who.uprn,
        "waste_size": str(chance.choice(tuple(WasteSize))),
        "land_owner": str(chance.choices(tuple(LandOwner), weights=(70, 10, 10, 10))[0]),
        "location": {"easting": who.easting + chance.randint(5, 30), "northing": who.northing + chance.randint(5, 30)},
        "location_text": chance.choice(_PLACES),
        "hazardous": chance.random() < 0.15,
        "person_name": _name(who),
        "phone": who.phone,
    }
    return {"request": "fly-tipping-reported", "facts": facts}


def _later(amendment: Mapping[str, Any] | None, chance: random.Random) -> Said | None:
    after_s, draw = chance.uniform(0.5, 6), chance.random()
    if draw < _WITHDRAWS:
        reason = {"reason": "Not needed any more"}
        return Said(after_s, "/withdrawal", reason, _key(chance), "withdraws")
    if amendment is not None and draw < _WITHDRAWS + _MOVES:
        return Said(after_s, "/amendments", amendment, _key(chance), "moves the date")
    return None


def _name(who: Citizen) -> str:
    return f"{who.forename} {who.surname}"


def _key(chance: random.Random) -> str:
    return str(UUID(int=chance.getrandbits(128), version=4))
