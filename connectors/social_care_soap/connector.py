"""Casebrook, a SOAP service, polled and written. Reaches it (by `client.py`) and knows no meaning (`mapping.py` does).

It keeps our reference, so a write whose answer did not come is looked up, never repeated blindly (class B): the service itself would
make two referrals of one.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, SecretStr

from connectors.sdk.contract import (
    Batch,
    Checkpoint,
    Effect,
    EffectClass,
    LegacyRecord,
    Receipt,
    Said,
    SinkConnector,
    SourceConnector,
)
from connectors.sdk.errors import ContractBroken, OutcomeUnknown, RetryLater
from connectors.social_care_soap import mapping
from connectors.social_care_soap.client import Casebrook, ErrorCode, Refused, SignIn
from schemas.facts import Facts
from schemas.tasks import Task, TaskChanged, TaskRaised, TaskStatus, TaskWithdrawal, TaskWithdrawn

_PAGES_OF_OLD = 1
"""So many pages on end may hold nothing but what this reading was shown already: those of one second, when it is asked for again."""


class Settings(mapping.Meanings):
    """Where the service is, as whom to sign in; codes and habits are in `Meanings`."""

    url: Annotated[str, Field(pattern=r"^https?://\S+$")]
    """Address of the referral service: https://casebrook.example/ReferralService.asmx."""
    username: str
    """Service account of the hub."""
    password: SecretStr
    """Its password."""
    ca_file: Path | None = None
    """Certificate of the authority that signed the service's own; the usual authorities where left out."""
    session_minutes: Annotated[float, Field(gt=1, le=1440)] = 30.0
    """Minutes that the service keeps a session; the hub signs in again a minute before."""
    settle_s: Annotated[float, Field(ge=0, le=60)] = 1.0
    """Seconds that the service may still be at work on a write whose answer did not come; a look-up before that would prove nothing."""


