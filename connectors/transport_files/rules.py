"""What differs from council to council about the files: layouts, column headers, formats and code tables, all as settings.

The defaults are one depot's interface guide. A second council writes what differs into its settings file.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator

from connectors.sdk import CodeTable, ConnectorSettings, DateQuirk, EncodingQuirk, MomentQuirk, SettingsSection
from connectors.transport_files.layout import FILLER, Column, Layout, read_columns
from schemas.facts import Mobility, WasteSize
from schemas.tasks import TaskStatus, Work

HEADER = ("record", "interface", "reference", "written")
DETAIL = ("record", "action", "reference", "case", "earlier", "kind", "needed_on", "due", "passenger", "phone",
          "collect_from", "take_to", "postcode", "uprn", "mobility", "steps", "easting", "northing", "waste_size",
          "hazardous", "notes")  # fmt: skip
TRAILER = ("record", "records", "control_total")
WIDE_ENOUGH = {"reference": 32, "earlier": 32, "case": 19, "action": 6, "control_total": 10, "records": 2}
"""Fields that always hold this much, whatever the booking."""


def name_with(must: str, may: str = "") -> Callable[[str], str]:
    """A check that a pattern of file names holds one mark once, and perhaps another."""

    def check(pattern: str) -> str:
        rest = pattern.replace(must, "", 1).replace(may, "", 1)
        if must not in pattern or set("{}/") & set(rest) or pattern.startswith("."):
            raise ValueError(f"a file name with {must} in it once" + (f", and perhaps {may}" if may else ""))
        return pattern

    return check


class RecordLayouts(SettingsSection):
    """The booking file: one header, one detail, one trailer, each as the depot's interface guide prints it."""

    header: Layout = read_columns("record 1-1, interface 2-9, reference 10-41, written 42-57")
    """Fields: record, interface, reference, written."""
    detail: Layout = read_columns(
        "record 1-1, action 2-7, reference 8-39, case 40-58, earlier 59-90, kind 91-94, needed_on 95-105, due 106-121, "
        "passenger 122-151, phone 152-171, collect_from 172-221, take_to 222-281, postcode 282-289, uprn 290-301, "
        "mobility 302-302, steps 303-305, easting 306-311, northing 312-318, waste_size 319-320, hazardous 321-321, "
        "notes 322-421"
    )
    """Fields: what is booked; those a depot has no column for are left out."""
    trailer: Layout = read_columns("record 1-1, records 2-7, control_total 8-17")
    """Fields: record, records (header and trailer count), control_total (CRC-32 of every byte before the trailer)."""

    @model_validator(mode="after")
    def _holds_what_it_must(self) -> Self:
        for record, layout, known in (
            ("header", self.header, HEADER),
            ("detail", self.detail, DETAIL),
            ("trailer", self.trailer, TRAILER),
        ):
            _check(record, layout, known)
        return self


def _check(record: str, layout: tuple[Column, ...], known: tuple[str, ...]) -> None:
    widths = {column.name: column.width for column in layout}
    if strange := sorted(set(widths) - set(known) - {FILLER}):
        raise ValueError(f"{record}: no such field: {', '.join(strange)}; there are: {', '.join(known)}")
    must = set(known) & {"record", "action", "reference", "earlier", "kind", "records", "control_total"}
    if missing := sorted(must - set(widths)):
        raise ValueError(f"{record}: the field {missing[0]} is missing")
    for name, width in widths.items():
        if width < WIDE_ENOUGH.get(name, 1):
            raise ValueError(f"{record}: {name} needs {WIDE_ENOUGH[name]} columns and has {width}")


class ResultColumns(SettingsSection):
    """The header of each column of a results file; their order may differ from file to file."""

    booking: str = "Booking No"
    """The depot's own number."""
    our_reference: str = "Your Ref"
    """The effect key we wrote; blank for what others booked."""
    kind: str = "Booking Type"
    """Code of the kind of booking."""
    status: str = "Status"
    """Status code."""
    status_time: str = "Status Time"
    """When the booking came to that status."""
    trip_day: str = "Trip Date"
    """Day of the trip or visit."""
    pickup: str = "Pickup"
    """Time of day somebody is fetched."""
    reason: str = "Reason"
    """Code of the reason of a refusal or cancellation."""


