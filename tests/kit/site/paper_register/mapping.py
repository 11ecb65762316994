"""What a job means. Pure."""

from collections.abc import Iterable

from connectors.sdk import CodeTable, ConnectorSettings, Fact, LegacyRecord, MomentQuirk, Progress, Said, TextQuirk
from schemas.housing import WorksOrder, WorksOrderChanged
from schemas.tasks import TaskStatus, Work


class Meanings(ConnectorSettings):
    """Codes and habits of a register."""

    status: CodeTable[TaskStatus] = CodeTable(
        name="status",
        codes={"NEW": TaskStatus.ACCEPTED, "DONE": TaskStatus.COMPLETED, "VOID": TaskStatus.CANCELLED},
        ignored={"DRAFT": "nobody has decided yet"},
    )
    """Job status."""
    kind: CodeTable[Work] = CodeTable(name="kind", codes={"HC": Work.HOME_CHECK, "AD": Work.ADAPTATION})
    """Kind of job."""
    moments: MomentQuirk = MomentQuirk(formats=("%d/%m/%Y %H:%M:%S",))
    """When a job was moved."""
    text: TextQuirk = TextQuirk()
    """Columns are padded."""


def said(record: LegacyRecord, meanings: Meanings) -> Iterable[Said]:
    """A job as it now stands, and what that says of a task of ours."""
    status = meanings.status.meaning(record, "status")
    if status is None:
        return
    changed = meanings.moments.required(record, "changed")
    kind = meanings.kind.meaning(record, "kind")
    yield Fact(
        event=WorksOrderChanged,
        data=WorksOrder(works_order=record.key, property_ref="00000001", order_type=str(kind), status=status),
        subject=record.key,
        effective_at=changed,
    )
    hub_ref = meanings.text.read(record, "hub_ref")
    if hub_ref is not None:
        yield Progress(status=status, effective_at=changed, effect_key=hub_ref, reference=record.key)
