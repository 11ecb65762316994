"""The published JSON Schemas: for subscribers who do not use Python, and the promise that each release makes to them.

`python -m schemas.publish` writes `schemas/published/<type>.schema.json` for every event of the catalogue; with `release` behind it, it
also keeps a copy of all of them in `schemas/released/<version>.json`, for good. A change that would break a reader of any release is
refused, here and by a test: events stay on their topics for months, and subscribers are not upgraded with the hub. Such a change is a
new version of the event, beside the old one.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from schemas.compatibility import broken
from schemas.envelope import Event
from schemas.privacy import tag_of
from schemas.topics import CATALOGUE

FOLDER = Path(__file__).parent / "published"
RELEASED = Path(__file__).parent / "released"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def events() -> dict[str, type[Event]]:
    """Every event of the catalogue by its type, sorted."""
    return dict(sorted(_events()))


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema of every event as the code has it now, by its type."""
    return {name: schema_of(event) for name, event in events().items()}


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


def released() -> dict[str, dict[str, dict[str, Any]]]:
    """What has been promised: every release by its version, each with the schema of every event of then."""
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(RELEASED.glob("*.json"))}


def publish() -> list[str]:
    """Write every schema; the names of those that changed.

    Raises:
        SystemExit: a change would break a reader of a release; nothing is written.
    """
    now = schemas()
    problems = [
        f"{problem} (promised by {release})"
        for release, promised in released().items()
        for problem in broken(promised, now)
    ]
    if problems:
        sys.exit("These changes break readers; make a new version of the event instead:\n  " + "\n  ".join(problems))
    FOLDER.mkdir(exist_ok=True)
    changed = []
    for name, schema in now.items():
        file, text = FOLDER / f"{name}.schema.json", text_of(schema)
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            changed.append(name)
    return changed


def promise(release: str) -> Path:
    """Keep every schema as it is now for good; the file. From then on a change that breaks a reader of it is refused.

    Raises:
        SystemExit: that release has made its promise.
    """
    file = RELEASED / f"{release}.json"
    if file.exists():
        sys.exit(f"{release} has been released, and what it promised stays. Give pyproject.toml a new version first.")
    # One line an event: nobody reads it but this module, and a diff shows at once that an old one was touched.
    lines = [f"{json.dumps(name)}: {json.dumps(schema, sort_keys=True)}" for name, schema in schemas().items()]
    RELEASED.mkdir(exist_ok=True)
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    return file


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


def _main(arguments: list[str]) -> str:
    if arguments not in ([], ["release"]):
        sys.exit("python -m schemas.publish [release]")
    said = publish() or ["Nothing changed."]
    if arguments:
        said.append(f"Kept for good: {promise(version('council-hub'))}")
    return "\n".join(said)


if __name__ == "__main__":
    print(_main(sys.argv[1:]))  # noqa: T201 - its answer to the person who ran it
