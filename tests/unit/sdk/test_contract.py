"""What a connector may hand to the runner."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.sdk import LegacyRecord, Progress, Receipt
from connectors.sdk.contract import REASON_AT_MOST, REFERENCE_AT_MOST
from schemas.envelope import Department
from schemas.tasks import StatusChange, TaskStatus


@pytest.mark.parametrize(("field", "at_most"), [("reference", REFERENCE_AT_MOST), ("reason", REASON_AT_MOST)])
def test_a_receipt_holds_as_much_as_a_case_can_be_told_and_no_more(field: str, at_most: int) -> None:
    said = {"task": "check-home", "department": Department.HOUSING, "status": TaskStatus.REJECTED}
    whole, too_long = {field: "x" * at_most}, {field: "x" * (at_most + 1)}

    StatusChange.model_validate(said | whole)
    Receipt(status=TaskStatus.REJECTED, **whole)
    with pytest.raises(ValidationError):
        StatusChange.model_validate(said | too_long)
    with pytest.raises(
        ValueError, match=f"{field} of a receipt has {at_most + 1} characters; there is room for {at_most}"
    ):
        Receipt(status=TaskStatus.REJECTED, **too_long)


PROGRESS = partial(Progress, status=TaskStatus.COMPLETED, effective_at=datetime(2026, 11, 3, 9, 0, tzinfo=UTC))
RECEIPT = partial(Receipt, status=TaskStatus.REJECTED)
RECORD = partial(LegacyRecord, dataset="jobs", key="1", position="1|1", values={})
WORDS = [
    *((RECEIPT, name) for name in ("reference", "reason")),
    *((PROGRESS, name) for name in ("effect_key", "legacy_key", "reference", "reason")),
]


@pytest.mark.parametrize("make", [RECEIPT, PROGRESS])
@pytest.mark.parametrize("status", [None, "done", "accepted", 1])
def test_a_status_is_one_of_those_that_a_case_knows(make: Callable[..., object], status: object) -> None:
    with pytest.raises(TypeError, match=rf"^The status of a \w+ is a {type(status).__name__}, and no TaskStatus\.$"):
        make(status=status)


@pytest.mark.parametrize(("make", "name"), [*WORDS, *((RECORD, name) for name in ("dataset", "key", "position"))])
@pytest.mark.parametrize(
    ("word", "kind", "told"),
    [
        (["1"], TypeError, "is a list, and no text"),
        (7, TypeError, "is a int"),
        ("a\ud800", ValueError, "surrogate pair"),
    ],
)
def test_words_are_text_that_can_be_sent(
    make: Callable[..., object], name: str, word: Any, kind: type[Exception], told: str
) -> None:
    with pytest.raises(kind, match=rf"^The {name} of a \w+ .*{told}"):
        make(**{name: word})


@pytest.mark.parametrize(("make", "name"), WORDS)
def test_words_that_are_kept_hold_no_nul_for_postgresql_has_no_room_for_it(
    make: Callable[..., object], name: str
) -> None:
    with pytest.raises(ValueError, match=rf"^The {name} of a \w+ holds a NUL, which cannot be stored\.$"):
        make(**{name: "a\0"})
