"""The first move of `step`: what is known of a case, with one event added. A join: order and repeats do not matter. Pure."""

from datetime import datetime

from hub.routing.case import DecisionHeard, Heard, KnownFact, ReferenceHeard, RequestHeard, StatusHeard
from hub.routing.decision import NotForThisHub
from schemas.cases import TaskDecided
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
            parts = _said(heard, said, at)
        case DeadlineExpired(data=deadline):
            parts["expired"] = heard.expired | {(deadline.task, deadline.due)}
        case TaskDecided(data=decided):
            known = heard.decisions.get(decided.task)
            if known is None or (at, decided.verdict) < (known.at, known.verdict):
                decision = DecisionHeard(verdict=decided.verdict, by=decided.by, at=at)
                parts["decisions"] = heard.decisions | {decided.task: decision}
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
    keep = first is not None and (first.at, first.request) <= (request.at, request.request)
    return {"request": first if keep else request, "facts": _facts(heard.facts, event.data.facts, event.effectiveat)}


def _said(heard: Heard, said: StatusChange, at: datetime) -> dict[str, object]:
    """What a department says of a task: status, reference and answers each win or lose by themselves."""
    parts: dict[str, object] = {"facts": _facts(heard.facts, said.answers, at)}
    status, known = StatusHeard(status=said.status, at=at, reason=said.reason), heard.statuses.get(said.task)
    if known is None or status.rank > known.rank:
        parts["statuses"] = heard.statuses | {said.task: status}
    reference = heard.references.get(said.task)
    if said.reference and (reference is None or (reference.at, reference.reference) < (at, said.reference)):
        parts["references"] = heard.references | {said.task: ReferenceHeard(reference=said.reference, at=at)}
    if said.withdrawal:
        parts["undone"] = heard.undone | {said.task}
    return parts


def _facts(known: dict[str, KnownFact], said: Facts, at: datetime) -> dict[str, KnownFact]:
    """What was said of each fact, with this added."""
    nothing = KnownFact(said=())
    return known | {name: known.get(name, nothing).joined(at, value) for name, value in said.known().items()}
