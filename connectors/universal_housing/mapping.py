"""What Universal Housing's rows mean in the hub's words, and the hub's tasks in its words. Knows meaning, touches nothing.

Every code, date habit and width is a setting with the product's usual value as its default (`Meanings`), so that another council's
tables are settings too. Sources: LBHackney-IT/uh-documentation `rmworder` and `tenagree`, repairs-api-dotnet `sql/status_mapping.sql`
(status codes); order types, refusal reasons and outcomes are each council's own.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from enum import StrEnum
from zoneinfo import ZoneInfo

from connectors.sdk.contract import Fact, LegacyRecord, Progress, Said
from connectors.sdk.errors import TranslationError
from connectors.sdk.mapping import CodeTable
from connectors.sdk.quirks import (
    SENTINEL_DATES,
    DateQuirk,
    FlagQuirk,
    MomentQuirk,
    NumberQuirk,
    OverlapQuirk,
    TextQuirk,
    WidthQuirk,
)
from connectors.sdk.settings import ConnectorSettings
from schemas.facts import Facts
from schemas.housing import Tenancy, TenancyEnded, TenancyStarted, WorksOrder, WorksOrderChanged
from schemas.identifiers import IdentifierError, parse_optional, parse_uprn
from schemas.tasks import Task, TaskStatus, Work

NO_DATE = datetime(1900, 1, 1)  # noqa: DTZ001 - the legacy clock has no zone
"""What SQL Server makes of '' in a date column, and what Universal Housing writes for "none"."""

_NONE_DATES = (*SENTINEL_DATES, date(2079, 6, 6))
"""As everywhere, and the last day a smalldatetime holds."""

WITHDRAWN = "withdrawn by the hub"
"""Reason of a cancellation of ours; a table of reasons must have a code for it."""

_EFFECT_KEY = re.compile(r"[0-9a-f]{32}")


class OrderStatus(StrEnum):
    """Where a works order stands; all but the first are also what a task may be."""

    RAISED = "raised"
    ACCEPTED = "accepted"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nobody works on it any more."""
        return self in {OrderStatus.COMPLETED, OrderStatus.REJECTED, OrderStatus.CANCELLED}


class Meanings(ConnectorSettings):
    """Code tables and habits: the product's usual ones, each of which a council may change."""

    status: CodeTable[OrderStatus] = CodeTable[OrderStatus](
        name="status",
        codes={
            "100": OrderStatus.RAISED,
            "200": OrderStatus.ACCEPTED,
            "400": OrderStatus.IN_PROGRESS,
            "425": OrderStatus.IN_PROGRESS,
            "500": OrderStatus.COMPLETED,
            "300": OrderStatus.COMPLETED,
            "600": OrderStatus.COMPLETED,
            "900": OrderStatus.COMPLETED,
            "700": OrderStatus.CANCELLED,
            "710": OrderStatus.REJECTED,
        },
    )
    """Status of a works order. The first code of "raised" and of "cancelled" is also what the hub writes."""
    order_type: CodeTable[str] = CodeTable[str](
        name="order_type",
        codes={
            "HCK": Work.HOME_CHECK,
            "ADP": Work.ADAPTATION,
            "VIN": Work.VOID_INSPECTION,
            "ESC": Work.ESTATE_CLEARANCE,
            "RSP": "repair",
            "GAS": "gas-service",
        },
    )
    """Kind of works order: the hub's kinds of work, and in plain words what is not the hub's."""
    tenure: CodeTable[str] = CodeTable[str](
        name="tenure",
        codes={"SEC": "secure", "INT": "introductory", "ASY": "assured", "NON": "non-secure", "LEA": "leasehold"}
        | {"TAF": "temporary", "TBB": "temporary", "THO": "temporary", "MPA": "mesne-profit"},
        ignored={"COM": "commercial lets are nobody's home", "PVG": "garages are nobody's home"},
    )
    """Kind of tenancy."""
    reason: CodeTable[str] = CodeTable[str](
        name="reason",
        codes={
            "NAC": "no access to the property",
            "NRE": "not the council's responsibility",
            "DUP": "already ordered",
            "NFE": "not feasible at this property",
            "HUB": WITHDRAWN,
        },
        ignored={"": "no reason was given"},
    )
    """Why an order was refused or cancelled. Officers' free text is never read."""
    outcome: CodeTable[bool] = CodeTable[bool](
        name="outcome", codes={"EVF": True, "NEV": False}, ignored={"": "not an inspection"}
    )
    """Outcome of an estate clearance: whether something names who left the waste."""
    priorities: Mapping[Work, str] = {
        Work.HOME_CHECK: "U",
        Work.ADAPTATION: "N",
        Work.VOID_INSPECTION: "N",
        Work.ESTATE_CLEARANCE: "U",
    }
    """Priority code that each kind of work is ordered with."""

    text: TextQuirk = TextQuirk()
    """Blank-padded CHAR columns."""
    day: DateQuirk = DateQuirk(sentinels=_NONE_DATES)
    """Dates; those that mean none."""
    moment: MomentQuirk = MomentQuirk(sentinels=_NONE_DATES)
    """Times on the legacy clock; its zone."""
    number: NumberQuirk = NumberQuirk()
    """Counts."""
    flag: FlagQuirk = FlagQuirk()
    """Words for yes and no."""
    overlap: OverlapQuirk = OverlapQuirk()
    """How far a poll looks back. Longer than the longest transaction of the legacy system."""
    description: WidthQuirk = WidthQuirk(width=80)
    """Width of the works order's short description."""

    @property
    def zone(self) -> ZoneInfo:
        """Zone of the legacy clock."""
        return ZoneInfo(self.moment.zone)

    def now(self) -> datetime:
        """The legacy clock: local, without a zone, whole seconds as its own programs write."""
        return datetime.now(self.zone).replace(tzinfo=None, microsecond=0)


