"""The app as a whole: what it answers when something in it is broken."""

import asyncio
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from hub.pages.app import HEADERS, build_app
from hub.settings import HubSettings


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    """The web's app with two addresses more, both broken; the second has no route of its own."""
    council = {"name": "Inventshire", "code": "E06000999", "key": "0123456789abcdef0123"}
    made = build_app(HubSettings.model_validate({"council": council, "file": tmp_path / "hub.toml"}))

    @made.get("/api/broken/{reference}")
    def broken(reference: str) -> None:
        raise ArithmeticError(reference)

    async def broken_mount(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ArithmeticError

    made.mount("/broken", broken_mount)
    return made


def get(app: FastAPI, path: str) -> httpx.Response:
    """What the app answers; it raises what it answered for again, as it does to the server that runs it."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://web") as client:
            return await client.get(path)

    return asyncio.run(ask())


def test_a_defect_is_a_problem_with_the_headers_of_every_answer_and_a_line_that_names_no_reference(
    app: FastAPI,
) -> None:
    with capture_logs() as logs:
        answer = get(app, "/api/broken/Bernardina")

    assert answer.status_code == 500
    assert answer.json()["type"] == "/api/docs#problem-defect"
    assert HEADERS.items() <= dict(answer.headers).items()
    assert [line["path"] for line in logs if line["event"] == "a request ended in a defect"] == [
        "/api/broken/{reference}"
    ]


def test_a_defect_where_there_is_no_route_is_a_page_that_helps(app: FastAPI) -> None:
    answer = get(app, "/broken/thing")

    assert answer.status_code == 500
    assert "Something went wrong in the hub" in answer.text
    assert HEADERS.items() <= dict(answer.headers).items()
