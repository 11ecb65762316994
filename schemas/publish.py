"""The published JSON Schemas: for subscribers who do not use Python, and for tests that notice what a change would break.

`python -m schemas.publish` writes `schemas/published/<type>.schema.json` for every event of the catalogue. It refuses a change that would
break somebody who reads the version published before: such a change is a new version of the event, beside the old one.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from schemas.envelope import Event
from schemas.privacy import tag_of
from schemas.topics import CATALOGUE

FOLDER = Path(__file__).parent / "published"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def events() -> dict[str, type[Event]]:
    """Every event of the catalogue by its type, sorted."""
    return dict(sorted(_events()))


def schema_of(event: type[Event]) -> dict[str, Any]:
    """The JSON Schema of one event as it travels, each field with its privacy tag as `x-privacy`."""
    schema = event.model_json_schema(mode="serialization", ref_template="#/$defs/{model}")
    _tag(schema, event, schema.get("$defs", {}))
    return {"$schema": _DIALECT, "title": event.model_fields["type"].default} | {
        key: value for key, value in schema.items() if key != "title"
    }


def text_of(schema: Mapping[str, Any]) -> str:
    """A schema as its file holds it."""
    return json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def breaks(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What a change of one event's schema would break for its readers and writers, in words; empty: it only grows.

    A reader of the old schema must understand every event of the new one, and the other way round: a field may be added if it is optional;
    none may be removed, become needed, change its type or lose a permitted value.
    """
    return list(_breaks(_resolved(old, old), _resolved(new, new), "event"))


def publish() -> list[str]:
    """Write every schema; the names of those that changed.

    Raises:
        SystemExit: a change would break a reader; nothing is written.
    """
    texts = {name: text_of(schema_of(event)) for name, event in events().items()}
    problems = [
        f"{name}: {problem}"
        for name, text in texts.items()
        if (file := FOLDER / f"{name}.schema.json").exists()
        for problem in breaks(json.loads(file.read_text(encoding="utf-8")), json.loads(text))
    ]
    if problems:
        sys.exit("These changes break readers; make a new version of the event instead:\n  " + "\n  ".join(problems))
    FOLDER.mkdir(exist_ok=True)
    changed = []
    for name, text in texts.items():
        file = FOLDER / f"{name}.schema.json"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            changed.append(name)
    return changed


def _events() -> Iterator[tuple[str, type[Event]]]:
    for topic in CATALOGUE:
        yield from topic.types.items()


def _tag(schema: dict[str, Any], model: Any, definitions: Mapping[str, Any]) -> None:
    """Write each field's privacy tag beside it, here and in the models it holds."""
    for name, field in model.model_fields.items():
        schema["properties"][name]["x-privacy"] = str(tag_of(model, name))
        for inner in _models(field.annotation):
            definition = definitions.get(inner.__name__)
            if definition is not None and "x-privacy" not in json.dumps(definition):
                _tag(definition, inner, definitions)


def _models(annotation: Any) -> Iterator[Any]:
    """The tagged models an annotation names: itself, or those inside `X | None` and the like."""
    if isinstance(annotation, type) and hasattr(annotation, "model_fields"):
        if all(
            any(type(item).__name__ == "Privacy" for item in field.metadata)
            for field in annotation.model_fields.values()
        ):
            yield annotation
        return
    for inner in getattr(annotation, "__args__", ()):
        yield from _models(inner)


def _resolved(schema: Any, root: Mapping[str, Any]) -> Any:
    """A schema with every `$ref` replaced by what it points to."""
    if isinstance(schema, list):
        return [_resolved(item, root) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    if "$ref" in schema:
        name = str(schema["$ref"]).rsplit("/", 1)[-1]
        schema = {**root["$defs"][name], **{key: value for key, value in schema.items() if key != "$ref"}}
    return {key: _resolved(value, root) for key, value in schema.items() if key != "$defs"}


def _breaks(old: Any, new: Any, place: str) -> Iterator[str]:
    for word in ("type", "format", "const", "pattern"):
        if old.get(word) != new.get(word):
            yield f"{place}: its {word} was {old.get(word)!r} and would be {new.get(word)!r}"
    yield from _narrowed(old, new, place)
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in before.keys() - after.keys():
        yield f"{place}.{name} would disappear"
    for name in sorted(set(new.get("required", [])) - set(old.get("required", []))):
        if name not in before or "default" not in before[name]:
            yield f"{place}.{name} would become needed"
    for name in sorted(before.keys() & after.keys()):
        yield from _breaks(before[name], after[name], f"{place}.{name}")
    for word in ("anyOf", "oneOf", "prefixItems"):
        for number, (was_part, now_part) in enumerate(zip(old.get(word, []), new.get(word, []), strict=False)):
            yield from _breaks(was_part, now_part, f"{place}[{number}]")
    if isinstance(old.get("items"), Mapping) and isinstance(new.get("items"), Mapping):
        yield from _breaks(old["items"], new["items"], f"{place}[]")


def _narrowed(old: Any, new: Any, place: str) -> Iterator[str]:
    lost = [value for value in old.get("enum", []) if value not in new.get("enum", [])]
    if lost:
        yield f"{place}: the values {', '.join(map(str, lost))} would no longer be permitted"
    for word, worse in (("maxLength", min), ("maximum", min), ("minLength", max), ("minimum", max)):
        was, now = old.get(word), new.get(word)
        if now is not None and now != was and (was is None or worse(was, now) == now):
            yield f"{place}: its {word} would narrow to {now}"


if __name__ == "__main__":
    print("\n".join(publish()) or "Nothing changed.")  # noqa: T201 - its answer to the person who ran it
