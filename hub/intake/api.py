"""The API over HTTP: bodies in, 202 or a problem out. What is accepted, and when, is decided in `door`; nothing here knows SQL or Kafka."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from hub.health.metrics import WebMetrics
from hub.intake.bodies import (
    LIMIT_BYTES,
    NewAmendment,
    NewDecision,
    NewRequest,
    NewSettlement,
    NewWithdrawal,
    decode,
)
from hub.intake.door import Door
from hub.intake.outbox import Accepted as AcceptedRequest
from hub.intake.outbox import OutboxFull, OutboxUnavailable, Receipt
from hub.intake.problems import CONTENT_TYPE, Kind, Problem, Refusal
from hub.memory.reading import CaseReader, MemoryAway, Standing
from hub.routing.case import Case, TaskState, TaskView
from hub.routing.entry import Entry, EntryKind
from hub.routing.heard import UncertainHeard
from hub.routing.stored import CasePart
from schemas.cases import CaseStatus
from schemas.envelope import Department
from schemas.references import CaseReference


class _Answer(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class Accepted(_Answer):
    """Accepted: durable here, whatever happens next, and on its way."""

    case: CaseReference
    """The case's reference, to read out and to ask by."""
    status_url: str = Field(examples=["/api/cases/0TJ9-4QXM-7C2K-VN31"])
    """Where to ask how it stands."""
    page: str = Field(examples=["/cases/0TJ9-4QXM-7C2K-VN31"])
    """The same for people."""


class TaskAnswer(_Answer):
    """One task of a case."""

    task: str
    """Its name in the journey."""
    department: Department
    """Whose it is."""
    state: TaskState
    """Where it stands."""
    since: AwareDatetime
    """Since when."""
    due: AwareDatetime | None
    """By when; null where the journey sets no deadline."""
    late: bool
    """Whether the deadline has passed."""
    reference: str | None
    """The department's own reference."""
    reason: str | None
    """Why it was refused or cancelled."""
    in_doubt: bool
    """Whether nobody knows if the department has what it was asked or told last; see /api/unknown-effects."""


class UnknownAnswer(_Answer):
    """An instruction of which nobody knows whether the department has it."""

    effect: UUID
    """Its effect key."""
    case: CaseReference
    """The case."""
    task: str
    """Its task."""
    department: Department
    """Who is to be asked."""
    connector: str
    """Which connector sent it."""
    asked: Literal["raised", "changed", "withdrawn"]
    """What kind of instruction it is."""
    sent_at: AwareDatetime
    """When it was sent."""
    evidence: str
    """What happened then."""


class UnknownListAnswer(_Answer):
    """Instructions of which nobody knows."""

    unknown: list[UnknownAnswer]
    """The longest first."""
    count: int
    """How many there are in all."""


class CaseInList(_Answer):
    """A case as a list shows it: how it stands, without its timeline."""

    case: CaseReference
    """Its reference."""
    journey: str | None
    """The journey it follows; null until its request is heard."""
    status: CaseStatus
    """Where it stands."""
    opened_at: AwareDatetime
    """When its request came in."""
    updated_at: AwareDatetime
    """When the hub last heard something new of it."""
    due: AwareDatetime | None
    """The earliest deadline of what is in hand."""
    waiting_on: list[Department]
    """Departments that have something in hand."""
    tasks: list[TaskAnswer]
    """Every task of its journey."""
    undoing: list[str]
    """Tasks that are not wanted any more and that their department has not yet said it stopped or undid."""


class CaseListAnswer(_Answer):
    """Some cases, and how to ask for those that follow."""

    cases: list[CaseInList]
    """What is open by due time, the most pressing first; any other list newest first."""
    after: str | None
    """To be sent as `after` for the next part; null when this is the last."""


class EntryAnswer(_Answer):
    """One line of a case's timeline."""

    kind: EntryKind
    """What happened."""
    at: AwareDatetime
    """When, in the world."""
    heard_at: AwareDatetime
    """When the hub heard of it, or did it."""
    task: str | None
    """Which task, where it is about one."""
    department: Department | None
    """Which department, where it is about one."""
    status: str | None
    """The new status, where there is one."""
    reference: str | None
    """The department's reference, where it gave one."""
    reason: str | None
    """Why, where somebody said."""
    by: str | None
    """Which member of staff found it out, where somebody did."""
    due: AwareDatetime | None
    """The due time told, where it is about one."""
    facts: list[str]
    """Names of the facts that were given, found out or changed; never their values."""


