"""Journeys from their files: those that come with the hub, and a council's own."""

from collections.abc import Iterable
from pathlib import Path

from hub.errors import ConfigurationError
from hub.journeys.check import parse
from hub.journeys.model import Journey, Journeys
from hub.journeys.source import JourneyError, text_of
from hub.settings import HubSettings

SHIPPED = Path(__file__).parent / "shipped"


def load_journeys(settings: HubSettings) -> Journeys:
    """Every journey of a hub: those that come with it and those of the council's own folder, whose files win.

    Raises:
        ConfigurationError: a file cannot be used, or the folder does not exist; every problem is listed.
    """
    files = {file.name: file for file in sorted(SHIPPED.glob("*.yaml"))}
    if settings.journeys.folder is not None:
        folder = settings.path(settings.journeys.folder)
        if not folder.is_dir():
            raise ConfigurationError(
                f"{settings.file}: journeys.folder is {folder}, which is no folder. Make it, or mend the setting."
            )
        files |= {file.name: file for file in sorted(folder.glob("*.yaml"))}
    return load_files(files.values())


def load_files(files: Iterable[Path]) -> Journeys:
    """Journeys from these files.

    Raises:
        JourneyError: with the problems of all of them.
    """
    journeys, problems = [], []
    starting: dict[str, Journey] = {}
    for file in files:
        try:
            journey = load_file(file)
        except JourneyError as error:
            problems.append(str(error))
            continue
        journeys.append(journey)
        other = starting.setdefault(journey.starts_with, journey)
        if other.name != journey.name:
            problems.append(
                f"{file}: starts with {journey.starts_with}, as {other.name} does, and a request can start only one. Give this one "
                f"another request, or make it the next version of {other.name}."
            )
    if problems:
        raise JourneyError("\n".join(problems))
    return Journeys(tuple(journeys))


def load_file(file: Path) -> Journey:
    """One journey from its file, whose name must be `<journey>.v<version>.yaml`.

    Raises:
        JourneyError: every problem of it.
    """
    journey = parse(text_of(file), str(file))
    expected = f"{journey.name}.v{journey.version}.yaml"
    if file.name != expected:
        raise JourneyError(f"{file}:1: this is {journey.name} version {journey.version}: call the file {expected}.")
    return journey
