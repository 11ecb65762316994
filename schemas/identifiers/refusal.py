"""Why an identifier was refused, and how pydantic hears of it."""

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

T = TypeVar("T")


class IdentifierError(ValueError):
    """The value is not such an identifier, or is damaged beyond repair.

    Attributes:
        code: stable word for counting and filtering, such as `missing` or `check-digit`; listed with each parse
        function. reason: what is wrong and what to do, in a sentence. It never holds the value, which is often about
        a person.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def parse_optional(parse: Callable[[object], T], raw: object) -> T | None:
    """Read an identifier from a column that may be empty.

    Args:
        parse: one of the parse functions, such as `parse_uprn`.
        raw: the column's content.

    Returns:
        None when there is none: blank, null, or what the legacy system writes instead (a UPRN of 0, a grid reference
        of 0/0).

    Raises:
        IdentifierError: there is one, and it is wrong. A wrong identifier is never turned into an absent one.
    """
    try:
        return parse(raw)
    except IdentifierError as error:
        if error.code == "missing":
            return None
        raise


def read_by(parse: Callable[[object], Any]) -> BeforeValidator:
    """The pydantic validator that reads by `parse`: its error's `type` is the code and its `msg` the reason."""

    def read(raw: object) -> Any:
        try:
            return parse(raw)
        except IdentifierError as error:
            raise PydanticCustomError(error.code, error.reason) from None

    return BeforeValidator(read)


def published(kind: str, description: str, examples: list[Any], **constraints: Any) -> WithJsonSchema:
    """The JSON Schema of an identifier's canonical form: what readers of our events may rely on."""
    return WithJsonSchema({"type": kind, "description": description, "examples": examples, **constraints})
