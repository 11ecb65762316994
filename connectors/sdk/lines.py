r"""Lines of a file, one at a time, each no longer than agreed: whatever the file holds, no more than that is in memory.

A line ends with \n, \r\n or \r, whichever a system writes, mixed or not.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

LONGEST_LINE = 128 * 1024
"""Bytes of a line of records. The widest interface file we know of has 4,000; a line this long is a file that lost its line ends.

No more than one value may have for Python's `csv`, which gives up the whole file at one that is longer."""
_AT_ONCE = 64 * 1024


@dataclass(frozen=True)
class Line:
    """One line.

    Attributes:
        number: from 1.
        content: without its end; None where it is longer than agreed.
        length: of it, in bytes.
    """

    number: int
    content: bytes | None = field(repr=False)
    length: int


def lines_of(file: BinaryIO, longest: int = LONGEST_LINE) -> Iterator[Line]:
    """Every line of a file; the last may have no end."""
    number, skipped, rest = 0, 0, b""
    while chunk := file.read(_AT_ONCE):
        pieces = (rest + chunk).splitlines(keepends=True)
        # What has no end yet goes on in the next chunk; so may an end of two bytes.
        rest = b"" if pieces[-1].endswith(b"\n") else pieces.pop()
        for piece in pieces:
            number += 1
            yield _line(number, piece, skipped, longest)
            skipped = 0
        if len(rest) > longest + 1 and not rest.endswith(b"\r"):
            skipped, rest = skipped + len(rest), b""
    if rest or skipped:
        yield _line(number + 1, rest, skipped, longest)


def _line(number: int, piece: bytes, skipped: int, longest: int) -> Line:
    content = piece.rstrip(b"\r\n") if piece.endswith((b"\n", b"\r")) else piece
    length = skipped + len(content)
    return Line(number, None if skipped or length > longest else content, length)
