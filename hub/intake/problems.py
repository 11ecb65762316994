"""What the API says when it cannot do as asked: RFC 9457 problems, each kind named once.

A problem lists everything that is wrong at once, points at each place, and never repeats a value: values may be about a person.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

CONTENT_TYPE = "application/problem+json"
TYPES = "/api/docs#problem-"
"""Where a problem's `type` is explained: a section of our own documentation page."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        pointer: where, as a JSON pointer into the body: /facts/uprn; empty for the body as a whole.
        detail: what is wrong and what to do, without the value.
    """

    pointer: str
    detail: str


@dataclass(frozen=True)
class _Kind:
    slug: str
    status: int
    title: str


class Kind(_Kind, Enum):
    """Every kind of problem: its name, its HTTP status, its title."""

    NOT_JSON = "not-json", 400, "The body is not JSON"
    TOO_LARGE = "too-large", 413, "The body is too large"
    WRONG_CONTENT_TYPE = "wrong-content-type", 415, "The body must be application/json"
    INVALID_QUERY = "invalid-query", 400, "The address asks for something that cannot be given"
    INVALID_BODY = "invalid-body", 422, "The body cannot be accepted as it is"
    KEY_REUSED = "key-reused", 422, "This Idempotency-Key was used for another request"
    INVALID_KEY = "invalid-key", 400, "The Idempotency-Key cannot be used"
    MISTYPED_REFERENCE = "mistyped-reference", 404, "This is not a case reference"
    UNKNOWN_CASE = "unknown-case", 404, "There is no such case"
    NOT_YET_ROUTED = "not-yet-routed", 404, "The request was accepted and is not yet routed"
    CASE_ENDED = "case-ended", 409, "The case has ended"
    NOTHING_TO_DECIDE = "nothing-to-decide", 409, "This task waits for no decision"
    NOTHING_UNKNOWN = "nothing-unknown", 409, "Of this task nothing is unknown"
    NOT_FOUND = "not-found", 404, "There is nothing at this address"
    NOT_ALLOWED = "not-allowed", 405, "This address does not take that method"
    UNAVAILABLE = "unavailable", 503, "The hub cannot accept this now"
    OUTBOX_FULL = "outbox-full", 503, "The hub holds as many requests as it may until they can be passed on"
    DEFECT = "defect", 500, "Something went wrong in the hub"


class ProblemError(BaseModel):
    """One thing that is wrong with the body."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    pointer: Annotated[str, Field(examples=["/facts/uprn"])]
    """Where: a JSON pointer into the body."""
    detail: Annotated[str, Field(examples=["A UPRN has 1 to 12 digits. Check what was typed."])]
    """What is wrong and what to do."""


class Problem(BaseModel):
    """A problem as RFC 9457 writes it."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    type: Annotated[str, Field(examples=["/api/docs#problem-invalid-body"])]
    """Kind of problem, and where it is explained."""
    title: str
    """The kind in words."""
    status: int
    """HTTP status."""
    detail: str
    """What happened this time and what to do."""
    errors: list[ProblemError] = []
    """Everything that is wrong with the body, at once."""


class Refusal(Exception):
    """Not accepted, and why."""

    def __init__(self, kind: Kind, detail: str, faults: Iterable[Fault] = ()) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.faults = tuple(faults)

    def problem(self) -> Problem:
        """The refusal as it travels."""
        return Problem(
            type=TYPES + self.kind.slug,
            title=self.kind.title,
            status=self.kind.status,
            detail=self.detail,
            errors=[ProblemError(pointer=fault.pointer, detail=fault.detail) for fault in self.faults],
        )
