"""A record as `hub.routing` reads it, made by hand."""

from typing import NamedTuple


class Fetched(NamedTuple):
    """One record of `case-events`."""

    offset: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int = 1_000
