"""Every field says how private it is.

A tag stands in the field's annotation, `Annotated[str, Privacy.PERSONAL]`, so that nobody can add a field without deciding: a field
without one fails `tests/contract`. What a subscriber, a log or a page may show is computed from these tags alone.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from pydantic import BaseModel


class Privacy(StrEnum):
    """How private a field is, from open to never shown."""

    NONE = "none"
    """Says nothing about a person: codes, dates of the hub's own, department names."""
    PERSONAL = "personal"
    """Identifies or describes a person (UK GDPR Art. 4)."""
    SPECIAL = "special"
    """Health, care, safeguarding: special category (UK GDPR Art. 9)."""
    SECRET = "secret"  # noqa: S105 - the name of a tag, not a password
    """Opens a door or a system: keysafe codes, passwords. Never logged, never shown."""


class UntaggedField(TypeError):
    """A schema field carries no privacy tag. Add one: `Annotated[..., Privacy.NONE]`, after thinking about it."""


def tag_of(model: type[BaseModel], field: str) -> Privacy:
    """The privacy tag of one field.

    Raises:
        UntaggedField: the field has none, or more than one.
    """
    tags = [item for item in model.model_fields[field].metadata if isinstance(item, Privacy)]
    if len(tags) != 1:
        raise UntaggedField(
            f"{model.__name__}.{field} carries {len(tags)} privacy tags, it needs one: Annotated[..., Privacy.NONE]"
        )
    return tags[0]


def without(model: BaseModel, *tags: Privacy) -> dict[str, Any]:
    """The fields of a model as JSON-ready values, those with one of these tags left out; unset ones too."""
    kept = {name for name in type(model).model_fields if tag_of(type(model), name) not in tags}
    return model.model_dump(mode="json", include=kept, exclude_none=True)


def tagged_fields(model: type[BaseModel]) -> Iterator[tuple[str, Privacy]]:
    """Every field of a model with its tag, in the order they are declared."""
    for name in model.model_fields:
        yield name, tag_of(model, name)
