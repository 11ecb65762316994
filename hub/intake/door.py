"""The door: a checked body becomes an event with a computed id, in the outbox, before anybody is answered.

Every act of a person (a request, its change, its end, a decision, what they found) goes the same way. A repeat of the same act under the
same key gets the same answer, whatever has happened since; the same key with another body is refused.

The door sends nothing: `relay` takes the event from the outbox to `case-events`, where the worker's `step` hears it.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid4, uuid5

import orjson

from hub.intake.bodies import (
    Body,
    NewDecision,
    NewSettlement,
    NewWithdrawal,
    Told,
    Vocabulary,
    read_amendment,
    read_plain,
    read_request,
)
from hub.intake.outbox import Accepted, Outbox, Receipt, Row
from hub.intake.problems import Kind, Refusal
from hub.journeys.model import Journeys
from hub.memory.reading import CaseReader
from hub.routing.case import Case
from schemas.cases import Decided, TaskDecided
from schemas.effects import EffectSettled, Found, SettledEffect
from schemas.envelope import Event, Message
from schemas.references import InvalidReference, case_reference, parse_case_reference
from schemas.requests import (
    Amendment,
    Request,
    RequestAmended,
    RequestReceived,
    RequestWithdrawn,
    Withdrawal,
)

_KEY = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True)
class _Act:
    """One thing a person does: under which key, and what exactly, so that a repeat is known from another."""

    key: str
    fingerprint: str

    @classmethod
    def of(cls, what: str, body: Body, key: str | None) -> "_Act":
        canonical = orjson.dumps([what, body], option=orjson.OPT_SORT_KEYS)
        return cls(_checked(key) if key is not None else f"row:{uuid4()}", hashlib.sha256(canonical).hexdigest())


class Door:
    """Where acts of people come in.

    Args:
        outbox: where they are made durable.
        journeys: what requests may ask for.
        reader: how cases stand, for acts on one.
        council: GSS code.
        clock: the present, with zone.
    """

    def __init__(
        self,
        outbox: Outbox,
        journeys: Journeys,
        reader: CaseReader,
        council: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._outbox = outbox
        self._journeys = journeys
        self._reader = reader
        self._council = council
        self._clock = clock

    async def request(self, body: Body, key: str | None) -> Receipt:
        """Accept a request; it is durable when this returns.

        Raises:
            Refusal: INVALID_BODY, KEY_REUSED or INVALID_KEY.
            OutboxUnavailable: it could not be made durable.
        """
        act, now = _Act.of("request", body, key), self._clock()
        if earlier := await self._earlier(act):
            return earlier
        asked = read_request(body, self._journeys, now)
        journey = self._journeys.for_request(asked.request)
        lgsl = asked.lgsl if asked.lgsl is not None or journey is None else journey.lgsl
        data = Request(request=asked.request, lgsl=lgsl, lgil=asked.lgil, facts=asked.facts)
        reference = case_reference(now, f"{self._council}|{act.key}")
        event = self._event(RequestReceived, act, reference, data, now=now, said=asked)
        return await self._accept(act, reference, event, now, asked.request)

    async def amend(self, reference: str, body: Body, key: str | None) -> Receipt:
        """Accept changed facts of a case.

        Raises:
            Refusal: as `request`, and what `case` raises, and CASE_ENDED.
            OutboxUnavailable: as `request`.
        """
        reference, now = parse_reference(reference), self._clock()
        act = _Act.of(f"amend {reference}", body, key)
        if earlier := await self._earlier(act):
            return earlier
        vocabulary = await asyncio.to_thread(self._vocabulary, reference)
        said = read_amendment(body, vocabulary, now)
        data = Amendment(facts=said.facts)
        event = self._event(RequestAmended, act, reference, data, now=now, said=said)
        return await self._accept(act, reference, event, now)

    async def withdraw(self, reference: str, body: Body, key: str | None) -> Receipt:
        """Accept the withdrawal of a request.

        Raises:
            Refusal: as `amend`.
            OutboxUnavailable: as `request`.
        """
        reference, now = parse_reference(reference), self._clock()
        act = _Act.of(f"withdraw {reference}", body, key)
        if earlier := await self._earlier(act):
            return earlier
        said = read_plain(NewWithdrawal, body, now)
        await asyncio.to_thread(self._vocabulary, reference)
        data = Withdrawal(reason=said.reason)
        event = self._event(RequestWithdrawn, act, reference, data, now=now, said=said)
        return await self._accept(act, reference, event, now)

    async def decide(self, reference: str, body: Body, key: str | None) -> Receipt:
        """Accept a person's decision about a refused task.

        Raises:
            Refusal: as `amend`, and NOTHING_TO_DECIDE.
            OutboxUnavailable: as `request`.
        """
        reference, now = parse_reference(reference), self._clock()
        act = _Act.of(f"decide {reference}", body, key)
        if earlier := await self._earlier(act):
            return earlier
        said = read_plain(NewDecision, body, now)
        case = await asyncio.to_thread(self.case, reference)
        waiting = {view.name: view for view in case.undecided} if isinstance(case, Case) else {}
        if said.task not in waiting:
            others = f"Waiting for one: {', '.join(waiting)}." if waiting else "No task of it does."
            raise Refusal(Kind.NOTHING_TO_DECIDE, f"This task of the case waits for no decision. {others}")
        data = Decided(task=said.task, raising=waiting[said.task].raising, verdict=said.verdict, by=said.by)
        event = self._event(TaskDecided, act, reference, data, now=now, said=said)
        return await self._accept(act, reference, event, now)

    async def settle(self, reference: str, body: Body, key: str | None) -> Receipt:
        """Accept what a person found about an instruction of which nobody knows whether the department has it.

        Raises:
            Refusal: as `amend`, and NOTHING_UNKNOWN.
            OutboxUnavailable: as `request`.
        """
        reference, now = parse_reference(reference), self._clock()
        act = _Act.of(f"settle {reference}", body, key)
        if earlier := await self._earlier(act):
            return earlier
        said = read_plain(NewSettlement, body, now)
        case = await asyncio.to_thread(self.case, reference)
        data = settlement(case if isinstance(case, Case) else None, said)
        event = self._event(EffectSettled, act, reference, data, now=now, said=said)
        return await self._accept(act, reference, event, now)

    def case(self, reference: str) -> Case | Accepted:
        """A case, or the request that was accepted for it and is not yet routed. Blocks on SQL.

        Raises:
            Refusal: MISTYPED_REFERENCE or UNKNOWN_CASE.
            MemoryAway: the worker's memory cannot be read.
        """
        reference = parse_reference(reference)
        found = self._reader.case(reference) or self._outbox.opened(reference)
        if found is None:
            raise Refusal(
                Kind.UNKNOWN_CASE, "The reference is well formed, but no case has it. Was it given by another council?"
            )
        return found

    def _vocabulary(self, reference: str) -> Vocabulary:
        """What may be said of a case that has not ended."""
        case = self.case(reference)
        if isinstance(case, Accepted):
            journey = self._journeys.for_request(case.request)
        elif case.status.ended or case.heard.withdrawn is not None:
            raise Refusal(Kind.CASE_ENDED, "Nothing more can be said of this case. Send a new request instead.")
        else:
            journey = self._journeys.get(case.journey, case.version) if case.journey and case.version else None
        if journey is None:
            raise Refusal(
                Kind.NOT_YET_ROUTED, "The hub does not know yet what this case asks for. Try again in a moment."
            )
        return Vocabulary.of(journey)

    def _event(
        self,
        kind: type[Event],
        act: _Act,
        reference: str,
        data: Message,
        *,
        now: datetime,
        said: Told,
    ) -> Event:
        source = f"/{self._council}/web"
        return kind(
            id=uuid5(uuid5(NAMESPACE_URL, source), f"{kind.__name__}|{act.key}"),
            source=source,
            type=kind.model_fields["type"].default,
            time=now,
            correlationid=reference,
            partitionkey=reference,
            council=self._council,
            effectiveat=said.effective_at or now,
            channel=said.channel,
            dataclassification=kind.classification,
            data=data,
        )

    async def _earlier(self, act: _Act) -> Receipt | None:
        """The answer this act was given before, if it was."""
        if act.key.startswith("row:"):
            return None
        known = await asyncio.to_thread(self._outbox.known, act.key)
        return _same(act, known) if known else None

    async def _accept(
        self, act: _Act, reference: str, event: Event, now: datetime, request: str | None = None
    ) -> Receipt:
        accepted_ms = int(now.timestamp() * 1000)
        row = Row(act.key, act.fingerprint, reference, request, accepted_ms, event.encode().decode())
        return _same(act, await asyncio.wrap_future(self._outbox.accept(row)))


def settlement(case: Case | None, said: NewSettlement) -> SettledEffect:
    """What a person found, about the very instruction that a case waits for.

    Raises:
        Refusal: NOTHING_UNKNOWN.
    """
    waiting = {view.name: doubt for view, doubt in case.uncertain} if case else {}
    doubt = waiting.get(said.task)
    if doubt is None or said.effect not in {None, doubt.effect}:
        others = (
            f"Somebody has to ask about: {', '.join(waiting)}." if waiting else "Nor of any other task of the case."
        )
        raise Refusal(Kind.NOTHING_UNKNOWN, f"It is known what became of this; perhaps somebody else asked. {others}")
    return SettledEffect(
        task=said.task,
        raising=doubt.raising,
        revision=doubt.revision,
        found=said.found,
        reference=said.reference.strip() or None if said.found is Found.APPLIED else None,
        by=said.by,
    )


def parse_reference(raw: str) -> str:
    """A case reference in its one form.

    Raises:
        Refusal: MISTYPED_REFERENCE, with what is wrong.
    """
    try:
        return parse_case_reference(raw)
    except InvalidReference as error:
        raise Refusal(Kind.MISTYPED_REFERENCE, str(error)) from None


def _same(act: _Act, receipt: Receipt) -> Receipt:
    if receipt.fingerprint != act.fingerprint:
        raise Refusal(
            Kind.KEY_REUSED,
            "This Idempotency-Key came before with something else. Use a new key for a new request, and the same body with the same key.",
        )
    return receipt


def _checked(key: str) -> str:
    """An Idempotency-Key; the quotes of the IETF draft's form are taken off."""
    bare = key[1:-1] if len(key) > 1 and key[0] == key[-1] == '"' else key
    if not _KEY.fullmatch(bare):
        raise Refusal(Kind.INVALID_KEY, "An Idempotency-Key has 1 to 200 visible ASCII characters, such as a UUID.")
    return f"key:{bare}"
