import pytest

from hub.dead_letters.parking import case_in


@pytest.mark.parametrize(
    ("key", "case"),
    [
        (b"0TJ9-4QXM-7C2K-VN31", "0TJ9-4QXM-7C2K-VN31"),
        (None, None),
        (b"", None),
        (b"\x00", None),
        (b"\xff\xfe", None),
        (b"unicorn", None),
    ],
)
def test_a_key_names_a_case_where_it_is_a_reference(key: bytes | None, case: str | None) -> None:
    assert case_in(key) == case
