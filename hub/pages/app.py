"""The web process put together: outbox, relay, door, API and pages on one FastAPI app. The only place that chooses the parts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from prometheus_client.exposition import choose_encoder
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub import topics
from hub.broker.cluster import bootstrap
from hub.dead_letters.desk import Desk, names_of
from hub.dead_letters.watch import Watch
from hub.edge.choice import known_feeds
from hub.edge.kafka import Follower, Sender, read_all
from hub.feeds.board import Board
from hub.feeds.listener import Listener
from hub.health.http import in_sentences
from hub.health.metrics import WebMetrics
from hub.intake import api
from hub.intake.bodies import in_words
from hub.intake.door import Door
from hub.intake.outbox import Outbox, OutboxUnavailable
from hub.intake.problems import Fault, Kind, Refusal
from hub.intake.relay import Relay
from hub.journeys.load import load_journeys
from hub.memory.reading import CaseReader, MemoryAway
from hub.pages.letters import LetterPages
from hub.pages.site import Site
from hub.pages.words import unknown_line
from hub.settings import HubSettings
from schemas.topics import HEARTBEATS

_log = structlog.get_logger()
_ACKNOWLEDGED_WITHIN_S = 10.0
"""Patience with Kafka before the relay says that it is gone, and tries afresh."""
_LOOK_BACK = timedelta(hours=1)
_ANSWERED_WITHIN_S = 3.0
"""A person waits so long before the page for the worker's next answer to what they sent again."""
"""What was last said of a feed is found again for so long after its connector has died."""
_STATIC = Path(__file__).parent / "static"

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}
"""On every answer: nothing is loaded from elsewhere, framed by others, or kept by a cache (pages are about people)."""


def build_app(settings: HubSettings) -> FastAPI:
    """The web process's app; its threads start and stop with it.

    Raises:
        ConfigurationError: a journey file cannot be used, or the outbox's database does not let us in.
        RestartMe: the outbox's database does not answer.
    """
    journeys = load_journeys(settings)
    metrics = WebMetrics()
    metrics.outbox_limit.set(settings.web.outbox_limit)
    failed = metrics.sql_failures.labels
    outbox = Outbox(settings.database_url(settings.web.memory), settings.web.outbox_limit, failed("outbox").inc)
    reader = CaseReader(settings.database_url(settings.worker.memory), failed("cases").inc)
    relay = Relay(outbox, lambda: _sender(settings))
    board = Board(known_feeds(settings), datetime.now(UTC))
    metrics.feeds_unheard.set_function(board.unheard)
    metrics.feeds_age.set_function(lambda: board.age_s(datetime.now(UTC)))
    listener = Listener(board, lambda: _follower(settings), metrics.beats_unreadable.inc)
    door = Door(outbox, journeys, reader, settings.council.code)
    site = Site(
        settings=settings,
        journeys=journeys,
        door=door,
        reader=reader,
        outbox=outbox,
        relay=relay,
        board=board,
        clock=lambda: datetime.now(UTC),
    )

    watch = Watch(lambda begin: read_all(settings.kafka, bootstrap(settings), names_of(None), begin))
    letters = LetterPages(
        watch,
        lambda: Desk(
            settings.kafka,
            bootstrap(settings),
            settings.council.code,
            settings.dead_letters.at_most_per_minute,
            _ANSWERED_WITHIN_S,
        ),
        site.render,
        lambda: datetime.now(UTC),
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        outbox.start()
        relay.start()
        listener.start()
        yield
        listener.stop()
        relay.stop()
        outbox.close()
        reader.close()

    app = _App(
        title="Council Hub",
        version=version("council-hub"),
        description="One request, one case, one answer.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
    )
    app.include_router(api.router(door, reader, metrics))
    app.include_router(site.router())
    app.include_router(letters.router())
    app.mount("/static", StaticFiles(directory=_STATIC))
    _document(app)
    _health(app, outbox, reader, relay, metrics)
    _refusals(app, site)
    return app


def _sender(settings: HubSettings) -> Sender:
    """A producer on topics that are as they must be: of another size, they would take some cases and refuse others."""
    where = bootstrap(settings)
    topics.check(settings.kafka, where)
    return Sender(settings.kafka, where, "hub-web", _ACKNOWLEDGED_WITHIN_S)


def _follower(settings: HubSettings) -> Follower:
    return Follower(settings.kafka, bootstrap(settings), HEARTBEATS.name, datetime.now(UTC) - _LOOK_BACK)


def _document(app: FastAPI) -> None:
    make = app.openapi
    app.openapi = lambda: api.with_body_schemas(make())  # type: ignore[method-assign]  # FastAPI's own way to extend it

    @app.get("/api/openapi.json", include_in_schema=False)
    def openapi() -> JSONResponse:
        return JSONResponse(app.openapi())


def _health(app: FastAPI, outbox: Outbox, reader: CaseReader, relay: Relay, metrics: WebMetrics) -> None:
    """Ready without Kafka, while the outbox has room: requests are accepted and kept until it is back."""

    @app.get("/livez", include_in_schema=False)
    def livez() -> dict[str, Any]:
        return {"ok": True, "reason": "answers"}

    @app.get("/readyz", include_in_schema=False)
    def readyz() -> JSONResponse:
        kafka = "Kafka answers" if relay.reaches_kafka else f"Requests are kept: {relay.trouble}"
        accepting, reading = outbox.health(), reader.health()
        reasons = [kafka, accepting.reason, *([] if reading.ok else [reading.reason])]
        with suppress(MemoryAway):
            reasons.append(unknown_line(reader.uncertain()))
        ok = accepting.ok and reading.ok
        status = HTTPStatus.OK if ok else HTTPStatus.SERVICE_UNAVAILABLE
        return JSONResponse({"ok": ok, "reason": in_sentences(reasons)}, status)

    @app.get("/metrics", include_in_schema=False)
    def show_metrics(request: Request) -> Response:
        metrics.accepts.set(outbox.health().ok)
        # While its database fails nobody can count: what was counted last stays.
        with suppress(OutboxUnavailable):
            metrics.outbox_waiting.set(outbox.count_unsent())
        with suppress(MemoryAway):
            metrics.unknown_effects.set(reader.uncertain())
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(metrics.registry), media_type=content_type)


