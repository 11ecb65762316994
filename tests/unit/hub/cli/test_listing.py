from rich.console import Console

from hub.cli.listing import listing, plain


def shown(*cells: str, title: str | None = None) -> str:
    table = listing("name", "reason", title=title)
    table.add_row(*cells)
    console = Console(width=120)
    with console.capture() as caught:
        console.print(table)
    return caught.get()


def test_what_looks_like_markup_is_shown_as_it_is() -> None:
    found = shown("housing", "closed [/internal] and [bold]open[/bold]", title="At [/kafka]")

    assert "closed [/internal] and [bold]open[/bold]" in found
    assert "At [/kafka]" in found


def test_nothing_in_a_cell_steers_the_terminal() -> None:
    found = shown("a\x1b[2Jb", "left\u202eright\x00\x9bend\nnext")

    assert "a\\x1b[2Jb" in found
    assert "left\\u202eright\\x00\\x9bend\\nnext" in found


def test_other_letters_of_any_language_stay() -> None:
    assert plain("Éire, Ŵyn — 町 👍 ", keep="\n") == "Éire, Ŵyn — 町 👍 "