class SocialCareSoap(SourceConnector[Settings], SinkConnector[Settings]):
    """Reads referrals that were made or moved; creates, amends and cancels those the hub asks for."""

    settings_type: ClassVar[type[Settings]] = Settings
    effect_class: ClassVar[EffectClass] = EffectClass.B

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        """As every connector; sessions and the wait before a look-up go by `clock`, in seconds."""
        super().__init__(settings)
        self._clock = clock
        # A process that was killed may have left a write on its way.
        self._settled_at = clock() + settings.settle_s

    def check(self) -> None:
        """Sign in."""
        self._casebrook.log_in()

    def close(self) -> None:
        """Let go of the connection, if there ever was one."""
        if "_casebrook" in vars(self):
            self._casebrook.close()

    def read(self, dataset: str, after: Checkpoint | None) -> Iterator[Batch]:
        """Referrals changed since, a page at a time.

        Each page is asked for from the last moment of the one before, for pages by number shift when a referral on an earlier one
        changes meanwhile. What the overlap shows again is known by the checkpoint's `seen`.

        Raises:
            RetryLater: it answers another question, or the same page again and again, as a cache in front of it may.
        """
        newest: str | None = after["newest"] if after else None
        seen: dict[str, str] = dict(after["seen"]) if after else {}
        since, page, more = mapping.poll_from(newest, self.settings), 1, True
        shown_before: set[str] = set()
        pages_of_old = 0
        while more:
            found, more = self._casebrook.referrals_since(since, page)
            records = [self._record(dataset, values) for values in found]
            moments = [record.values["ChangedAt"] for record in records]
            shown_now = {record.position for record in records} - shown_before
            pages_of_old = 0 if shown_now else pages_of_old + 1
            if mapping.is_before(moments, since, self.settings) or (more and pages_of_old > _PAGES_OF_OLD):
                raise RetryLater(
                    f"{self.settings.url}: page {page} of the referrals changed since {since} is a page of another question. "
                    "Does a cache stand in front of it? Read again later."
                )
            shown_before |= shown_now
            new = tuple(record for record in records if record.position not in seen)
            last = mapping.latest(moments, self.settings)
            # What is stamped with a moment still to come must not carry the poll there, and silence the feed.
            newest = mapping.latest([newest, mapping.not_ahead(last, datetime.now(UTC), self.settings)], self.settings)
            shown = {record.position: moment for record, moment in zip(records, moments, strict=True)}
            seen = mapping.shown_again(seen | shown, newest, self.settings)
            if new:
                yield Batch(records=new, checkpoint={"newest": newest, "seen": seen})
            further = mapping.latest([since, last], self.settings) != since
            since, page = (str(last), 1) if further else (since, page + 1)

    def translate(self, record: LegacyRecord) -> Iterable[Said]:
        """What one referral says."""
        return mapping.referral_said(record, self.settings)

    def apply(self, effect: Effect) -> Receipt:
        """Create, amend or cancel a referral under our reference."""
        try:
            match effect.instruction:
                case TaskRaised(data=task):
                    return self._create(effect, task)
                case TaskChanged(data=task):
                    return self._amend(effect, task)
                case TaskWithdrawn(data=withdrawal):
                    return self._cancel(effect, withdrawal)
        except Refused as refused:
            return Receipt(status=TaskStatus.REJECTED, reference=effect.earlier, reason=_REASONS[refused.code])
        except OutcomeUnknown:
            self._settled_at = self._clock() + self.settings.settle_s
            raise

    def find(self, effect: Effect) -> Receipt | None:
        """Look for our reference, once the service has had the time to finish what it may be at."""
        time.sleep(max(0.0, self._settled_at - self._clock()))
        found = self._casebrook.referrals_under(effect.key)
        if not found:
            return None
        return _done(effect, min(self._number(values) for values in found))

    @cached_property
    def _casebrook(self) -> Casebrook:
        """The client; made on first use, so that making a connector reaches nothing."""
        settings = self.settings
        sign_in = SignIn(
            url=settings.url,
            username=settings.username,
            password=settings.password.get_secret_value(),
            session_s=settings.session_minutes * 60,
            timeout_s=settings.timeout_s,
            ca_file=settings.ca_file,
        )
        return Casebrook(sign_in, self._clock)

    def _record(self, dataset: str, values: Mapping[str, Any]) -> LegacyRecord:
        """One version of one referral, without the fields nobody outside social care may read."""
        number = self._number(values)
        kept = {name: values[name] for name in mapping.FIELDS}
        return LegacyRecord(dataset=dataset, key=number, position=f"{number}|{values['Version']}", values=kept)

    def _number(self, values: Mapping[str, Any]) -> str:
        number = self.settings.text.parse(values["ReferralNo"])
        if number is None or values["Version"] is None:
            raise ContractBroken(f"{self.settings.url}: a referral came without ReferralNo or Version.")
        return number

    def _create(self, effect: Effect, task: Task) -> Receipt:
        person = self._person_for(task.facts)
        if isinstance(person, mapping.Nobody):
            return Receipt(status=TaskStatus.REJECTED, reason=person)
        number = self._casebrook.create(mapping.referral_for(effect, task, person, self.settings))
        return _done(effect, number)

    def _amend(self, effect: Effect, task: Task) -> Receipt:
        if effect.earlier is None:
            return Receipt(status=TaskStatus.REJECTED, reason="there is no referral to change")
        change = mapping.amendment_for(effect, task, self.settings)
        try:
            self._casebrook.amend(change)
        except Refused as refused:
            if refused.code is ErrorCode.CLOSED:
                # The referral ended while the change was on its way. Its end is told by the source, and nothing said here may outrank it.
                return _done(effect, effect.earlier)
            if refused.code is not ErrorCode.LOGGED_TOO_EARLY:
                raise
            # Somebody there changed it after the hub asked, or in the same second. Ours are in order already: let it count from now.
            self._casebrook.amend(change | {"LoggedDate": None})
        return _done(effect, effect.earlier)

    def _cancel(self, effect: Effect, withdrawal: TaskWithdrawal) -> Receipt:
        if effect.earlier is None:
            return _done(effect, None)
        change = mapping.cancellation_for(effect, withdrawal, self.settings)
        try:
            self._casebrook.cancel(change)
        except Refused as refused:
            if refused.code is ErrorCode.LOGGED_TOO_EARLY:
                self._casebrook.cancel(change | {"LoggedDate": None})
            elif refused.code is not ErrorCode.CLOSED:
                raise  # a closed one is what was wanted
        return _done(effect, effect.earlier)

    def _person_for(self, facts: Facts) -> dict[str, Any] | mapping.Nobody:
        """Look for the person by the numbers that are known."""
        found = self._casebrook.people(person_id=facts.social_care_id) if facts.social_care_id else []
        if not found and facts.nhs_number:
            found = self._casebrook.people(nhs_number=int(facts.nhs_number))
        return mapping.person_for(found, facts, self.settings)


def _done(effect: Effect, reference: str | None) -> Receipt:
    withdrawn = isinstance(effect.instruction, TaskWithdrawn)
    return Receipt(status=TaskStatus.CANCELLED if withdrawn else TaskStatus.ACCEPTED, reference=reference)


_REASONS: Mapping[ErrorCode, str] = {
    ErrorCode.UNKNOWN_TYPE: "the social-care system does not take this type of referral",
    ErrorCode.BAD_DATE: "the social-care system cannot read a date of this referral",
    ErrorCode.TOO_WIDE: "a text is too long for the social-care system",
    ErrorCode.NO_SUCH_REFERRAL: "the referral is no longer in the social-care system",
    ErrorCode.NO_SUCH_PERSON: "the person is no longer in the social-care system",
    ErrorCode.NO_PERSON: "the social-care system wants a person for this referral",
    ErrorCode.LOGGED_TOO_EARLY: "the social-care system holds a later change",
    ErrorCode.CLOSED: "the referral is closed in the social-care system",
}
"""Why a referral, change or cancellation was refused, for the case; the service's own sentence may quote what was sent."""
