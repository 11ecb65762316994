"""A layout is refused when its columns cannot be right, and writes records that are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sdk import EncodingQuirk, TranslationError
from connectors.transport_files.layout import Column, plain, read_columns, write_record

CP1252 = EncodingQuirk(encoding="cp1252")


def test_a_layout_is_read_as_an_interface_guide_prints_it() -> None:
    assert read_columns("action 1-6,  phone 17-26, filler 7-16") == (
        Column("action", 1, 6),
        Column("filler", 7, 16),
        Column("phone", 17, 26),
    )


@pytest.mark.parametrize(
    ("layout", "complaint"),
    [
        # AllPay's trailer: a total of 17 columns from 34 and a count of 17 columns from 40 (research/domain.md 1.2)
        ("filler 1-33, total 34-50, count 40-56", "total and count overlap in columns 40-50"),
        ("one 1-9, two 3-4", "one and two overlap in columns 3-4"),
        ("one 1-4, two 7-9", "columns 5-6 between one and two belong to no field"),
        ("one 3-4", "columns 1-2 between the start of the record and one belong to no field"),
        ("one 1-4, two 9-5", "two ends in column 5, before it begins in 9"),
        ("one 1-4, one 5-9", "named more than once: one"),
        ("one 1-4, two five-nine", '"two five-nine" is not a field and its columns'),
        ("one 0-4", '"one 0-4" is not a field and its columns'),
        ("", '"" is not a field and its columns'),
    ],
)
def test_a_layout_that_cannot_be_right_is_refused_with_the_columns(layout: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint.replace("-", r"\-")):
        read_columns(layout)


def test_text_goes_to_the_left_numbers_to_the_right_and_nothing_is_blank() -> None:
    layout = read_columns("name 1-6, count 7-10, filler 11-12, phone 13-15")

    assert write_record(layout, {"name": "Ada", "count": 42, "phone": None}, cut=()) == "Ada   0042     "


def test_free_text_is_cut_and_anything_else_must_fit() -> None:
    layout = read_columns("notes 1-4, reference 5-8")

    assert write_record(layout, {"notes": "longer", "reference": "1234"}, cut={"notes"}) == "long1234"
    with pytest.raises(TranslationError, match=r"reference does not fit into columns 5-8") as caught:
        write_record(layout, {"notes": "", "reference": "12345"}, cut={"notes"})
    assert "12345" not in str(caught.value)


def test_letters_that_the_encoding_lacks_lose_their_accent_or_become_a_question_mark() -> None:
    assert plain("Siân Ŵyn, 9 €, Zoë Łukasz 李?", CP1252) == "Siân Wyn, 9 €, Zoë ?ukasz ??"


def test_a_line_break_in_a_text_does_not_break_the_record() -> None:
    assert plain("up the steps\r\nto the left\tdoor\x85", CP1252) == "up the steps to the left door "


@given(text=st.text(max_size=60), size=st.integers(min_value=1, max_value=30))
def test_whatever_is_written_a_record_has_its_width_in_bytes(text: str, size: int) -> None:
    layout = (Column("notes", 1, size), Column("end", size + 1, size + 1))

    record = CP1252.encode(write_record(layout, {"notes": plain(text, CP1252), "end": "."}, cut={"notes"}))

    assert len(record) == size + 1
    assert record.endswith(b".")
    assert len(record.splitlines()) == 1
