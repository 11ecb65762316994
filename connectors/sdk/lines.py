"""Lines of a file, one at a time, each no longer than agreed: whatever the file holds, no more than that is in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

LONGEST_LINE = 256 * 1024
"""Bytes of a line of records. The widest interface file we know of has 4,000; a line this long is a file that lost its line ends."""


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
    r"""Every line of a file, ended by \n or \r\n; the last may have no end."""
    number = 0
    while piece := file.readline(longest + 2):
        number += 1
        length, whole = len(piece), piece.endswith(b"\n") or len(piece) < longest + 2
        content = piece.removesuffix(b"\n").removesuffix(b"\r") if whole else b""
        if not whole:
            while rest := file.readline(longest):
                length += len(rest)
                if rest.endswith(b"\n"):
                    break
        else:
            length = len(content)
        yield Line(number, content if whole and length <= longest else None, length)
