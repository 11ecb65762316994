"""What `step` is given beside the event, and what it gives back."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from hub.journeys.clocks import Calendar
from hub.journeys.model import Journeys
from hub.routing.case import Case
from hub.routing.entry import Entry
from schemas.envelope import Event


class NotForThisHub(ValueError):
    """The event is well formed, but this hub cannot follow it; the worker sets it aside with this reason.

    Attributes:
        code: no-journey | no-journey-version; stable, for counting and filtering.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True)
class World:
    """What every step may look up; none of it changes while a worker runs."""

    journeys: Journeys
    calendar: Calendar
    source: str
    """The `source` of events the worker makes: /E06000999/worker."""
    rules: str = "these"
    """Digest of all that tasks are derived by: journeys, calendar, the code itself. Stored with each case: while it is the same, only what
    something was heard of is derived anew. A process that keeps nothing needs none."""


class Output(NamedTuple):
    """One event to send; its key is the event's `partitionkey`."""

    topic: str
    event: Event


class Deadline(NamedTuple):
    """One open deadline of a case."""

    task: str
    due: datetime


@dataclass(frozen=True)
class Decision:
    """What follows from one event.

    Attributes:
        case: the case as it now stands.
        outputs: events to send, in order.
        entries: lines for its timeline.
        deadlines: all open deadlines of the case when they changed, else None.
    """

    case: Case
    outputs: tuple[Output, ...] = ()
    entries: tuple[Entry, ...] = ()
    deadlines: tuple[Deadline, ...] | None = None
