from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sdk import (
    ContractBroken,
    DateQuirk,
    EncodingQuirk,
    FlagQuirk,
    IdentifierQuirk,
    LegacyRecord,
    MomentQuirk,
    MoneyQuirk,
    MoneyUnit,
    NumberQuirk,
    OverlapQuirk,
    RepeatedHour,
    TextQuirk,
    TranslationError,
    WidthQuirk,
    WidthUnit,
    listed,
)

LONDON = ZoneInfo("Europe/London")


def record(**values: object) -> LegacyRecord:
    return LegacyRecord(dataset="works-orders", key="1", position="1", values=values)


@pytest.mark.parametrize("raw", [None, "", "     ", ". NB - ", "\x00\x00"])
def test_padding_and_placeholders_are_nothing(raw: str | None) -> None:
    assert TextQuirk(placeholders=(". NB -",)).read(record(alert=raw), "alert") is None


def test_a_padded_text_is_read_without_its_padding() -> None:
    assert TextQuirk().read(record(name="Quillfeather     "), "name") == "Quillfeather"


def test_a_field_that_is_not_there_is_a_matter_of_column_names() -> None:
    with pytest.raises(
        TranslationError, match=r"works-orders: no field u_llpg_ref in the record\. Check the column"
    ) as caught:
        TextQuirk().read(record(), "u_llpg_ref")
    assert caught.value.code == "missing-field"


def test_an_empty_field_that_must_hold_something_is_said_to_be_empty() -> None:
    with pytest.raises(TranslationError, match="works-orders: created is empty and must not be") as caught:
        MomentQuirk().required(record(created="1900-01-01 00:00:00"), "created")
    assert caught.value.code == "missing-value"


@pytest.mark.parametrize("raw", ["1900-01-01", datetime(1753, 1, 1), date(2099, 12, 31), "  ", None])  # noqa: DTZ001 - a driver's
def test_a_sentinel_date_is_no_date(raw: object) -> None:
    assert DateQuirk().read(record(cot=raw), "cot") is None


def test_a_day_that_would_be_read_as_none_is_not_written() -> None:
    with pytest.raises(TranslationError, match="a day that means none in this system cannot be written") as caught:
        DateQuirk().write(date(1900, 1, 1))
    assert caught.value.code == "sentinel-day"
    with pytest.raises(TranslationError, match="a day that means none"):
        MomentQuirk().write(datetime(2099, 12, 31, 23, 59, tzinfo=UTC))


@pytest.mark.parametrize(
    ("raw", "form"),
    [("03/11/2026", "%d/%m/%Y"), ("03-Nov-2026", "%d-%b-%Y"), ("03112026", "%d%m%Y"), (20261103, "%Y%m%d")],
)
def test_a_date_is_read_in_the_declared_formats(raw: object, form: str) -> None:
    assert DateQuirk(formats=("%Y-%m-%d", form)).read(record(due=raw), "due") == date(2026, 11, 3)


def test_a_date_in_no_declared_format_is_refused_without_repeating_it() -> None:
    with pytest.raises(TranslationError) as caught:
        DateQuirk(formats=("%d/%m/%Y",)).read(record(dob="18th of July 1953"), "dob")
    assert str(caught.value) == "works-orders: dob is in none of the declared formats (%d/%m/%Y)."
    assert caught.value.code == "bad-date"


def test_seven_decimals_of_a_second_are_read() -> None:
    found = MomentQuirk().read(record(stamp="2026-11-03 09:00:00.1234567"), "stamp")
    assert found == datetime(2026, 11, 3, 9, 0, 0, 123456, tzinfo=LONDON)


@pytest.mark.parametrize(("which", "hour"), [(RepeatedHour.FIRST, 0), (RepeatedHour.SECOND, 1)])
def test_the_hour_that_comes_twice_is_read_by_its_rule(which: RepeatedHour, hour: int) -> None:
    found = MomentQuirk(repeated_hour=which).required(record(at="2026-10-25 01:30:00"), "at")
    assert found.astimezone(UTC) == datetime(2026, 10, 25, hour, 30, tzinfo=UTC)


@pytest.mark.parametrize("which", list(RepeatedHour))
def test_an_hour_that_never_was_is_moved_forward(which: RepeatedHour) -> None:
    found = MomentQuirk(repeated_hour=which).required(record(at="2026-03-29 01:30:00"), "at")
    assert found.isoformat() == "2026-03-29T02:30:00+01:00"


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2037, 1, 1)))  # noqa: DTZ001 - hypothesis wants it so
def test_what_is_written_is_read_back_unless_its_hour_comes_twice(wall: datetime) -> None:
    quirk = MomentQuirk(formats=("%Y-%m-%d %H:%M:%S.%f",))
    moment = quirk.localised(wall)
    again = quirk.parse(quirk.write(moment))
    assert again is not None
    assert again == moment or again + timedelta(hours=1) == moment


