"""One look for every list on the terminal: no lines, and what a person has to type again is never cut short."""

from rich.table import Table


def listing(name: str, *columns: str, title: str | None = None) -> Table:
    """A table without rows yet.

    Args:
        name: heading of the first column, whose words are the names of things; however narrow the terminal, they stay whole.
        columns: the other headings.
        title: a line above it.
    """
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(name, no_wrap=True)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
