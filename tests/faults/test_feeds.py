"""Feeds that fall silent, and full extracts that are cut, shrink, or change while a process dies in the middle of them."""

import html
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from tests.faults.conftest import environment, eventually
from tests.faults.oracles import Record, dump
from tests.faults.test_connectors import ends
from tests.sites.open_jobs import OpenJobsSite
from tests.sites.worker import PARTITIONS

pytestmark = pytest.mark.timeout(400)
"""Nothing may hang, and a machine that does other things besides is slow to start ten processes."""
Seen = Callable[[str], None]
CALM = {"speaks": "always", "speaks_every_s": 86_400}
STEPS = (
    "extract.loading",
    "extract.loaded",
    "extract.accepted",
    "edge.sent",
    "source.acknowledged",
    "source.checkpointed",
    "extract.said",
)


@pytest.fixture
def make_site(tmp_path: Path, kafka: str) -> Iterator[Callable[..., OpenJobsSite]]:
    """Makes a folder of lists with its connector, not yet started."""
    made: list[OpenJobsSite] = []

    def make(feed: Mapping[str, Any] = CALM, **more: Any) -> OpenJobsSite:
        made.append(OpenJobsSite(tmp_path, kafka, PARTITIONS, feed, more))
        return made[-1]

    yield make
    for site in made:
        site.__exit__(None, None, None)


def state(site: OpenJobsSite) -> dict[str, Any]:
    """What was last said of its feed on `hub-heartbeats`; nothing while nothing was."""
    key = f"{site.name}/jobs".encode()
    beats = [json.loads(record.value or b"null") for record in dump(site.kafka, "hub-heartbeats") if record.key == key]
    return dict(beats[-1]["data"]) if beats else {"state": "", "why": ""}


def says(records: Iterable[Record]) -> dict[str, list[tuple[str, str]]]:
    """By job: what was said of it in the order of its topic, each with the id it was said under."""
    said: dict[str, list[tuple[str, str]]] = {}
    for record in records:
        event = json.loads(record.value or b"null")
        assert record.key is not None
        assert record.key.decode() == event["subject"]
        said.setdefault(event["subject"], []).append((event["data"]["status"], event["id"]))
    return said


def in_turn(said: Iterable[tuple[str, str]]) -> list[str]:
    """The states of one job, what was said again under the same id left out."""
    first: dict[str, str] = {}
    for status, identifier in said:
        first.setdefault(identifier, status)
    return list(first.values())


def is_read(site: OpenJobsSite, lists: int) -> None:
    """Wait until so many lists were said to their end, or so the connector believes; what was said is judged then."""
    eventually(lambda: site.log.count("extract read") >= lists)


def forget_beats(kafka: str) -> None:
    """Let nobody hear any more of the connectors of earlier tests, which are gone and so would come first on every page."""
    beats = [TopicPartition("hub-heartbeats", number, end) for number, end in ends(kafka, "hub-heartbeats").items()]
    admin = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
    for done in admin.delete_records(beats).values():
        done.result(30)


def jobs(first: int, last: int, status: str) -> list[tuple[str, str]]:
    return [(str(number), status) for number in range(first, last)]


@pytest.mark.fault(
    "silent feed",
    "a legacy system that answers and has nothing more to say; then its connector dies",
    invariants="no data is said",
    oracle="O2, page, metrics",
    twins=("silence-is-no-change", "beats-are-never-overdue"),
)
def test_a_feed_that_falls_silent_is_said_to_be_and_one_whose_process_died_too(
    make_site: Callable[..., OpenJobsSite], kafka: str, seen: Seen
) -> None:
    forget_beats(kafka)
    site = make_site({"speaks": "always", "speaks_every_s": 2}, health_port=0)
    site.list_of(jobs(1, 4, "raised"))
    site.start(environment(), "web")
    process = site.start(environment())

    eventually(lambda: state(site)["state"] == "silent", within_s=60)
    assert state(site)["why"].startswith("No data: its system answers")
    eventually(lambda: "Housing's feed has been silent for" in html.unescape(site.page("/feeds")), within_s=60)
    assert "Housing's feed has been silent for" in html.unescape(site.page("/"))

    site.list_of(jobs(1, 4, "raised"))
    eventually(lambda: state(site)["spoke"] > "2026" and "Speaking" in site.page("/feeds"), within_s=60)
    process.kill()
    process.wait(30)

    eventually(lambda: "Housing's connector has not been heard from" in html.unescape(site.page("/feeds")), within_s=60)
    assert "hub_web_feeds_not_heard_from 1.0" in site.page("/metrics")
    seen("silent after 2 s, speaking with the next list although nothing changed, not heard from after its death")


