"""What a worker looks up while it routes, read once at its start."""

import dataclasses
import hashlib
import json
from pathlib import Path

import hub.routing
import schemas
from hub import journeys as of_journeys
from hub.journeys.clocks import Calendar
from hub.journeys.holidays import load_calendar
from hub.journeys.load import load_journeys
from hub.journeys.model import Journeys
from hub.routing.step import World
from hub.settings import HubSettings

_DERIVE = (hub.routing, of_journeys, schemas)
"""The packages whose code says how a task stands. Rather too much than too little: where a release changes any of it, each case is
derived anew, once."""


def load_world(settings: HubSettings) -> World:
    """Journeys and calendar of a hub.

    Raises:
        ConfigurationError: a journey or the bank holidays cannot be used; every problem is listed.
    """
    journeys, calendar = load_journeys(settings), load_calendar(settings)
    return World(journeys, calendar, source=f"/{settings.council.code}/worker", rules=rules_of(journeys, calendar))


def rules_of(journeys: Journeys, calendar: Calendar) -> str:
    """Digest of all that tasks are derived by: it changes with a journey, a bank holiday, or a release that derives otherwise.

    Args:
        journeys: all that are known.
        calendar: the council's working days.
    """
    data = [*(dataclasses.asdict(journey) for journey in journeys), dataclasses.asdict(calendar)]
    digest = hashlib.sha256(json.dumps(data, sort_keys=True, default=_plain).encode())
    for package in _DERIVE:
        for file in sorted(Path(package.__path__[0]).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _plain(value: object) -> object:
    return sorted(map(str, value)) if isinstance(value, (set, frozenset)) else str(value)
