"""What Casebrook's referrals mean in the hub's words, and the hub's tasks in its words. Knows meaning, touches nothing.

Needs, notes and names that stand in a referral are never read: other departments learn that something happened, and those answers
that a task asked for. Every code, date habit and width is a setting (`Meanings`), so that another council's tables are settings too.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import Field, ValidationError

from connectors.sdk.contract import Effect, Fact, LegacyRecord, Progress, Said
from connectors.sdk.errors import TranslationError
from connectors.sdk.mapping import CodeTable
from connectors.sdk.quirks import (
    DateQuirk,
    IdentifierQuirk,
    MomentQuirk,
    NumberQuirk,
    OverlapQuirk,
    TextQuirk,
    WidthQuirk,
)
from connectors.sdk.settings import ConnectorSettings
from schemas.envelope import Message
from schemas.facts import LABELS, Facts
from schemas.social_care import Referral, ReferralChanged
from schemas.tasks import Task, TaskStatus, TaskWithdrawal, Work

M = TypeVar("M", bound=Message)

FIELDS = (
    "ReferralNo",
    "Version",
    "ExternalReference",
    "PersonId",
    "ReferralType",
    "Status",
    "ReasonCode",
    "ChangedAt",
    "VisitsPerDay",
)
"""What is taken out of a referral; everything else stays on the wire."""

_EFFECT_KEY = re.compile(r"[0-9a-f]{32}")
_OWN_FIELDS = frozenset({"person_name", "date_of_birth", "nhs_number", "social_care_id"})
"""Facts that have a field of their own in the service; the others are written into the details."""


class ReferralStatus(StrEnum):
    """Where a referral stands; all but the first are also what a task may be."""

    RECEIVED = "received"
    ACCEPTED = "accepted"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


class Nobody(StrEnum):
    """Why no person can be named for a referral; a person at the council has to look."""

    SEVERAL = "several people are on record in social care under this NHS number"
    ANOTHER = "the person on record in social care has another NHS number or date of birth"
    UNKNOWN = "the person is not on record in social care, and neither a name nor a home was given to open a record"


class Meanings(ConnectorSettings):
    """Code tables and habits: the product's usual ones, each of which a council may change."""

    referral_type: CodeTable[str] = CodeTable[str](
        name="referral_type",
        codes={
            "ASMT": Work.CARE_ASSESSMENT,
            "PKGE": Work.CARE_PACKAGE,
            "ADDR": Work.CARE_ADDRESS_CHANGE,
            "WELF": Work.WELFARE_CHECK,
        },
        ignored={"SAFE": "safeguarding is never told outside social care"},
    )
    """Kind of referral: the hub's kinds of work, and in plain words what is not the hub's."""
    status: CodeTable[ReferralStatus] = CodeTable[ReferralStatus](
        name="status",
        codes={
            "10": ReferralStatus.RECEIVED,
            "20": ReferralStatus.ACCEPTED,
            "30": ReferralStatus.IN_PROGRESS,
            "40": ReferralStatus.COMPLETED,
            "90": ReferralStatus.REJECTED,
            "95": ReferralStatus.CANCELLED,
        },
    )
    """Status of a referral."""
    reason: CodeTable[str] = CodeTable[str](
        name="reason",
        codes={
            "OOA": "lives outside the council's area",
            "NEE": "no eligible need found",
            "DUP": "already dealt with under another referral",
        },
        ignored={"": "no reason was given"},
    )
    """Why a referral was rejected. Officers' free text is never read."""

    text: TextQuirk = TextQuirk()
    """Texts, padded to the width of their column."""
    moment: MomentQuirk = MomentQuirk(formats=("%d/%m/%Y %H:%M:%S",), when_missing="01/01/1900 00:00:00")
    """Moments on the server's clock, without a zone."""
    day: DateQuirk = DateQuirk(formats=("%d/%m/%Y",), when_missing="01/01/1900")
    """Days; that of birth must not be empty there."""
    number: NumberQuirk = NumberQuirk()
    """Counts; -1 is "not assessed"."""
    nhs_number: IdentifierQuirk = IdentifierQuirk(width=10)
    """NHS numbers are kept as numbers and lose their leading zero."""
    overlap: OverlapQuirk = OverlapQuirk()
    """How far a poll looks back."""
    details: WidthQuirk = WidthQuirk(width=500, marker="...")
    """Width of a referral's details."""
    full_name: WidthQuirk = WidthQuirk(width=62)
    """Width of a name."""
    unnamed: str = "The Occupier"
    """Whom a referral is for where only the home is known: a welfare check."""
    read_from: date = Field(default=date(2000, 1, 1))
    """The first poll reads what changed since this day."""


