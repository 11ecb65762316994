"""What a connector may hand to the runner."""

import pytest
from pydantic import ValidationError

from connectors.sdk import Receipt
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
