"""Which connector a table of the settings file names, and what that table makes of it: whose work it takes, how its feeds speak here."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import ValidationError

from connectors.sdk.contract import Connector
from connectors.sdk.errors import ConfigurationError as ConnectorConfigurationError
from connectors.sdk.manifest import Dataset, Manifest
from connectors.sdk.settings import ConnectorSettings, load_settings, nearest, problems
from hub.edge.registry import connector_named, manifest_named
from hub.errors import ConfigurationError
from hub.feeds.board import Known
from hub.feeds.cadence import expected
from hub.settings import ConnectorProcess, HubSettings

PART = "tasks"
"""Name of the part of a connector that writes tasks; no dataset of one is called so."""
TASKS_TITLE = "Tasks that are written into its system"


@dataclass(frozen=True)
class Chosen:
    """A connector of the settings file, ready to be made."""

    name: str
    """Name of its table."""
    process: ConnectorProcess
    manifest: Manifest
    """The connector's own, with the kinds of work that this table takes, and its feeds as they speak here."""
    connect: Callable[[], Connector[Any]]
    settings: ConnectorSettings


def choose(settings: HubSettings, name: str) -> Chosen:
    """The connector that a settings file has under `[connectors.<name>]`.

    Raises:
        ConfigurationError: no such table, no such connector, settings that it refuses, or work that another table takes too.
    """
    process = settings.connectors.get(name)
    if process is None:
        found = ", ".join(settings.connectors) or "none"
        raise ConfigurationError(f"{settings.file} has no [connectors.{name}]. It has: {found}.")
    connector, manifest = connector_named(process.connector)
    manifest = _narrowed(settings, name, manifest)
    _refuse_work_of_two(settings, name, manifest)
    try:
        own = load_settings(connector.settings_type, process.settings, f"{settings.file} [connectors.{name}]")
    except ConnectorConfigurationError as error:
        raise ConfigurationError(str(error)) from error
    return Chosen(name, process, manifest, partial(connector, own), own)


def _narrowed(settings: HubSettings, name: str, manifest: Manifest) -> Manifest:
    """A connector's manifest as its table has it: no other kinds of work than it names, and feeds that speak as it says."""
    manifest = manifest.model_copy(update={"reads": reads_here(settings, name, manifest)})
    tasks = settings.connectors[name].tasks
    if tasks is None:
        return manifest
    if strange := [work for work in tasks if work not in manifest.tasks]:
        raise ConfigurationError(
            f"{settings.file} [connectors.{name}] tasks: {manifest.name} does not take {', '.join(strange)}; it takes "
            f"{', '.join(manifest.tasks) or 'none'}."
        )
    return manifest.model_copy(update={"tasks": tasks})


def reads_here(settings: HubSettings, name: str, manifest: Manifest) -> dict[str, Dataset]:
    """A connector's feeds as they should speak in this council: the manifest's, and over them what its table says.

    Raises:
        ConfigurationError: the table names a dataset that there is not, or says of one what cannot be.
    """
    where, own = f"{settings.file} [connectors.{name}.reads", settings.connectors[name].reads
    for dataset in own:
        if dataset not in manifest.reads:
            raise ConfigurationError(
                f"{where}.{dataset}]: {manifest.name} reads no such dataset; {nearest(dataset, list(manifest.reads))}"
            )
    found = dict(manifest.reads)
    for dataset, table in own.items():
        try:
            found[dataset] = Dataset.model_validate(found[dataset].overlaid(table))
        except ValidationError as error:
            raise ConfigurationError(problems(f"{where}.{dataset}]", Dataset, error)) from None
    return found


def _refuse_work_of_two(settings: HubSettings, name: str, manifest: Manifest) -> None:
    """Each table reads a department's tasks for itself, so what two of them take is done twice."""
    for other, process in settings.connectors.items():
        try:
            its = _narrowed(settings, other, manifest_named(process.connector))
        except ConfigurationError:
            continue  # it cannot run here; wherever it is started it is told why
        both = [work for work in manifest.tasks if work in its.tasks]
        if other != name and its.department is manifest.department and both:
            raise ConfigurationError(
                f"{settings.file}: [connectors.{name}] and [connectors.{other}] both take {', '.join(both)}, so each such task "
                'would be done twice. Say in each which kinds of work are its own: tasks = ["..."], or tasks = [] where it only reads.'
            )


def known_feeds(settings: HubSettings) -> Iterator[Known]:
    """Every feed that the settings file has; those of a connector that is not installed here are known once they are heard from."""
    for name, process in settings.connectors.items():
        try:
            manifest = _narrowed(settings, name, manifest_named(process.connector))
        except ConfigurationError:
            continue
        for dataset, facts in manifest.reads.items():
            yield Known(name, dataset, facts.title, manifest.department, expected(facts))
        if manifest.tasks:
            yield Known(name, PART, TASKS_TITLE, manifest.department)
