from datetime import UTC, datetime

import pytest

from hub.journeys.clocks import Calendar
from hub.journeys.load import SHIPPED, load_files
from hub.routing.step import World

BEGINS = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def world() -> World:
    calendar = Calendar("england-and-wales", frozenset(), datetime(2028, 12, 31, tzinfo=UTC).date())
    return World(load_files(SHIPPED.glob("*.yaml")), calendar, source="/E07000999/worker")
