"""A YAML file as plain values, with the line of every key and item, so that a mistake can be pointed at."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import yaml

from hub.errors import ConfigurationError

Path = tuple[str | int, ...]


class JourneyError(ConfigurationError):
    """A journey file that cannot be used; the message lists every problem as file:line: what is wrong, what would be right."""


@dataclass
class Source:
    """What a file says, where it says it, and the problems found with it.

    Attributes:
        file: its name, for messages.
        value: the whole as plain dicts, lists and scalars.
        lines: line number (from 1) by path.
        problems: line and sentence of each.
    """

    file: str
    value: Any
    lines: dict[Path, int]
    problems: list[tuple[int, str]] = field(default_factory=list)

    def problem(self, path: Path, text: str) -> None:
        """Note a problem at a place; a path that is not in the file points to the nearest part that is."""
        while path and path not in self.lines:
            path = path[:-1]
        self.problems.append((self.lines.get(path, 1), text))

    def unknown(self, path: Path, what: str, word: object, known: Iterable[str]) -> None:
        """Note a word that is none of those known, with the nearest one."""
        words = sorted(known)
        near = get_close_matches(str(word), words, n=1, cutoff=0.5)
        hint = f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(words)}."
        self.problem(path, f'no {what} "{word}"; {hint}')

    def stop_if_wrong(self) -> None:
        """Raise if there are problems.

        Raises:
            JourneyError: all of them, in the order of the file.
        """
        if self.problems:
            lines = (f"{self.file}:{line}: {text}" for line, text in sorted(set(self.problems)))
            raise JourneyError("\n".join(lines))


def read(text: str, file: str) -> Source:
    """Parse YAML text.

    Raises:
        JourneyError: it is not YAML, holds a key twice, or is not one mapping.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise JourneyError(f"{file}:{line}: not YAML: {error.problem}.") from error
    except yaml.YAMLError as error:
        raise JourneyError(f"{file}:1: not YAML: it holds a character that no text file should.") from error
    source = Source(file, {}, {(): 1})
    if not isinstance(node, yaml.MappingNode):
        raise JourneyError(f"{file}:1: a journey is a list of `key: value` lines; it begins with `journey: its-name`.")
    source.value = _plain(node, (), source)
    source.stop_if_wrong()
    return source


def _plain(node: yaml.Node, path: Path, source: Source) -> Any:
    source.lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            here = (*path, key)
            if key in mapping:
                source.problems.append((key_node.start_mark.line + 1, f'"{key}" stands here twice.'))
            source.lines[here] = key_node.start_mark.line + 1
            mapping[key] = _plain(value_node, here, source)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, place), source) for place, item in enumerate(node.value)]
    # Everything stays text but whole numbers: a journey has no other scalars, and `no` or `16:30` must not become something else.
    value = str(node.value)
    return int(value) if node.tag == "tag:yaml.org,2002:int" and value.isdecimal() else value
