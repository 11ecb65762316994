"""Ways to spoil a record. Each takes a good event, as it travels, and gives what somebody might put on a topic in its place."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

LARGEST = 1_047_500
"""What still fits into a record of a hub topic."""


@dataclass(frozen=True)
class Spoilt:
    """A record that is not as it should be.

    Attributes:
        value, key: as they go onto the topic; `key` None where there is none.
        headers: what stands beside it.
        harmless: whether the event in it is whole all the same, and must be applied.
    """

    value: bytes | None
    key: bytes | None
    headers: tuple[tuple[str, bytes], ...] = field(default=())
    harmless: bool = False


def _changed(good: bytes, **changes: object) -> bytes:
    return json.dumps({**json.loads(good), **changes}).encode()


def _without(good: bytes, name: str) -> bytes:
    return json.dumps({key: value for key, value in json.loads(good).items() if key != name}).encode()


def _version(good: bytes, number: int) -> bytes:
    kind = str(json.loads(good)["type"])
    return _changed(good, type=f"{kind.rpartition('.v')[0]}.v{number}")


def _long(good: bytes) -> bytes:
    room = LARGEST - len(_changed(good, source=""))
    return _changed(good, source="/" + "x" * (room - 1))


KINDS: Mapping[str, Callable[[bytes, bytes], Spoilt]] = {
    "nothing at all": lambda _, __: Spoilt(None, None),
    "empty": lambda _, key: Spoilt(b"", key),
    "null": lambda _, key: Spoilt(None, key),
    "hundred bytes of 0xff": lambda _, key: Spoilt(b"\xff" * 100, key),
    "a list": lambda _, key: Spoilt(b"[]", key),
    "a text": lambda _, key: Spoilt(b'"x"', key),
    "a number": lambda _, key: Spoilt(b"7", key),
    "cut short": lambda good, key: Spoilt(good[: len(good) // 2], key),
    "something behind it": lambda good, key: Spoilt(good + b" and more", key),
    "UTF-16": lambda good, key: Spoilt(good.decode().encode("utf-16"), key),
    "a byte order mark": lambda good, key: Spoilt(b"\xef\xbb\xbf" + good, key),
    "an unknown type": lambda good, key: Spoilt(_changed(good, type="case.unicorn-seen.v1"), key),
    "version 0": lambda good, key: Spoilt(_version(good, 0), key),
    "a version of the future": lambda good, key: Spoilt(_version(good, 99), key),
    "a missing field": lambda good, key: Spoilt(_without(good, "effectiveat"), key),
    "a field of the wrong type": lambda good, key: Spoilt(_changed(good, data=7), key),
    "31 February": lambda good, key: Spoilt(_changed(good, time="2026-02-31T09:00:00Z"), key),
    "the year 1": lambda good, key: Spoilt(_changed(good, effectiveat="0001-01-01T00:00:00Z"), key),
    "the year 9999": lambda good, key: Spoilt(_changed(good, effectiveat="9999-12-31T23:59:59.999999Z"), key),
    "a field of a megabyte": lambda good, key: Spoilt(_long(good), key, harmless=True),
    "a hundred thousand brackets": lambda _, key: Spoilt(b"[" * 100_000, key),
    "NaN": lambda good, key: Spoilt(_changed(good, data=float("nan")), key),
    "no key": lambda good, _: Spoilt(good, None),
    "another's key": lambda good, _: Spoilt(good, b"0000-0000-0000-0000"),
    "ten thousand headers": lambda good, key: Spoilt(
        good, key, tuple((f"h{n}", b"x") for n in range(10_000)), harmless=True
    ),
    "a header that is no text": lambda good, key: Spoilt(good, key, (("attempt", b"\xff\xfe"),), harmless=True),
    "a header that asks Faust for an answer": lambda good, key: Spoilt(
        good, key, (("Faust-Ag-ReplyTo", b"stolen"), ("Faust-Ag-CorrelationId", b"1")), harmless=True
    ),
}
