"""Dead letters in a real Chromium, on a real Kafka: looked through, revealed on the record, sent again and discarded after a dry run."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import create_engine, insert

from hub import topics
from hub.dead_letters.letter import dead_letter
from hub.edge.kafka import Sender, read_all
from hub.edge.kafka.sender import partition_of
from hub.edge.messages import Incoming, Outgoing
from hub.memory import tables
from hub.settings import KafkaSettings
from schemas.references import case_reference
from tests.browser.conftest import running

TOPICS = KafkaSettings(partitions=2)
EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"
EVENT = (EXAMPLES / "case.request-received.v1.json").read_bytes()
OTHER = case_reference(datetime(2026, 11, 3, tzinfo=UTC), "other")
PHONE, DESKTOP = 390, 1280


@dataclass
class Office:
    """A web process with dead letters before it."""

    url: str
    case: str
    kafka: str

    def records(self, topic: str) -> list[Incoming]:
        return list(read_all(TOPICS, self.kafka, [topic]))


@pytest.fixture
def office(tmp_path: Path, kafka_for_a_while: str) -> Iterator[Office]:
    """One case of which a record cannot be read, with another behind it; and three instructions without a code."""
    topics.apply(TOPICS, kafka_for_a_while)
    kafka = f'[kafka]\nbootstrap = "{kafka_for_a_while}"\npartitions = 2\n'
    with running(tmp_path, kafka) as web:
        case = web.cases["in-hand"]
        sender = Sender(TOPICS, kafka_for_a_while, "test")
        sender.send(
            [
                *set_aside(case, "case-events", 5, code="not-json", value=b'{"name": "Ada Canary"}', behind=EVENT),
                *of_housing(),
            ]
        )
        sender.close()
        engine = create_engine(f"sqlite:///{tmp_path / 'worker.db'}")
        with engine.begin() as connection:
            rows = [{"reference": case, "first_offset": n, "since_ms": 1_793_700_000_000} for n in (5, 6)]
            connection.execute(insert(tables.parked), rows)
        engine.dispose()
        office = Office(web.url, case, kafka_for_a_while)
        yield office
        settle(office)


def settle(office: Office) -> None:
    """Leave nothing to the next test."""
    for act in ("discard", "replay"):
        shown = httpx.post(f"{office.url}/dead-letters", data={"act": act}).text
        if 'name="digest" value="' in shown:
            digest = shown.partition('name="digest" value="')[2].partition('"')[0]
            # No worker runs here: the page waits for its answers in vain.
            httpx.post(
                f"{office.url}/dead-letters",
                data={"act": act, "digest": digest, "by": "A test", "why": "Its own"},
                timeout=60,
            )


def set_aside(
    case: str, topic: str, offset: int, *, code: str, value: bytes, behind: bytes = b""
) -> Iterator[Outgoing]:
    part = partition_of(case.encode(), 2)
    letters = [(offset, code, value), *([(offset + 1, "parked", behind)] if behind else [])]
    for place, why, content in letters:
        letter = dead_letter(
            code=why, reason=f"{topic}: it is as it should not be.", topic=topic, partition=part, offset=place,
            component="worker", key=case.encode(), value=content, attempt=int(why != "parked"),
        )  # fmt: skip
        yield Outgoing(f"{topic}-dlq", letter.key, letter.value, letter.headers)


def of_housing() -> Iterator[Outgoing]:
    for number in range(3):
        yield from set_aside(OTHER, "housing-events", 10 + number, code="unmapped-code", value=b'{"status": "Q7"}')


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": DESKTOP, "height": 900})
    yield context.new_page()
    context.close()


def is_sound(page: Page) -> None:
    """Accessible in light and dark, and no wider than a phone."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    page.set_viewport_size({"width": PHONE, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
    page.set_viewport_size({"width": DESKTOP, "height": 900})


