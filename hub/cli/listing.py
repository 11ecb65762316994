"""One look for every list on the terminal: no lines, and what a person has to type again is never cut short.

What is shown was written by others: nothing in it is markup, and nothing in it steers a terminal.
"""

import unicodedata
from typing import Any

from rich.table import Table
from rich.text import Text

_STEERS = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Categories of characters that move a cursor, turn the direction of writing, or are no characters."""


class Listing(Table):
    """A table whose cells are data."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        """One more row, of texts or of what Rich can show."""
        super().add_row(*(Text(plain(cell)) if isinstance(cell, str) else cell for cell in cells), **options)


def listing(name: str, *columns: str, title: str | None = None) -> Listing:
    """A table without rows yet.

    Args:
        name: heading of the first column, whose words are the names of things; however narrow the terminal, they stay whole.
        columns: the other headings.
        title: a line above it.
    """
    above = None if title is None else Text(plain(title), style="table.title")
    table = Listing(
        title=above, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim"
    )
    table.add_column(name, no_wrap=True)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def plain(text: str, keep: str = "") -> str:
    r"""A text in which what would steer a terminal is spelt out, such as \x1b.

    Args:
        text: written by anybody.
        keep: what stays all the same, such as line ends.
    """
    return "".join(
        _spelt(each) if each not in keep and unicodedata.category(each) in _STEERS else each for each in text
    )


def _spelt(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
