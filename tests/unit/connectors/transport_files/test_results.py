"""Results files repeat days, arrive late, half or broken; every row is heard once and none is lost."""

import io
import json
from datetime import UTC, datetime

import pytest

from connectors.sdk import ContractBroken, LegacyRecord, TranslationError
from connectors.sdk.lines import LONGEST_LINE
from connectors.transport_files.mapping import said_by
from connectors.transport_files.results import Found, Seen
from connectors.transport_files.rules import FileRules
from connectors.transport_files.sheet import LARGEST_FILE, BrokenFile

RULES = FileRules()
MIDNIGHT = int(datetime(2026, 11, 3, tzinfo=UTC).timestamp())
Records = tuple[LegacyRecord, ...]
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


def file_of(hour: int, content: bytes, *, arrives: int | None = None) -> Found:
    """A file that was made at a certain hour in November; it arrives then, or later."""
    return Found(f"RESULTS_20261103_{hour:02}0000.csv", len(content), MIDNIGHT + 3600 * (arrives or hour))


def read(seen: Seen, hour: int, content: bytes, *, may_grow: bool = False, arrives: int | None = None) -> Records:
    """Read a file of a certain hour."""
    return seen.news(file_of(hour, content, arrives=arrives), io.BytesIO(content), RULES, may_grow=may_grow).records


def heard(records: Records) -> list[str]:
    return [f"{record.key} {record.values['status']}" for record in records]


def reason(records: Records) -> str:
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
        (csv_of(row("TB1", "ACC")).split(b"\r\n", 1)[1], "no header line with the names in columns"),
        (b"TRAILER,0", "no header line with the names in columns"),
        (csv_of(row("TB1", "ACC")).decode("cp1252").encode("utf-16"), "not in the declared encoding"),
        (csv_of(row("TB1", "ACC")).decode("cp1252").encode("utf-16-le"), "not in the declared encoding"),
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
    assert "RESULTS_20261103_090000.csv, line 3: this row has not one value for each header" in reason((bad,))


@pytest.mark.parametrize("length", [LONGEST_LINE, LONGEST_LINE + 1, 300_000])
def test_a_line_that_is_far_too_long_is_set_aside_alone(length: int) -> None:
    content = csv_of(row("TB1", "ACC"), row("TB2", "ACC", name="x" * length), row("TB3", "ACC"))

    first, bad, last = read(Seen(), 9, content)

    assert heard((first, last)) == ["TB1 ACC", "TB3 ACC"]
    assert "line 3: this row has not one value for each header, or is far too long" in reason((bad,))


