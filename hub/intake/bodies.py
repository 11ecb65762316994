"""Bodies of the API, and how they are checked: everything that is wrong at once, in words, without a value. Pure.

What a request must and may carry is its journey's to say; what a value must look like is the fact vocabulary's (`schemas.facts`).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from hub.intake.problems import Fault, Kind, Refusal
from hub.journeys.model import Journey, Journeys
from schemas.cases import Verdict
from schemas.effects import Found
from schemas.envelope import Channel
from schemas.facts import Facts
from schemas.fields import reader_of
from schemas.identifiers import LgilCode, LgslCode
from schemas.references import Slug
from schemas.times import Moment

LIMIT_BYTES = 64 * 1024
"""Largest body that is read."""
AHEAD = timedelta(minutes=5)
"""How far a sender's clock may run ahead of ours before `effective_at` is refused as lying in the future."""

Body = Mapping[str, Any]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)


class Told(_Body):
    """What every act says of itself: how it came in, and when it became true."""

    channel: Channel = Channel.ONLINE
    """How it came in."""
    effective_at: Moment | None = None
    """When it became true in the world; now, where left out."""


class NewRequest(Told):
    """A request, as it is sent to the hub."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "request": "discharge-notified",
                    "channel": "phone",
                    "facts": {
                        "person_name": "Edna Invented",
                        "nhs_number": "9990000018",
                        "uprn": "100023336956",
                        "mobility": "wheelchair",
                        "discharge_date": "2026-11-30",
                    },
                }
            ]
        }
    )

    request: Annotated[Slug, Field(examples=["discharge-notified"])]
    """Kind of request; the front page and this document list those there are."""
    lgsl: LgslCode | None = None
    """Local Government Service List code; the journey's, where left out."""
    lgil: LgilCode | None = None
    """Local Government Interaction List code."""
    facts: Facts = Facts()
    """What the request carries; its journey says which facts it must and may carry."""


class NewAmendment(Told):
    """Facts of a request that changed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"facts": {"discharge_date": "2026-12-02"}}]})

    facts: Facts
    """The new values; those not named stay as they are."""


class NewWithdrawal(Told):
    """A request is not wanted any more."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "Stays in hospital"}]})

    reason: Annotated[str, Field(max_length=200)] = ""
    """Why, in the person's words; may be empty."""


