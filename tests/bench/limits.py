"""What stands in the way of a promise, by what the page calls it; shown there where it was missed."""

from collections.abc import Mapping
from types import MappingProxyType

LIMITS: Mapping[str, str] = MappingProxyType({})