@pytest.mark.parametrize(
    ("raw", "found"), [("32896", "00032896"), (32896, "00032896"), ("32896.0", "00032896"), ("A1", "A1")]
)
def test_zeros_lost_to_a_spreadsheet_are_put_back(raw: object, found: str) -> None:
    assert IdentifierQuirk(width=8).parse(raw) == found


@pytest.mark.parametrize(
    ("raw", "found"), [("   1.00", "1.00"), ("1,234.50", "1234.50"), ("12.57-", "-12.57"), (3, "3")]
)
def test_numbers_are_read_exactly(raw: object, found: str) -> None:
    assert NumberQuirk().parse(raw) == Decimal(found)


@pytest.mark.parametrize("raw", ["twelve", "NaN", "1.2.3"])
def test_what_is_no_number_is_refused(raw: str) -> None:
    with pytest.raises(TranslationError, match=r"cost is not a number\."):
        NumberQuirk().read(record(cost=raw), "cost")


def test_money_is_whole_pence_whatever_the_system_counts_in() -> None:
    assert MoneyQuirk().parse("£  12.57") == 1257
    assert MoneyQuirk(unit=MoneyUnit.PENCE).parse("1257") == 1257
    with pytest.raises(TranslationError) as caught:
        MoneyQuirk().parse("12.575")
    assert caught.value.code == "bad-money"


def test_yes_and_no_come_in_many_words() -> None:
    flag = FlagQuirk()
    assert [flag.parse(raw) for raw in ("yes", "Y ", "true", 1, True)] == [True] * 5
    assert [flag.parse(raw) for raw in ("no", "N", 0, False)] == [False] * 4
    assert flag.parse("  ") is None
    with pytest.raises(TranslationError):
        flag.parse("xN")


@given(st.text(max_size=60), st.integers(min_value=3, max_value=40), st.sampled_from(WidthUnit))
def test_a_text_that_is_cut_fits_and_says_so(text: str, width: int, unit: WidthUnit) -> None:
    quirk = WidthQuirk(width=width, unit=unit, encoding="utf-8", marker="...")
    size = len(text) if unit is WidthUnit.CHARACTERS else len(text.encode("utf-8", "replace"))
    cut = quirk.cut(text)
    assert cut == text if size <= width else cut.endswith("...") and text.startswith(cut[:-3])
    assert (len(cut) if unit is WidthUnit.CHARACTERS else len(cut.encode("utf-8", "replace"))) <= width


def test_a_marker_wider_than_its_field_is_refused() -> None:
    with pytest.raises(ValueError, match="the marker is wider than the field"):
        WidthQuirk(width=2, marker="...")


def test_a_file_in_another_encoding_breaks_the_contract() -> None:
    assert EncodingQuirk().decode("Zoë".encode("cp1252"), "RESULTS.CSV") == "Zoë"
    with pytest.raises(ContractBroken, match=r"RESULTS\.CSV: not us-ascii text \(byte 2\)"):
        EncodingQuirk(encoding="us-ascii").decode("Zoë".encode("cp1252"), "RESULTS.CSV")


def test_a_byte_of_no_character_is_marked_and_a_mark_of_another_encoding_refused() -> None:
    declared = EncodingQuirk(encoding="utf-8")

    whole, spoilt = declared.decode_marked(
        "\ufeff李;Si\ufffdn".encode().replace("\ufffd".encode(), b"\xe2"), "RESULTS.CSV"
    ).split(";")

    assert (whole, EncodingQuirk.is_marked(whole), EncodingQuirk.is_marked(spoilt)) == ("李", False, True)
    with pytest.raises(ContractBroken, match=r"RESULTS.CSV: begins with the mark of utf-8, not of cp1252"):
        EncodingQuirk().decode("Zoë".encode("utf-8-sig"), "RESULTS.CSV")
    with pytest.raises(ContractBroken, match=r"RESULTS.CSV: not utf-16 text"):
        EncodingQuirk(encoding="utf-16").decode_marked(b"odd", "RESULTS.CSV")


def test_a_poll_looks_back() -> None:
    assert OverlapQuirk(overlap_s=60).since(datetime(2026, 11, 3, 9, 0, tzinfo=UTC)) == datetime(
        2026, 11, 3, 8, 59, tzinfo=UTC
    )


def test_one_item_none_and_several_are_all_a_list() -> None:
    assert (listed(None), listed({"a": 1}), listed([1, 2])) == ([], [{"a": 1}], [1, 2])