def referral_said(record: LegacyRecord, meanings: Meanings) -> Iterator[Said]:
    """What one referral says: to everybody that it moved; to the case what became of its task, when it carries our reference.

    Raises:
        UnmappedCode: status, type or reason holds a code that no table lists.
        TranslationError: the moment of the change is missing, or a value cannot be read.
    """
    kind = meanings.referral_type.meaning(record, "ReferralType")
    status = meanings.status.meaning(record, "Status")
    if kind is None or status is None:
        return
    changed = meanings.moment.required(record, "ChangedAt")
    yield Fact(
        event=ReferralChanged,
        data=_carried(
            Referral,
            record,
            referral=record.key,
            social_care_id=meanings.text.read(record, "PersonId"),
            kind=kind,
            status=status,
        ),
        subject=record.key,
        effective_at=changed,
    )
    ours = meanings.text.read(record, "ExternalReference")
    # Other portals leave references too; only what we wrote is ours. "Received" is our own echo.
    if status is ReferralStatus.RECEIVED or ours is None or not _EFFECT_KEY.fullmatch(ours):
        return
    rejected = status is ReferralStatus.REJECTED
    yield Progress(
        status=TaskStatus(status),
        effective_at=changed,
        effect_key=ours,
        legacy_key=record.key,
        reference=record.key,
        reason=meanings.reason.meaning(record, "ReasonCode") if rejected else None,
        answers=_answers(record, kind, status, meanings),
    )


def _answers(record: LegacyRecord, kind: str, status: ReferralStatus, meanings: Meanings) -> Facts:
    """What an assessment found, once it is completed."""
    if kind != Work.CARE_ASSESSMENT or status is not ReferralStatus.COMPLETED:
        return Facts()
    visits = meanings.number.read(record, "VisitsPerDay")
    return _carried(Facts, record, care_visits_a_day=None if visits is None or visits < 0 else visits)


def _carried(message: type[M], record: LegacyRecord, /, **values: Any) -> M:
    """Values as a message of the hub, unless one of them is more than its field may hold: then it is in the wrong column."""
    try:
        return message.model_validate(values)
    except ValidationError as error:
        places = ", ".join(str(item["loc"][0]) for item in error.errors(include_url=False, include_input=False))
        raise TranslationError(
            f"{record.dataset}: what stands for {places} in the referral cannot be that.", code="bad-value"
        ) from None


def poll_from(newest: str | None, meanings: Meanings) -> str:
    """From which moment of the server's clock to read, given the newest change seen so far on that clock.

    In the hour that comes twice the clock goes back behind what was seen, so from there a poll looks back one hour more.
    """
    seen = meanings.moment.parse(newest)
    if seen is None:
        return meanings.moment.write(meanings.moment.localised(datetime.combine(meanings.read_from, time())))
    since = meanings.overlap.since(seen)
    comes_twice = since.replace(fold=0).utcoffset() != since.replace(fold=1).utcoffset()
    return meanings.moment.write(since - timedelta(hours=1) if comes_twice else since)


def latest(texts: Iterable[str | None], meanings: Meanings) -> str | None:
    """The latest of several moments of the server's clock, the first of equal ones; None where there is none.

    One that cannot be read is passed over: `referral_said` will say so in its time.
    """
    moments = [(moment, text) for text in texts if (moment := _readable(text, meanings)) is not None]
    return max(moments, key=lambda pair: pair[0])[1] if moments else None


def not_ahead(text: str | None, now: datetime, meanings: Meanings) -> str | None:
    """A moment of the server's clock, or now where it is still to come."""
    moment = _readable(text, meanings)
    return text if moment is None or moment <= now else meanings.moment.write(now)


def is_before(texts: Iterable[str | None], since: str, meanings: Meanings) -> bool:
    """Whether one of these moments of the server's clock lies before another; one that cannot be read does not."""
    begins = _readable(since, meanings)
    moments = [moment for text in texts if (moment := _readable(text, meanings)) is not None]
    return begins is not None and any(moment < begins for moment in moments)


