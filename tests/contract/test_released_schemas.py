"""What a release promised to readers and writers of events holds for good, whatever is regenerated."""

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas import publish
from schemas.compatibility import breaks, broken
from schemas.publish import promise, released, schemas

Schema = dict[str, Any]
NOW = schemas()

EVENT: Schema = {
    "type": "object",
    "required": ["type", "said"],
    "properties": {
        "type": {"const": "case.noted.v1", "type": "string"},
        "said": {
            "anyOf": [{"$ref": "#/$defs/Note"}, {"type": "null"}],
        },
        "verdict": {"$ref": "#/$defs/Verdict", "default": "go-on"},
        "at": {"type": "string", "format": "date-time"},
        "pages": {"type": "array", "items": {"type": "integer", "minimum": 1}},
    },
    "$defs": {
        "Note": {
            "type": "object",
            "title": "Note",
            "description": "What somebody wrote.",
            "required": ["by"],
            "properties": {"by": {"type": "string"}, "priority": {"type": "integer"}},
        },
        "Verdict": {"enum": ["close", "go-on"], "type": "string"},
    },
}
"""A small event with every kind of thing that ours have."""


def edited(edit: Callable[[Schema], object]) -> Schema:
    schema = deepcopy(EVENT)
    edit(schema)
    return schema


def at(*path: str, **keywords: Any) -> Schema:
    """The event with keywords set at one place of it."""

    def edit(schema: Schema) -> None:
        for part in path:
            schema = schema[part]
        schema.update(keywords)

    return edited(edit)


BY = ("$defs", "Note", "properties", "by")
PRIORITY = ("$defs", "Note", "properties", "priority")
PAGES = ("properties", "pages")
SAID = ("properties", "said")
TEXT, NOTHING, NOTE = {"type": "string"}, {"type": "null"}, {"$ref": "#/$defs/Note"}


@pytest.mark.parametrize(
    ("new", "problem"),
    [
        (edited(lambda schema: schema["required"].append("at")), "event.at would become needed"),
        (
            at("$defs", "Note", required=["by", "on"], properties={**EVENT["$defs"]["Note"]["properties"], "on": TEXT}),
            "event.said.on would become needed",
        ),
        (edited(lambda schema: schema["required"].remove("said")), "event.said was always there and might be left out"),
        (edited(lambda schema: schema["properties"].pop("said")), "event.said would disappear"),
        (edited(lambda schema: schema["properties"].pop("at")), "event.at would disappear"),
        (at(*BY, type="integer"), 'event.said.by: its type was "string" and would be "integer"'),
        (at(*PAGES, type="object"), 'event.pages: its type was "array" and would be "object"'),
        (at("$defs", "Verdict", enum=["close"]), "event.verdict: the values go-on would no longer be permitted"),
        (
            edited(lambda schema: schema["$defs"]["Verdict"].pop("enum")),
            'event.verdict: its enum was ["close", "go-on"] and would be not there',
        ),
        (at(*BY, enum=["nurse"]), 'event.said.by: its enum was not there and would be ["nurse"]'),
        (
            at("properties", "type", const="case.noted.v2"),
            'event.type: its const was "case.noted.v1" and would be "case.noted.v2"',
        ),
        (at(*BY, const="nurse"), 'event.said.by: its const was not there and would be "nurse"'),
        (at("properties", "verdict", default="close"), 'event.verdict: its default was "go-on" and would be "close"'),
        (at(*SAID, anyOf=[NOTE]), "event.said: the form null would no longer be permitted"),
        (at(*SAID, anyOf=[NOTHING]), "event.said: the form Note would no longer be permitted"),
        (at(*SAID, anyOf=[TEXT, NOTE, NOTHING]), "event.said: the form string would be new to readers"),
        (at(*PAGES, maxItems=5), "event.pages: its maxItems was not there and would be 5"),
        (at(*PAGES, minItems=1), "event.pages: its minItems was not there and would be 1"),
        (at(*PAGES, uniqueItems=True), "event.pages: its uniqueItems was not there and would be true"),
        (at(*PAGES, "items", minimum=2), "event.pages[]: its minimum was 1 and would be 2"),
        (at(*PAGES, "items", minimum=0), "event.pages[]: its minimum was 1 and would be 0"),
        (at(*PRIORITY, maximum=9), "event.said.priority: its maximum was not there and would be 9"),
        (at(*PRIORITY, multipleOf=5), "event.said.priority: its multipleOf was not there and would be 5"),
        (at(*BY, maxLength=8), "event.said.by: its maxLength was not there and would be 8"),
        (at(*BY, minLength=1), "event.said.by: its minLength was not there and would be 1"),
        (at(*BY, pattern="^N"), 'event.said.by: its pattern was not there and would be "^N"'),
        (at("properties", "at", format="date"), 'event.at: its format was "date-time" and would be "date"'),
        (at(additionalProperties=False), "event: its additionalProperties was not there and would be false"),
        (
            at("$defs", "Note", additionalProperties=TEXT),
            'event.said: its additionalProperties was not there and would be {"type": "string"}',
        ),
        (at(dependentRequired={"at": ["pages"]}), "event: its dependentRequired was not there and would be"),
    ],
)
def test_a_change_that_breaks_a_reader_or_a_writer_is_named(new: Schema, problem: str) -> None:
    (found,) = breaks(EVENT, new)

    assert found.startswith(problem)