class CaseAnswer(_Answer):
    """A case as it stands. It holds no fact about the person, only which facts are known."""

    case: CaseReference
    """Its reference."""
    journey: str | None
    """The journey it follows; null until its request is heard."""
    version: int | None
    """Version of the journey."""
    status: CaseStatus
    """Where it stands."""
    opened_at: AwareDatetime
    """When its request came in."""
    updated_at: AwareDatetime
    """When the hub last heard something new of it."""
    due: AwareDatetime | None
    """The earliest deadline of what is in hand."""
    waiting_on: list[Department]
    """Departments that have something in hand."""
    tasks: list[TaskAnswer]
    """Every task of its journey."""
    undoing: list[str]
    """Tasks that are not wanted any more and that their department has not yet said it stopped or undid."""
    facts: list[str]
    """Names of the facts that are known."""
    timeline: list[EntryAnswer]
    """What happened, in the order the hub heard of it."""
    page: str
    """The same for people."""


BODIES: dict[str, type[BaseModel]] = {
    "request": NewRequest,
    "amend": NewAmendment,
    "withdraw": NewWithdrawal,
    "decide": NewDecision,
    "settle": NewSettlement,
}


def router(door: Door, reader: CaseReader, metrics: WebMetrics) -> APIRouter:
    """The API's routes."""
    api = APIRouter(prefix="/api", tags=["cases"])

    async def accept(act: str, request: Request, take: Callable[[Any, str | None], Any]) -> Response:
        began = time.perf_counter()
        try:
            receipt = await take(decode(await read_body(request)), request.headers.get("idempotency-key"))
        except Refusal as refusal:
            metrics.refused.labels(refusal.kind.slug).inc()
            raise
        except (OutboxUnavailable, MemoryAway) as error:
            at_fault = unavailable(error)
            metrics.refused.labels(at_fault.kind.slug).inc()
            raise at_fault from error
        metrics.accepted.labels(act).inc()
        metrics.accepting.observe(time.perf_counter() - began)
        return _accepted(receipt)

    @api.post("/requests", **_documented("request", Kind.KEY_REUSED), summary="Make a request")
    async def make_request(request: Request) -> Response:
        """Opens a case. The answer comes once the request is durable; routing it follows by itself."""
        return await accept("request", request, door.request)

    @api.post("/cases/{reference}/amendments", **_documented("amend", *_ON_A_CASE), summary="Correct or move something")
    async def amend(reference: str, request: Request) -> Response:
        """Facts that changed: every task they bear on is told, and re-timed where the journey says so."""
        return await accept("amend", request, lambda body, key: door.amend(reference, body, key))

    @api.post("/cases/{reference}/withdrawal", **_documented("withdraw", *_ON_A_CASE), summary="Withdraw the request")
    async def withdraw(reference: str, request: Request) -> Response:
        """The request is not wanted any more: what was begun is undone, in reverse order."""
        return await accept("withdraw", request, lambda body, key: door.withdraw(reference, body, key))

    @api.post(
        "/cases/{reference}/decisions",
        **_documented("decide", Kind.NOTHING_TO_DECIDE, *_ON_A_CASE),
        summary="Decide about a refused task",
    )
    async def decide(reference: str, request: Request) -> Response:
        """What a person decided where a department refused a task and the journey leaves it to them."""
        return await accept("decide", request, lambda body, key: door.decide(reference, body, key))

    @api.post(
        "/cases/{reference}/settlements",
        **_documented("settle", Kind.NOTHING_UNKNOWN, *_ON_A_CASE),
        summary="Say what became of an instruction that nobody knows of",
    )
    async def settle(reference: str, request: Request) -> Response:
        """What a person found who asked a department whether it has what it was sent: the case goes on from there."""
        return await accept("settle", request, lambda body, key: door.settle(reference, body, key))

    _reading(api, door, reader)
    return api


