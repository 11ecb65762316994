"""The language of conditions: `mobility == "wheelchair" && steps_at_door > 0`. Pure.

It is the part of CEL, the Common Expression Language (github.com/google/cel-spec), that compares facts with values. So every word of a
condition can be checked against the fact vocabulary before a case meets it, and what was found good cannot fail on a case. CEL has
more (arithmetic, functions, `? :`, null); a division by zero that one case in a thousand meets is not worth having it. Tests hold
this reading to what CEL itself makes of the same text.
"""

import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from difflib import get_close_matches
from enum import StrEnum
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from schemas.facts import Facts, kind_of


class NotACondition(ValueError):
    """A text that is no sentence of the language; the message says what stands where something else should."""


@dataclass(frozen=True)
class Fact:
    """A fact, by its name."""

    name: str


@dataclass(frozen=True)
class Value:
    """A value, as it stands in the text and in JSON."""

    value: str | int | bool


@dataclass(frozen=True)
class Part:
    """A sign and what it joins: `!` one expression, `&&` and `||` two or more, a comparison two, `in` one and then its choices."""

    sign: str
    parts: tuple["Expression", ...]


Expression = Fact | Value | Part


@dataclass(frozen=True)
class Condition:
    """A `when`, read once.

    Attributes:
        text: as it stands in the file.
        expression: what it says.
        facts: names of the facts it reads.
    """

    text: str
    expression: Expression
    facts: frozenset[str]

    def holds(self, facts: Mapping[str, object]) -> bool:
        """Whether it is true of these facts (JSON values by name). A fact that is not known makes it false, never an error."""
        return self.facts <= facts.keys() and self._test(facts) is True

    @cached_property
    def _test(self) -> Callable[[Mapping[str, Any]], Any]:
        return _compiled(self.expression)


def condition(text: str) -> Condition:
    """A condition from its text; `faults` says whether it makes sense.

    Raises:
        NotACondition: it is no sentence of the language.
    """
    expression = _Reader(text).whole()
    return Condition(text, expression, frozenset(_facts(expression)))


def faults(expression: Expression) -> Iterator[str]:
    """What is wrong with an expression as a condition, in sentences: values and kinds of value that its facts cannot have.

    Args:
        expression: all its facts are in the vocabulary.
    """
    match expression:
        case Fact(name):
            if kind_of(name) is not bool:
                yield f'"{name}" is no yes or no: compare it with a value.'
        case Value(value):
            yield f"{_quoted(value)} by itself asks about no fact."
        case Part("!" | "&&" | "||", parts):
            for part in parts:
                yield from faults(part)
        case Part():
            yield from _comparison_faults(expression)


def _comparison_faults(part: Part) -> Iterator[str]:
    match part:
        case Part("in", (Fact(name), *choices)):
            yield from _order_faults(name, "==")
            for choice in choices:
                yield from _value_faults(name, choice)
        case Part(sign, (Fact(name), Fact(other))):
            if kind_of(name) != kind_of(other):
                yield f'"{name}" and "{other}" are of different kinds: they are never the same.'
            yield from _order_faults(name, sign)
        case Part(sign, (Fact(name), Value() as value)) | Part(sign, (Value() as value, Fact(name))):
            yield from _order_faults(name, sign)
            yield from _value_faults(name, value)
        case Part(sign):
            yield f'"{sign}" has a fact on its left, and on its right a value or another fact.'


def _order_faults(name: str, sign: str) -> Iterator[str]:
    if kind_of(name) not in _COMPARED:
        yield f'"{name}" is no single value, and cannot be compared.'
    elif sign not in {"==", "!="} and kind_of(name) not in {int, date, time}:
        yield f'"{name}" has no order: compare it by ==, != or in.'


def _value_faults(name: str, expression: Expression) -> Iterator[str]:
    """Whether a fact can have a value, in just the form in which the value of a case will stand beside it."""
    value, kind = expression.value if isinstance(expression, Value) else None, kind_of(name)
    try:
        known, reason = Facts.model_validate({name: value}).known().get(name), ""
    except ValidationError as error:
        item = error.errors(include_url=False, include_input=False)[0]
        known, reason = None, _LIKE.get(str(item["type"]).partition("_")[0], str(item["msg"]).replace("Input", "it"))
    if type(known) is type(value) and known == value:
        return
    if kind is bool:
        yield f"{name} is yes or no: write {name} or !{name}."
    elif issubclass(kind, StrEnum):
        near = get_close_matches(str(value), list(kind), n=1, cutoff=0.5)
        hint = f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(kind)}."
        yield f"no {name} {_quoted(value)}; {hint}"
    elif kind in _COMPARED and known is not None:
        yield f"{name} is written {_quoted(known)} here, not {_quoted(value)}."
    elif kind in _COMPARED:
        yield f"{name} cannot be {_quoted(value)}: {reason.rstrip('.')}."


_LIKE = {"date": 'a date reads like "2026-11-30"', "time": 'a time of day reads like "14:30:00"'}
"""How values are written, by the kind of pydantic's error."""
_ENUMS = [kind for kind in map(kind_of, Facts.model_fields) if issubclass(kind, StrEnum)]
WORDS = frozenset(str(word) for kind in _ENUMS for word in kind)
"""Every value of a fact that is one of a few words."""
_COMPARED = {str, int, bool, date, time, *_ENUMS}
"""Kinds of fact whose values are one word or number; a place on the map is not."""
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


