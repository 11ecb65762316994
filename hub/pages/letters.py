"""The pages about dead letters: what lies there and why, one letter, what would be done, what was done."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol, TypeVar

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, Response

from hub.dead_letters.answers import Afterwards
from hub.dead_letters.desk import WHO_LIMIT, WHY_LIMIT, Desk, one_of
from hub.dead_letters.plan import Plan, to_discard, to_replay
from hub.dead_letters.reading import Letter, masked
from hub.dead_letters.watch import Watch
from hub.errors import ConfigurationError, HubError
from hub.intake.problems import Kind, Refusal
from hub.pages import letters_view as view
from hub.pages.forms import read_form

_T = TypeVar("_T")
_PAGE = 50
_ACTS = ("replay", "discard")


class Render(Protocol):
    """How a template becomes a page."""

    def __call__(self, template: str, now: datetime, status: int = HTTPStatus.OK, **shown: Any) -> HTMLResponse:
        """The page."""


@dataclass(frozen=True)
class _Asked:
    """What a form asks for.

    Attributes:
        letter: id of the one it is about; empty where it is about all of a filter.
    """

    act: str
    letter: str
    filter: view.Filter
    by: str
    why: str
    digest: str


class LetterPages:
    """Everything these pages are made from.

    Args:
        watch: the open letters.
        desk: where something is done about them; asked for when it is.
        render: of the site.
        clock: the present, with zone.
    """

    def __init__(self, watch: Watch, desk: Callable[[], Desk], render: Render, clock: Callable[[], datetime]) -> None:
        self._watch, self._desk, self._render, self._clock = watch, desk, render, clock

    def router(self) -> APIRouter:
        """The pages' routes."""
        pages = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        pages.add_api_route("/dead-letters", self.all, methods=["GET"])
        pages.add_api_route("/dead-letters", self.act, methods=["POST"])
        pages.add_api_route("/dead-letters/{topic}/{partition}/{offset}", self.one, methods=["GET"])
        pages.add_api_route("/dead-letters/{topic}/{partition}/{offset}", self.reveal, methods=["POST"])
        return pages

    def all(self, topic: str = "", code: str = "", case: str = "", page: int = 1) -> Response:
        """All that are open, or those of a filter."""
        now, every = self._clock(), self._letters()
        chosen = view.Filter(topic, code, case)
        shown = chosen.of(every)
        first = (max(1, page) - 1) * _PAGE
        join = "&" if chosen.fields else "?"
        return self._render(
            "dead_letters.html",
            now,
            lead=view.first_line(shown, every),
            groups=view.groups(shown, every, now),
            lines=view.lines(shown[first : first + _PAGE], every, now),
            total=len(shown),
            filter=chosen.fields,
            all_address="/dead-letters" if chosen.fields else "",
            elsewhere=len(every) - len(shown),
            earlier=f"{chosen.address}{join}page={page - 1}" if first else "",
            later=f"{chosen.address}{join}page={page + 1}" if len(shown) > first + _PAGE else "",
            live=False,
        )

    def one(self, topic: str, partition: str, offset: str) -> Response:
        """One letter, masked."""
        return self._one(f"{topic}/{partition}/{offset}", {}, "", None)

    async def reveal(self, topic: str, partition: str, offset: str, request: Request) -> Response:
        """One letter with what stands in it, once it is written down who looks and why."""
        filled = await read_form(request)
        identifier = f"{topic}/{partition}/{offset}"
        if wrong := _wrong(filled.get("by", ""), filled.get("why", "")):
            return await run_in_threadpool(self._one, identifier, filled, wrong, None)

        def look() -> Response:
            letter = self._letter(identifier)
            with_content = self._asking(lambda: self._desk().reveal(letter, filled["by"], filled["why"], "page"))
            return self._one(identifier, filled, "", with_content or b"")

        return await run_in_threadpool(look)

    async def act(self, request: Request) -> Response:
        """What would be done; once somebody has confirmed what they were shown, it is done and said."""
        filled = await read_form(request)
        asked = _Asked(
            act=filled.get("act", ""),
            letter=filled.get("letter", ""),
            filter=view.Filter(*(filled.get(name, "") for name in ("topic", "code", "case"))),
            by=filled.get("by", ""),
            why=filled.get("why", ""),
            digest=filled.get("digest", ""),
        )
        if asked.act not in _ACTS:
            raise Refusal(Kind.INVALID_QUERY, "Say whether the records are to be sent again or discarded.")
        return await run_in_threadpool(self._act, asked)

    def _act(self, asked: _Asked) -> Response:
        if not asked.digest:
            return self._planned(asked, self._plan(asked), "")
        self._watch.look_again()
        plan = self._plan(asked)
        wrong = _wrong(asked.by, asked.why if asked.act == "discard" else "none")
        if view.digest(plan) != asked.digest:
            wrong = "Something has changed since this was shown: look again at what would be done."
        if wrong:
            return self._planned(asked, plan, wrong)
        after = self._asking(lambda: self._desk().carry_out(plan, asked.by, asked.why))
        self._watch.look_again()
        return self._planned(asked, plan, "", after)

    def _plan(self, asked: _Asked) -> Plan:
        letters = self._letters()
        chosen = [self._letter(asked.letter)] if asked.letter else asked.filter.of(letters)
        if asked.act == "discard":
            return to_discard(letters, chosen)
        return to_replay(letters, chosen, by_name=bool(asked.letter))

    def _planned(self, asked: _Asked, plan: Plan, wrong: str, after: Afterwards | None = None) -> Response:
        done = after is not None
        return self._render(
            "dead_letters_plan.html",
            self._clock(),
            status=HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK,
            plan=view.plan_view(plan, after),
            done=done,
            asked=asked,
            filter=asked.filter.fields,
            back=f"/dead-letters/{asked.letter}" if asked.letter and not done else asked.filter.address,
            wrong=wrong,
            who_limit=WHO_LIMIT,
            why_limit=WHY_LIMIT,
            live=False,
        )

    def _one(self, identifier: str, filled: dict[str, str], wrong: str, revealed: bytes | None) -> Response:
        now, letter = self._clock(), self._letter(identifier)
        body = self._asking(lambda: self._desk().body(letter))
        return self._render(
            "dead_letter.html",
            now,
            status=HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK,
            letter=view.letter_view(letter, self._letters(), now),
            masked=masked(letter, body),
            revealed=None if revealed is None else revealed.decode("utf-8", "replace"),
            filled=filled,
            wrong=wrong,
            who_limit=WHO_LIMIT,
            why_limit=WHY_LIMIT,
            live=False,
        )

    def _letters(self) -> list[Letter]:
        return self._asking(self._watch.letters)

    def _letter(self, identifier: str) -> Letter:
        try:
            return one_of(self._letters(), identifier)
        except ConfigurationError:
            raise Refusal(
                Kind.NOT_FOUND, "There is no open dead letter at this address: it may have been settled since."
            ) from None

    def _asking(self, do: Callable[[], _T]) -> _T:
        try:
            return do()
        except HubError as error:
            raise Refusal(Kind.UNAVAILABLE, str(error)) from error


def _wrong(by: str, why: str) -> str:
    """What is wrong with a name and a reason; empty where nothing is."""
    if not 0 < len(by) <= WHO_LIMIT:
        return f"Your name is needed, in at most {WHO_LIMIT} characters: it is kept with what you do."
    if not 0 < len(why) <= WHY_LIMIT:
        return f"Your reason is needed, in at most {WHY_LIMIT} characters: it is kept with what you do."
    return ""
