"""The form of a journey's request: its questions as fields, what was filled in as a body, faults beside the fields. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs

from fastapi import Request

from hub.intake.bodies import LIMIT_BYTES
from hub.intake.problems import Fault, Kind, Refusal
from hub.journeys.model import Journey
from hub.pages.words import fact_meaning
from schemas.envelope import Channel
from schemas.facts import Facts, kind_of
from schemas.identifiers import GridReference

_BOOLEAN = (("true", "Yes"), ("false", "No"))
CHANNELS = (
    (Channel.PHONE, "By telephone"),
    (Channel.IN_PERSON, "In person"),
    (Channel.EMAIL, "By e-mail"),
    (Channel.PAPER, "On paper"),
    (Channel.ONLINE, "Online"),
)


@dataclass(frozen=True)
class Field:
    """One question.

    Attributes:
        name: the fact, or a field of the request.
        question: as the journey asks it.
        hint: what the fact is.
        kind: text, date, time, number or choice.
        choices: value and words of each, for a choice.
        required: whether the request must carry it.
        value: what was filled in.
        error: what is wrong with that; empty where nothing is.
    """

    name: str
    question: str
    hint: str
    kind: str
    choices: tuple[tuple[str, str], ...]
    required: bool
    value: str
    error: str


def fields(journey: Journey, filled: Mapping[str, str], faults: Iterable[Fault]) -> list[Field]:
    """The journey's questions as fields, required ones first."""
    wrong = {fault.pointer.removeprefix("/facts/"): fault.detail for fault in faults}
    asked = [(name, question, True) for name, question in journey.requires.items()]
    asked += [(name, question, False) for name, question in journey.may_carry.items()]
    return [
        Field(
            name=name,
            question=question,
            hint=_hint(name),
            kind=kind,
            choices=choices,
            required=required,
            value=filled.get(name, ""),
            error=_needed(wrong.get(name, ""), filled.get(name, "")),
        )
        for name, question, required in asked
        for kind, choices in [_kind(name)]
    ]


async def read_form(request: Request) -> dict[str, str]:
    """What a form of ours was filled in with; one that another site sends is refused.

    Raises:
        Refusal: TOO_LARGE, or NOT_ALLOWED for another site's form.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise Refusal(Kind.NOT_ALLOWED, "This form was sent by another site. Fill in the form here.")
    raw = bytearray()
    async for piece in request.stream():
        raw += piece
        if len(raw) > LIMIT_BYTES:
            raise Refusal(Kind.TOO_LARGE, f"The form may have {LIMIT_BYTES // 1024} KiB.")
    return parse(bytes(raw))


def parse(raw: bytes) -> dict[str, str]:
    """What a form was filled in with: the first value of each field, empty ones left out."""
    sent = parse_qs(raw.decode("utf-8", errors="replace"), max_num_fields=200)
    return {name: values[0].strip() for name, values in sent.items() if values[0].strip()}


def body(journey: Journey, filled: Mapping[str, str]) -> dict[str, Any]:
    """What was filled in, as the API takes it."""
    known = [name for name in (*journey.requires, *journey.may_carry) if name in filled]
    facts: dict[str, Any] = {name: _value(name, filled[name]) for name in known}
    return {"request": journey.starts_with, "channel": filled.get("channel", Channel.PHONE), "facts": facts}


def _needed(detail: str, value: str) -> str:
    return "This answer is needed." if detail and not value else detail


def _value(name: str, text: str) -> Any:
    return text.split(",") if kind_of(name) is GridReference else text


def _kind(name: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    kind = kind_of(name)
    if kind is bool:
        return "choice", _BOOLEAN
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return "choice", tuple((item.value, item.value.replace("-", " ").capitalize()) for item in kind)
    return {date: "date", time: "time", int: "number"}.get(kind, "text"), ()


def _hint(name: str) -> str:
    """What a good answer looks like; empty where the question says all there is to say."""
    if kind_of(name) is GridReference:
        return "Easting and northing in metres, such as 533912, 184321"
    meaning, example = fact_meaning(name).rstrip("."), _EXAMPLES.get(name)
    if example is not None:
        return f"Such as {example}"
    return meaning if ":" in meaning or "such as" in meaning else ""


def _examples() -> dict[str, str]:
    """An example of every fact whose type publishes one."""
    properties = Facts.model_json_schema()["properties"]
    shown = {name: [*item.get("anyOf", []), item] for name, item in properties.items()}
    return {name: str(part["examples"][0]) for name, parts in shown.items() for part in parts if "examples" in part}


_EXAMPLES = _examples()
