"""Journeys from their files: those that come with the hub, and a council's own."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from hub.errors import ConfigurationError
from hub.journeys.check import parse
from hub.journeys.model import Journey, Journeys
from hub.journeys.source import JourneyError, cut, text_of
from hub.settings import HubSettings

SHIPPED = Path(__file__).parent / "shipped"
_ENDINGS = {".yaml", ".yml"}
_FILE = re.compile(r"(?P<name>.+)\.v(?P<version>[0-9]{1,4})\.yaml")


def load_journeys(settings: HubSettings) -> Journeys:
    """Every journey of a hub.

    Raises:
        ConfigurationError: a file cannot be used, or the folder does not exist; every problem is listed.
    """
    return load_files(files_of(settings))


def files_of(settings: HubSettings | None) -> list[Path]:
    """Files of the journeys that come with the hub and of those in the council's own folder, which win over the same name and version.

    Raises:
        ConfigurationError: the folder does not exist.
    """
    files = _in(SHIPPED)
    if settings is not None and settings.journeys.folder is not None:
        folder = settings.path(settings.journeys.folder)
        if not folder.is_dir():
            raise ConfigurationError(
                f"{settings.file}: journeys.folder is {folder}, which is no folder. Make it, or mend the setting."
            )
        files |= _in(folder)
    return list(files.values())


def _in(folder: Path) -> dict[str, Path]:
    # .yml too: such a file would be passed over in silence, and is told its right name instead.
    return {file.name: file for file in sorted(folder.glob("*.y*ml"))}


def file_named(name: str, files: Iterable[Path]) -> Path:
    """The file that a person means: a path, or the newest version of a journey among these files.

    Raises:
        JourneyError: no journey has that name; says which there are.
    """
    path = Path(name)
    if len(path.parts) > 1 or path.suffix in _ENDINGS:
        return path
    versions: dict[str, dict[int, Path]] = {}
    for file in files:
        if found := _FILE.fullmatch(file.name):
            versions.setdefault(found["name"], {})[int(found["version"])] = file
    if name in versions:
        return versions[name][max(versions[name])]
    near = get_close_matches(name.lower(), versions, n=1, cutoff=0.5)
    hint = f'did you mean "{near[0]}"? There' if near else "there"
    raise JourneyError(
        f'no journey "{cut(name)}"; {hint} are: {", ".join(sorted(versions))}. A file of your own is named in full: my-journey.v1.yaml.'
    )


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
