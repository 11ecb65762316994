"""Results files repeat days, arrive late, half or broken; every row is heard once and none is lost."""

import io
import json

import pytest

from connectors.sdk import LegacyRecord, TranslationError
from connectors.transport_files.mapping import said_by
from connectors.transport_files.results import BrokenFile, Found, Seen
from connectors.transport_files.rules import FileRules

RULES = FileRules()
HEADER = (
    "Booking No",
    "Your Ref",
    "Booking Type",
    "Status",
    "Status Time",
    "Trip Date",
    "Pickup",
    "Passenger",
    "Reason",
)


def row(booking: str, status: str, *, at: str = "03/11/2026 09:40", name: str = "Zoë Thistlewrangle") -> dict[str, str]:
    known = {"Booking No": booking, "Booking Type": "TR01", "Status": status, "Status Time": at, "Passenger": name}
    return dict.fromkeys(HEADER, "") | known


def csv_of(*rows: dict[str, str], header: tuple[str, ...] = HEADER, counted: int | None = None, end: str = "") -> bytes:
    lines = [",".join(header), *(",".join(values[name] for name in header) for values in rows)]
    lines.append(f"TRAILER,{len(rows) if counted is None else counted}")
    return ("\r\n".join(lines) + "\r\n" + end).encode("cp1252")


def read(seen: Seen, hour: int, content: bytes, *, may_grow: bool = False) -> tuple[LegacyRecord, ...]:
    """Read a file of a certain hour."""
    file = Found(f"RESULTS_20261103_{hour:02}0000.csv", len(content), hour * 3600)
    return seen.news(file, io.BytesIO(content), RULES, may_grow=may_grow)


def heard(records: tuple[LegacyRecord, ...]) -> list[str]:
    return [f"{record.key} {record.values['status']}" for record in records]


def reason(records: tuple[LegacyRecord, ...]) -> str:
    (record,) = records
    with pytest.raises(TranslationError) as caught:
        said_by(record, RULES)
    return str(caught.value)


def test_a_row_that_several_files_repeat_is_heard_once() -> None:
    seen = Seen()

    assert heard(read(seen, 9, csv_of(row("TB1", "ACC"), row("TB2", "ACC")))) == ["TB1 ACC", "TB2 ACC"]
    assert heard(read(seen, 10, csv_of(row("TB1", "ACC"), row("TB2", "CMP"), row("TB3", "ACC")))) == [
        "TB2 CMP",
        "TB3 ACC",
    ]
    assert heard(read(seen, 11, csv_of(row("TB1", "ACC"), row("TB2", "CMP"), row("TB3", "ACC")))) == []


def test_a_booking_that_goes_there_and_back_is_heard_three_times_under_three_positions() -> None:
    seen = Seen()

    records = [
        *read(seen, 9, csv_of(row("TB1", "ACC"))),
        *read(seen, 10, csv_of(row("TB1", "SCH"))),
        *read(seen, 11, csv_of(row("TB1", "ACC"), row("TB2", "ACC"))),
    ]

    assert heard(tuple(records)) == ["TB1 ACC", "TB1 SCH", "TB1 ACC", "TB2 ACC"]
    assert len({record.position for record in records}) == 4


def test_a_file_that_gives_every_step_of_a_booking_is_heard_from_where_the_last_one_ended() -> None:
    seen = Seen()

    assert heard(read(seen, 9, csv_of(row("TB1", "ACC"), row("TB1", "SCH")))) == ["TB1 ACC", "TB1 SCH"]
    assert heard(read(seen, 10, csv_of(row("TB1", "ACC"), row("TB1", "SCH"), row("TB1", "ACC")))) == ["TB1 ACC"]
    assert heard(read(seen, 11, csv_of(row("TB1", "SCH"), row("TB1", "ACC"), row("TB1", "CMP")))) == ["TB1 CMP"]


def test_the_order_of_columns_may_change_and_blank_lines_may_follow() -> None:
    seen = Seen()

    read(seen, 9, csv_of(row("TB1", "ACC")))
    again = read(seen, 10, csv_of(row("TB1", "ACC"), header=tuple(reversed(HEADER)), end="\r\n,,,\r\n\r\n"))

    assert again == ()


def test_a_name_in_cp1252_is_no_obstacle_and_is_not_kept() -> None:
    (record,) = read(Seen(), 9, csv_of(row("TB1", "ACC", name="Siân Œuvre")))

    assert "Œuvre" not in str(record.values)