@pytest.mark.fault(
    "tripwire",
    "a full extract with 41 % fewer rows than the one before",
    invariants="I1",
    oracle="O2",
    twins=("tripwire-is-off",),
)
def test_an_extract_that_lost_its_second_half_is_held_until_a_person_lets_it_go(
    make_site: Callable[..., OpenJobsSite], kafka: str, seen: Seen
) -> None:
    site = make_site()
    begin = ends(kafka, "housing-events")
    site.list_of(jobs(0, 100, "raised"))
    site.start(environment())
    is_read(site, 1)
    assert len(says(dump(kafka, "housing-events", begin))) == 100

    name = site.list_of(jobs(0, 59, "raised"))
    eventually(lambda: state(site)["state"] == "held", within_s=60)
    assert state(site)["why"].startswith("41 % fewer rows than the extract before (59, where that had 100): held.")
    assert {status for said in says(dump(kafka, "housing-events", begin)).values() for status in in_turn(said)} == {
        "raised"
    }

    command = str(state(site)["why"]).split("`")[1]
    assert command.startswith(f"hub connector release {site.name} jobs ")
    released = site.hub(environment(), *command.split()[1:])
    assert released.startswith(f"{name} (59 rows) is released")
    eventually(
        lambda: (
            sum(in_turn(said)[-1] == "completed" for said in says(dump(kafka, "housing-events", begin)).values()) == 41
        )
    )
    eventually(lambda: state(site)["state"] == "speaking")
    seen("41 % fewer: held, nothing said; released: 41 deletions")


@pytest.mark.fault(
    "T01 T02 T03 extract",
    f"kill -9 in the midst of a full extract, at each of {len(STEPS)} steps",
    invariants="I1",
    oracle="O2",
    twins=("news-is-forgotten-first", "records-have-drawn-ids"),
)
def test_a_process_killed_at_every_step_of_an_extract_says_each_change_under_one_id(
    make_site: Callable[..., OpenJobsSite], kafka: str, seen: Seen
) -> None:
    site = make_site()
    begin = ends(kafka, "housing-events")
    # So many that a twin, which loses a page or two with every kill, still reaches each step.
    site.list_of(jobs(0, 3_600, "raised"))
    for step in STEPS:
        assert site.start(environment(f"{step}:1:kill")).wait(90) == -9, site.log
    site.start(environment())
    is_read(site, 1)

    said = says(dump(kafka, "housing-events", begin))
    assert len(said) == 3_600, f"{3_600 - len(said)} rows are lost"
    assert {tuple(in_turn(each)) for each in said.values()} == {("raised",)}
    repeats = sum(len(each) - 1 for each in said.values())
    seen(f"3,600 rows, {len(STEPS)} kills, {repeats} said again under the same id")


@pytest.mark.fault(
    "T05",
    "kill -9 in the midst of a full extract while the next, which takes its place, changes, deletes and brings back the same keys",
    invariants="I1 I4",
    oracle="O1 O2",
    twins=("extracts-begin-anew",),
)
def test_keys_that_change_while_an_extract_is_cut_short_end_as_they_last_were(
    make_site: Callable[..., OpenJobsSite], kafka: str, seen: Seen
) -> None:
    nights = [
        jobs(0, 1_500, "raised"),
        [*jobs(0, 700, "accepted"), *jobs(900, 1_500, "raised"), *jobs(1_500, 1_600, "raised")],
        [*jobs(0, 1_400, "raised"), *jobs(1_500, 1_600, "accepted")],
    ]
    site = make_site({**CALM, "held_beyond": 0.5})
    begin = ends(kafka, "housing-events")
    # Each dies over a page of its own list, with what was left of the list before it said by then.
    for night, pages in zip(nights, (2, 3, 3), strict=True):
        site.list_of(night, alone=True)
        assert site.start(environment(f"source.acknowledged:{pages}:kill")).wait(90) == -9, site.log
    site.start(environment())

    expected = story(nights)
    eventually(lambda: "20261105.csv" in site.log)
    said = {key: in_turn(each) for key, each in says(dump(kafka, "housing-events", begin)).items()}
    assert said == expected, [key for key in expected if said.get(key) != expected[key]][:5]
    seen(f"{len(expected)} keys over {len(nights)} lists, 3 kills; each ends as the last list has it")


def story(nights: Iterable[Iterable[tuple[str, str]]]) -> dict[str, list[str]]:
    """What must be said of each key, in turn: worked out from the lists alone."""
    told: dict[str, list[str]] = {}
    before: dict[str, str] = {}
    for night in nights:
        now = dict(night)
        for key, status in now.items():
            if before.get(key) != status:
                told.setdefault(key, []).append(status)
        for key in before.keys() - now.keys():
            told[key].append("completed")
        before = now
    return told