def _reading(api: APIRouter, door: Door, reader: CaseReader) -> None:
    """The routes that only read."""

    @api.get(
        "/unknown-effects", responses=_problems(Kind.UNAVAILABLE), summary="List instructions that nobody knows of"
    )
    def list_unknown(size: Annotated[int, Query(ge=1, le=200)] = 50) -> UnknownListAnswer:
        """Instructions of which nobody knows whether the department has them, the longest first: a person has to ask."""
        cases = reader.cases_in_doubt(size)
        found = [_unknown(case.reference, view, doubt) for case in cases for view, doubt in case.uncertain]
        return UnknownListAnswer(unknown=found, count=reader.uncertain())

    @api.get("/cases", responses=_problems(Kind.INVALID_QUERY, Kind.UNAVAILABLE), summary="List cases")
    def list_cases(
        standing: Standing = Standing.OPEN,
        waiting_on: Department | None = None,
        after: str | None = None,
        size: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> CaseListAnswer:
        """Cases by how they stand, a part at a time: send `after` as it was given until it is null."""
        page = reader.page(standing, waiting_on, after, size, int(time.time() * 1000))
        return CaseListAnswer(cases=[_in_list(case) for case in page.cases], after=page.after)

    @api.get(
        "/cases/{reference}",
        responses=_problems(Kind.NOT_YET_ROUTED, Kind.UNKNOWN_CASE, Kind.MISTYPED_REFERENCE, Kind.UNAVAILABLE),
        summary="How a case stands",
        name="case",
    )
    def show_case(reference: str) -> CaseAnswer:
        """Status, tasks, the departments' references, what is due, and the timeline. Values of facts are not shown."""
        case = door.case(reference)
        if isinstance(case, AcceptedRequest):
            at = datetime.fromtimestamp(case.accepted_ms / 1000, UTC).isoformat(timespec="seconds")
            raise Refusal(
                Kind.NOT_YET_ROUTED, f"It was accepted at {at} and waits to be routed. Ask again in a moment."
            )
        return CaseAnswer(
            case=case.reference,
            journey=case.journey,
            version=case.version,
            status=case.status,
            opened_at=case.opened_at,
            updated_at=case.updated_at,
            due=case.next_due,
            waiting_on=list(case.waiting_on),
            tasks=_tasks(case),
            undoing=list(case.undoing),
            facts=sorted(case.heard.facts),
            timeline=[_entry(entry) for entry in reader.timeline(case.reference)],
            page=f"/cases/{case.reference}",
        )


async def read_body(request: Request) -> bytes:
    """The body of a JSON request, up to the limit.

    Raises:
        Refusal: WRONG_CONTENT_TYPE or TOO_LARGE.
    """
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent != "application/json":
        raise Refusal(Kind.WRONG_CONTENT_TYPE, "Send the body as JSON, with the header Content-Type: application/json.")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LIMIT_BYTES:
            raise Refusal(Kind.TOO_LARGE, f"The body may have {LIMIT_BYTES // 1024} KiB. Send documents another way.")
    return bytes(body)


def unavailable(error: OutboxUnavailable | MemoryAway) -> Refusal:
    """What to say when the hub's own memory is at fault."""
    if isinstance(error, OutboxFull):
        return Refusal(Kind.OUTBOX_FULL, f"{error} Nothing was accepted; send the same again in half a minute.")
    if isinstance(error, OutboxUnavailable):
        return Refusal(Kind.UNAVAILABLE, f"{error} Nothing was accepted; try again in a moment.")
    return Refusal(Kind.UNAVAILABLE, f"{error} Nothing was changed.")


def problem_response(refusal: Refusal) -> JSONResponse:
    """A refusal as an HTTP answer."""
    problem = refusal.problem()
    again_s = _AGAIN_S.get(refusal.kind)
    headers = {"Retry-After": str(again_s)} if again_s else None
    return JSONResponse(
        problem.model_dump(exclude_defaults=True), problem.status, headers=headers, media_type=CONTENT_TYPE
    )


def with_body_schemas(document: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI document with the schemas of the bodies, which routes read by themselves to find every fault at once.

    FastAPI's own validation never answers here, so what it would answer is left out.
    """
    named: list[type[BaseModel]] = [*BODIES.values(), Problem]
    models: list[tuple[type[BaseModel], Literal["validation"]]] = [(model, "validation") for model in named]
    _, schemas = models_json_schema(models, ref_template="#/components/schemas/{model}")
    known = document["components"]["schemas"]
    known.update(schemas["$defs"])
    for unused in ("HTTPValidationError", "ValidationError"):
        known.pop(unused, None)
    for operation in (operation for path in document["paths"].values() for operation in path.values()):
        if "HTTPValidationError" in str(operation["responses"].get("422")):
            del operation["responses"]["422"]
    return document


_AGAIN_S = {Kind.UNAVAILABLE: 2, Kind.NOT_YET_ROUTED: 2, Kind.OUTBOX_FULL: 30}
"""After how many seconds to ask again, where that makes sense."""
_ON_A_CASE = (Kind.CASE_ENDED, Kind.KEY_REUSED, Kind.UNKNOWN_CASE, Kind.MISTYPED_REFERENCE)
_ANY_BODY = (
    Kind.NOT_JSON,
    Kind.INVALID_KEY,
    Kind.TOO_LARGE,
    Kind.WRONG_CONTENT_TYPE,
    Kind.INVALID_BODY,
    Kind.UNAVAILABLE,
    Kind.OUTBOX_FULL,
)


def _documented(act: str, *kinds: Kind) -> dict[str, Any]:
    """What a route that takes a body says of itself in the OpenAPI document."""
    model = BODIES[act]
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "The same key with the same body gets the same answer; send one with every request that may be repeated.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 200},
        "example": "7c0f5f3e-6f0b-4a57-9c11-2a1f3c1f9a10",
    }
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {
        "name": act,
        "status_code": 202,
        "response_model": Accepted,
        "responses": _problems(*_ANY_BODY, *kinds),
        "openapi_extra": {
            "parameters": [key],
            "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        },
    }


def _problems(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """Problems a route may answer with, by status."""
    found: dict[int | str, dict[str, Any]] = {}
    for kind in sorted(kinds, key=lambda each: each.status):
        known = found.get(kind.status)
        title = f"{known['description']}; or: {kind.title}" if known else kind.title
        schema = {"$ref": "#/components/schemas/Problem"}
        found[kind.status] = {"description": title, "content": {CONTENT_TYPE: {"schema": schema}}}
    return found


def _accepted(receipt: Receipt) -> JSONResponse:
    page, status_url = f"/cases/{receipt.reference}", f"/api/cases/{receipt.reference}"
    answer = Accepted(case=receipt.reference, status_url=status_url, page=page)
    return JSONResponse(answer.model_dump(), 202, headers={"Location": status_url})


def _entry(entry: Entry) -> EntryAnswer:
    return EntryAnswer(**_of(EntryAnswer, entry, "facts"), facts=list(entry.facts))


def _unknown(reference: str, view: TaskView, doubt: UncertainHeard) -> UnknownAnswer:
    return UnknownAnswer(
        effect=doubt.effect,
        case=reference,
        task=view.name,
        department=view.department,
        connector=doubt.connector,
        asked=doubt.asked,
        sent_at=doubt.at,
        evidence=doubt.evidence,
    )


def _in_list(case: Case) -> CaseInList:
    return CaseInList(
        case=case.reference,
        journey=case.journey,
        status=case.status,
        opened_at=case.opened_at,
        updated_at=case.updated_at,
        due=case.next_due,
        waiting_on=list(case.waiting_on),
        tasks=_tasks(case),
        undoing=list(case.undoing),
    )


def _tasks(case: Case) -> list[TaskAnswer]:
    return [
        TaskAnswer(task=view.name, in_doubt=view.uncertain is not None, **_of(TaskAnswer, view, "task", "in_doubt"))
        for view in case.tasks
    ]


def _of(answer: type[BaseModel], part: CasePart, *but: str) -> dict[str, Any]:
    """The parts of an answer that are called the same where they come from."""
    return {name: getattr(part, name) for name in answer.model_fields if name not in but}
