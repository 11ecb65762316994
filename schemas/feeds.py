"""How each feed is, on `hub-heartbeats`: a connector judges its own every second and says it now and then, and at once when it changes.

A feed is one dataset that a connector reads, or the tasks that it writes into its department's system.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import Classification, Department, Event, Message
from schemas.privacy import Privacy
from schemas.times import Moment


class FeedState(StrEnum):
    """How a feed is; each has its own word on the pages, and its own value in the metrics."""

    STARTING = "starting"
    """The system was not asked yet."""
    SPEAKING = "speaking"
    """It says something as often as it should."""
    WORKING = "working"
    """Tasks go into the system as they come."""
    QUIET = "quiet"
    """Nothing new, and nothing is expected at this hour."""
    LOW = "low"
    """It said less on its last whole day than it should."""
    HIGH = "high"
    """It has said more today than it should."""
    SILENT = "silent"
    """No data: the system answers, and has said nothing new for longer than it should. That is not "no change"."""
    AWAY = "away"
    """The system cannot be reached."""
    HELD = "held"
    """An extract differs from the one before by more than it may; a person looks at it first."""
    BROKEN = "broken"
    """The system, or its connector, does not keep to what was agreed."""

    @property
    def well(self) -> bool:
        """Whether nobody need look."""
        return self in {FeedState.STARTING, FeedState.SPEAKING, FeedState.WORKING, FeedState.QUIET}


class Feed(Message):
    """How one feed is now."""

    connector: Annotated[str, Privacy.NONE]
    """Name of the connector's table in the settings file."""
    part: Annotated[str, Privacy.NONE]
    """The dataset, or `tasks`."""
    title: Annotated[str, Privacy.NONE, Field(max_length=200)]
    """What it brings, in words."""
    department: Annotated[Department, Privacy.NONE]
    """Whose system it is."""
    state: Annotated[FeedState, Privacy.NONE]
    """How it is."""
    since: Annotated[Moment, Privacy.NONE]
    """Since when; of a silent one: when it last spoke."""
    why: Annotated[str, Privacy.NONE, Field(max_length=500)] = ""
    """What is the matter, and what to do, in sentences that hold nothing personal; empty where nothing is."""
    expected: Annotated[str, Privacy.NONE, Field(max_length=200)] = ""
    """What is expected of it, in words."""
    looked: Annotated[Moment | None, Privacy.NONE] = None
    """When the system was last asked, and answered."""
    spoke: Annotated[Moment | None, Privacy.NONE] = None
    """When it last had something new."""
    waiting: Annotated[int, Privacy.NONE, Field(ge=0)] = 0
    """Tasks that are not in the system yet."""
    beats_every_s: Annotated[float, Privacy.NONE, Field(ge=0.1)]
    """How often its connector says so; one not heard from for much longer has a dead process, or none."""


class FeedJudged(Event):
    """A connector says how one of its feeds is. On `hub-heartbeats`, under the name of the feed."""

    classification = Classification.OPEN
    type: Annotated[Literal["hub.feed-judged.v1"], Privacy.NONE] = "hub.feed-judged.v1"
    data: Annotated[Feed, Privacy.NONE]
