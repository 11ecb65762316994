"""Legacy records and what they say, as JSON: for fixtures, and for a record that is set aside until somebody has mapped its code.

JSON has no dates and no exact decimals, so a value of such a type stands as an object with one key: {"$datetime": "2026-11-03T09:00:00"},
likewise $date, $time, $decimal and $bytes (base 64). Everything else is plain JSON.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from connectors.sdk.contract import Change, Fact, LegacyRecord, Progress, Said

_TYPES: Mapping[type, tuple[str, Callable[[Any], str], Callable[[str], Any]]] = {
    datetime: ("$datetime", datetime.isoformat, datetime.fromisoformat),
    date: ("$date", date.isoformat, date.fromisoformat),
    time: ("$time", time.isoformat, time.fromisoformat),
    Decimal: ("$decimal", str, Decimal),
    bytes: ("$bytes", lambda raw: b64encode(raw).decode(), b64decode),
}
_OF_EXTRACTS = {"change", "as_of"}
_READERS = {mark: read for mark, _, read in _TYPES.values()}


def encode_record(record: LegacyRecord) -> bytes:
    """A record as JSON in UTF-8, such that `decode_record` gives back the same record.

    Raises:
        TypeError: a value of a type that no legacy driver should hand over.
    """
    table = {
        "dataset": record.dataset,
        "key": record.key,
        "position": record.position,
        "values": _plain(record.values),
    }
    if record.change is not None:
        table["change"] = record.change
    if record.as_of is not None:
        table["as_of"] = record.as_of.isoformat()
    return json.dumps(table, ensure_ascii=False, indent=1).encode()


def decode_record(text: bytes) -> LegacyRecord:
    """The record that `encode_record` wrote, or a person did for a fixture.

    Raises:
        ValueError: not JSON, or not a record.
    """
    table = json.loads(text)
    if not isinstance(table, dict) or set(table) - _OF_EXTRACTS != {"dataset", "key", "position", "values"}:
        raise ValueError(
            "A record is a JSON object with dataset, key, position and values, and perhaps change and as_of."
        )
    change, as_of = table.pop("change", None), table.pop("as_of", None)
    return LegacyRecord(
        **{name: _typed(value) for name, value in table.items()},
        change=None if change is None else Change(change),
        as_of=None if as_of is None else datetime.fromisoformat(as_of),
    )


def encode_values(values: Mapping[str, Any]) -> str:
    """A record's values in one line of JSON: the same values make the same line, whatever their order.

    Raises:
        TypeError: a value of a type that no legacy driver should hand over.
    """
    return json.dumps(_plain(values), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def decode_values(text: str) -> dict[str, Any]:
    """The values that `encode_values` wrote."""
    return {name: _typed(value) for name, value in json.loads(text).items()}


def said_as_json(said: Iterable[Said]) -> list[dict[str, Any]]:
    """What a record says, as it stands in a fixture `<story>.said.json`: facts and progress in the order they are said."""
    return [_fact(item) if isinstance(item, Fact) else _progress(item) for item in said]


def _fact(fact: Fact) -> dict[str, Any]:
    return _known(
        fact=fact.event.model_fields["type"].default,
        subject=fact.subject,
        effective_at=fact.effective_at.isoformat(),
        recorded_at=fact.recorded_at.isoformat() if fact.recorded_at else None,
        data=fact.data.model_dump(mode="json", exclude_none=True),
    )


def _progress(progress: Progress) -> dict[str, Any]:
    return _known(
        progress=str(progress.status),
        effective_at=progress.effective_at.isoformat(),
        recorded_at=progress.recorded_at.isoformat() if progress.recorded_at else None,
        effect_key=progress.effect_key,
        legacy_key=progress.legacy_key,
        reference=progress.reference,
        reason=progress.reason,
        answers=progress.answers.known() or None,
    )


def _known(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    known = _TYPES.get(type(value))
    return {known[0]: known[1](value)} if known else value


def _typed(value: Any) -> Any:
    if isinstance(value, list):
        return [_typed(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        mark, item = next(iter(value.items()))
        if mark in _READERS:
            return _READERS[mark](item)
    return {name: _typed(item) for name, item in value.items()}
