"""The page of all feeds in a real Chromium, with beats of a real Kafka: what stands first, and that anybody can read it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from confluent_kafka import Producer
from playwright.sync_api import Browser, Page, expect

from hub import topics
from hub.settings import KafkaSettings
from schemas.feeds import Feed
from schemas.topics import HEARTBEATS
from tests.browser.conftest import Web, running
from tests.sites.beats import beat_of

PHONE, DESKTOP = 390, 1280


def feeds(now: datetime) -> list[Feed]:
    """One feed of each kind."""
    told: list[dict[str, Any]] = [
        {
            "connector": "universal_housing",
            "part": "works-orders",
            "title": "Works orders that were raised or moved, by whomever",
            "state": "silent",
            "since": now - timedelta(hours=3, minutes=30),
            "spoke": now - timedelta(hours=3, minutes=30),
            "looked": now,
            "expected": "something new every 30 minutes, working days 08:00-18:00",
            "why": "No data: its system answers when it is asked, and has had nothing new. See whether work is still keyed there.",
        },
        {
            "connector": "universal_housing",
            "part": "tenancies",
            "title": "Tenancy agreements that began or ended",
            "state": "quiet",
            "since": now - timedelta(days=1),
            "spoke": now - timedelta(days=1),
            "looked": now,
            "expected": "something new every 20 hours, working days 08:00-18:00",
        },
        {"connector": "universal_housing", "part": "tasks", "title": "Tasks", "state": "working", "since": now},
        {
            "connector": "transport_files",
            "part": "results",
            "title": "Bookings that were made or moved",
            "department": "transport",
            "state": "held",
            "since": now - timedelta(hours=5, minutes=30),
            "spoke": now - timedelta(hours=5, minutes=30),
            "looked": now,
            "expected": "a full extract every day, every day 02:00-06:00",
            "why": "41 % fewer rows than the extract before (5,900, where that had 10,000): held. If it is right, run "
            "`hub connector release transport_files results 12`; if not, have a whole one sent: it takes its place.",
        },
    ]
    return [Feed.model_validate({"department": "housing", "beats_every_s": 3600, **each}) for each in told]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, kafka_for_a_while: str) -> Iterator[Web]:
    """`hub web` on a Kafka where connectors have beaten; that of social care has not."""
    topics.apply(KafkaSettings(partitions=2), kafka_for_a_while)
    producer = Producer({"bootstrap.servers": kafka_for_a_while, "partitioner": "murmur2_random", "log_level": 0})
    now = datetime.now(UTC)
    for feed in feeds(now):
        producer.produce(HEARTBEATS.name, *beat_of(feed, now))
    assert producer.flush(60) == 0
    folder: Path = tmp_path_factory.mktemp("watched")
    with running(folder, f'[kafka]\nbootstrap = "{kafka_for_a_while}"\npartitions = 2\n') as web:
        yield web


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": DESKTOP, "height": 900})
    yield context.new_page()
    context.close()


def test_the_page_of_feeds_says_first_who_is_silent_and_what_waits_because_of_it(watched: Web, page: Page) -> None:
    page.goto(f"{watched.url}/feeds")
    expect(page.locator("tbody tr")).not_to_have_count(0, timeout=30_000)
    page.reload()

    expect(page.locator(".lead")).to_contain_text("Housing's feed has been silent for 3 hours;")
    expect(page.locator(".lead")).to_contain_text("cases wait because of it.")
    expect(page.locator("tbody tr").first).to_contain_text("41 % fewer rows")
    expect(page.get_by_text("hub connector release transport_files results 12")).to_be_visible()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    page.set_viewport_size({"width": PHONE, "height": 800})
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE


def test_the_front_page_and_a_case_that_waits_say_whose_feed_is_silent(watched: Web, page: Page) -> None:
    page.goto(f"{watched.url}/feeds")
    expect(page.locator("tbody tr")).not_to_have_count(0, timeout=30_000)
    page.goto(f"{watched.url}/")

    expect(page.get_by_text("Housing's feed has been silent for 3 hours")).to_be_visible()
    page.get_by_role("link", name="See all feeds").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Feeds")
    page.goto(f"{watched.url}/cases/{watched.cases['in-hand']}")
    expect(page.locator(".held-up")).to_contain_text("so its news of this case may be late")
    page.goto(f"{watched.url}/cases/{watched.cases['finished']}")
    expect(page.locator(".held-up")).to_have_count(0)
