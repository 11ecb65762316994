"""The first move of `step`: what is known of a case, with one event added. A join: order and repeats do not matter. Pure."""

from collections.abc import Callable
from datetime import datetime

from msgspec.structs import replace

from hub.routing.decision import NotForThisHub
from hub.routing.heard import (
    AnswerHeard,
    DecisionHeard,
    Heard,
    KnownFact,
    RaisingHeard,
    ReferenceHeard,
    RequestHeard,
    SettlementHeard,
    StatusHeard,
    UncertainHeard,
)
from schemas.cases import Decided, RecordDiscarded, TaskDecided
from schemas.effects import EffectSettled, EffectUncertain, Found, SettledEffect, UncertainEffect
from schemas.envelope import Event
from schemas.facts import Facts
from schemas.requests import RequestAmended, RequestReceived, RequestWithdrawn
from schemas.tasks import DeadlineExpired, StatusChange, TaskStatusChanged


def join(heard: Heard, event: Event) -> Heard:
    """What is known with this event added. Every part keeps the winner by a rule on the events alone."""
    at = event.effectiveat
    parts: dict[str, object] = {}
    match event:
        case RequestReceived():
            parts = _request(heard, event)
        case RequestAmended(data=amendment):
            parts["facts"] = _facts(heard.facts, amendment.facts, at)
        case RequestWithdrawn():
            parts["withdrawn"] = min(at, heard.withdrawn or at)
        case TaskStatusChanged(data=said):
            parts["facts"] = _facts(heard.facts, said.answers, at)
            parts["raisings"] = _raising(heard, said.task, said.raising, lambda known: _said(known, said, at))
        case DeadlineExpired(data=deadline):
            parts["expired"] = heard.expired | {(deadline.task, deadline.due)}
        case TaskDecided(data=decided):
            parts["raisings"] = _raising(
                heard, decided.task, decided.raising, lambda known: _decided(known, decided, at)
            )
        case RecordDiscarded(data=discard):
            parts["discarded"] = heard.discarded | {discard.record}
        case EffectUncertain(data=doubt):
            parts["raisings"] = _raising(heard, doubt.task, doubt.raising, lambda known: _uncertain(known, doubt))
        case EffectSettled(data=settled):
            parts["raisings"] = _raising(
                heard, settled.task, settled.raising, lambda known: _settled(known, settled, at)
            )
        case _:
            raise NotForThisHub("not-for-cases", f"{event.type} does not move a case.")
    return replace(heard, **parts)


def _request(heard: Heard, event: RequestReceived) -> dict[str, object]:
    request = RequestHeard(
        request=event.data.request,
        at=event.effectiveat,
        received=event.time,
        council=event.council,
        channel=event.channel,
        lgsl=event.data.lgsl,
    )
    first = heard.request
    winner = request if first is None else min(first, request, key=_precedence)
    return {"request": winner, "facts": _facts(heard.facts, event.data.facts, event.effectiveat)}


def _precedence(request: RequestHeard) -> tuple[object, ...]:
    """Of two requests of one case the first one counts; every field, so that no two differ and are alike here."""
    return request.at, request.request, request.received, request.council, request.channel, str(request.lgsl)


def _raising(
    heard: Heard, task: str, number: int, joined: Callable[[RaisingHeard], RaisingHeard]
) -> dict[str, dict[int, RaisingHeard]]:
    """What was heard of every raising, with something added to one."""
    raisings = heard.raisings.get(task, {})
    known = raisings.get(number, RaisingHeard(raising=number))
    return heard.raisings | {task: raisings | {number: joined(known)}}


def _said(known: RaisingHeard, said: StatusChange, at: datetime) -> RaisingHeard:
    """What a department says: of the task, or of the change or withdrawal that it answers; and its reference."""
    if said.revision or said.withdrawal:
        answer = AnswerHeard(
            revision=said.revision, withdrawal=said.withdrawal, status=said.status, at=at, reason=said.reason
        )
        return _word(known, answer, said.reference)
    return _word(known, StatusHeard(status=said.status, at=at, reason=said.reason), said.reference)


def _word(known: RaisingHeard, word: AnswerHeard | StatusHeard, reference: str | None) -> RaisingHeard:
    """A department's word, where it outranks what it said before, and its reference."""
    parts: dict[str, object] = {}
    if isinstance(word, AnswerHeard):
        if known.answer is None or word.rank > known.answer.rank:
            parts["answer"] = word
    elif known.status is None or word.rank > known.status.rank:
        parts["status"] = word
    named = known.reference
    if reference and (named is None or (named.at, named.reference) < (word.at, reference)):
        parts["reference"] = ReferenceHeard(reference=reference, at=word.at)
    return replace(known, **parts)


def _uncertain(known: RaisingHeard, said: UncertainEffect) -> RaisingHeard:
    """A connector cannot know what became of an instruction; it says so once, however often it is heard."""
    doubt = UncertainHeard(
        raising=said.raising,
        revision=said.revision,
        withdrawal=said.withdrawal,
        connector=said.connector,
        effect=said.effect,
        at=said.sent_at,
        evidence=said.evidence,
        means=said.means,
    )
    first = known.uncertain.get(said.revision)
    if first is not None and (first.at, str(first.effect)) <= (doubt.at, str(doubt.effect)):
        return known
    doubts = known.uncertain | {said.revision: doubt}
    return _as_found(replace(known, uncertain=doubts), said.revision)


def _settled(known: RaisingHeard, said: SettledEffect, at: datetime) -> RaisingHeard:
    """A person asked the department."""
    settlement = SettlementHeard(revision=said.revision, found=said.found, reference=said.reference, by=said.by, at=at)
    if settlement in known.settlements:
        return known
    settlements = sorted([*known.settlements, settlement], key=lambda each: each.rank)
    return _as_found(replace(known, settlements=tuple(settlements)), said.revision)


def _as_found(known: RaisingHeard, revision: int) -> RaisingHeard:
    """Where a person found that the department has an uncertain instruction, that is as good as the department's own word."""
    doubt = known.uncertain.get(revision)
    for each in known.settlements if doubt else ():
        if each.revision != revision or each.found is not Found.APPLIED:
            continue
        assert doubt is not None
        word: AnswerHeard | StatusHeard = StatusHeard(status=doubt.means, at=each.at)
        if revision or doubt.withdrawal:
            word = AnswerHeard(revision=revision, withdrawal=doubt.withdrawal, status=doubt.means, at=each.at)
        known = _word(known, word, each.reference)
    return known


def _decided(known: RaisingHeard, decided: Decided, at: datetime) -> RaisingHeard:
    """The first decision about a refusal counts."""
    decision = DecisionHeard(verdict=decided.verdict, by=decided.by, at=at)
    first = known.decision
    if first is not None and (first.at, first.verdict, first.by) <= (at, decided.verdict, decided.by):
        return known
    return replace(known, decision=decision)


def _facts(known: dict[str, KnownFact], said: Facts, at: datetime) -> dict[str, KnownFact]:
    """What was said of each fact, with this added."""
    if not said.model_fields_set:
        return known
    nothing = KnownFact(said=())
    return known | {name: known.get(name, nothing).joined(at, value) for name, value in said.known().items()}
