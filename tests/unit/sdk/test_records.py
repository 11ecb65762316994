from datetime import date, datetime, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sdk import LegacyRecord
from connectors.sdk.records import decode_record, encode_record

plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(),
    st.dates(),
    st.datetimes(),
    st.times(),
    st.binary(),
    st.decimals(allow_nan=False, allow_infinity=False),
)
values = st.dictionaries(
    st.text(min_size=1),
    st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("abc"), inner)),
)


@given(values)
def test_a_record_that_is_kept_comes_back_as_it_was(table: dict[str, object]) -> None:
    record = LegacyRecord(dataset="tenancies", key="000017/01", position="17|1", values=table)
    assert decode_record(encode_record(record)) == record


def test_a_fixture_is_written_by_hand() -> None:
    text = b"""{"dataset": "tenancies", "key": "000017/01", "position": "1", "values": {
        "cot": {"$date": "2026-11-03"}, "at": {"$datetime": "2026-11-03T09:00:00"}, "cur_bal": {"$decimal": "12.50"},
        "t": {"$time": "09:00"}}}"""
    assert decode_record(text).values == {
        "cot": date(2026, 11, 3),
        "at": datetime(2026, 11, 3, 9, 0),  # noqa: DTZ001 - as a driver hands it over
        "cur_bal": Decimal("12.50"),
        "t": time(9, 0),
    }


@pytest.mark.parametrize("text", [b"[]", b"{}", b'{"dataset": "x", "key": "y"}', b"no"])
def test_what_is_no_record_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"record|Expecting"):
        decode_record(text)