def test_a_file_larger_than_memory_should_hold_is_set_aside_whole() -> None:
    content = csv_of(row("TB1", "ACC")) + b"\r\n" * (LARGEST_FILE // 2)

    assert "larger than 64 MB. Ask the depot for fewer days in one" in reason(read(Seen(), 9, content))


def test_a_line_may_be_as_long_as_agreed() -> None:
    short = len(csv_of(row("TB1", "ACC", name="")).splitlines()[1])
    content = csv_of(row("TB1", "ACC", name="x" * (LONGEST_LINE - short)))

    assert heard(read(Seen(), 9, content)) == ["TB1 ACC"]


def test_a_row_with_a_byte_of_no_character_is_set_aside_alone_once_though_ten_files_repeat_it() -> None:
    seen, content = Seen(), csv_of(row("TB1", "ACC"), row("TB2", "ACC", name="Zo#"), row("TB3", "ACC"))

    first, bad, last = read(seen, 9, content.replace(b"#", b"\x81"))

    assert heard((first, last)) == ["TB1 ACC", "TB3 ACC"]
    assert "RESULTS_20261103_090000.csv, line 3: a byte of this row is none of the declared encoding" in reason((bad,))
    assert read(seen, 10, content.replace(b"#", b"\x81") + b"\r\n") == ()


def test_a_row_that_cannot_be_understood_is_named_by_the_line_it_begins_in() -> None:
    content = csv_of(
        row("TB1", "ACC", name='"Zoë\r\nThistle"'), row("TB2", "ACC"), row("TB3", "Q7", name='"two\nlines"')
    )

    *_, unknown = read(Seen(), 9, content.replace(b"TB2", b"\r\nTB2"))

    assert reason((unknown,)).startswith("RESULTS_20261103_090000.csv, line 6: results: the status code")


def test_a_file_that_may_still_grow_is_left_for_the_next_look_wherever_it_ends() -> None:
    seen, whole = Seen(), csv_of(*(row(f"TB{number}", "ACC") for number in range(12)))

    for length in range(len(whole) - len("\r\n")):
        with pytest.raises(BrokenFile):
            read(seen, 9, whole[:length], may_grow=True)

    assert seen == Seen()
    assert len(read(seen, 9, whole)) == 12


def test_a_file_whose_columns_have_changed_waits_where_it_is_and_names_them() -> None:
    seen, renamed = Seen(), csv_of(row("TB1", "ACC")).replace(b"Status Time", b"Status At")

    with pytest.raises(
        ContractBroken, match="not one column Status Time; columns that no setting names: Passenger, Status At"
    ):
        read(seen, 9, renamed)
    with pytest.raises(ContractBroken, match="not one column Reason"):
        read(seen, 9, csv_of(row("TB1", "ACC"), header=HEADER[:-1]))
    with pytest.raises(ContractBroken, match="not one column Status;"):
        read(seen, 9, csv_of(row("TB1", "ACC"), header=(*HEADER, "Status")))

    assert seen == Seen()


def test_a_column_that_was_not_there_before_is_not_read_and_remarked_upon_once() -> None:
    seen = Seen()
    said: list[str] = []

    for hour, header in ((9, HEADER), (10, (*HEADER, "Driver")), (11, (*HEADER, "Driver"))):
        content = csv_of(row(f"TB{hour}", "ACC") | {"Driver": "somebody"}, header=header)
        said += seen.news(file_of(hour, content), io.BytesIO(content), RULES, may_grow=False).remarks

    assert said == ["RESULTS_20261103_100000.csv has a column Driver that no file had before; it is not read."]


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


def test_a_late_file_says_only_what_no_file_has_said() -> None:
    seen = Seen()

    read(seen, 9, csv_of(row("TB1", "ACC")))
    read(seen, 11, csv_of(row("TB1", "CMP")))
    late = read(seen, 10, csv_of(row("TB1", "ACC"), row("TB1", "SCH")), arrives=13)

    assert heard(late) == ["TB1 SCH"]
    assert read(seen, 12, csv_of(row("TB1", "CMP"))) == ()


@pytest.mark.parametrize(
    ("name", "modified", "made"),
    [
        ("RESULTS_20261025_013000.csv", "2026-10-25T00:30:02", "2026-10-25T00:30:00"),  # summer time's half past one
        (
            "RESULTS_20261025_013000.csv",
            "2026-10-25T01:29:58",
            "2026-10-25T01:29:58",
        ),  # winter's, a server's clock behind
        ("RESULTS_20261103_090000.csv", "2026-11-04T07:00:00", "2026-11-03T09:00:00"),  # a day late
        ("RESULTS_20301103_090000.csv", "2026-11-04T07:00:00", "2026-11-04T07:00:00"),  # a wrong clock
    ],
)
def test_a_file_goes_by_its_own_date_and_never_after_it_arrived(name: str, modified: str, made: str) -> None:
    def seconds(text: str) -> int:
        return int(datetime.fromisoformat(f"{text}+00:00").timestamp())

    assert Found(name, 1, seconds(modified)).made(RULES) == seconds(made)
    assert Found("README.txt", 1, seconds(modified)).made(RULES) is None


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

    assert seen.looks_back(3600) == MIDNIGHT + 36_000
    assert (list(seen.files), list(seen.rows)) == (["RESULTS_20261103_110000.csv"], ["TB2"])


def test_a_refused_booking_file_is_reported_once_while_it_lies_there() -> None:
    seen, refused = Seen(), Found("BK_1.dat", 10, 3600)

    assert [record.key for record in seen.refusals([refused])] == ["BK_1.dat"]
    assert seen.refusals([refused]) == ()
    assert seen.refusals([]) == ()
    assert seen.refused == []
