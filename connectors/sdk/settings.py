"""Settings every connector shares, under the same names everywhere; a connector adds its own by subclassing.

They stand in the hub's settings file under `[connectors.<name>]`. Column names, code tables, formats and sentinels are settings too:
a second council on the same product writes at most twenty lines here and no Python. So that twenty lines are enough, a table a council
writes is laid over the connector's own: what it does not name stays as the connector has it.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from connectors.sdk.errors import ConfigurationError

RUNNER_KEYS = frozenset({"connector", "memory", "health_port", "tasks", "reads", "beats_every_s", "tasks_since"})
"""Keys of a connector's table that are the runner's; the rest is the connector's own."""


class SettingsSection(BaseModel):
    """A table of settings. Unknown keys are refused; a table inside it is laid over the default that the connector gives."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _lay_over_defaults(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        complete = dict(given)
        for name, table in given.items():
            field = cls.model_fields.get(name)
            if field is None or not isinstance(table, Mapping):
                continue
            default = field.get_default(call_default_factory=True, validated_data={})
            if isinstance(default, SettingsSection):
                complete[name] = default.overlaid(table)
        return complete

    def overlaid(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """This section with what a council gave in its place; not validated yet."""
        return {name: getattr(self, name) for name in type(self).model_fields} | dict(given)


class ConnectorSettings(SettingsSection):
    """What the runner and every connector need."""

    poll_every_s: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """Seconds between two looks at a source that had nothing new."""
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 30.0
    """Seconds to wait for one answer of the legacy system."""
    retry_after_s: Annotated[float, Field(gt=0, le=600)] = 1.0
    """Seconds before the first retry when the legacy system is away; doubles up to `retry_at_most_s`."""
    retry_at_most_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    """Longest wait between two retries, in seconds."""


S = TypeVar("S", bound=ConnectorSettings)


def load_settings(settings_type: type[S], table: Mapping[str, Any], where: str) -> S:
    """A connector's settings from its table of the settings file.

    Args:
        settings_type: the connector's `settings_type`.
        table: what stands under `[connectors.<name>]`, without the runner's own keys.
        where: file and table, for the error: hub.toml [connectors.universal_housing].

    Raises:
        ConfigurationError: every wrong key and value, in words.
    """
    try:
        return settings_type.model_validate(dict(table))
    except ValidationError as error:
        raise ConfigurationError(problems(where, settings_type, error)) from None


def problems(where: str, model: type[BaseModel], error: ValidationError) -> str:
    """Every problem of a validation in words: place, what is wrong, the nearest valid word. No value is repeated."""
    lines = []
    for item in error.errors(include_url=False, include_input=False):
        place = ".".join(str(part) for part in item["loc"]) or "the whole"
        if item["type"] == "extra_forbidden":
            key, known = str(item["loc"][-1]), _keys_at(model, item["loc"][:-1])
            lines.append(f"  {place}: no such setting; {nearest(key, known)}")
        elif item["type"] == "missing":
            lines.append(f"  {place}: missing{_meaning_at(model, item['loc'])}")
        else:
            lines.append(f"  {place}: {str(item['msg']).removeprefix('Value error, ')}")
    return f"{where} cannot be used:\n" + "\n".join(lines)


def nearest(word: str, known: list[str]) -> str:
    """A hint for a word that is not known: the nearest one that is, or all of them."""
    near = get_close_matches(word, known, n=1)
    return f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(sorted(known)) or 'none'}."


def _keys_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The known keys of the section a problem lies in."""
    section = _section_at(model, location)
    return list(section.model_fields) if section else []


def _meaning_at(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    """What a missing setting means, as its docstring says."""
    section = _section_at(model, location[:-1])
    field = section.model_fields.get(str(location[-1])) if section else None
    return f": {field.description}" if field and field.description else "."


def _section_at(model: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The model that stands at a place; containers such as a mapping of sections are passed through."""
    section: type[BaseModel] | None = model
    for part in location:
        field = section.model_fields.get(str(part)) if section else None
        if field is not None:
            section = _model_in(field.annotation)
    return section


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The first model that a type names: itself, or inside Optional, Mapping, tuple."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
