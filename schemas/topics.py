"""The topic catalogue: what travels where, who owns it, who may produce and consume it, by what key, how long it stays.

`hub topics apply` makes the topics from it; the worker refuses to start on topics that differ; tests prove that no event, example
or topic is an orphan. All hub topics have the same partition count, for ever: a case's events meet in one partition number.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import or_
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from schemas.audit import Revealed
from schemas.cases import CaseUpdated, RecordDiscarded, TaskDecided
from schemas.effects import EffectSettled, EffectUncertain, TaskSettled
from schemas.envelope import Classification, Department, Event
from schemas.feeds import FeedJudged
from schemas.housing import TenancyEnded, TenancyStarted, WorksOrderChanged
from schemas.requests import RequestAmended, RequestReceived, RequestWithdrawn
from schemas.social_care import ReferralChanged
from schemas.tasks import DeadlineExpired, TaskChanged, TaskRaised, TaskStatusChanged, TaskWithdrawn
from schemas.transport import BookingChanged

DEAD_LETTER_SUFFIX = "-dlq"


class UnreadableEvent(ValueError):
    """Bytes that are not an event of their topic. The message says what and where in them, and holds none of their values.

    Attributes:
        code: not-json | not-an-event | unknown-type | wrong-data | wrong-key; stable, for counting and filtering.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Topic:
    """One topic of the hub."""

    name: str
    about: str
    owner: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    key: str
    retention_days: int
    classification: Classification
    events: tuple[type[Event], ...] = field(repr=False)

    @property
    def dead_letters(self) -> str:
        """Where a record of this topic goes that cannot be understood."""
        return self.name + DEAD_LETTER_SUFFIX

    @cached_property
    def types(self) -> Mapping[str, type[Event]]:
        """The events of this topic by their `type`."""
        return MappingProxyType({event.model_fields["type"].default: event for event in self.events})

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        # Discriminated: a plain union of twenty is fifteen times slower (it tries each).
        union: Any = reduce(or_, self.events)
        known: Any = Annotated[union, Field(discriminator="type")] if len(self.events) > 1 else union
        return TypeAdapter(known)

    def decode(self, value: bytes | None, key: bytes | None) -> Event:
        """The event a record holds.

        Raises:
            UnreadableEvent: it holds none that belongs on this topic.
        """
        event = self.read(value)
        if event.partitionkey.encode() != key:
            raise UnreadableEvent("wrong-key", f"{self.name}: the record's key is not its event's partitionkey.")
        return event

    def read(self, value: bytes | None) -> Event:
        """The event in a value, whatever key it travels under.

        Raises:
            UnreadableEvent: it holds none that belongs on this topic.
        """
        if value is None:
            raise UnreadableEvent("not-json", f"{self.name}: the record is empty (a tombstone); an event is expected.")
        try:
            event: Event = self._adapter.validate_json(value)
        except ValidationError as error:
            raise self._why(value, error) from None
        return event

    def _why(self, value: bytes, error: ValidationError) -> UnreadableEvent:
        """The reason in words: decoded a second time, off the hot path, to tell the kinds of damage apart."""
        try:
            loose = from_json(value)
        except ValueError:
            return UnreadableEvent("not-json", f"{self.name}: the record is not JSON in UTF-8.")
        if not isinstance(loose, dict) or "type" not in loose or "specversion" not in loose:
            return UnreadableEvent("not-an-event", f"{self.name}: the record is JSON but not a CloudEvents 1.0 event.")
        if not isinstance(loose["type"], str) or loose["type"] not in self.types:
            expected = ", ".join(sorted(self.types))
            return UnreadableEvent(
                "unknown-type", f"{self.name}: its type does not belong here. Expected one of: {expected}."
            )
        found = error.errors(include_url=False, include_input=False, include_context=False)
        places = "; ".join(f"{_place(item['loc'])}: {_kind(item)}" for item in found[:5])
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        return UnreadableEvent("wrong-data", f"{self.name}: {places}{more}.")


