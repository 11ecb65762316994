"""The catalogue is whole: no orphan event, example or schema, no field without a privacy tag."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from schemas.envelope import Classification, Department, Event
from schemas.privacy import UntaggedField, tag_of
from schemas.publish import FOLDER as PUBLISHED
from schemas.publish import events, schema_of, text_of
from schemas.topics import CASE_EVENTS, CATALOGUE, FACTS, TASKS, Topic, UnreadableEvent

EXAMPLES = PUBLISHED.parent / "examples"
ALL = [(topic, name) for topic in CATALOGUE for name in topic.types]


def example(name: str) -> bytes:
    return (EXAMPLES / f"{name}.json").read_bytes()


def models(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[type[BaseModel]]:
    """A model and every model of ours inside it."""
    if model in seen:
        return
    seen.add(model)
    yield model
    for field in model.model_fields.values():
        for inner in inside(field.annotation):
            yield from models(inner, seen)


def inside(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not annotation.__module__.startswith("schemas.identifiers"):
            yield annotation
        return
    for part in getattr(annotation, "__args__", ()):
        yield from inside(part)


@pytest.mark.parametrize("name", events())
def test_every_field_that_travels_says_how_private_it_is(name: str) -> None:
    for model in models(events()[name], set()):
        for field in model.model_fields:
            assert tag_of(model, field)


def test_a_field_without_a_tag_is_found() -> None:
    class Careless(BaseModel):
        shoe_size: int

    with pytest.raises(UntaggedField, match=r"Careless\.shoe_size carries 0 privacy tags"):
        tag_of(Careless, "shoe_size")


@pytest.mark.parametrize("topic", CATALOGUE, ids=lambda topic: topic.name)
def test_a_topic_is_named_in_lower_case_words_and_says_who_uses_it(topic: Topic) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", topic.name)
    assert topic.about
    assert topic.owner
    assert topic.producers
    assert topic.consumers
    assert topic.dead_letters == f"{topic.name}-dlq"
    assert topic.retention_days >= 1


def test_every_department_has_its_tasks_and_its_facts() -> None:
    assert set(TASKS) == set(FACTS) == set(Department)


@pytest.mark.parametrize(("topic", "name"), ALL, ids=lambda value: value if isinstance(value, str) else value.name)
def test_no_event_is_more_private_than_its_topic(topic: Topic, name: str) -> None:
    order = list(Classification)

    assert order.index(topic.types[name].classification) <= order.index(topic.classification)


@pytest.mark.parametrize("name", events())
def test_an_event_type_reads_subject_fact_version(name: str) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*\.v[1-9][0-9]*", name)


@pytest.mark.parametrize(("topic", "name"), ALL, ids=lambda value: value if isinstance(value, str) else value.name)
def test_the_example_of_every_event_is_read_back_as_it_was_written(topic: Topic, name: str) -> None:
    value = example(name)
    event = topic.decode(value, json.loads(value)["partitionkey"].encode())

    assert isinstance(event, topic.types[name])
    assert json.loads(event.encode()) == json.loads(value)


@pytest.mark.parametrize("name", events())
def test_the_example_of_every_event_fits_its_published_schema(name: str) -> None:
    schema = json.loads((PUBLISHED / f"{name}.schema.json").read_text(encoding="utf-8"))

    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(json.loads(example(name)))


def test_there_is_no_example_or_schema_of_an_event_that_does_not_exist() -> None:
    assert {file.name.removesuffix(".json") for file in EXAMPLES.iterdir()} == set(events())
    assert {file.name.removesuffix(".schema.json") for file in PUBLISHED.iterdir()} == set(events())


@pytest.mark.parametrize("name", events())
def test_the_published_schema_is_the_one_the_code_has(name: str) -> None:
    published = (PUBLISHED / f"{name}.schema.json").read_text(encoding="utf-8")

    assert published == text_of(schema_of(events()[name])), (
        "stale: run `python -m schemas.publish` and say who was told"
    )


def test_a_published_schema_names_the_privacy_of_every_field() -> None:
    schema = json.loads((PUBLISHED / "case.request-received.v1.schema.json").read_text(encoding="utf-8"))

    assert schema["$defs"]["Facts"]["properties"]["mobility"]["x-privacy"] == "special"
    assert schema["properties"]["partitionkey"]["x-privacy"] == "personal"


KEY = b"0TJ9-4QXM-7C2K-VN31"


@pytest.mark.parametrize(
    ("value", "code", "reason"),
    [
        (None, "not-json", "the record is empty"),
        (b"", "not-json", "not JSON"),
        (b"\xff\xfe", "not-json", "not JSON in UTF-8"),
        (b"<html>", "not-json", "not JSON"),
        (b"[]", "not-an-event", "not a CloudEvents 1.0 event"),
        (b'{"type": "case.request-received.v1"}', "not-an-event", "not a CloudEvents"),
        (
            b'{"specversion": "1.0", "type": "task.raised.v1"}',
            "unknown-type",
            "Expected one of: case.deadline-expired.v1",
        ),
        (b'{"specversion": "1.0", "type": ["task.raised.v1"]}', "unknown-type", "does not belong here"),
        (b'{"specversion": "1.0", "type": {}}', "unknown-type", "does not belong here"),
        (b'{"specversion": "1.0", "type": "case.request-received.v1"}', "wrong-data", "id: Field required"),
    ],
)
def test_bytes_that_are_no_event_are_refused_with_their_kind_and_reason(
    value: bytes | None, code: str, reason: str
) -> None:
    with pytest.raises(UnreadableEvent, match=reason) as refusal:
        CASE_EVENTS.decode(value, KEY)

    assert refusal.value.code == code


def test_a_record_under_another_key_than_its_event_is_refused() -> None:
    with pytest.raises(UnreadableEvent, match="key is not its event's partitionkey") as refusal:
        CASE_EVENTS.decode(example("case.request-received.v1"), KEY)

    assert refusal.value.code == "wrong-key"


def test_a_refusal_never_repeats_what_was_sent() -> None:
    loose = json.loads(example("case.request-received.v1"))
    loose["data"]["facts"]["nhs_number"] = "canary-4711"
    loose["data"]["facts"]["mobility"] = "canary-4712"
    loose["effectiveat"] = "canary-4713"

    with pytest.raises(UnreadableEvent) as refusal:
        CASE_EVENTS.decode(json.dumps(loose).encode(), loose["partitionkey"].encode())

    assert "data.facts.mobility" in str(refusal.value)
    assert "canary" not in str(refusal.value)


def test_a_field_of_a_later_version_is_ignored_on_reading() -> None:
    loose = json.loads(example("case.task-decided.v1"))
    loose["data"]["note"] = "from the future"

    event = CASE_EVENTS.decode(json.dumps(loose).encode(), loose["partitionkey"].encode())

    assert isinstance(event, Event)
