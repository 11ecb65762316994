"""Grid references and OSTN15."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from schemas.identifiers import GridReference, IdentifierError, parse_grid_reference, parse_optional

# Ordnance Survey's OSTN15 test points TP01 (St Mary's, Scilly) and TP12 (Caister water tower).
SCILLY = (-6.29977752014, 49.92226393730), (91492.146, 11318.804)
CAISTER = (1.716073973, 52.658007833), (651409.804, 313177.450)
# What a seven-parameter transformation makes of the same two points.
HELMERT = {SCILLY: (91487.43, 11318.40), CAISTER: (651411.22, 313180.60)}

Control = tuple[tuple[float, float], tuple[float, float]]


@pytest.mark.parametrize("control", [SCILLY, CAISTER])
def test_control_points_are_met_to_the_millimetre(control: Control) -> None:
    (longitude, latitude), (easting, northing) = control

    point = GridReference.from_wgs84(longitude, latitude)

    assert (point.easting, point.northing) == pytest.approx((easting, northing), abs=0.0015)
    assert point.to_wgs84() == pytest.approx((longitude, latitude), abs=2e-8)


@pytest.mark.parametrize("control", [SCILLY, CAISTER])
def test_without_ostn15_the_control_points_would_be_metres_off(control: Control) -> None:
    point = GridReference.from_wgs84(*control[0])
    easting, northing = HELMERT[control]

    assert ((point.easting - easting) ** 2 + (point.northing - northing) ** 2) ** 0.5 > 3


@given(st.floats(200_000, 600_000), st.floats(100_000, 900_000))
def test_there_and_back_is_the_same_place(easting: float, northing: float) -> None:
    point = GridReference(round(easting, 3), round(northing, 3))

    back = GridReference.from_wgs84(*point.to_wgs84())

    assert (back.easting, back.northing) == pytest.approx((point.easting, point.northing), abs=0.005)


@pytest.mark.parametrize(
    "given_as",
    [
        (533912, 184321.5),
        ["533912", " 184321.50 "],
        (Decimal(533912), Decimal("184321.5")),
        {"easting": 533912.0, "northing": 184321.5},
        {"eastings": "533912", "northings": "184321.5"},
        {"x": "5.33912E5", "y": 184321.5, "name": "depot"},
        GridReference(533912.0, 184321.5),
    ],
)
def test_metres_are_read_however_they_come(given_as: object) -> None:
    assert parse_grid_reference(given_as) == GridReference(533912.0, 184321.5)


def test_degrees_in_metre_columns_are_converted_in_either_order() -> None:
    (longitude, latitude), (easting, northing) = CAISTER

    for raw in ((longitude, latitude), {"x": str(latitude), "y": str(longitude)}, {"lon": longitude, "lat": latitude}):
        assert parse_grid_reference(raw) == GridReference(easting, northing)


def test_the_meridian_of_greenwich_is_a_place() -> None:
    assert parse_grid_reference({"longitude": 0, "latitude": 51.4779}).easting == pytest.approx(538_900, abs=200)


def test_a_swap_is_undone_where_only_the_swap_fits() -> None:
    assert parse_grid_reference((835_000.0, 325_000.0)) == GridReference(325_000.0, 835_000.0)


def test_a_swap_that_nobody_can_prove_is_left_alone() -> None:
    assert parse_grid_reference((184321.5, 533912)) == GridReference(184321.5, 533912.0)


@pytest.mark.parametrize(
    "none", [None, "", " ", (0, 0), ("0", "0.000"), (0.0, None), {"easting": "", "northing": ""}, (float("nan"),) * 2]
)
def test_nought_nought_is_no_place_at_all(none: object) -> None:
    assert parse_optional(parse_grid_reference, none) is None


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ((533912, None), "half-missing"),
        ((533912, 0), "half-missing"),
        ((900_000, 900_000), "outside-grid"),
        ((-5, 184321), "outside-grid"),
        ((533912, 5e9), "outside-grid"),
        ((533912, float("inf")), "not-a-number"),
        ((10**5000, 1), "not-a-number"),
        ((True, False), "not-a-number"),
        (("TQ 339 843", ""), "not-a-number"),
        ("533912,184321", "not-a-pair"),
        ((1, 2, 3), "not-a-pair"),
        ({"where": "depot"}, "not-a-pair"),
        ((2.35, 60.5), "outside-grid"),
    ],
)
def test_what_is_no_place_in_britain_is_refused_by_name(wrong: object, code: str) -> None:
    with pytest.raises(IdentifierError) as refused:
        parse_grid_reference(wrong)

    assert refused.value.code == code


def test_a_point_beyond_ostn15_cannot_be_converted() -> None:
    with pytest.raises(IdentifierError, match="too far out at sea"):
        GridReference(1.0, 1_299_999.0).to_wgs84()


class Report(BaseModel):
    location: GridReference | None = None


def test_it_travels_as_an_object_of_two_numbers() -> None:
    report = Report.model_validate({"location": ["533912", "184321.5"]})

    assert report.model_dump_json() == '{"location":{"easting":533912.0,"northing":184321.5}}'
    assert Report.model_validate_json(report.model_dump_json()) == report
    assert Report.model_validate(report.model_dump()) == report
