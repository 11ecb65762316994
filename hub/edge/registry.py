"""Finds connectors and simulators by entry point, ours like anybody else's: no module of the hub names one."""

from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from connectors.sdk.contract import Connector
from connectors.sdk.errors import ConfigurationError as ConnectorConfigurationError
from connectors.sdk.manifest import Manifest, load_manifest, manifest_of
from connectors.sdk.settings import nearest
from connectors.sdk.simulation import Simulator
from hub.errors import ConfigurationError

CONNECTORS = "council_hub.connectors"
SIMULATORS = "council_hub.simulators"


def names(group: str = CONNECTORS) -> list[str]:
    """Every name that an installed package offers."""
    return sorted({point.name for point in entry_points(group=group)})


def connector_named(name: str) -> tuple[type[Connector[Any]], Manifest]:
    """A connector's class and its manifest.

    Raises:
        ConfigurationError: none has that name, it cannot be imported, it is no connector, or its manifest is wrong.
    """
    point = _point(CONNECTORS, name)
    found = _load(point)
    if not (isinstance(found, type) and issubclass(found, Connector)):
        raise ConfigurationError(f"Entry point {name} of {_package(point)} is no connector: it names {point.value}.")
    try:
        return found, manifest_of(found)
    except ConnectorConfigurationError as error:
        raise ConfigurationError(str(error)) from error


def manifest_named(name: str) -> Manifest:
    """A connector's manifest alone, for whoever compares it with another's: the connector and its drivers are not loaded.

    Raises:
        ConfigurationError: none has that name, it is not where its entry point says, or its manifest is wrong.
    """
    point = _point(CONNECTORS, name)
    try:
        found = find_spec(point.module)
    except ImportError as error:
        raise _not_whole(point, error) from error
    if found is None or found.origin is None:
        raise _not_whole(point, ImportError(f"there is no {point.module}"))
    try:
        return load_manifest(Path(found.origin).with_name("manifest.toml"))
    except ConnectorConfigurationError as error:
        raise ConfigurationError(str(error)) from error


def simulator_named(name: str) -> type[Simulator]:
    """The simulator of a connector's legacy system.

    Raises:
        ConfigurationError: none has that name, it cannot be imported, or it is no simulator.
    """
    point = _point(SIMULATORS, name)
    found = _load(point)
    if not (isinstance(found, type) and issubclass(found, Simulator)):
        raise ConfigurationError(f"Entry point {name} of {_package(point)} is no simulator: it names {point.value}.")
    return found


def _point(group: str, name: str) -> EntryPoint:
    offered = sorted(entry_points(group=group, name=name), key=lambda point: point.value)
    if not offered:
        raise ConfigurationError(
            f'No installed package offers "{name}" in its entry points {group}; {nearest(name, names(group))} '
            "A package that was added to this checkout is found once it is installed: `pip install -e .`"
        )
    if len({point.value for point in offered}) > 1:
        packages = " and ".join(_package(point) for point in offered)
        raise ConfigurationError(
            f'"{name}" is offered twice in the entry points {group}, by {packages}. Uninstall one.'
        )
    return offered[0]


def _load(point: EntryPoint) -> Any:
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        raise _not_whole(point, error) from error


def _not_whole(point: EntryPoint, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"{point.name} of {_package(point)} cannot be imported from {point.value}: {error}. Is the package installed whole?"
    )


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "an unknown package"
