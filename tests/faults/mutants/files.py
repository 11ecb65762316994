"""Mutants of who reads files."""

from typing import Any

from tests.faults.mutants.swapping import swap


def unfinished_files_are_broken() -> None:
    """A results file that cannot be used is broken at the first look, though somebody may still be writing it."""
    from connectors.transport_files import results

    news = results.Seen.news

    def hasty(self: Any, *arguments: Any, **_: Any) -> Any:
        return news(self, *arguments, may_grow=False)

    swap(results.Seen, "news", hasty)


def broken_files_are_passed_over() -> None:
    """A results file that cannot be used is read as one without rows."""
    from connectors.transport_files import results, sheet

    read = sheet.read_sheet

    def lenient(*arguments: Any) -> Any:
        try:
            return read(*arguments)
        except sheet.BrokenFile:
            return sheet.Sheet([], iter(()))

    swap(results, "read_sheet", lenient)


def rows_are_not_remembered() -> None:
    """Every row of a file is news, whatever other files said."""
    from connectors.transport_files import results

    swap(results, "_repeated", lambda *_: 0)
    swap(results.Seen, "_has_said", lambda *_: False)


def one_bad_row_breaks_its_file() -> None:
    """A file with a row that cannot be used is not used at all."""
    from connectors.transport_files import results, sheet

    read = sheet.read_sheet

    def strict(*arguments: Any) -> Any:
        found = read(*arguments)
        rows = list(found.rows)
        if any(row.fault for row in rows):
            raise sheet.BrokenFile(sheet.Fault.NOT_CSV)
        return found._replace(rows=iter(rows))

    swap(results, "read_sheet", strict)


def encodings_are_guessed() -> None:
    """What is not in the declared encoding is read in whichever it fits."""
    from connectors.sdk.encoding import EncodingQuirk, TextLine

    def guess(_self: Any, file: Any, _what: str) -> list[TextLine]:
        content = file.read()
        return [TextLine(line, len(line)) for line in text_of(content).splitlines()]

    def text_of(content: bytes) -> str:
        for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "cp1252"):
            try:
                text = content.decode(encoding)
            except UnicodeDecodeError:
                continue
            if "TRAILER" in text:
                return text
        return content.decode("latin-1")

    swap(EncodingQuirk, "lines", guess)


def other_columns_are_set_aside() -> None:
    """A results file with other columns than were agreed is set aside like one that is broken."""
    from connectors.sdk import ContractBroken
    from connectors.transport_files import results, sheet

    news = results.Seen.news

    def lenient(self: Any, file: Any, *arguments: Any, **more: Any) -> Any:
        try:
            return news(self, file, *arguments, **more)
        except ContractBroken:
            self.files[file.name] = [file.size, file.modified, "", file.modified]
            return results.News((results._faulty(file.name, file.name, sheet.Fault.NO_HEADER),), ())

    swap(results.Seen, "news", lenient)


def a_folder_away_is_a_wrong_setting() -> None:
    """A folder that is not there ends the connector, as if somebody had to edit its settings."""
    from connectors.sdk import ConfigurationError
    from connectors.transport_files import client

    swap(client, "FolderAway", ConfigurationError)


def lines_are_of_any_length() -> None:
    """A line is read to its end, however far that is."""
    from connectors.sdk import lines

    read = lines.lines_of
    swap(lines, "lines_of", lambda file: read(file, longest=10**12))