def _refusals(app: FastAPI, site: Site) -> None:
    """Every way to fail ends in a problem for machines, or in a page that helps for people."""

    def answer(request: Request, refusal: Refusal) -> Response:
        machine = request.url.path.startswith("/api/") and request.url.path != "/api/docs"
        return api.problem_response(refusal) if machine else site.error(refusal)

    @app.exception_handler(Refusal)
    def refused(request: Request, refusal: Refusal) -> Response:
        return answer(request, refusal)

    @app.exception_handler(RequestValidationError)
    def wrong_query(request: Request, error: RequestValidationError) -> Response:
        faults = [Fault(f"/{item['loc'][-1]}", in_words(item)) for item in error.errors()]
        return answer(request, Refusal(Kind.INVALID_QUERY, "Each part that is wrong is named.", faults))

    @app.exception_handler(HTTPException)
    def no_such_address(request: Request, error: HTTPException) -> Response:
        kind = Kind.NOT_ALLOWED if error.status_code == Kind.NOT_ALLOWED.status else Kind.NOT_FOUND
        return answer(request, Refusal(kind, "Check the address, or begin at the front page."))

    @app.exception_handler(MemoryAway)
    @app.exception_handler(OutboxUnavailable)
    def away(request: Request, error: MemoryAway | OutboxUnavailable) -> Response:
        return answer(request, api.unavailable(error))

    @app.exception_handler(Exception)
    def defect(request: Request, error: Exception) -> Response:
        route = request.scope.get("route")  # the address as a template: what stands in it may be about a person
        _log.error("a request ended in a defect", path=getattr(route, "path", "no route"), exc_info=error)
        return answer(
            request, Refusal(Kind.DEFECT, "It was logged. Nothing you sent is lost if you were given a reference.")
        )


class _App(FastAPI):
    """FastAPI with `HEADERS` round everything: what it calls middleware stands inside the part that answers for a defect."""

    def build_middleware_stack(self) -> ASGIApp:
        """See FastAPI."""
        return _Headers(super().build_middleware_stack())


class _Headers:
    """Adds `HEADERS` to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._headers]
            await send(message)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)
