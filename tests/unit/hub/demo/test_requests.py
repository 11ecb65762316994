from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from hub.demo.council import CODE, NAME, citizens
from hub.demo.requests import Story, stories
from hub.intake.bodies import NewWithdrawal, Vocabulary, read_amendment, read_plain, read_request
from hub.journeys.load import load_journeys
from hub.journeys.model import Journeys
from hub.settings import CouncilSettings, HubSettings

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
PEOPLE = citizens(3000, seed=1)
STORIES = stories(PEOPLE, 200, seed=1, now=NOW)


@pytest.fixture(scope="module")
def journeys() -> Journeys:
    council = CouncilSettings(name=NAME, code=CODE, key=SecretStr("k" * 16))
    return load_journeys(HubSettings(council=council))


def test_every_request_is_one_that_the_door_accepts(journeys: Journeys) -> None:
    for story in STORIES:
        read_request(story.request.body, journeys, NOW)


def test_what_is_said_later_is_accepted_too(journeys: Journeys) -> None:
    for story in STORIES:
        if story.later is None:
            continue
        if story.later.path == "/withdrawal":
            read_plain(NewWithdrawal, story.later.body, NOW)
        else:
            journey = journeys.for_request(story.request.body["request"])
            assert journey is not None
            read_amendment(story.later.body, Vocabulary.of(journey), NOW)


def test_the_same_seed_asks_for_the_same_things() -> None:
    assert stories(PEOPLE, 200, seed=1, now=NOW) == STORIES
    assert stories(PEOPLE, 200, seed=2, now=NOW) != STORIES


def test_everything_happens_to_somebody() -> None:
    kinds = {story.request.body["request"] for story in STORIES}
    later = {story.later.about for story in STORIES if story.later}
    late = [story for story in STORIES if "effective_at" in story.request.body]

    assert kinds == {"discharge-notified", "address-changed", "fly-tipping-reported"}
    assert later == {"moves the date", "withdraws"}
    assert 3 <= len(late) <= 30
    assert all(_effective(story) < NOW - timedelta(days=7) for story in late)


def test_each_is_made_under_a_key_of_its_own() -> None:
    said = [said for story in STORIES for said in (story.request, story.later) if said]

    assert len({each.key for each in said}) == len(said)


def _effective(story: Story) -> datetime:
    return datetime.fromisoformat(story.request.body["effective_at"])
