"""A YAML file as plain values, with the line of every key and item, so that a mistake can be pointed at."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

import yaml
from yaml.reader import ReaderError

from hub.errors import ConfigurationError

Place = tuple[str | int, ...]
"""Where in a file: keys and numbers of items from the top."""
_LARGEST = 64 * 1024
"""Most bytes of a file; the largest journey that comes with the hub has a twentieth of that."""
_DEEPEST = 10
_DIGITS = 9
"""A longer number stays text; there is no use for one, and Python reads the longest only with an error."""
_MOST_SHOWN = 40
_WORD = 60
"""A word is quoted up to so many characters."""


class JourneyError(ConfigurationError):
    """A journey file that cannot be used; the message lists every problem as file:line: what is wrong, what would be right."""


@dataclass
class Source:
    """What a file says, where it says it, and the problems found with it.

    Attributes:
        file: its name, for messages.
        value: the whole as plain dicts, lists and scalars.
        lines: line number (from 1) by place.
        problems: line and sentence of each.
    """

    file: str
    value: Any
    lines: dict[Place, int]
    problems: list[tuple[int, str]] = field(default_factory=list)

    def at(self, place: Place) -> Any:
        """What stands at a place; None where nothing does."""
        part = self.value
        for step in place:
            inside = step in part if isinstance(part, dict) else isinstance(part, list) and isinstance(step, int)
            if not inside:
                return None
            part = part[step]
        return part

    def problem(self, place: Place, text: str) -> None:
        """Note a problem at a place; one that is not in the file points to the nearest part that is."""
        while place and place not in self.lines:
            place = place[:-1]
        self.problems.append((self.lines.get(place, 1), _shown(text)))

    def unknown(self, place: Place, what: str, word: object, known: Iterable[str]) -> None:
        """Note a word that is none of those known, with the nearest one."""
        words, said = sorted(known), cut(str(word))
        near = get_close_matches(said.lower(), words, n=1, cutoff=0.5)
        hint = f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(words)}."
        self.problem(place, f'no {what} "{said}"; {hint}')

    def stop_if_wrong(self) -> None:
        """Raise if there are problems.

        Raises:
            JourneyError: all of them, in the order of the file.
        """
        if self.problems:
            found = sorted(set(self.problems))
            lines = [f"{self.file}:{line}: {text}" for line, text in found[:_MOST_SHOWN]]
            if len(found) > _MOST_SHOWN:
                lines.append(f"{self.file}: and {len(found) - _MOST_SHOWN} more; mend these first.")
            raise JourneyError("\n".join(lines))


def cut(word: str) -> str:
    """A word as a message quotes it: not longer than a line."""
    return word if len(word) <= _WORD else f"{word[:_WORD]}..."


def _shown(text: str) -> str:
    """Text of a file as a terminal may show it: a quoted YAML text can hold any control character."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


class _Refused(yaml.MarkedYAMLError):
    """Good YAML that a journey has no use for."""


class _Loader(yaml.SafeLoader):
    """Plain mappings, lists and scalars only: what YAML can do beyond them hides from a reader what the file says, or never ends."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's stubs leave it bare
        if isinstance(event, yaml.AliasEvent):
            self._refuse(event, f'"*{event.anchor}" stands for lines elsewhere: write them out here. {_QUOTES}')
        if isinstance(event, yaml.NodeEvent) and event.anchor:
            self._refuse(
                event, f'"&{event.anchor}" names lines to be repeated: write them out where they belong. {_QUOTES}'
            )
        if tag := getattr(event, "tag", None):
            self._refuse(event, f'"{cut(tag)}" is a YAML tag, which no journey needs. {_QUOTES}')
        if self.depth == _DEEPEST:
            self._refuse(event, f"more than {_DEEPEST} levels deep; a journey has five")
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def _refuse(self, event: Any, problem: str) -> NoReturn:
        raise _Refused(problem=problem, problem_mark=event.start_mark)


_QUOTES = "A text that begins with this sign stands in quotes"
_MISTAKES = {
    "mapping values are not allowed": (
        'a colon where none can stand: a text that holds ": " stands in quotes, and the line above reads `key: value`'
    ),
    "found character '\\t'": "a tab: indent with blanks",
    "found character": "no text begins with this sign unless it stands in quotes",
    "expected <block end>": (
        "does not fit what stands above: lines that belong together begin in the same column, and nothing follows a quote"
    ),
    "could not find expected ':'": "this line reads `key: value`, or belongs to a text that begins further up and lacks its quotes",
    "expected ',' or": "a [ or { that is not closed, or a text within it that lacks its quotes",
    "found unexpected end of stream": "a quote that is never closed",
    "but found another document": "a second document begins here; a file holds one journey",
    "found unknown escape": "a backslash within double quotes: use single quotes",
    "sequence entries are not allowed": "a list with dashes begins on a line of its own",
    "expected the node content": "a bracket or comma where a value should stand: a text that begins with one stands in quotes",
    "expected alphabetic or numeric": "a text that begins with &, * or ! stands in quotes",
}
"""What people do, by how PyYAML's message begins; the first that fits counts."""
_BEGAN_AT = ("while scanning a quoted scalar", "while scanning a simple key")
"""Mistakes that are noticed only where the file goes on, and made where this began."""


