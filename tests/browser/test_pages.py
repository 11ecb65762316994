"""Pages in a real Chromium: accessible in light and dark, no wider than a phone, usable by keyboard, nothing loaded from elsewhere."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

PHONE = 390
DESKTOP = 1280
PAGES = [
    "/",
    "/feeds",
    "/cases",
    "/cases?standing=all",
    "/cases?reference=0TJ9",
    "/unknown-effects",
    "/cases?standing=closed&department=transport",
    "/new/discharge-notified",
    "/new/fly-tipping-reported",
    "/api/docs",
    "/nothing-here",
    "in-hand",
    "overdue",
    "finished",
    "closed",
    "withdrawn",
    "undoing",
    "change-refused",
    "not-stopped",
    "asked-again",
    "fresh",
    "needs-decision",
    "unknown",
    "unknown-withdrawal",
]
EXPECTED = {"/nothing-here": 404, "/cases?reference=0TJ9": 400}


def address(web: Any, name: str) -> str:
    return f"{web.url}{name}" if name.startswith("/") else f"{web.url}/cases/{web.cases[name]}"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": DESKTOP, "height": 900})
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_in_light_and_dark_and_on_a_phone_and_loads_nothing_from_elsewhere(
    web: Any, page: Page, name: str
) -> None:
    loaded: list[str] = []
    blocked: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    page.on("console", lambda message: blocked.append(message.text) if "Content Security" in message.text else None)
    answer = page.goto(address(web, name))
    assert answer is not None
    assert answer.status == EXPECTED.get(name, 200)

    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    page.set_viewport_size({"width": PHONE, "height": 800})
    found = Axe().run(page)

    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
    assert all(each.startswith(web.url) for each in loaded)
    assert blocked == []


def test_a_case_answers_in_its_first_line_and_is_drawn_once(web: Any, page: Page) -> None:
    page.goto(address(web, "in-hand"))

    lead = page.locator(".lead")
    expect(lead).to_contain_text("Waiting for Housing since")
    expect(lead).to_contain_text("works order 00012345, due")
    expect(lead).to_contain_text("Transport is ready.")
    expect(page.get_by_role("img", name="The case over time")).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_text("Coming home from hospital")


def test_personal_values_are_on_no_case_page(web: Any, page: Page) -> None:
    page.goto(address(web, "in-hand"))

    for value in ("Edna", "9990000018", "100023336956"):
        expect(page.locator("html")).not_to_contain_text(value)


def test_the_keyboard_reaches_the_content_first_and_then_every_case(web: Any, page: Page) -> None:
    page.goto(address(web, "/cases"))

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(7):  # what nobody knows, two forms, and the first case
        page.keyboard.press("Tab")

    assert page.evaluate("document.activeElement.getAttribute('href')").startswith("/cases/")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Who acts next")).to_be_visible()


def test_a_case_is_found_by_a_reference_as_it_was_read_out(web: Any, page: Page) -> None:
    page.goto(address(web, "/cases"))
    spoken = web.cases["finished"].replace("-", " ").lower()

    page.get_by_label("Find a case by its reference").fill(spoken)
    page.get_by_role("button", name="Find").click()

    expect(page).to_have_url(address(web, "finished"))
    expect(page.locator(".lead")).to_contain_text("Finished")


def test_the_list_goes_on_from_where_it_stopped_and_shows_no_case_twice(web: Any, page: Page) -> None:
    page.goto(address(web, "/cases?standing=all"))
    first = page.locator("tbody .ref").all_inner_texts()

    page.get_by_role("link", name="Next page").click()
    second = page.locator("tbody .ref").all_inner_texts()

    assert len(first) == 25
    assert second
    assert not set(first) & set(second)
    expect(page.get_by_role("link", name="Back to the first page")).to_be_visible()


def test_a_form_says_what_is_wrong_beside_each_question_and_keeps_what_was_filled_in(web: Any, page: Page) -> None:
    page.goto(address(web, "/new/fly-tipping-reported"))
    page.get_by_label("Next to which building is it (UPRN)?").fill("not a number")
    page.get_by_role("button", name="Send the request").click()

    summary = page.get_by_role("alert")
    expect(summary).to_contain_text("There is a problem")
    expect(page.locator("#uprn-error")).to_contain_text("digits only")
    expect(page.locator("#uprn")).to_have_value("not a number")
    expect(page.locator("#waste_size-error")).to_contain_text("This answer is needed.")
    assert Axe().run(page).violations_count == 0
    summary.get_by_role("link").first.click()
    expect(page.locator("#uprn")).to_be_focused()


def test_a_request_made_by_form_has_a_page_at_once_although_kafka_is_away(web: Any, page: Page) -> None:
    page.goto(address(web, "/new/fly-tipping-reported"))
    page.get_by_label("Next to which building is it (UPRN)?").fill("100023336956")
    page.get_by_label("Tipper lorry").check()
    page.get_by_label("Housing", exact=True).check()
    page.get_by_role("button", name="Send the request").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Fly-tipping on housing land")
    expect(page.locator(".lead")).to_contain_text("on its way to the departments")
    assert Axe().run(page).violations_count == 0


def test_a_decision_is_taken_on_the_page_of_the_case(web: Any, page: Page) -> None:
    page.goto(address(web, "needs-decision"))
    expect(page.locator(".lead")).to_contain_text("Waiting for Head of Testing to decide")
    choice = page.get_by_role("radio", name="Check home")
    expect(choice).not_to_be_checked()

    choice.check()
    page.get_by_label("Your name").fill("J. Invented")
    page.get_by_role("button", name="Go on without it").click()

    expect(page).to_have_url(address(web, "needs-decision"))


def test_what_somebody_found_is_said_on_the_page_of_what_nobody_knows(web: Any, page: Page) -> None:
    page.goto(address(web, "unknown"))
    expect(page.locator(".lead")).to_contain_text("Nobody knows whether “Book transport” arrived, sent to Transport")
    page.get_by_role("link", name="ask transport whether").click()

    expect(page.locator(".lead")).to_have_text(
        "2 instructions may or may not have arrived: ask Housing about 1 and Transport about 1."
    )
    asked = page.get_by_role("region", name="Transport was asked:")
    expect(asked).to_contain_text("The form of 91 bytes was sent to /bookings")
    asked.get_by_label("They have it").check()
    asked.get_by_label("Booking").fill("4711")
    asked.get_by_label("Your name").fill(" ")
    asked.get_by_role("button", name="Say so").click()
    expect(asked.get_by_role("alert")).to_contain_text("Your name")
    expect(asked.get_by_label("Booking")).to_have_value("4711")
    assert Axe().run(page).violations_count == 0
    asked.get_by_label("Your name").fill("J. Invented")
    asked.get_by_role("button", name="Say so").click()

    expect(page.get_by_role("status")).to_contain_text(f"Noted for case {web.cases['unknown']}")


def test_a_page_refreshes_itself_without_taking_the_focus_from_anybody(web: Any, page: Page) -> None:
    page.clock.install()
    page.goto(address(web, "in-hand"))
    made = page.locator("#made time").get_attribute("datetime")
    page.get_by_role("link", name="This case as JSON").focus()

    with page.expect_response(lambda answer: answer.url == address(web, "in-hand")):
        page.evaluate("document.activeElement.blur()")
        page.clock.run_for(6000)

    page.wait_for_function("made => document.querySelector('#made time').dateTime >= made", arg=made)
    expect(page.locator(".lead")).to_be_visible()


def test_pages_work_without_scripts(web: Any, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address(web, "in-hand"))

    page.get_by_role("link", name="load it again").click()

    expect(page.locator(".lead")).to_contain_text("Waiting for Housing")
    context.close()
