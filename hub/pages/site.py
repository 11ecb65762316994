"""The pages' addresses: what is asked for, which view is made of it, which template places it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from hub.feeds.board import Board
from hub.intake.bodies import NewDecision, NewSettlement
from hub.intake.door import Door, parse_reference
from hub.intake.outbox import Accepted, Outbox
from hub.intake.problems import Fault, Kind, Refusal
from hub.intake.relay import Relay
from hub.journeys.model import Journey, Journeys
from hub.memory.reading import CaseReader, MemoryAway, Standing, Summary
from hub.pages import dates, forms, words
from hub.pages.api_docs import api_docs
from hub.pages.case_view import STANDINGS, Moment, case_lines, case_view, departments
from hub.pages.feeds_view import feeds_view, first_line, held_up
from hub.pages.unknown_view import unknown_view
from hub.settings import HubSettings
from schemas.envelope import Department

_PAGE, _DOUBTS = 25, 100


@dataclass(frozen=True)
class Running:
    """What runs here now, in sentences, for the front page; each with whether it is well."""

    what: str
    says: str
    well: bool
    address: str = ""
    """Where more of it stands."""


class Site:
    """Everything pages are made from.

    Args:
        settings: whose hub it is, and which connectors it has.
        journeys: what can be asked for.
        door: where forms go in, and where a case is found.
        reader: the worker's memory.
        outbox, relay: what was accepted and is on its way.
        board: how the feeds are.
        clock: the present, with zone.
    """

    def __init__(
        self,
        *,
        settings: HubSettings,
        journeys: Journeys,
        door: Door,
        reader: CaseReader,
        outbox: Outbox,
        relay: Relay,
        board: Board,
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._journeys = journeys
        self._door = door
        self._reader = reader
        self._outbox = outbox
        self._relay = relay
        self._board = board
        self._clock = clock
        self._templates = Environment(
            loader=PackageLoader("hub.pages"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )

    def router(self) -> APIRouter:
        """The pages' routes."""
        pages = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        pages.add_api_route("/", self.front, methods=["GET"])
        pages.add_api_route("/feeds", self.feeds, methods=["GET"])
        pages.add_api_route("/cases", self.cases, methods=["GET"])
        pages.add_api_route("/cases/{reference}", self.case, methods=["GET"])
        pages.add_api_route("/cases/{reference}/decisions", self.decide, methods=["POST"])
        pages.add_api_route("/unknown-effects", self.unknown, methods=["GET"])
        pages.add_api_route("/unknown-effects/{reference}", self.settle, methods=["POST"])
        pages.add_api_route("/new/{request_kind}", self.new, methods=["GET"])
        pages.add_api_route("/new/{request_kind}", self.make, methods=["POST"])
        pages.add_api_route("/api/docs", self.documentation, methods=["GET"])
        return pages

    def front(self) -> Response:
        """What this is, what runs here now, where to go."""
        now = self._clock()
        journeys = [self._journeys.for_request(kind) for kind in self._journeys.requests]
        return self.render("front.html", now, running=self._running(now), journeys=journeys, live=True)

    def feeds(self) -> Response:
        """How every feed is, and what waits because of it."""
        now = self._clock()
        return self.render("feeds.html", now, feeds=feeds_view(self._board.feeds(), self._waiting(), now), live=True)

    def _waiting(self) -> dict[Department, int] | None:
        """How many cases wait for whom; the feeds are worth a page also while the worker's memory is away."""
        try:
            return self._reader.waiting()
        except MemoryAway:
            return None

    def cases(
        self, request: Request, standing: str = "open", department: str = "", after: str = "", reference: str = ""
    ) -> Response:
        """The list of cases; with a reference, the way to that case."""
        now = self._clock()
        mistake = ""
        if reference.strip():
            try:
                return RedirectResponse(f"/cases/{parse_reference(reference)}", HTTPStatus.SEE_OTHER)
            except Refusal as refusal:
                mistake = refusal.detail
        shown = Standing(standing) if standing in set(Standing) else Standing.OPEN
        of = Department(department) if department in set(Department) else None
        now_ms = _ms(now)
        summary = self._reader.summary(now_ms)
        page = self._reader.page(shown, of, after or None, _PAGE, now_ms)
        filters = {"standing": shown.value, **({"department": of.value} if of else {})}
        return self.render(
            "cases.html",
            now,
            status=HTTPStatus.BAD_REQUEST if mistake else HTTPStatus.OK,
            summary=words.summary_line(summary),
            newest=_newest(summary, now),
            unknown=words.unknown_line(self._reader.uncertain()),
            lines=case_lines(page, self._journeys, now),
            standings=[(each.value, text, each is shown) for each, text in STANDINGS.items()],
            departments=[(each.value, text, each is of) for each, text in departments()],
            next_page="/cases?" + urlencode({**filters, "after": page.after}) if page.after else "",
            first_page="/cases?" + urlencode(filters) if after else "",
            mistake=mistake,
            live=not mistake,
        )

    def case(self, reference: str) -> Response:
        """One case; another spelling of its reference leads to its one address."""
        parsed = parse_reference(reference)
        if parsed != reference:
            return RedirectResponse(f"/cases/{parsed}", HTTPStatus.MOVED_PERMANENTLY)
        return self._case(parsed, Fault("", ""), {})

    def _case(self, reference: str, fault: Fault, filled: dict[str, str]) -> Response:
        now = self._clock()
        case = self._door.case(reference)
        if isinstance(case, Accepted):
            journey = self._journeys.for_request(case.request)
            at = datetime.fromtimestamp(case.accepted_ms / 1000, now.tzinfo)
            return self.render(
                "accepted.html",
                now,
                reference=reference,
                title=journey.title if journey else case.request,
                accepted=Moment.of(at, dates.when(at, now)),
                parked=words.parked_line(self._reader.parked(reference), now),
                live=True,
            )
        journey = self._journeys.get(case.journey, case.version) if case.journey and case.version else None
        return self.render(
            "case.html",
            now,
            status=HTTPStatus.UNPROCESSABLE_ENTITY if fault.detail else HTTPStatus.OK,
            case=case_view(case, self._reader.timeline(reference), journey, now),
            held_up=[] if case.status.ended else held_up(self._board.feeds(), case.waiting_on, now),
            parked=words.parked_line(self._reader.parked(reference), now),
            key=filled.get("key", str(uuid4())),
            filled=filled,
            fault=fault,
            live=not fault.detail,
        )

    async def decide(self, reference: str, request: Request) -> Response:
        """A person's decision, from the case's page."""
        filled = await forms.read_form(request)
        body: dict[str, Any] = {name: value for name, value in filled.items() if name in NewDecision.model_fields}
        try:
            await self._door.decide(reference, body, filled.get("key"))
        except Refusal as refusal:
            if refusal.kind is not Kind.INVALID_BODY:
                raise
            return self._case(parse_reference(reference), refusal.faults[0], filled)
        return RedirectResponse(f"/cases/{parse_reference(reference)}", HTTPStatus.SEE_OTHER)

    def unknown(self, noted: str = "") -> Response:
        """Instructions of which nobody knows whether their departments have them.

        Args:
            noted: the case about which somebody has just said what they found.
        """
        return self._unknown(parse_reference(noted) if noted else "", Fault("", ""), {})

    def _unknown(self, noted: str, fault: Fault, filled: dict[str, str]) -> Response:
        now = self._clock()
        view = unknown_view(self._reader.cases_in_doubt(_DOUBTS), self._reader.uncertain(), self._journeys, now)
        return self.render(
            "unknown.html",
            now,
            status=HTTPStatus.UNPROCESSABLE_ENTITY if fault.detail else HTTPStatus.OK,
            unknown=view,
            noted=noted,
            keys={doubt.effect: str(uuid4()) for doubt in view.doubts},
            filled=filled,
            fault=fault,
            # Where somebody may be filling in a form, nothing is swapped under their hands.
            live=not view.doubts,
        )

    async def settle(self, reference: str, request: Request) -> Response:
        """What a person found, from the page of unknown effects."""
        filled = await forms.read_form(request)
        body: dict[str, Any] = {name: value for name, value in filled.items() if name in NewSettlement.model_fields}
        try:
            await self._door.settle(reference, body, filled.get("key"))
        except Refusal as refusal:
            if refusal.kind is not Kind.INVALID_BODY:
                raise
            return await run_in_threadpool(self._unknown, "", refusal.faults[0], filled)
        return RedirectResponse(f"/unknown-effects?noted={parse_reference(reference)}", HTTPStatus.SEE_OTHER)

    def new(self, request_kind: str) -> Response:
        """The form of a request."""
        return self._form(self._journey(request_kind), {"key": str(uuid4())}, ())

    async def make(self, request_kind: str, request: Request) -> Response:
        """A request, from its form."""
        journey, filled = self._journey(request_kind), await forms.read_form(request)
        try:
            receipt = await self._door.request(forms.body(journey, filled), filled.get("key"))
        except Refusal as refusal:
            if refusal.kind is not Kind.INVALID_BODY:
                raise
            return self._form(journey, filled, refusal.faults)
        return RedirectResponse(f"/cases/{receipt.reference}", HTTPStatus.SEE_OTHER)

    def documentation(self, request: Request) -> Response:
        """The API's documentation, without a line from anybody else's server."""
        document = request.app.openapi()
        return self.render(
            "api_docs.html", self._clock(), docs=api_docs(document, str(request.base_url).rstrip("/")), live=False
        )

    def error(self, refusal: Refusal) -> Response:
        """A page for what went wrong: what, and where to go from here."""
        return self.render("error.html", self._clock(), status=refusal.kind.status, refusal=refusal, live=False)

    def _form(self, journey: Journey, filled: dict[str, str], faults: tuple[Fault, ...]) -> Response:
        shown = forms.fields(journey, filled, faults)
        return self.render(
            "new.html",
            self._clock(),
            status=HTTPStatus.UNPROCESSABLE_ENTITY if faults else HTTPStatus.OK,
            journey=journey,
            fields=shown,
            wrong=[field for field in shown if field.error],
            other=[fault.detail for fault in faults if not fault.pointer.startswith("/facts/")],
            channels=[(channel.value, text) for channel, text in forms.CHANNELS],
            channel=filled.get("channel", forms.CHANNELS[0][0]),
            key=filled.get("key") or str(uuid4()),
            live=False,
        )

    def _journey(self, kind: str) -> Journey:
        journey = self._journeys.for_request(kind)
        if journey is None:
            raise Refusal(
                Kind.NOT_FOUND,
                f"No journey starts with such a request. There are: {', '.join(self._journeys.requests)}.",
            )
        return journey

    def _running(self, now: datetime) -> list[Running]:
        requests = self._requests()
        try:
            summary = self._reader.summary(_ms(now))
            newest = _newest(summary, now)
            unknown = words.unknown_line(self._reader.uncertain())
            said = f"{words.summary_line(summary)}; {summary.ended:,} ended. {newest} {unknown}".strip()
            cases = Running("Cases", said, well=not unknown)
        except MemoryAway as error:
            cases = Running("Cases", str(error), well=False)
        board = self._board.feeds()
        feeds = Running("Feeds", first_line(board, self._waiting(), now), not board.ill and not board.trouble, "/feeds")
        return [cases, requests, feeds, self._standing_still()]

    def _standing_still(self) -> Running:
        """The cases that wait for a dead letter, as the worker has them: the page does not wait for Kafka."""
        try:
            number, records = self._reader.standing_still()
        except MemoryAway as error:
            return Running("Dead letters", str(error), well=False, address="/dead-letters")
        return Running(
            "Dead letters", words.standing_still_line(number, records), well=not number, address="/dead-letters"
        )

    def _requests(self) -> Running:
        accepting = self._outbox.health()
        if not accepting.ok:
            return Running("Requests", f"None can be accepted now. {accepting.reason}", well=False)
        waiting = self._outbox.count_unsent()
        kept = dates.plural(waiting, "request waits to be sent.", "requests wait to be sent.") if waiting else ""
        if self._relay.reaches_kafka:
            return Running("Requests", f"Accepted and sent on at once. {kept}".strip(), well=True)
        return Running("Requests", f"Accepted and kept safe until Kafka answers. {kept}".strip(), well=False)

    def render(self, template: str, now: datetime, status: int = HTTPStatus.OK, **shown: Any) -> HTMLResponse:
        """A template, placed."""
        made = Moment.of(now, f"{dates.day_and_time(now, now)}:{dates.local(now):%S}")
        text = self._templates.get_template(template).render(council=self._settings.council.name, made=made, **shown)
        return HTMLResponse(text, status)


def _newest(summary: Summary, now: datetime) -> str:
    """How old the facts are."""
    if summary.newest_ms is None:
        return "Nothing has been heard of any case yet."
    newest = datetime.fromtimestamp(summary.newest_ms / 1000, now.tzinfo)
    return f"Last news of any case: {dates.ago(newest, now)}, {dates.day_and_time(newest, now)}."


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