def _in_words(error: yaml.MarkedYAMLError) -> str:
    """Line and sentence of a mistake in YAML."""
    problem = str(error.problem)
    open_end = error.context in _BEGAN_AT or problem.endswith("'<stream end>'")
    mark = error.context_mark if open_end and error.context_mark else error.problem_mark
    if not isinstance(error, _Refused):
        known = next((words for start, words in _MISTAKES.items() if problem.startswith(start)), problem)
        problem = f"not YAML: {known}"
    return f"{mark.line + 1 if mark else 1}: {_shown(problem)}."


def text_of(file: Path) -> str:
    """The text of a file.

    Raises:
        JourneyError: it cannot be read, is too large for a journey, or is no text in UTF-8.
    """
    try:
        with file.open("rb") as stream:
            raw = stream.read(_LARGEST + 1)
    except FileNotFoundError as error:
        near = get_close_matches(file.name, [each.name for each in file.parent.glob("*.yaml")], n=1)
        hint = f"Did you mean {file.parent / near[0]}?" if near else "Check its name and folder."
        raise JourneyError(f"{file}: there is no such file. {hint}") from error
    except IsADirectoryError as error:
        raise JourneyError(f"{file}: a folder. Name the files in it: {file / '*.yaml'}") from error
    except OSError as error:
        raise JourneyError(
            f"{file}: cannot be read: {error.strerror}. Check its name and whether you may read it."
        ) from error
    if len(raw) > _LARGEST:
        raise JourneyError(
            f"{file}: larger than {_LARGEST // 1024} KiB, and no journey is. Is it another kind of file?"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise JourneyError(
            f"{file}:{line}: not text in UTF-8. Save it as UTF-8 in the editor it was written with."
        ) from error


def read(text: str, file: str) -> Source:
    """Parse YAML text.

    Raises:
        JourneyError: it is not YAML, is no plain one (aliases, tags, many levels), holds a key twice, or is not one mapping.
    """
    try:
        node = _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        raise JourneyError(f"{file}:{_in_words(error)}") from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise JourneyError(f"{file}:{line}: not YAML: it holds a character that no text file should.") from error
    source = Source(file, {}, {(): 1})
    if not isinstance(node, yaml.MappingNode):
        raise JourneyError(f"{file}:1: a journey is a list of `key: value` lines; it begins with `journey: its-name`.")
    source.value = _plain(node, (), source)
    source.stop_if_wrong()
    return source


def _plain(node: yaml.Node, place: Place, source: Source) -> Any:
    source.lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                source.problems.append((line, "a list stands where a word and a colon should."))
                continue
            key = str(key_node.value)
            here = (*place, key)
            if key in mapping:
                source.problems.append((line, _shown(f'"{cut(key)}" stands here twice.')))
            source.lines[here] = line
            mapping[key] = _plain(value_node, here, source)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*place, number), source) for number, item in enumerate(node.value)]
    # Everything stays text but whole numbers: a journey has no other scalars, and `no` or `16:30` must not become something else.
    value = str(node.value)
    number = node.tag == "tag:yaml.org,2002:int" and value.isdecimal() and len(value) <= _DIGITS
    return int(value) if number else value
