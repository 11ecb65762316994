"""A connector's manifest: who it is, what it reads, says and takes, for people and for the runner. `manifest.toml` in its folder.

name = "universal_housing"
title = "Universal Housing"
department = "housing"
product = "Universal Housing (Civica), SQL Server"
versions_tried = ["its simulator"]
owner = "Housing systems team"
surface = "database"
classification = "personal"
events = ["housing.works-order-changed.v1"]
tasks = ["home-check", "adaptation"]
effect_class = "A"

[reads.works-orders]
title = "Works orders that were raised or moved"
speaks_every_s = 900
speaks = "working days 08:00-18:00"
at_least_a_day = 20
"""

import inspect
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from connectors.sdk.contract import Connector, EffectClass, SinkConnector, SourceConnector
from connectors.sdk.errors import ConfigurationError
from connectors.sdk.hours import LONGEST_CADENCE_S, Hours, parse_hours
from connectors.sdk.settings import SettingsSection, problems
from schemas.envelope import Classification, Department
from schemas.references import Slug
from schemas.tasks import Work
from schemas.topics import FACTS

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=64)]


class Surface(StrEnum):
    """How the legacy system is reached; what a reader expects to find in `connector.py`."""

    DATABASE = "database"
    SOAP = "soap"
    SFTP = "sftp"
    REST = "rest"


def _hours(text: str) -> str:
    return parse_hours(text).text


class Delivery(StrEnum):
    """How a dataset comes."""

    CHANGES = "changes"
    """What is new since the last look."""
    FULL_EXTRACTS = "full extracts"
    """Every row each time, without a word of what has changed: the runner compares it with the one before."""


class Dataset(SettingsSection):
    """One stream of records a source reads: a table, an operation, a kind of file. A feed, to those who watch it.

    What a manifest says of its cadence and volume is what most councils see; a council writes its own under
    `[connectors.<name>.reads.<dataset>]`.
    """

    title: str
    """What it is, in words."""
    speaks_every_s: Annotated[float, Field(gt=0, le=LONGEST_CADENCE_S)]
    """How often it should have something new, in seconds of its hours; one that has had nothing for longer is silent."""
    speaks: Annotated[str, AfterValidator(_hours)] = "working days 08:00-18:00"
    """Its hours: always, every day 06:00-22:00, or working days 08:00-18:00."""
    at_least_a_day: Annotated[int | None, Field(ge=1)] = None
    """Fewer records than this on a day of its hours are too few; left out, any number will do."""
    at_most_a_day: Annotated[int | None, Field(ge=1)] = None
    """More records than this on one day are too many; left out, any number will do."""
    delivers: Delivery = Delivery.CHANGES
    """How it comes: changes, or full extracts."""
    held_beyond: Annotated[float, Field(gt=0, le=1)] = 0.1
    """A full extract in which more than this share of the rows before are gone, or that has so many fewer or more, is held for a person."""

    @property
    def hours(self) -> Hours:
        """Its hours, read."""
        return parse_hours(self.speaks)

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.at_least_a_day and self.at_most_a_day and self.at_least_a_day > self.at_most_a_day:
            raise ValueError(
                f"at_least_a_day is {self.at_least_a_day}, more than at_most_a_day, which is {self.at_most_a_day}"
            )
        return self


class Manifest(SettingsSection):
    """One connector, as its folder declares it."""

    name: Name
    """Name of its folder and of its entry point."""
    title: str
    """Name for pages."""
    department: Department
    """Whose system it is."""
    product: str
    """Product and supplier."""
    versions_tried: tuple[str, ...]
    """What it was tried against; be honest."""
    owner: str
    """Team that answers for it."""
    surface: Surface
    """How the system is reached."""
    classification: Classification
    """The most private thing it handles."""
    reads: Mapping[Slug, Dataset] = {}
    """Datasets it reads; none for a connector that only writes."""
    events: tuple[str, ...] = ()
    """Types of the facts it says."""
    tasks: tuple[Work, ...] = ()
    """Kinds of work it takes; none for a connector that only reads."""
    effect_class: EffectClass | None = None
    """What its target promises about writes; wanted when it takes tasks."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if not self.reads and not self.tasks:
            raise ValueError("it neither reads nor takes tasks; give [reads.<dataset>] or tasks")
        if "tasks" in self.reads:
            raise ValueError("no dataset is called tasks: that is what the writing of tasks is called")
        if bool(self.tasks) != (self.effect_class is not None):
            raise ValueError("tasks and effect_class come together: give both or neither")
        known = FACTS[self.department].types
        if strange := [event for event in self.events if event not in known]:
            raise ValueError(
                f"events that {self.department} does not say: {', '.join(strange)}; it says {', '.join(known)}"
            )
        return self


def load_manifest(file: Path) -> Manifest:
    """The manifest in a file.

    Raises:
        ConfigurationError: no such file, not TOML, or every wrong key and value in words.
    """
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(
            f"{file}: a connector's folder holds a manifest.toml. connectors/README.md has a template."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: not TOML in UTF-8: {error}.") from error
    try:
        return Manifest.model_validate(table)
    except ValidationError as error:
        raise ConfigurationError(problems(str(file), Manifest, error)) from None


def manifest_of(connector: type[Connector[Any]]) -> Manifest:
    """The manifest beside a connector's class, checked against what the class can do.

    Raises:
        ConfigurationError: as `load_manifest`, or class and manifest disagree.
    """
    file = Path(inspect.getfile(connector)).parent / "manifest.toml"
    manifest = load_manifest(file)
    for promised, base, what in (
        (bool(manifest.reads), SourceConnector, "reads datasets"),
        (bool(manifest.tasks), SinkConnector, "takes tasks"),
    ):
        if promised and not issubclass(connector, base):
            raise ConfigurationError(f"{file}: it {what}, but {connector.__name__} is not a {base.__name__}.")
        if not promised and issubclass(connector, base):
            raise ConfigurationError(
                f"{file}: {connector.__name__} is a {base.__name__}, but the manifest does not say that it {what}."
            )
    for dataset, facts in manifest.reads.items():
        method = "extract" if facts.delivers is Delivery.FULL_EXTRACTS else "read"
        if getattr(connector, method) is getattr(SourceConnector, method):
            raise ConfigurationError(
                f"{file}: {dataset} delivers {facts.delivers}, but {connector.__name__} has no method {method}."
            )
    if issubclass(connector, SinkConnector) and connector.effect_class is not manifest.effect_class:
        raise ConfigurationError(
            f"{file}: effect_class is {manifest.effect_class}, but {connector.__name__} says {connector.effect_class}."
        )
    return manifest
