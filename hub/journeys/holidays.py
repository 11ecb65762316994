"""Bank holidays as dated data, in the format GOV.UK publishes (`bank-holidays.json`), per nation.

A council adds its own closures in the settings; a newer file of GOV.UK's replaces the one that comes with the hub by one setting.
"""

import json
from datetime import date
from pathlib import Path

from hub.errors import ConfigurationError
from hub.journeys.clocks import Calendar, calendar_for
from hub.settings import HubSettings
from schemas.identifiers import nation_of

SHIPPED = Path(__file__).parent / "bank-holidays.json"


def published(file: Path) -> dict[str, frozenset[date]]:
    """Bank holidays by nation.

    Raises:
        ConfigurationError: the file is missing or is not in GOV.UK's format; says where to get one.
    """
    try:
        divisions = json.loads(file.read_text(encoding="utf-8"))
        return {
            name: frozenset(date.fromisoformat(event["date"]) for event in division["events"])
            for name, division in divisions.items()
            if isinstance(division, dict) and "events" in division
        }
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{file}: there is no such file of bank holidays. Save GOV.UK's bank-holidays.json there."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"{file}: not in the format of GOV.UK's bank-holidays.json: {error}.") from error


def load_calendar(settings: HubSettings) -> Calendar:
    """The council's working days: its nation's bank holidays and its own closures.

    Raises:
        ConfigurationError: the file cannot be used.
    """
    file = settings.path(settings.journeys.holidays) if settings.journeys.holidays else SHIPPED
    nation = nation_of(settings.council.code).bank_holidays
    try:
        return calendar_for(nation, published(file), settings.journeys.closures)
    except KeyError as error:
        raise ConfigurationError(f"{file}: {error.args[0]}") from error