def test_a_line_break_inside_a_quoted_name_is_part_of_the_name() -> None:
    assert heard(read(Seen(), 9, csv_of(row("TB1", "ACC", name='"Zoë\r\nThistle"'), row("TB2", "ACC")))) == [
        "TB1 ACC",
        "TB2 ACC",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\r\n<!DOCTYPE html><title>Error 500</title>", "an HTML page instead of CSV"),
        (b"", "its last line is no trailer"),
        (csv_of(row("TB1", "ACC"))[:-12], "its last line is no trailer"),
        (csv_of(row("TB1", "ACC"), counted=2), "its trailer gives another number of rows"),
        (csv_of(row("TB1", "ACC"), header=HEADER[1:]), "no header line with every name in columns"),
        (csv_of(row("TB1", "ACC")).split(b"\r\n", 1)[1], "no header line with every name in columns"),
        (b"TRAILER,0", "no header line with every name in columns"),
        (csv_of(row("TB1", "ACC")).replace(b"Zo", b"\x81"), "not in the declared encoding"),
    ],
)
def test_a_broken_file_is_set_aside_with_its_name_and_the_next_one_heals_it(content: bytes, said: str) -> None:
    seen = Seen()

    assert f"RESULTS_20261103_090000.csv: {said}" in reason(read(seen, 9, content))
    assert heard(read(seen, 10, csv_of(row("TB1", "ACC")))) == ["TB1 ACC"]


def test_a_bad_row_is_set_aside_alone() -> None:
    content = csv_of(row("TB1", "ACC"), row("TB2", "ACC", name="one, too many"), row("TB3", "ACC"))

    first, bad, last = read(Seen(), 9, content)

    assert heard((first, last)) == ["TB1 ACC", "TB3 ACC"]
    assert "RESULTS_20261103_090000.csv, row 2: this row has not one value for each header" in reason((bad,))


def test_a_line_that_is_far_too_long_is_set_aside_alone() -> None:
    content = csv_of(row("TB1", "ACC"), row("TB2", "ACC", name="x" * 300_000), row("TB3", "ACC"))

    first, bad, last = read(Seen(), 9, content)

    assert heard((first, last)) == ["TB1 ACC", "TB3 ACC"]
    assert "row 2: this row has not one value for each header, or is far too long" in reason((bad,))


def test_a_file_that_may_still_grow_is_left_for_the_next_look() -> None:
    seen, whole = Seen(), csv_of(row("TB1", "ACC"))

    with pytest.raises(BrokenFile):
        read(seen, 9, whole[:-12], may_grow=True)

    assert seen == Seen()
    assert heard(read(seen, 9, whole)) == ["TB1 ACC"]


def test_the_same_content_under_another_name_says_nothing_new() -> None:
    seen, content = Seen(), csv_of(row("TB1", "ACC"))

    read(seen, 9, content)
    read(seen, 10, csv_of(row("TB1", "CMP")))

    assert read(seen, 11, content) == ()


def test_a_late_older_file_does_not_make_the_newer_rows_news_again() -> None:
    seen = Seen()

    read(seen, 9, csv_of(row("TB1", "ACC")))
    read(seen, 11, csv_of(row("TB1", "CMP")))
    assert heard(read(seen, 10, csv_of(row("TB1", "SCH")))) == ["TB1 SCH"]

    assert heard(read(seen, 12, csv_of(row("TB1", "CMP"), row("TB2", "ACC")))) == ["TB2 ACC"]


def test_a_file_replaced_under_its_name_is_read_again() -> None:
    seen = Seen()
    read(seen, 9, csv_of(row("TB1", "ACC")))

    assert not seen.knows(Found("RESULTS_20261103_090000.csv", 1, 36_000))
    assert heard(read(seen, 9, csv_of(row("TB1", "CMP")))) == ["TB1 CMP"]


def test_what_was_seen_survives_as_json() -> None:
    seen = Seen()
    read(seen, 9, csv_of(row("TB1", "ACC")))
    seen.refusals([Found("BK_1.dat", 10, 3600)])

    assert Seen.of(json.loads(json.dumps(seen.checkpoint()))) == seen


def test_files_older_than_the_overlap_are_forgotten_with_their_rows() -> None:
    seen = Seen()
    read(seen, 9, csv_of(row("TB1", "ACC")))
    read(seen, 11, csv_of(row("TB2", "ACC")))

    assert seen.looks_back(3600) == 36_000
    assert (list(seen.files), list(seen.rows)) == (["RESULTS_20261103_110000.csv"], ["TB2"])


def test_a_refused_booking_file_is_reported_once_while_it_lies_there() -> None:
    seen, refused = Seen(), Found("BK_1.dat", 10, 3600)

    assert [record.key for record in seen.refusals([refused])] == ["BK_1.dat"]
    assert seen.refusals([refused]) == ()
    assert seen.refusals([]) == ()
    assert seen.refused == []
