"""What a job on the list means, and one that is on it no more. Pure."""

from collections.abc import Iterable

from connectors.sdk import Change, Fact, LegacyRecord, Said, TranslationError
from schemas.housing import WorksOrder, WorksOrderChanged


def said(record: LegacyRecord, every: int) -> Iterable[Said]:
    """A job as it now stands; one that left the list is done."""
    if record.change is Change.UNREADABLE:
        raise TranslationError(f"jobs: {record.values['fault']}. Ask for a list that is whole.", code="unreadable-row")
    assert record.as_of is not None
    if every > 1 and int(record.key) % every:
        return
    status = "completed" if record.change is Change.DELETED else record.values["status"]
    yield Fact(
        event=WorksOrderChanged,
        data=WorksOrder(
            works_order=record.key, property_ref=record.values["property"], order_type="repair", status=status
        ),
        subject=record.key,
        effective_at=record.as_of,
    )