def _place(location: tuple[int | str, ...]) -> str:
    """Where in the event, without the discriminator and without anything a sender could have put in as a key."""
    return ".".join(str(part) for part in location if "." not in str(part)) or "event"


def _kind(item: Any) -> str:
    """What is wrong, without the value: pydantic's own messages name limits and choices, never the input."""
    return str(item["msg"]).removeprefix("Value error, ").rstrip(".")


def _tasks(department: Department) -> Topic:
    return Topic(
        name=f"{department}-tasks",
        about=f"Work for {department}: raised, changed, withdrawn; what was found of it where nobody knew; what of it was discarded",
        owner="hub",
        producers=("worker", "dead-letters"),
        consumers=(f"{department} connectors",),
        key="case",
        retention_days=30,
        classification=Classification.SPECIAL_CATEGORY,
        events=(TaskRaised, TaskChanged, TaskWithdrawn, TaskSettled, RecordDiscarded),
    )


def _facts(department: Department, classification: Classification, *events: type[Event]) -> Topic:
    return Topic(
        name=f"{department}-events",
        about=f"What {department}'s systems tell the rest of the council",
        owner=str(department),
        producers=(f"{department} connectors",),
        consumers=("subscribers",),
        key="subject",
        retention_days=30,
        classification=classification,
        events=events,
    )


CASE_EVENTS = Topic(
    name="case-events",
    about="Everything that moves a case: requests, task statuses, expired deadlines, staff decisions; the router's only input",
    owner="hub",
    producers=("web", "connectors", "worker", "dead-letters"),
    consumers=("worker",),
    key="case",
    retention_days=30,
    classification=Classification.SPECIAL_CATEGORY,
    events=(
        RequestReceived,
        RequestAmended,
        RequestWithdrawn,
        TaskStatusChanged,
        DeadlineExpired,
        TaskDecided,
        RecordDiscarded,
        EffectUncertain,
        EffectSettled,
    ),
)

CASE_UPDATES = Topic(
    name="case-updates",
    about="What changed for the person",
    owner="hub",
    producers=("worker",),
    consumers=("subscribers",),
    key="case",
    retention_days=90,
    classification=Classification.PERSONAL,
    events=(CaseUpdated,),
)

TASKS: Mapping[Department, Topic] = MappingProxyType({department: _tasks(department) for department in Department})

FACTS: Mapping[Department, Topic] = MappingProxyType(
    {
        Department.HOUSING: _facts(
            Department.HOUSING, Classification.PERSONAL, WorksOrderChanged, TenancyStarted, TenancyEnded
        ),
        Department.SOCIAL_CARE: _facts(Department.SOCIAL_CARE, Classification.SPECIAL_CATEGORY, ReferralChanged),
        Department.TRANSPORT: _facts(Department.TRANSPORT, Classification.PERSONAL, BookingChanged),
    }
)

HEARTBEATS = Topic(
    name="hub-heartbeats",
    about="How each feed is, every few seconds: what is silent, away or held, and what is not heard from at all",
    owner="hub",
    producers=("connectors",),
    consumers=("web", "operations"),
    key="feed",
    retention_days=1,
    classification=Classification.OPEN,
    events=(FeedJudged,),
)

AUDIT = Topic(
    name="audit",
    about="Who looked at what may be about a person, and why",
    owner="hub",
    producers=("dead-letters", "web"),
    consumers=("auditors",),
    key="actor",
    retention_days=7 * 365,
    classification=Classification.PERSONAL,
    events=(Revealed,),
)

CATALOGUE: tuple[Topic, ...] = (CASE_EVENTS, *TASKS.values(), *FACTS.values(), CASE_UPDATES, HEARTBEATS, AUDIT)
"""Every topic of the hub; each has a dead-letter topic beside it, kept longer so that people have time."""

DEAD_LETTER_RETENTION_DAYS = 90

LARGEST_RECORD_BYTES = 1024 * 1024
"""Of a record with all that Kafka puts round it, on every topic but those of dead letters."""
LARGEST_LETTER_BYTES = 2 * LARGEST_RECORD_BYTES
"""Of a dead letter: the largest record there is, with its reason in headers, must still find room."""