@pytest.mark.parametrize(
    "new",
    [
        EVENT,
        edited(lambda schema: schema["properties"].update(note={"type": "string", "default": ""})),
        at("$defs", "Note", properties={**EVENT["$defs"]["Note"]["properties"], "on": TEXT}),
        at("$defs", "Verdict", enum=["go-on", "wait", "close"]),
        at(*SAID, anyOf=[NOTHING, NOTE]),
        at("$defs", "Note", title="Remark", description="In other words.", examples=[{}]),
        at(*BY, **{"x-privacy": "personal"}),
    ],
    ids=[
        "nothing",
        "a property nobody needs",
        "one further in",
        "a value of an enumeration",
        "another order of forms",
        "words",
        "privacy",
    ],
)
def test_a_change_by_which_an_event_only_grows_breaks_nobody(new: Schema) -> None:
    assert breaks(EVENT, new) == []


@pytest.mark.parametrize("release", released())
def test_what_a_release_promised_to_readers_and_writers_still_holds(release: str) -> None:
    assert broken(released()[release], NOW) == []


def test_there_is_a_release_to_hold_to() -> None:
    assert released()


@pytest.mark.parametrize("release", released())
@given(data=st.data())
def test_what_was_written_for_a_release_can_be_read_now(release: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(released()[release])))
    promised = released()[release][name]
    written = data.draw(instances(promised, promised["$defs"]))

    Draft202012Validator(promised).validate(written)
    Draft202012Validator(NOW[name]).validate(written)


def test_a_change_that_breaks_a_release_is_not_published(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(publish, "FOLDER", tmp_path / "published")
    monkeypatch.setattr(publish, "RELEASED", tmp_path)
    (tmp_path / "0.9.0.json").write_text(json.dumps({"case.noted.v1": EVENT}))

    with pytest.raises(
        SystemExit, match=r"new version of the event.*\n  case.noted.v1: it would disappear \(promised by 0.9.0\)"
    ):
        publish.publish()

    assert not (tmp_path / "published").exists()


def test_a_reader_that_would_break_is_noticed_though_everything_was_published_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(publish, "RELEASED", tmp_path)
    promise("0.9.0")
    now = schemas()
    now["case.task-decided.v1"]["$defs"]["Decided"]["properties"]["by"]["maxLength"] = 8

    assert broken(released()["0.9.0"], now) == [
        "case.task-decided.v1: event.data.by: its maxLength was 80 and would be 8"
    ]


def test_a_release_makes_its_promise_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(publish, "RELEASED", tmp_path)
    promise("0.9.0")

    with pytest.raises(SystemExit, match=r"0\.9\.0 has been released.*Give pyproject\.toml a new version first"):
        promise("0.9.0")

    assert released() == {"0.9.0": schemas()}


def instances(schema: Schema, definitions: Schema) -> st.SearchStrategy[Any]:
    """Whatever a writer could write who knows only the schema; knows the keywords that ours use."""
    if "$ref" in schema:
        return instances(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    if "anyOf" in schema:
        return st.one_of([instances(form, definitions) for form in schema["anyOf"]])
    if "const" in schema or "enum" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    if schema["type"] == "object":
        parts = {name: instances(part, definitions) for name, part in schema["properties"].items()}
        needed = {name: parts.pop(name) for name in schema.get("required", ())}
        return st.fixed_dictionaries(needed, optional=parts)
    if schema["type"] == "array":
        return st.lists(instances(schema["items"], definitions), max_size=3)
    return SIMPLE[schema["type"]](schema)


def texts(schema: Schema) -> st.SearchStrategy[Any]:
    if "pattern" in schema:
        return st.from_regex(schema["pattern"])
    if "format" in schema:
        return FORMATS[schema["format"]]
    return st.text(min_size=schema.get("minLength", 0), max_size=schema.get("maxLength", 40))


FORMATS = {
    "date": st.dates().map(date.isoformat),
    "date-time": st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
    "time": st.times().map(time.isoformat),
    "uuid": st.uuids().map(str),
}
SIMPLE: dict[str, Callable[[Schema], st.SearchStrategy[Any]]] = {
    "string": texts,
    "integer": lambda schema: st.integers(schema.get("minimum"), schema.get("maximum")),
    "number": lambda schema: st.floats(schema.get("minimum"), schema.get("maximum"), allow_nan=False),
    "boolean": lambda _: st.booleans(),
    "null": lambda _: st.none(),
}