class FileRules(ConnectorSettings):
    """Everything about the files that differs from council to council."""

    file_name: Annotated[str, AfterValidator(name_with("{key}", "{order}"))] = "BK_{order}_{key}.dat"
    """Name of a booking file: {key} is the effect key; {order} sorts a booking before its changes, for a depot that goes by name."""
    results_name: str = "RESULTS_%Y%m%d_%H%M%S.csv"
    """Name of a results file: the depot's local time when it was made. Any other name is not read: a file still being written has one."""
    interface: str = "HUBBK02"
    """What the depot calls this interface and its version; in the header."""
    layouts: RecordLayouts = RecordLayouts()
    """Columns of the booking file."""
    columns: ResultColumns = ResultColumns()
    """Headers of the results file."""
    delimiter: Literal[",", ";", "|", "\t"] = ","
    """What stands between two values of a results file."""
    trailer_mark: str = "TRAILER"
    """First value of the last line of a results file; the second is the number of its rows."""
    encoding: EncodingQuirk = EncodingQuirk(encoding="cp1252")
    """Of the files in both directions; one byte a character."""
    days: DateQuirk = DateQuirk(formats=("%d-%b-%Y", "%d/%m/%Y"))
    """Days: needed_on of a booking, trip day of a result."""
    moments: MomentQuirk = MomentQuirk(formats=("%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S"))
    """Days with a time of day, on the depot's clock."""
    pickups: MomentQuirk = MomentQuirk(formats=("%H:%M",), sentinels=())
    """Times of day without a day; Python reads them as of 1 January 1900, which is no sentinel here."""
    kinds: CodeTable[Work] = CodeTable(
        name="kinds",
        codes={"TR01": Work.TRIP, "RV02": Work.TRAVEL_REVIEW, "WC07": Work.WASTE_COLLECTION},
        ignored={"SC01": "school contract runs, which follow the school year and no request"},
    )
    """Booking type to kind of work."""
    statuses: CodeTable[TaskStatus] = CodeTable(
        name="statuses",
        codes={
            "ACC": TaskStatus.ACCEPTED,
            "SCH": TaskStatus.IN_PROGRESS,
            "CMP": TaskStatus.COMPLETED,
            "REJ": TaskStatus.REJECTED,
            "CAN": TaskStatus.CANCELLED,
        },
        ignored={"ENQ": "an enquiry is not a booking yet"},
    )
    """Status of a booking."""
    reasons: CodeTable[str] = CodeTable(
        name="reasons",
        codes={
            "R1": "No vehicle is free on that day",
            "R2": "Outside the area the depot serves",
            "C1": "Cancelled as asked",
        },
    )
    """Reason code to words that hold nothing personal."""
    mobility: CodeTable[Mobility] = CodeTable(
        name="mobility", codes={"W": Mobility.WALKS, "A": Mobility.WALKS_WITH_AID, "C": Mobility.WHEELCHAIR}
    )
    """Which vehicle a person needs."""
    waste_sizes: CodeTable[WasteSize] = CodeTable(
        name="waste_sizes", codes={f"{number:02}": size for number, size in enumerate(WasteSize, start=1)}
    )
    """Size of a load."""

    @model_validator(mode="after")
    def _fits_its_columns(self) -> Self:
        late = datetime(2026, 11, 28, 22, 50, tzinfo=UTC)
        written = {
            "interface": [self.interface],
            "written": [self.moments.write(late)],
            "due": [self.moments.write(late)],
            "needed_on": [self.days.write(late.date())],
            "kind": [self.kinds.code(meaning) for meaning in self.kinds.codes.values()],
            "mobility": [self.mobility.code(meaning) for meaning in self.mobility.codes.values()],
            "waste_size": [self.waste_sizes.code(meaning) for meaning in self.waste_sizes.codes.values()],
        }
        for record in ("header", "detail"):
            for column in getattr(self.layouts, record):
                widest = max(map(len, written.get(column.name, ())), default=0)
                if widest > column.width:
                    raise ValueError(
                        f"layouts.{record}: {column.name} is written in {widest} characters and has {column.width} columns"
                    )
        return self