def _compiled(expression: Expression) -> Callable[[Mapping[str, Any]], Any]:
    """What gives an expression's value, given the facts; `faults` has seen to it that every step can be taken."""
    if isinstance(expression, Fact):
        return operator.itemgetter(expression.name)
    if isinstance(expression, Value):
        return lambda _facts: expression.value
    parts = [_compiled(part) for part in expression.parts]
    first, *others = parts
    tests: dict[str, Callable[[Mapping[str, Any]], Any]] = {
        "!": lambda facts: not first(facts),
        "&&": lambda facts: all(part(facts) for part in parts),
        "||": lambda facts: any(part(facts) for part in parts),
        "in": lambda facts: first(facts) in [other(facts) for other in others],
    }
    if expression.sign in tests:
        return tests[expression.sign]
    compare = _COMPARISONS[expression.sign]
    return lambda facts: bool(compare(first(facts), others[0](facts)))


def _quoted(value: Any) -> str:
    """A value as it stands in a condition."""
    return json.dumps(value, ensure_ascii=False)


def _facts(expression: Expression) -> Iterator[str]:
    if isinstance(expression, Fact):
        yield expression.name
    elif isinstance(expression, Part):
        for part in expression.parts:
            yield from _facts(part)


_TOKEN = re.compile(
    r"""\s*(?:(?P<name>[A-Za-z_]\w*)|(?P<number>-?[0-9]+(?!\w))|(?P<text>"[^"\\]*"|'[^'\\]*')|(?P<sign>&&|\|\||[=!<>]=|\S))""",
    re.ASCII,
)
_MEANT = {
    "=": "==",
    "is": "==",
    "&": "&&",
    "and": "&&",
    "|": "||",
    "or": "||",
    "not": "!",
    "yes": "true",
    "no": "false",
    "true": "true",
    "false": "false",
}
"""What other languages, or English, would say, and what is said here."""
_BOOLEANS = ("true", "false")
_DEEPEST = 20
_DIGITS, _WORD = 18, 40


class _Reader:
    """Reads one text from left to right: `||` joins what `&&` joins, which joins comparisons and `!`."""

    def __init__(self, text: str) -> None:
        self._tokens = [(str(found.lastgroup), found[found.lastgroup or 0]) for found in _TOKEN.finditer(text)]
        self._depth = 0

    def whole(self) -> Expression:
        """The text to its end."""
        expression = self._either()
        if self._tokens:
            raise self._unexpected("&&, || or the end")
        return expression

    def _either(self) -> Expression:
        return self._joined("||", lambda: self._joined("&&", self._comparison))

    def _joined(self, sign: str, part: Callable[[], Expression]) -> Expression:
        parts = [part()]
        while self._takes(sign):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Part(sign, tuple(parts))

    def _comparison(self) -> Expression:
        left = self._single()
        if self._takes("in"):
            return Part("in", (left, *self._choices()))
        sign = next((sign for sign in _COMPARISONS if self._takes(sign)), None)
        return Part(sign, (left, self._single())) if sign else left

    def _choices(self) -> Iterator[Expression]:
        if not self._takes("["):
            raise self._unexpected('a list: ["walks", "wheelchair"]')
        while True:
            choice = self._operand()
            if isinstance(choice, Fact):
                raise NotACondition(f'a list holds values, and "{choice.name}" is none; a text stands in quotes.')
            yield choice
            if self._takes("]"):
                return
            if not self._takes(","):
                raise self._unexpected('"," or "]"')

    def _single(self) -> Expression:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise NotACondition(f"more than {_DEEPEST} brackets within one another.")
        if self._takes("!"):
            expression: Expression = Part("!", (self._single(),))
        elif self._takes("("):
            expression = self._either()
            if not self._takes(")"):
                raise self._unexpected('&&, || or ")"')
        else:
            expression = self._operand()
        self._depth -= 1
        return expression

    def _operand(self) -> Fact | Value:
        kind, word = self._tokens[0] if self._tokens else ("end", "")
        if word == "null":
            raise NotACondition("null is not asked for: a fact that is not known makes a condition false by itself.")
        if kind in {"end", "sign"} or word == "in" or (word not in _BOOLEANS and word.lower() in _MEANT):
            raise self._unexpected("a fact or a value")
        if kind == "number" and len(word) > _DIGITS:
            raise NotACondition(f"a number of {len(word)} digits: no fact is as large.")
        self._tokens.pop(0)
        match kind:
            case "number":
                return Value(int(word))
            case "text":
                return Value(word[1:-1])
        return Value(word == "true") if word in _BOOLEANS else Fact(word)

    def _takes(self, word: str) -> bool:
        """Whether the next word is this one, which is then behind us."""
        if self._tokens and self._tokens[0][1] == word and self._tokens[0][0] != "text":
            self._tokens.pop(0)
            return True
        return False

    def _unexpected(self, wanted: str) -> NotACondition:
        if not self._tokens:
            return NotACondition(f"it ends where {wanted} should stand.")
        word = self._tokens[0][1]
        hint = f'did you mean "{_MEANT[word.lower()]}"?' if word.lower() in _MEANT else ""
        if word.startswith("-"):
            hint = "texts and dates stand in quotes."
        return NotACondition(f"{word[:_WORD]} stands where {wanted} should" + (f"; {hint}" if hint else "."))
