"""One field of a model by itself: for those who check a value before there is a whole message to put it into."""

from functools import lru_cache
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter


@lru_cache(maxsize=256)
def reader_of(model: type[BaseModel], name: str) -> TypeAdapter[Any]:
    """Reads a value as this field of the model would: same repairs, same refusals."""
    # Annotated of what is only known at run time: a type to pydantic, and Any to a checker.
    field: Any = model.model_fields[name]
    kind: Any = Annotated[field.annotation, field]
    return TypeAdapter(kind)
