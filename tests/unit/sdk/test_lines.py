"""Lines of a file of any size, with lines of any length."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sdk import lines
from connectors.sdk.lines import lines_of


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_end_as_the_system_ends_them_and_the_last_need_not_end(end: bytes) -> None:
    found = list(lines_of(io.BytesIO(end.join([b"one", b"", b"three"]))))

    assert [(line.number, line.content) for line in found] == [(1, b"one"), (2, b""), (3, b"three")]


def test_a_line_that_is_too_long_is_told_with_its_place_and_length_and_the_others_are_whole() -> None:
    file = io.BytesIO(b"one\n" + b"x" * 1_000_000 + b"\nthree\n")

    found = list(lines_of(file, longest=100))

    assert [(line.number, line.content, line.length) for line in found] == [
        (1, b"one", 3),
        (2, None, 1_000_000),
        (3, b"three", 5),
    ]


@given(
    parts=st.lists(
        st.tuples(
            st.binary(max_size=40).filter(lambda raw: not set(raw) & {10, 13}), st.sampled_from([b"\n", b"\r\n", b"\r"])
        )
    ),
    at_once=st.integers(1, 9),
)
def test_chunks_fall_wherever_they_like(parts: list[tuple[bytes, bytes]], at_once: int) -> None:
    content = b"".join(raw + end for raw, end in parts)
    expected = content.splitlines()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "_AT_ONCE", at_once)
        found = list(lines_of(io.BytesIO(content), longest=8))

    assert [line.length for line in found] == [len(raw) for raw in expected]
    assert [line.content for line in found] == [raw if len(raw) <= 8 else None for raw in expected]