class NewDecision(Told):
    """What a person decided about a refused task."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"task": "fit-ramp", "verdict": "go-on", "by": "J. Invented"}]}
    )

    task: Annotated[Slug, Field(examples=["fit-ramp"])]
    """The refused task."""
    verdict: Verdict
    """What is to be done."""
    by: Annotated[str, Field(min_length=1, max_length=80)]
    """Who decided."""


class NewSettlement(Told):
    """What a person found who asked a department whether it has an instruction of which nobody knew."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"task": "book-transport", "found": "applied", "reference": "4711", "by": "J. Invented"}]
        }
    )

    task: Annotated[Slug, Field(examples=["book-transport"])]
    """The task it is about."""
    effect: UUID | None = None
    """The effect key, where several of one task are asked about in turn: refused when that is no more the one in doubt."""
    found: Found
    """Whether the department has it. What is not applied is asked for again."""
    reference: Annotated[str, Field(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    """The department's own reference, where it has one."""
    by: Annotated[str, Field(min_length=1, max_length=80)]
    """Who asked."""


_B = TypeVar("_B", bound=_Body)


@dataclass(frozen=True)
class Vocabulary:
    """What a case's facts may be: those its journey must and may carry, each with the question a person is asked."""

    requires: Mapping[str, str]
    may_carry: Mapping[str, str]

    @classmethod
    def of(cls, journey: Journey) -> "Vocabulary":
        """The vocabulary of a journey's requests."""
        return cls(journey.requires, journey.may_carry)

    @property
    def names(self) -> list[str]:
        """Every fact it knows, required ones first."""
        return [*self.requires, *self.may_carry]


def decode(raw: bytes) -> Body:
    """The JSON object a body holds.

    Raises:
        Refusal: NOT_JSON.
    """
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        # The library's message holds a position and what was expected there, never what stood there.
        raise Refusal(
            Kind.NOT_JSON, f"Line {error.lineno}, column {error.colno}: {error.msg.partition(':')[0]}."
        ) from None
    if not isinstance(body, dict):
        raise Refusal(Kind.NOT_JSON, 'The body must be a JSON object: {"request": ..., "facts": {...}}.')
    return body


def read_request(body: Body, journeys: Journeys, now: datetime) -> NewRequest:
    """A request, checked whole against the journey it starts.

    Raises:
        Refusal: INVALID_BODY, with everything that is wrong.
    """
    faults = list(_shape(NewRequest, body)) + list(_time(body, now))
    journey = None
    name = body.get("request")
    if isinstance(name, str):
        journey = journeys.for_request(name)
        if journey is None:
            faults = [fault for fault in faults if fault.pointer != "/request"]
            faults.append(
                Fault("/request", "No journey starts with this kind of request. " + _nearest(name, journeys.requests))
            )
    facts = body.get("facts", {})
    if isinstance(facts, dict):
        faults += fact_faults(facts, Vocabulary.of(journey) if journey else None, complete=True)
    return _accepted(NewRequest, body, faults)


def read_amendment(body: Body, vocabulary: Vocabulary, now: datetime) -> NewAmendment:
    """Changed facts, checked whole against the case's journey.

    Raises:
        Refusal: INVALID_BODY, with everything that is wrong.
    """
    faults = list(_shape(NewAmendment, body)) + list(_time(body, now))
    facts = body.get("facts")
    if isinstance(facts, dict):
        faults += fact_faults(facts, vocabulary, complete=False)
        if not any(value is not None for value in facts.values()):
            faults.append(Fault("/facts", "Name at least one fact that changed."))
    return _accepted(NewAmendment, body, faults)


def read_plain(model: type[_B], body: Body, now: datetime) -> _B:
    """A body that carries no facts: a withdrawal, a decision.

    Raises:
        Refusal: INVALID_BODY, with everything that is wrong.
    """
    return _accepted(model, body, [*_shape(model, body), *_time(body, now)])


def fact_faults(facts: Mapping[str, Any], vocabulary: Vocabulary | None, *, complete: bool) -> Iterator[Fault]:
    """Everything wrong with some facts.

    Args:
        facts: as sent; a fact that is null counts as not sent.
        vocabulary: what the journey lets them be; None when the journey is not known: then only their form is checked.
        complete: whether every required fact must be there.
    """
    allowed: Collection[str] = vocabulary.names if vocabulary else Facts.model_fields
    for name in facts:
        if name not in allowed:
            known = "is no fact this request may carry" if name in Facts.model_fields else "is no fact the hub knows"
            yield Fault(f"/facts/{_escaped(name)}", f"This {known}. {_nearest(name, list(allowed))}")
    sent = {name: value for name, value in facts.items() if value is not None}
    try:
        Facts.model_validate({name: value for name, value in sent.items() if name in Facts.model_fields})
    except ValidationError as error:
        for item in error.errors(include_url=False, include_input=False, include_context=False):
            if item["loc"][0] in allowed:
                yield Fault(_pointer(("facts", *item["loc"][:1])), in_words(item))
    if vocabulary and complete:
        for name, question in vocabulary.requires.items():
            if name not in sent:
                yield Fault(f"/facts/{name}", f"{question} This fact is needed.")


def in_words(item: Mapping[str, Any]) -> str:
    """What is wrong with one value, in a sentence. Pydantic's messages name limits and choices, never the input."""
    kind, message = str(item["type"]), str(item["msg"]).removeprefix("Value error, ")
    said = next((words for start, words in _SAID.items() if kind.startswith(start)), message.replace("Input", "This"))
    return said[:1].upper() + said[1:] + ("" if said.endswith(".") else ".")


_SAID = {
    "extra_forbidden": "There is no such field here",
    "missing": "This field is needed",
    "string_too_short": "This may not be empty",
    "timezone": "A time needs its zone: 2026-11-30T14:00:00Z",
    "datetime": "A time reads like 2026-11-30T14:00:00Z",
    "date": "A date reads like 2026-11-30 and is a day that exists",
    "time": "A time of day reads like 14:30",
    "bool": "The answer is yes or no: true or false",
    "int": "A whole number is expected here",
}
"""What pydantic's kinds of error are called here; the first that fits counts."""


def _shape(model: type[_Body], body: Body) -> Iterator[Fault]:
    """What is wrong with everything but the facts, field by field, since a model as a whole stops at its first layer."""
    for name in body:
        if name not in model.model_fields:
            yield Fault(
                f"/{_escaped(name)}", "There is no such field here. " + _nearest(name, list(model.model_fields))
            )
    for name, field in model.model_fields.items():
        if name not in body:
            if field.is_required():
                yield Fault(f"/{name}", "This field is needed.")
        elif name == "facts":
            if not isinstance(body[name], dict):
                yield Fault("/facts", 'Facts are an object: {"uprn": ...}.')
        else:
            try:
                reader_of(model, name).validate_python(body[name])
            except ValidationError as error:
                for item in error.errors(include_url=False, include_input=False, include_context=False):
                    yield Fault(f"/{name}", in_words(item))


def _time(body: Body, now: datetime) -> Iterator[Fault]:
    """A thing that is yet to become true has not happened: such a time would outrank everything said later."""
    try:
        at = TypeAdapter(Moment | None).validate_python(body.get("effective_at"))
    except ValidationError:
        return
    if at is not None and at > now + AHEAD:
        yield Fault("/effective_at", "This lies in the future. Leave it out, or send when it became true.")


def _accepted(model: type[_B], body: Body, faults: list[Fault]) -> _B:
    if faults:
        count = "One thing is" if len(faults) == 1 else f"{len(faults)} things are"
        raise Refusal(Kind.INVALID_BODY, f"{count} wrong with the body; nothing was accepted.", faults)
    return model.model_validate(body)


def _nearest(word: str, known: list[str]) -> str:
    """The nearest valid word, and the list."""
    near = get_close_matches(word, known, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    return f"{hint}There are: {', '.join(sorted(known))}."


def _pointer(location: tuple[int | str, ...]) -> str:
    return "".join(f"/{_escaped(str(part))}" for part in location)


def _escaped(name: str) -> str:
    """A key in a JSON pointer (RFC 6901), cut short: it comes from outside."""
    return name[:64].replace("~", "~0").replace("/", "~1")