def test_what_cannot_be_read_is_sent_again_with_what_waits_for_it_after_a_look_at_what_would_be_done(
    office: Office, page: Page
) -> None:
    page.goto(f"{office.url}/cases/{office.case}")
    expect(page.locator(".standing-still")).to_contain_text("This case has stood still since")
    expect(page.locator(".standing-still")).to_contain_text("1 later one lies behind it.")
    is_sound(page)

    page.get_by_role("link", name="Its dead letters").click()
    expect(page.locator(".lead")).to_have_text(
        "1 record could not be read: 1 is not JSON. 1 more only waits behind them."
    )
    page.goto(f"{office.url}/dead-letters")
    expect(page.locator(".lead")).to_contain_text("4 records could not be read: 3 have a code that nobody has mapped")
    expect(page.locator("html")).not_to_contain_text("Ada Canary")
    is_sound(page)

    page.get_by_role("link", name="1 is not JSON").click()
    expect(page).to_have_url(f"{office.url}/dead-letters?topic=case-events&code=not-json")
    page.locator("tbody th a.ref").click()
    expect(page.locator(".lead")).to_contain_text("1 record waits behind it.")
    expect(page.locator("pre")).to_have_text('{ "…": "(text of 10)" }', use_inner_text=True)
    is_sound(page)

    before = len(office.records("case-events"))
    page.get_by_role("button", name="Send it again").click()
    expect(page.locator(".lead")).to_have_text("2 records would be sent again.")
    assert len(office.records("case-events")) == before
    is_sound(page)
    page.get_by_label("Your name").fill("Jo Field")
    page.get_by_role("button", name="Send again").click()

    expect(page.locator(".lead")).to_have_text("2 records were sent again.", timeout=60_000)
    expect(page.locator("main")).to_contain_text("2 records have been sent and not been taken yet.")
    assert [each.value for each in office.records("case-events")[before:]] == [b'{"name": "Ada Canary"}', EVENT]
    page.get_by_role("link", name="Back to the dead letters").click()
    expect(page.locator(".lead")).to_contain_text("3 records could not be read")
    is_sound(page)


def test_a_record_is_revealed_to_whoever_says_who_they_are_and_why(office: Office, page: Page) -> None:
    page.goto(f"{office.url}/dead-letters?code=not-json")
    page.locator("tbody th a.ref").click()
    before = len(office.records("audit"))

    page.get_by_label("Your name").fill("Jo Field")
    page.get_by_label("Your reason").fill("To see whom it is about")
    page.get_by_role("button", name="Reveal what it says").click()

    expect(page.locator("pre")).to_have_text('{"name": "Ada Canary"}')
    (trace,) = (json.loads(each.value or b"")["data"] for each in office.records("audit")[before:])
    assert (trace["by"], trace["why"], trace["through"]) == ("Jo Field", "To see whom it is about", "page")
    is_sound(page)


def test_what_has_changed_since_it_was_shown_is_shown_again_and_not_done(office: Office, page: Page) -> None:
    page.goto(f"{office.url}/dead-letters?topic=housing-events")
    page.get_by_role("button", name="Discard them").click()
    expect(page.locator(".lead")).to_have_text("3 records would be discarded.")
    page.get_by_label("Your name").fill("Jo Field")
    page.get_by_label("Your reason").fill("Nobody needs them")
    sender = Sender(TOPICS, office.kafka, "test")
    sender.send(list(set_aside(OTHER, "housing-events", 99, code="unmapped-code", value=b"{}")))
    sender.close()

    page.get_by_role("button", name="Discard", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Something has changed since this was shown")
    expect(page.locator(".lead")).to_have_text("4 records would be discarded.")
    page.get_by_role("button", name="Discard", exact=True).click()

    expect(page.locator(".lead")).to_have_text("4 records were discarded.")


@pytest.mark.parametrize("path", ["/dead-letters", "/dead-letters/case-events-dlq/0/0"])
def test_a_form_of_another_site_does_nothing(office: Office, path: str) -> None:
    data: dict[str, Any] = {"act": "discard", "by": "Mallory", "why": "Because", "digest": "x"}

    answer = httpx.post(office.url + path, data=data, headers={"sec-fetch-site": "cross-site"})

    assert answer.status_code == 405
    assert "This form was sent by another site" in answer.text
