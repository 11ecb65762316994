"""A dead letter: the record that could not be used, byte for byte under its own key, with the reason and its place in headers. Pure.

Two kinds: a record of a topic, which a replay sends to that topic again; and a record of a legacy system, which its connector keeps
(`hub.edge.memory`) and tries again whenever it starts. Each has an origin, by which a marker settles every letter about it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from hub.dead_letters.parking import FIRST
from hub.edge.messages import Place

REASON_LIMIT = 1000
"""Characters of a reason that are kept; enough for five problems of one record."""

KEY_LIMIT = 1024
"""Bytes of a key that a legacy system gave to its record. What is longer is no key, but text that went astray; it would fill the letter."""

Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class DeadLetter:
    """A record for a `<topic>-dlq`.

    Attributes:
        key, value: of the record set aside, as they came.
        headers: code, reason, component, attempt; and where it came from: topic, partition, offset, or dataset and record. Of a record
            that was sent again also where it first stood.
    """

    key: bytes | None
    value: bytes | None
    headers: Headers


def dead_letter(
    *,
    code: str,
    reason: str,
    topic: str,
    partition: int,
    offset: int,
    component: str,
    key: bytes | None,
    value: bytes | None,
    attempt: int = 1,
    first: int | None = None,
) -> DeadLetter:
    """Set a record of a topic aside.

    Args:
        code: stable word for counting and filtering: not-json, wrong-data, unmapped-code, ...
        reason: what is wrong, where in the record, what to do next; no value of the record.
        topic: where the record stands.
        partition: of that topic.
        offset: in that partition.
        component: which part of the hub could not use it: worker, universal_housing.
        key: of the record, as it came.
        value: of the record, byte for byte.
        attempt: how often it has been tried, this time included; a replayed record carries it in its header `attempt`.
        first: offset at which it first stood in that partition, where it was sent again since.
    """
    place = {"topic": topic, "partition": str(partition), "offset": str(offset)}
    if first is not None and first != offset:
        place[FIRST] = str(Place(topic, partition, first))
    return DeadLetter(key, value, _headers(code, reason, component, attempt, place))


def record_letter(
    *,
    code: str,
    reason: str,
    component: str,
    dataset: str,
    record_id: str,
    key: str,
    value: bytes | None,
) -> DeadLetter:
    """Set a record of a legacy system aside.

    Args:
        code: as in `dead_letter`.
        reason: as in `dead_letter`.
        component: name of the connector.
        dataset: what it was read from.
        record_id: computed id of this version of it; the same however often it is read.
        key: its key there; past `KEY_LIMIT` the letter stands under `record_id`.
        value: the record as JSON, by `connectors.sdk.records`; None where it is too large for a letter, and lies with its connector alone.
    """
    place = {"dataset": dataset, "record": record_id}
    return DeadLetter(record_key(key, record_id), value, _headers(code, reason, component, 1, place))


def record_key(key: str, record_id: str) -> bytes:
    """The key of every letter and marker about a record of a legacy system; arguments as in `record_letter`."""
    found = key.encode()
    return found if len(found) <= KEY_LIMIT else record_id.encode()


def settled(origin: str, outcome: str, component: str, *, by: str = "", why: str = "", first: str = "") -> Headers:
    """Headers of the marker, an empty record on the dead-letter topic, that says what became of every letter of one origin.

    Args:
        origin: `topic/partition/offset` of a record, or `component/dataset/record` of a legacy record.
        outcome: replayed, applied, mended, fixed or discarded.
        component: what did it.
        by: the person who had it done, where it was one.
        why: their reason, where one is asked for.
        first: where a record that was sent again first stood; letters about it from before are settled too.
    """
    words = {
        "settles": origin,
        FIRST: first,
        "outcome": outcome,
        "component": component,
        "by": by,
        "why": why[:REASON_LIMIT],
    }
    return tuple((name, word.encode()) for name, word in words.items() if word)


def attempts_before(headers: Iterable[tuple[str, bytes | None]]) -> int:
    """How often a record was tried before, as a replay says in its header `attempt`; 0 where there is none, or nonsense."""
    said = dict(headers).get("attempt") or b""
    return int(said) if said.isdigit() and len(said) <= 6 else 0


def _headers(code: str, reason: str, component: str, attempt: int, place: dict[str, str]) -> Headers:
    words = {
        "reason": reason if len(reason) <= REASON_LIMIT else reason[: REASON_LIMIT - 1] + "…",
        "code": code,
        **place,
        "component": component,
        "attempt": str(attempt),
    }
    return tuple((name, word.encode()) for name, word in words.items())
