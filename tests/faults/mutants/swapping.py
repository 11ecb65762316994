"""Puts something else in the place of a part of the product."""

import sys
from typing import Any


def swap(owner: Any, name: str, other: Any) -> None:
    """Put something else in the place of a part of the product."""
    if not hasattr(owner, name):
        sys.exit(f"HUB_MUTANT: {owner.__name__} has no {name} any more; mend the mutant.")
    setattr(owner, name, other)
