"""Grid references: metres on the British National Grid (EPSG:27700), to and from GPS longitude and latitude (WGS84).

Converted by OSTN15, Ordnance Survey's definition of the grid, which is right to millimetres. The usual
seven-parameter (Helmert) transformation is metres off: 4.7 m and 3.5 m at the two control points of the tests,
far enough to put fly-tipping on the wrong side of a fence. Northern Ireland has a grid of its own (EPSG:29903); its
points convert, but its maps and systems do not use these numbers.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from schemas.identifiers.damage import NOTHING, is_unreadable
from schemas.identifiers.refusal import IdentifierError

MAX_EASTING = 700_000
MAX_NORTHING = 1_300_000

_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{0,15})?([eE][+-]?[0-9]{1,2})?")
_KEYS = (("easting", "northing"), ("eastings", "northings"), ("x", "y"), ("longitude", "latitude"), ("lon", "lat"))
_LONGITUDES = (-9.5, 2.5)
_LATITUDES = (49.0, 61.5)
_NAME = "The grid reference"


class Wgs84(NamedTuple):
    """A GPS position in degrees, longitude first as in GeoJSON."""

    longitude: float
    latitude: float


@dataclass(frozen=True, slots=True)
class GridReference:
    """A point on the British National Grid, in metres, kept to the millimetre."""

    easting: float
    northing: float

    def __post_init__(self) -> None:
        if not (0 <= self.easting <= MAX_EASTING and 0 <= self.northing <= MAX_NORTHING):
            raise IdentifierError(
                "outside-grid", f"{_NAME} lies outside Great Britain. Check which columns are mapped to it."
            )

    @classmethod
    def from_wgs84(cls, longitude: float, latitude: float) -> Self:
        """The grid reference of a GPS position in degrees.

        Raises:
            IdentifierError: `outside-grid`: OSTN15 does not reach there.
        """
        # Imported on first use: it brings numpy, which most processes never need.
        from convertbng.cutil import convert_bng  # noqa: PLC0415 - see above

        eastings, northings = convert_bng(longitude, latitude)
        # Where OSTN15 ends the library answers NaN, which is within no bounds and so refused above.
        return cls(easting=round(float(eastings[0]), 3), northing=round(float(northings[0]), 3))

    def to_wgs84(self) -> Wgs84:
        """The GPS position, in degrees to a hundredth of a millimetre.

        Raises:
            IdentifierError: `outside-grid`: on the grid, but too far out at sea for OSTN15.
        """
        from convertbng.cutil import convert_lonlat  # noqa: PLC0415 - as in from_wgs84

        longitudes, latitudes = convert_lonlat(self.easting, self.northing)
        longitude, latitude = float(longitudes[0]), float(latitudes[0])
        if math.isnan(longitude):
            raise IdentifierError("outside-grid", f"{_NAME} lies too far out at sea to be converted.")
        return Wgs84(round(longitude, 10), round(latitude, 10))

    def _as_json(self) -> dict[str, float]:
        return {"easting": self.easting, "northing": self.northing}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _read, serialization=core_schema.plain_serializer_function_ser_schema(cls._as_json)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {
            "type": "object",
            "title": "GridReference",
            "description": "A point on the British National Grid (EPSG:27700), metres to the millimetre",
            "properties": {
                "easting": {"type": "number", "minimum": 0, "maximum": MAX_EASTING, "description": "Metres east"},
                "northing": {"type": "number", "minimum": 0, "maximum": MAX_NORTHING, "description": "Metres north"},
            },
            "required": ["easting", "northing"],
            "examples": [{"easting": 533912.0, "northing": 184321.5}],
        }


def parse_grid_reference(raw: object) -> GridReference:
    """A grid reference from a pair of numbers, or a mapping that names the two, as legacy systems and web clients send them.

    Repaired, because only one reading is left: numbers as text; longitude and latitude in either order where metres
    were expected (in metres they would be a point in the sea off Scilly); northing before easting, where the second
    alone fits as an easting. A swap within the southern square, where both numbers fit both ways, cannot be seen: say
    the order in the connector's mapping.

    Raises:
        IdentifierError: `missing` (also for 0/0), `half-missing`, `not-a-pair`, `not-a-number`, `outside-grid`.
    """
    if isinstance(raw, GridReference):
        return raw
    first, second = (_number(value) for value in _pair(raw))
    if not first and not second:
        raise IdentifierError(
            "missing", f"{_NAME} is missing (0/0 means none). Leave the field out where there is none."
        )
    if first is None or second is None:
        raise IdentifierError("half-missing", f"{_NAME} has one number of its two. Send both or neither.")
    if _within(first, _LONGITUDES) and _within(second, _LATITUDES):
        return GridReference.from_wgs84(first, second)
    if _within(first, _LATITUDES) and _within(second, _LONGITUDES):
        return GridReference.from_wgs84(second, first)
    if not first or not second:
        raise IdentifierError("half-missing", f"{_NAME} is 0 in one of its two numbers. Send both or neither.")
    if MAX_EASTING < first <= MAX_NORTHING and 0 < second <= MAX_EASTING:
        first, second = second, first
    return GridReference(easting=round(first, 3), northing=round(second, 3))


def _pair(raw: object) -> tuple[object, object]:
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        return None, None
    if isinstance(raw, Mapping):
        for first, second in _KEYS:
            if first in raw or second in raw:
                return raw.get(first), raw.get(second)
    elif isinstance(raw, Sequence) and not isinstance(raw, str | bytes) and len(raw) == 2:
        return raw[0], raw[1]
    raise IdentifierError(
        "not-a-pair", f"{_NAME} is an easting and a northing in metres. Send both by name, or as a list of two."
    )


def _number(value: object) -> float | None:
    """The number, or None where there is none."""
    if value is None or (isinstance(value, float) and math.isfinite(value)):
        return value
    # Other numbers pass through the same pattern as text: it keeps out what no float can hold, and yes and no.
    readable = isinstance(value, str | float | Decimal) or (isinstance(value, int) and not is_unreadable(value))
    text = str(value).strip() if readable else "not a number"
    if text.upper() in NOTHING:
        return None
    if not _NUMBER.fullmatch(text):
        raise IdentifierError(
            "not-a-number", f"{_NAME} is two numbers in metres. Check which columns are mapped to it."
        )
    return float(text)


def _within(number: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= number <= bounds[1]


def _read(raw: object) -> GridReference:
    try:
        return parse_grid_reference(raw)
    except IdentifierError as error:
        raise PydanticCustomError(error.code, error.reason) from None