def works_order_said(record: LegacyRecord, meanings: Meanings) -> Iterator[Said]:
    """What one works order says: to everybody that it moved; to the case what became of its task, when it carries our reference.

    A backdated completion is effective when the work was done and recorded when it was keyed.

    Raises:
        UnmappedCode: status, type, reason or outcome holds a code that no table lists.
        TranslationError: the change stamp is missing, or a value cannot be read.
    """
    status = meanings.status.meaning(record, "status")
    order_type = meanings.order_type.meaning(record, "type")
    if status is None or order_type is None:
        return
    order, stamp = record.key, meanings.moment.required(record, "stamp")
    done_at = meanings.moment.read(record, "completed") if status is OrderStatus.COMPLETED else None
    property_ref = meanings.text.required(record, "property_ref")
    yield Fact(
        event=WorksOrderChanged,
        data=WorksOrder(
            works_order=order, property_ref=property_ref, uprn=_uprn(record), order_type=order_type, status=status
        ),
        subject=property_ref,
        effective_at=done_at or stamp,
        recorded_at=stamp,
    )
    hub_ref = meanings.text.read(record, "hub_ref")
    # Staff may type anything into the column; only what we wrote ourselves is ours. "Raised" is our own echo.
    if status is OrderStatus.RAISED or hub_ref is None or not _EFFECT_KEY.fullmatch(hub_ref):
        return
    refused = status in {OrderStatus.REJECTED, OrderStatus.CANCELLED}
    yield Progress(
        status=TaskStatus(status),
        effective_at=done_at or stamp,
        recorded_at=stamp,
        effect_key=hub_ref,
        legacy_key=order,
        reference=order,
        reason=meanings.reason.meaning(record, "reason") if refused else None,
        answers=_answers(record, order_type, meanings) if status is OrderStatus.COMPLETED else Facts(),
    )


def tenancy_said(record: LegacyRecord, meanings: Meanings) -> Iterator[Said]:
    """What one tenancy agreement says: that it ended, else that it began. A sentinel end date is a current tenancy.

    Raises:
        UnmappedCode: a tenure code that no table lists.
        TranslationError: start, property or change stamp is missing, or a value cannot be read.
    """
    tenure = meanings.tenure.meaning(record, "tenure")
    if tenure is None:
        return
    ended = meanings.day.read(record, "end")
    on = ended or meanings.day.required(record, "start")
    yield Fact(
        event=TenancyEnded if ended else TenancyStarted,
        data=Tenancy(
            tenancy_ref=record.key,
            property_ref=meanings.text.required(record, "property_ref"),
            uprn=_uprn(record),
            tenure=tenure,
            on=on,
        ),
        subject=record.key,
        effective_at=datetime.combine(on, time(), tzinfo=meanings.zone),
        recorded_at=meanings.moment.required(record, "stamp"),
    )


def works_order_for(task: Task, case: str, meanings: Meanings) -> dict[str, object]:
    """A task as the columns of a works order, by the names of `OrdersTable`; no property, reference or number yet.

    Raises:
        UnmappedCode: the council has no order type for this kind of work.
        TranslationError: it has no priority for it.
    """
    if task.work not in meanings.priorities:
        raise TranslationError(
            f"No priority for {task.work}. Add it to priorities in the connector's settings.", code="unmapped-code"
        )
    return {
        "type": meanings.order_type.code(task.work),
        "priority": meanings.priorities[task.work],
        **what_may_change(task, case, meanings),
    }


def what_may_change(task: Task, case: str, meanings: Meanings) -> dict[str, object]:
    """The columns of a works order that a changed task changes: target date and short description.

    The description begins with the case reference, which people read out; a place follows only for work outdoors.
    """
    due = meanings.moment.wall_time(task.due).replace(microsecond=0) if task.due else NO_DATE
    words = (case, task.facts.location_text if task.work is Work.ESTATE_CLEARANCE else None, task.asks)
    return {"due": due, "description": meanings.description.cut(" ".join(word for word in words if word))}


def uprn_of(task: Task) -> str | None:
    """The UPRN the work is at: the home that is left, for an inspection before it is let again."""
    return (task.facts.from_uprn if task.work is Work.VOID_INSPECTION else None) or task.facts.uprn


def _answers(record: LegacyRecord, order_type: str, meanings: Meanings) -> Facts:
    """What was found out in doing the work, where the hub asks for it."""
    if order_type == Work.HOME_CHECK:
        steps = meanings.number.read(record, "steps")
        return Facts(
            steps_at_door=None if steps is None else int(steps), keysafe_present=meanings.flag.read(record, "keysafe")
        )
    if order_type == Work.ESTATE_CLEARANCE:
        return Facts(evidence_found=meanings.outcome.meaning(record, "outcome"))
    return Facts()


def _uprn(record: LegacyRecord) -> str | None:
    """The UPRN without padding and zeros; a damaged one is refused rather than passed on as none."""
    try:
        return parse_optional(parse_uprn, record.values["uprn"])
    except IdentifierError as error:
        raise TranslationError(f"{record.dataset}: uprn: {error.reason}", code="bad-uprn") from None
