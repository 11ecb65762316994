"""The first move of `step`: what is known of a case, with one event added. A join: order and repeats do not matter. Pure."""

from collections.abc import Callable
from datetime import datetime

from hub.routing.case import (
    AnswerHeard,
    DecisionHeard,
    Heard,
    KnownFact,
    RaisingHeard,
    ReferenceHeard,
    RequestHeard,
    StatusHeard,
)
from hub.routing.decision import NotForThisHub
from schemas.cases import Decided, RecordDiscarded, TaskDecided
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
        case _:
            raise NotForThisHub("not-for-cases", f"{event.type} does not move a case.")
    return heard.model_copy(update=parts)


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
    parts: dict[str, object] = {}
    if said.revision or said.withdrawal:
        answer = AnswerHeard(
            revision=said.revision, withdrawal=said.withdrawal, status=said.status, at=at, reason=said.reason
        )
        if known.answer is None or answer.rank > known.answer.rank:
            parts["answer"] = answer
    else:
        status = StatusHeard(status=said.status, at=at, reason=said.reason)
        if known.status is None or status.rank > known.status.rank:
            parts["status"] = status
    named = known.reference
    if said.reference and (named is None or (named.at, named.reference) < (at, said.reference)):
        parts["reference"] = ReferenceHeard(reference=said.reference, at=at)
    return known.model_copy(update=parts)


def _decided(known: RaisingHeard, decided: Decided, at: datetime) -> RaisingHeard:
    """The first decision about a refusal counts."""
    decision = DecisionHeard(verdict=decided.verdict, by=decided.by, at=at)
    first = known.decision
    if first is not None and (first.at, first.verdict, first.by) <= (at, decided.verdict, decided.by):
        return known
    return known.model_copy(update={"decision": decision})


def _facts(known: dict[str, KnownFact], said: Facts, at: datetime) -> dict[str, KnownFact]:
    """What was said of each fact, with this added."""
    nothing = KnownFact(said=())
    return known | {name: known.get(name, nothing).joined(at, value) for name, value in said.known().items()}
