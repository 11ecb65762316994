"""What a worker looks up while it routes, read once at its start."""

from hub.journeys.holidays import load_calendar
from hub.journeys.load import load_journeys
from hub.routing.step import World
from hub.settings import HubSettings


def load_world(settings: HubSettings) -> World:
    """Journeys and calendar of a hub.

    Raises:
        ConfigurationError: a journey or the bank holidays cannot be used; every problem is listed.
    """
    return World(load_journeys(settings), load_calendar(settings), source=f"/{settings.council.code}/worker")
