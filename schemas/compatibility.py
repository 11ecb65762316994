"""What a change of an event's JSON Schema would break. Pure.

Both ways: a reader of the old schema must understand every event written by the new one, and a reader of the new one every event that was
ever written by the old one. So a schema grows in two ways only: by a property that nobody needs, and by a value of an enumeration, for
departments and kinds of work do come (its readers are upgraded first). Everything else that decides what is valid stays as it is; what
is merely said about it, such as a description, may change.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

_MERELY_SAID = frozenset({"$schema", "$comment", "title", "description", "examples", "deprecated", "x-privacy"})
_FORMS = frozenset({"anyOf", "oneOf"})
_INNER = frozenset({"items", "additionalProperties"})


def breaks(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What a change of one event's schema would break for its readers and writers, in words; empty: it only grows."""
    return list(_breaks(_resolved(old, old), _resolved(new, new), "event"))


def broken(promised: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What would break for readers and writers of a whole release, in words; empty: nothing.

    Args:
        promised: the schema of every event as it was released, by its type.
        now: as they are to be.
    """
    return [
        f"{name}: {problem}"
        for name, schema in promised.items()
        for problem in (breaks(schema, now[name]) if name in now else ["it would disappear"])
    ]


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


def _breaks(old: Mapping[str, Any], new: Mapping[str, Any], place: str) -> Iterator[str]:
    yield from _properties(old, new, place)
    for word in sorted((old.keys() | new.keys()) - _MERELY_SAID - {"properties", "required"}):
        was, would_be = old.get(word), new.get(word)
        if word in _FORMS:
            yield from _forms(was or (), would_be or (), place)
        elif word == "enum" and was and would_be:
            if lost := [value for value in was if value not in would_be]:
                yield f"{place}: the values {', '.join(map(str, lost))} would no longer be permitted"
        elif word in _INNER and isinstance(was, Mapping) and isinstance(would_be, Mapping):
            yield from _breaks(was, would_be, f"{place}[]")
        elif word not in old or word not in new or was != would_be:
            yield f"{place}: its {word} was {_shown(old, word)} and would be {_shown(new, word)}"


def _properties(old: Mapping[str, Any], new: Mapping[str, Any], place: str) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    needed, will_be_needed = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(before.keys() - after.keys()):
        yield f"{place}.{name} would disappear"
    for name in sorted(will_be_needed - needed):
        yield f"{place}.{name} would become needed"
    for name in sorted((needed - will_be_needed) & after.keys()):
        yield f"{place}.{name} was always there and might be left out"
    for name in sorted(before.keys() & after.keys()):
        yield from _breaks(before[name], after[name], f"{place}.{name}")


def _forms(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]], place: str) -> Iterator[str]:
    """Alternatives have no order: each is paired with one that keeps what it promised, and what is left over with what is left over."""
    gone, come = [], list(new)
    for form in old:
        kept = next((candidate for candidate in come if not any(_breaks(form, candidate, place))), None)
        if kept is None:
            gone.append(form)
        else:
            come.remove(kept)
    for was, would_be in zip_longest(gone, come):
        if would_be is None:
            yield f"{place}: the form {_name(was)} would no longer be permitted"
        elif was is None:
            yield f"{place}: the form {_name(would_be)} would be new to readers"
        else:
            yield from _breaks(was, would_be, place)


def _name(form: Mapping[str, Any]) -> str:
    return str(form.get("title") or form.get("type") or json.dumps(form))


def _shown(schema: Mapping[str, Any], word: str) -> str:
    return json.dumps(schema[word]) if word in schema else "not there"
