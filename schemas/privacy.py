"""Every field says how private it is.

A tag stands in the field's annotation, `Annotated[str, Privacy.PERSONAL]`, so that nobody can add a field without deciding: a field
without one fails `tests/contract`. The published schemas carry it as `x-privacy`, so that whoever passes events on can go by the tag alone.
"""

from enum import StrEnum

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
