"""A dead letter: the record that could not be used, byte for byte under its own key, with the reason and its place in headers. Pure."""

from dataclasses import dataclass

REASON_LIMIT = 1000
"""Characters of a reason that are kept; enough for five problems of one record."""


@dataclass(frozen=True)
class DeadLetter:
    """A record for a `<topic>-dlq`.

    Attributes:
        key, value: of the record set aside, as they came.
        headers: reason, code, topic, partition, offset, component.
    """

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


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
) -> DeadLetter:
    """Set a record aside.

    Args:
        code: stable word for counting and filtering: not-json, wrong-data, unmapped-code, ...
        reason: what is wrong, where in the record, what to do next; no value of the record.
        topic, partition, offset: where the record stands.
        component: which part of the hub could not use it: worker, universal_housing.
        key, value: the record as it came.
    """
    headers = {
        "reason": reason if len(reason) <= REASON_LIMIT else reason[: REASON_LIMIT - 1] + "…",
        "code": code,
        "topic": topic,
        "partition": str(partition),
        "offset": str(offset),
        "component": component,
    }
    return DeadLetter(key, value, tuple((name, text.encode()) for name, text in headers.items()))
