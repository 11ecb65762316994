"""Mutants of the web's door."""

from uuid import uuid4

from tests.faults.mutants.swapping import swap


def keys_are_forgotten() -> None:
    """Nobody looks at an Idempotency-Key: what comes again is another request."""
    from hub.intake import door

    swap(door, "_checked", lambda _key: f"row:{uuid4()}")


def bodies_have_no_end() -> None:
    """A body is read to its end, however large it is."""
    from hub.intake import api

    swap(api, "LIMIT_BYTES", 1 << 30)


def the_outbox_has_no_limit() -> None:
    """Whatever comes is accepted, however much waits already."""
    from hub.intake import outbox

    swap(outbox.Outbox, "_room", lambda *_: 1_000_000)