def shown_again(seen: Mapping[str, str], newest: str | None, meanings: Meanings) -> dict[str, str]:
    """Of the positions already read, with the moment of each, those that the next poll will show again because it looks back."""
    since = _readable(poll_from(newest, meanings), meanings)
    moments = {position: _readable(text, meanings) for position, text in seen.items()}
    return {place: seen[place] for place, moment in moments.items() if moment and since and moment >= since}


def _readable(text: str | None, meanings: Meanings) -> datetime | None:
    try:
        return meanings.moment.parse(text)
    except TranslationError:
        return None


def referral_for(effect: Effect, task: Task, person: Mapping[str, Any], meanings: Meanings) -> dict[str, Any]:
    """A task as a new referral, under our reference.

    Args:
        effect: what the task came with.
        task: what is asked.
        person: as `person_for` gives it.
        meanings: codes and widths.

    Raises:
        UnmappedCode: the council has no referral type for this kind of work.
    """
    return {
        "ReferralType": meanings.referral_type.code(task.work),
        **person,
        **_written_for(effect, meanings),
        **_asked_for(effect, task, meanings),
    }


def amendment_for(effect: Effect, task: Task, meanings: Meanings) -> dict[str, Any]:
    """A changed task as the amendment of its referral: required date and details."""
    return {
        "ReferralNo": effect.earlier,
        **_written_for(effect, meanings),
        **_asked_for(effect, task, meanings),
    }


def cancellation_for(effect: Effect, withdrawal: TaskWithdrawal, meanings: Meanings) -> dict[str, Any]:
    """A withdrawn task as the cancellation of its referral; what to undo stands in the details."""
    return {
        "ReferralNo": effect.earlier,
        **_written_for(effect, meanings),
        "Details": meanings.details.cut(_plain(f"{effect.case}: {withdrawal.undo}")),
    }


def person_for(found: Sequence[Mapping[str, Any]], facts: Facts, meanings: Meanings) -> dict[str, Any] | Nobody:
    """Whom a referral is for: the one person found, unless that is somebody else; a new one where none is; or why neither can be."""
    if len(found) > 1:
        return Nobody.SEVERAL
    if found:
        return {"PersonId": found[0]["PersonId"]} if _is_same(found[0], facts, meanings) else Nobody.ANOTHER
    # A welfare check asks who lives there: the place is known before the person.
    name = facts.person_name or (meanings.unnamed if facts.uprn else None)
    if name is None:
        return Nobody.UNKNOWN
    person: dict[str, Any] = {
        "FullName": meanings.full_name.cut(_plain(name)),
        "DateOfBirth": meanings.day.write(facts.date_of_birth),
    }
    return {"NewPerson": person | ({"NHSNumber": int(facts.nhs_number)} if facts.nhs_number else {})}


def _is_same(person: Mapping[str, Any], facts: Facts, meanings: Meanings) -> bool:
    """Whether neither NHS number nor date of birth says that a person on record is somebody else; what is unknown says nothing."""
    nhs_number = meanings.nhs_number.parse(person["NHSNumber"])
    born = meanings.day.parse(person["DateOfBirth"])
    return nhs_number in {None, facts.nhs_number or nhs_number} and born in {None, facts.date_of_birth or born}


def _written_for(effect: Effect, meanings: Meanings) -> dict[str, Any]:
    """Our reference, and when the hub asked."""
    return {"ExternalReference": effect.key, "LoggedDate": meanings.moment.write(effect.instruction.effectiveat)}


def _asked_for(effect: Effect, task: Task, meanings: Meanings) -> dict[str, Any]:
    """By when, and in words: the case reference people read out, what is asked, what is known."""
    known = {name: value for name, value in task.facts.known().items() if name not in _OWN_FIELDS}
    words = [f"{LABELS[name].rstrip('.')}: {_word(value)}" for name, value in known.items()]
    return {
        "RequiredBy": meanings.moment.write(task.due),
        "Details": meanings.details.cut(_plain("; ".join([f"{effect.case}: {task.asks}", *words]))),
    }


def _word(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _plain(text: str) -> str:
    """Text without the control characters that XML cannot carry."""
    return "".join(character if character.isprintable() else " " for character in text)
