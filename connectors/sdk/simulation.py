"""What a connector's simulator is: a faithful small copy of its legacy system on a real protocol, with a back office that works.

For tests, for the demo, and for an IT team that waits for access. A simulator keeps everything in its folder, survives a SIGKILL (what it
said is done stays done), and keeps a journal of every write that nothing of the hub can touch, so that an outsider can count effects.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from threading import Event
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from schemas.facts import Mobility


class Citizen(BaseModel):
    """An invented citizen with a home, a tenancy and perhaps a care record: what the legacy systems of one council share.

    Numbers come from ranges that are never given to anybody (NHS 999…, telephone 01632…, UPRN of an invented street).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    title: str
    forename: str
    surname: str
    date_of_birth: date
    nhs_number: str
    phone: str
    uprn: str
    address: str
    postcode: str
    easting: int
    northing: int
    property_ref: str
    """Eight digits with leading zeros, as the housing system keeps it."""
    tenancy_ref: str
    """Such as 000017/01."""
    social_care_id: str | None = None
    """None: social care does not know them yet."""
    mobility: Mobility
    steps_at_door: int
    keysafe_present: bool
    care_visits_a_day: int
    """What an assessment would find."""


class Course(BaseModel):
    """What the back office will make of one piece of work."""

    model_config = ConfigDict(frozen=True)

    accept_after_s: float
    end_after_s: float
    """Counted from acceptance."""
    rejected: bool


class BackOffice(BaseModel):
    """How the invented back office behaves; the course of one piece of work depends only on the seed and its reference."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    seed: int = 1
    """Another seed, another course of events."""
    accept_s: Annotated[float, Field(ge=0)] = 0.5
    """Mean seconds until work is accepted."""
    work_s: Annotated[float, Field(ge=0)] = 1.5
    """Mean seconds from acceptance to the end."""
    reject_share: Annotated[float, Field(ge=0, le=1)] = 0.03
    """Share of work that is refused."""
    stall_share: Annotated[float, Field(ge=0, le=1)] = 0.03
    """Share of work that lies about for a while."""
    stall_s: Annotated[float, Field(ge=0)] = 5.0
    """How much longer it then takes."""

    def course(self, reference: str) -> Course:
        """What will become of the work with this reference: always the same for the same seed."""
        digest = hashlib.sha256(f"{self.seed}|{reference}".encode()).digest()
        accept, work, reject, stall = (int.from_bytes(digest[i : i + 4], "big") / 2**32 for i in (0, 4, 8, 12))
        return Course(
            accept_after_s=self.accept_s * (0.5 + accept),
            end_after_s=self.work_s * (0.5 + work) + (self.stall_s if stall < self.stall_share else 0),
            rejected=reject < self.reject_share,
        )


class Simulator(ABC):
    """One legacy system, simulated in a folder of its own."""

    def __init__(self, folder: Path, back_office: BackOffice, port: int = 0) -> None:
        """Make nothing yet.

        Args:
            folder: where all its files are; made when needed.
            back_office: how its staff behave.
            port: loopback port to listen on, for a system that listens.
        """
        self.folder, self.back_office, self.port = folder, back_office, port

    @abstractmethod
    def seed(self, citizens: Iterable[Citizen]) -> None:
        """Put citizens into the legacy system's own records, quirks and all. Doing it twice changes nothing."""

    @abstractmethod
    def serve(self, ready: Callable[[], None], stop: Event) -> None:
        """Answer on the real protocol and work through the back office until `stop` is set; call `ready` once it answers."""

    @abstractmethod
    def connector_settings(self) -> Mapping[str, Any]:
        """What stands under `[connectors.<name>]` so that the connector reaches this simulator; short, as a council would write it."""
