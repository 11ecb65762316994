"""Faults of a system that keeps no key of ours and cannot be searched: what is lost is said, and nothing is done twice."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectors.sdk.simulation import BackOffice
from tests.faults.conftest import environment, eventually
from tests.faults.firm import bookings, ledger
from tests.faults.oracles import dump
from tests.faults.test_connectors import ends, statuses
from tests.sites.connector import ConnectorSite
from tests.sites.council import Council
from tests.sites.worker import PARTITIONS, Site

STEPS = ("sink.taken", "sink.intended", "sink.sent", "sink.written", "sink.finished", "sink.reported")
IDLE = BackOffice(accept_s=1e9)
RESET_UNREAD, RESET_BOOKED, SILENT = "reset-unread", "reset-booked", "silent"
"""What the firm does with the next form, as its simulator calls it."""


pytestmark = pytest.mark.usefixtures("third_party")


@pytest.mark.fault(
    "T07 T08",
    "class D: kill -9 of the sink after poll, after intent, before and after the target has it, after the ledger, before the offset",
    invariants="I2",
    oracle="O2 O3",
    twins=("sent-is-taken-for-an-intention",),
)
def test_a_sink_killed_at_every_step_books_no_trip_twice_and_says_which_are_in_doubt(
    tmp_path: Path, kafka: str, seen: Callable[[str], None]
) -> None:
    with ConnectorSite(tmp_path, kafka, PARTITIONS, "taxi_firm", IDLE) as site:
        begin = ends(kafka, "case-events")
        asked = []
        for step in STEPS:
            asked += site.ask(2)
            assert site.start(environment(f"{step}:1:kill")).wait(90) == -9, (tmp_path / "connector.log").read_text()
        site.start(environment())

        def everything_said() -> dict[str, Counter[str]] | None:
            records = dump(kafka, "case-events", begin)
            said = {each.id.hex: Counter(event["type"] for event in statuses(records, each.id.hex)) for each in asked}
            return said if all(said.values()) else None

        said = eventually(everything_said, within_s=60)

    booked = bookings(tmp_path / "legacy")
    doubted = {each.id.hex for each in asked if "case.effect-uncertain.v1" in said[each.id.hex]}
    assert max(booked.values()) == 1, "a trip was booked twice"
    assert {each.id.hex for each in asked if booked[each.partitionkey] == 0} <= doubted, "a trip was lost"
    assert sorted(booked[each.partitionkey] for each in asked if each.id.hex in doubted) == [0, 1]
    assert {key for key, state in ledger(tmp_path).items() if state == "unknown"} == doubted
    assert {key for key, state in ledger(tmp_path).items() if state != "applied"} == doubted
    seen(f"{len(asked)} instructions, {len(STEPS)} kills, {len(doubted)} in doubt of which 1 was booked")


@pytest.fixture
def council(site: Site) -> Iterator[Council]:
    """A council whose trips go to the taxi firm; every process of it runs."""
    with Council(site, environment()) as made:
        yield made


@pytest.mark.fault(
    "T08",
    "class D: the connection is reset when the request was read, and when it was carried out; a time-out after it was carried out; "
    "the sink killed, and its topic repeated from the beginning; then a person says what the firm has",
    invariants="I2",
    oracle="O2 O3, the page and the command as people see them",
    twins=("class-d-is-tried-again", "doubts-are-kept-to-oneself"),
)
def test_what_a_firm_never_answered_is_shown_to_people_tried_by_nobody_and_settled_by_whoever_asks(
    council: Council, seen: Callable[[str], None]
) -> None:
    firm = council.firm.folder
    cases = {RESET_UNREAD: council.asks_for_a_trip(RESET_UNREAD)}
    certain = council.asks_for_a_trip()  # after three in a row that nobody knows of, the connector would rest
    cases |= {trouble: council.asks_for_a_trip(trouble) for trouble in (RESET_BOOKED, SILENT)}
    for case in cases.values():
        council.stands(case, "needs-decision")
    council.restarts_the_connector()
    last = council.asks_for_a_trip()
    council.stands(last, "finished")

    booked = bookings(firm)
    expected = {RESET_UNREAD: 0, RESET_BOOKED: 1, SILENT: 1}
    assert {trouble: booked[case] for trouble, case in cases.items()} == expected
    assert sorted(ledger(council.folder).values()) == ["applied"] * 2 + ["unknown"] * 3
    page, listed = council.page("/unknown-effects"), council.command("effects", "list", "--json")
    assert "3 instructions may or may not have reached Transport: ask them." in page
    assert "hub_web_unknown_effects 3.0" in council.page("/metrics")
    assert "3 instructions may or may not have arrived" in council.page("/readyz")
    for case in cases.values():
        assert case in page
        assert case in listed

    council.settles(cases[RESET_UNREAD], found="not-applied")
    council.settles(cases[RESET_BOOKED], found="applied", reference="1")
    council.command("effects", "settle", council.effect(cases[SILENT]), "--applied", "--by", "J. Invented")
    for case in cases.values():
        council.stands(case, "finished")
    eventually(lambda: "unknown" not in ledger(council.folder).values())

    assert bookings(firm) == dict.fromkeys([*cases.values(), certain, last], 1)
    assert Counter(ledger(council.folder).values()) == {"applied": 5, "not-applied": 1}
    assert "Nobody has to ask" in council.page("/unknown-effects")
    assert council.command("effects", "list", "--json") == "[]\n"
    seen("3 of 5 trips never answered, 2 of these booked; each booked once in the end")
