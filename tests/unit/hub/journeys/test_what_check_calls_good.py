"""Whatever `check` calls good can be followed, told, undone and drawn: no limit is first met by a worker."""

import copy
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid5
from xml.etree import ElementTree as ET

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.journeys.check import parse
from hub.journeys.clocks import Calendar
from hub.journeys.draw import mermaid, svg
from hub.journeys.model import Journey, Journeys
from hub.journeys.source import JourneyError
from hub.routing.case import Case
from hub.routing.simulate import Answers, simulate
from hub.routing.step import World, step
from schemas.cases import CaseStatus
from schemas.envelope import Event, Message
from schemas.facts import Facts
from schemas.references import case_reference
from schemas.requests import Request, RequestReceived, RequestWithdrawn, Withdrawal

CALENDAR = Calendar("england-and-wales", frozenset(), date(2028, 12, 31))
START = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
CASE = case_reference(START, "one")
SAID = Facts.model_validate({"uprn": "1000", "move_date": "2026-11-13", "mobility": "wheelchair", "hazardous": True})
WHOLE: dict[str, Any] = {
    "journey": "a",
    "version": 1,
    "title": "A title",
    "owner": "An owner",
    "starts": {"request": "r", "lgsl": 209},
    "requires": {"uprn": "Where?", "move_date": "When?", "mobility": "How?"},
    "may carry": {"hazardous": "Dangerous?"},
    "tasks": {
        "one": {
            "department": "housing",
            "work": "home-check",
            "asks": "Look",
            "due": "5 working days, counted from the next working day after 16:30",
            "gives": ["uprn"],
            "answers": ["steps_at_door"],
            "undo": "Forget it",
            "if refused": "go on without it",
        },
        "two": {
            "department": "transport",
            "work": "trip",
            "asks": "Go",
            "after": ["one"],
            "when": 'mobility == "wheelchair" && steps_at_door > 0',
            "due": "1 working day before move_date",
            "undo": "Stay",
        },
    },
    "moves": ["move_date"],
    "tells": {"citizen": ["accepted", "done", "date-moved"]},
}
ODD: list[Any] = [
    *(
        "",
        "a",
        "A b",
        "ü",
        "x" * 201,
        "x" * 70_000,
        "true",
        "uprn",
        "one",
        "two",
        "trip",
        "accepted",
        "\0",
        "\ud800",
        "\x85",
    ),
    *(
        None,
        True,
        0,
        -1,
        5,
        10**20,
        1.5,
        float("nan"),
        [],
        {},
        [[]],
        [{}],
        {"a": {}},
        ["a", 5, None],
        {"": ""},
        {"one": "two"},
    ),
    *(
        "9999-12-31",
        "0 hours",
        "10 months after move_date",
        "on move_date",
        "87600 hours",
        "mobility",
        "hazardous",
        "!hazardous",
    ),
    *("1 / 0 == 1", "uprn.x", "mobility == 5", "steps_at_door > 0", "true", "go on without it", "ask its owner"),
]


def places(part: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a file, from the top."""
    yield place
    for key, inner in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        yield from places(inner, (*place, key))


def changed(place: tuple[str | int, ...], value: Any, *, key: bool) -> str:
    """The whole file with one value, or one key, replaced."""
    if not place:
        return yaml.safe_dump(value)
    file = copy.deepcopy(WHOLE)
    part: Any = file
    for each in place[:-1]:
        part = part[each]
    if key and isinstance(part, dict) and isinstance(value, str | int):
        part[value] = part.pop(place[-1])
    else:
        part[place[-1]] = value
    return yaml.safe_dump(file, sort_keys=False)


def event(kind: type[Event], data: Message) -> Event:
    return kind(
        id=uuid5(UUID(int=0), kind.__name__),
        source="/E06000999/test",
        type=kind.model_fields["type"].default,
        time=START,
        effectiveat=START,
        correlationid=CASE,
        partitionkey=CASE,
        council="E06000999",
        data=data,
    )


def follow(journey: Journey) -> Case:
    """Everything a worker and a page do with a journey; the case after its request is withdrawn."""
    world = World(Journeys((journey,)), CALENDAR, source="/simulation")
    answers = {name: Facts(steps_at_door=3) for name in journey.by_name}
    simulate(journey, world, START, SAID, Answers(facts=answers))
    simulate(journey, world, START, SAID, Answers(facts=answers, refused=frozenset(journey.by_name)))
    begun = step(
        None, event(RequestReceived, Request(request=journey.starts_with, lgsl=journey.lgsl, facts=SAID)), world
    )
    ended = step(begun.case, event(RequestWithdrawn, Withdrawal()), world)
    for output in (*begun.outputs, *ended.outputs):
        output.event.encode()
    ended.case.write()
    assert mermaid(journey).encode()
    assert ET.fromstring(svg(journey).encode()) is not None
    return ended.case


@given(place=st.sampled_from(list(places(WHOLE))), value=st.sampled_from(ODD), key=st.booleans())
@settings(max_examples=300, deadline=None)
def test_whatever_is_written_anywhere_is_refused_with_its_line_or_can_be_followed(
    place: tuple[str | int, ...], value: Any, key: bool
) -> None:
    text = changed(place, value, key=key)
    try:
        journey = parse(text, "f.yaml")
    except JourneyError as refusal:
        lines = str(refusal).splitlines()
    else:
        lines = []
        assert follow(journey).status is CaseStatus.WITHDRAWN

    assert all(re.match(r"f\.yaml:(\d+:| and \d+ more)", line) for line in lines)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("journey",), "a" * 64),
        (("starts", "request"), "a" * 64),
        (("starts", "lgsl"), 9999),
        (("version",), 9999),
        (("title",), "x" * 200),
        (("tasks", "one", "asks"), "x" * 200),
        (("tasks", "one", "undo"), "x" * 200),
        (("tasks", "one", "due"), "120 months"),
        (("tasks", "two", "due"), "87600 hours before move_date"),
        (("tells",), {"a" * 64: ["accepted", "task-refused", "withdrawn"]}),
    ],
)
def test_the_longest_of_everything_is_good_and_travels(place: tuple[str | int, ...], value: Any) -> None:
    assert follow(parse(changed(place, value, key=False), "f.yaml")).status is CaseStatus.WITHDRAWN


def test_the_longest_name_of_a_task_is_good_and_travels() -> None:
    journey = parse(changed(("tasks", "two"), "b" * 64, key=True), "f.yaml")

    assert "b" * 64 in journey.by_name
    assert follow(journey).status is CaseStatus.WITHDRAWN
