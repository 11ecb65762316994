"""A journey from YAML text, checked word by word.

Problems are named with file, line and the nearest valid word, for the service manager who wrote it: all at once, but for words whose
meaning hangs on something else that is wrong. Whatever travels in an event later is read here as that event's own field reads it,
so that no limit is first met by a worker.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from hub.journeys import language
from hub.journeys.clocks import Anchor, Due, parse_due
from hub.journeys.language import Condition
from hub.journeys.model import IfRefused, Journey, TaskPlan
from hub.journeys.source import Place, Source, cut, read
from schemas.cases import CaseChange
from schemas.envelope import Department
from schemas.facts import Facts, kind_of
from schemas.fields import reader_of
from schemas.identifiers import LgslCode
from schemas.references import Slug
from schemas.tasks import Task, TaskWithdrawal, Work

_KEYS = {"journey", "version", "title", "owner", "starts", "requires", "may carry", "tasks", "moves", "tells"}
_NEEDED = ("journey", "version", "title", "owner", "starts", "requires", "tasks")
_TASK_KEYS = {"department", "work", "asks", "after", "when", "due", "gives", "answers", "undo", "if refused"}
_TASK_NEEDED = ("department", "work", "asks")
_LAST_VERSION = 9999
_MOST_TASKS = 100
_SLUG: TypeAdapter[str] = TypeAdapter(Slug)
_LGSL: TypeAdapter[int] = TypeAdapter(LgslCode)
_Word = TypeVar("_Word", Department, Work, IfRefused, CaseChange)


def parse(text: str, file: str) -> Journey:
    """A journey from YAML text.

    Raises:
        JourneyError: every problem of it.
    """
    source = read(text, file)
    _check_keys(source, (), _KEYS, _NEEDED)
    source.stop_if_wrong()
    value = source.value
    name = _name(source, ("journey",), value["journey"])
    version = _version(source)
    title, owner = _line(source, ("title",)), _line(source, ("owner",))
    starts_with, lgsl = _starts(source)
    requires = _questions(source, "requires")
    may_carry = _questions(source, "may carry")
    for fact in requires.keys() & may_carry.keys():
        source.problem(("may carry", fact), f'"{fact}" stands in `requires` already: one of the two goes.')
    carried = requires.keys() | may_carry.keys()
    moves = _facts(source, ("moves",), carried)
    tells = _tells(source)
    tasks = _tasks(source, carried)
    source.stop_if_wrong()
    return Journey(
        name=name,
        version=version,
        title=title,
        owner=owner,
        starts_with=starts_with,
        lgsl=lgsl,
        requires=requires,
        may_carry=may_carry,
        tasks=tasks,
        moves=frozenset(moves),
        tells=tells,
    )


def _check_keys(source: Source, place: Place, known: set[str], needed: Iterable[str]) -> bool:
    """Whether a part of the file is a mapping; its keys are checked."""
    value = source.at(place)
    if not isinstance(value, dict):
        source.problem(place, f"{place[-1]} is a list of `key: value` lines.")
        return False
    for key in value:
        if key not in known:
            source.unknown((*place, key), "such word", key, known)
    for key in needed:
        if key not in value:
            source.problem(place, f'"{key}" is missing{f" from {cut(str(place[-1]))}" if place else ""}.')
    return True


def _name(source: Source, place: Place, value: Any) -> str:
    """A name that people and machines share."""
    try:
        return _SLUG.validate_python(value)
    except ValidationError:
        near = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")[:64] if isinstance(value, str) else ""
        right = f'did you mean "{near}"?' if near[:1].isalpha() and near != value else "such as check-home."
        said = f'"{cut(str(value))}" is no name' if isinstance(value, str | int) else f"{place[-1]} is a name"
        source.problem(place, f"{said}: lower-case words joined by hyphens, at most 64 characters; {right}")
        return ""


def _line(source: Source, place: Place, model: type[BaseModel] = Task, field: str = "asks") -> str:
    """A line of text for people, as long as the field that will carry it allows; blanks and line ends within it become one blank."""
    value = source.at(place)
    if not isinstance(value, str) or not any(character.isalpha() for character in value):
        said = f', and "{cut(str(value))}" has no word in it' if isinstance(value, str | int) and value != "" else ""
        source.problem(place, f"{place[-1]} is a line of text{said}.")
        return ""
    text = " ".join(value.split())
    if not text.isprintable():
        source.problem(place, f'{place[-1]}: "{cut(text)}" holds a character that cannot be shown: type it again.')
    try:
        reader_of(model, field).validate_python(text)
    except ValidationError as error:
        most = error.errors(include_url=False, include_input=False)[0].get("ctx", {}).get("max_length")
        source.problem(place, f"{place[-1]} is a line of at most {most} characters; here it has {len(text)}.")
    return text


def _version(source: Source) -> int:
    value = source.value["version"]
    if not isinstance(value, int) or not 1 <= value <= _LAST_VERSION:
        source.problem(("version",), f"version is a whole number from 1 to {_LAST_VERSION}.")
        return 0
    return value


def _starts(source: Source) -> tuple[str, int | None]:
    """The kind of request a journey starts with, and its service code."""
    if not _check_keys(source, ("starts",), {"request", "lgsl"}, ("request",)):
        return "", None
    starts = source.value["starts"]
    name = _name(source, ("starts", "request"), starts["request"]) if "request" in starts else ""
    try:
        return name, _LGSL.validate_python(starts["lgsl"]) if "lgsl" in starts else None
    except ValidationError:
        said = "lgsl is a code of the Local Government Service List, a number from 1 to 9999 such as 209"
        source.problem(("starts", "lgsl"), f"{said}; without one, leave it out.")
        return name, None


def _questions(source: Source, key: str) -> Mapping[str, str]:
    """The facts of `requires` or `may carry` with the question a person is asked for each."""
    value = source.value.get(key, {})
    if not isinstance(value, dict):
        source.problem((key,), f"{key} is a list of `fact: question` lines.")
        return {}
    for name in value:
        if name not in Facts.model_fields:
            source.unknown((key, name), "fact", name, Facts.model_fields)
    return {name: _line(source, (key, name)) for name in value}


def _list(source: Source, place: Place, of: str) -> tuple[tuple[Place, str], ...]:
    """Words of a list, each with its place; one word may stand without brackets, and a list that is left out is empty."""
    value = source.at(place)
    if isinstance(value, str) and value:
        return ((place, value),)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        source.problem(place, f"{cut(str(place[-1]))} is a list of {of}.")
        return ()
    return tuple(((*place, number), item) for number, item in enumerate(value))


def _facts(source: Source, place: Place, known: Collection[str]) -> tuple[str, ...]:
    """Names of facts, each checked against those known here, and against the vocabulary for a hint."""
    words = _list(source, place, "facts, such as [uprn, mobility]")
    for where, name in words:
        if name not in Facts.model_fields:
            source.unknown(where, "fact", name, Facts.model_fields)
        elif name not in known:
            source.problem(
                where, f'nothing here tells "{name}": add it to `requires` or `may carry`, or to the answers of a task.'
            )
    return tuple(name for _, name in words)


def _tasks(source: Source, carried: set[str]) -> tuple[TaskPlan, ...]:
    """The tasks, each behind those it waits for."""
    value = source.value["tasks"]
    if not isinstance(value, dict) or not value:
        source.problem(("tasks",), "tasks is a list of tasks, at least one, each with department, work and asks.")
        return ()
    if len(value) > _MOST_TASKS:
        source.problem(("tasks",), f"{len(value)} tasks; a journey has at most {_MOST_TASKS}. Make two journeys of it.")
    found = len(source.problems)
    for name in value:
        _name(source, ("tasks", name), name)
        _check_keys(source, ("tasks", name), _TASK_KEYS, _TASK_NEEDED)
    if len(source.problems) > found:
        return ()
    before = _before(source)
    answers = {name: _facts(source, ("tasks", name, "answers"), Facts.model_fields.keys()) for name in value}
    everything = carried.union(*answers.values())
    plans = []
    for name, earlier in before.items():
        known = carried.union(*(answers[each] for each in earlier))
        plans.append(_task(source, name, answers[name], known, everything))
    return tuple(plan for plan in plans if plan is not None)


def _task(
    source: Source, name: str, answers: tuple[str, ...], known: set[str], everything: set[str]
) -> TaskPlan | None:
    """One task; `known` are facts certain to be asked for before it begins, `everything` also what may come later."""
    place, value = ("tasks", name), source.value["tasks"][name]
    department = _word(source, (*place, "department"), Department)
    work = _word(source, (*place, "work"), Work)
    refused = _word(source, (*place, "if refused"), IfRefused) if "if refused" in value else IfRefused.ASK
    asks = _line(source, (*place, "asks"))
    undo = _line(source, (*place, "undo"), TaskWithdrawal, "undo") if "undo" in value else None
    when = _condition(source, (*place, "when"), known) if "when" in value else None
    due = _due(source, (*place, "due"), everything) if "due" in value else None
    gives = _facts(source, (*place, "gives"), everything)
    if department is None or work is None or refused is None:
        return None
    return TaskPlan(
        name=name,
        department=department,
        work=work,
        asks=asks,
        after=_after(source, name),
        when=when,
        due=due,
        gives=gives,
        answers=answers,
        undo=undo,
        if_refused=refused,
    )


def _word(source: Source, place: Place, words: type[_Word], what: str | None = None) -> _Word | None:
    word = source.at(place)
    try:
        return words(word)
    except ValueError:
        source.unknown(place, what or str(place[-1]), word, list(words))
        return None


def _condition(source: Source, place: Place, known: set[str]) -> Condition | None:
    """A condition over facts that are known by the time it is asked."""
    text = " ".join(str(source.at(place)).split())
    try:
        condition = language.condition(text)
    except language.NotACondition as error:
        source.problem(place, f"not a condition: {error} {_CONDITIONS}")
        return None
    for name in sorted(condition.facts):
        near = get_close_matches(name, [*Facts.model_fields, *language.WORDS], n=1)
        if near and near[0] in language.WORDS:
            source.problem(place, f'no fact "{name}"; a value stands in quotes: "{near[0]}".')
        elif name not in Facts.model_fields:
            source.unknown(place, "fact", name, Facts.model_fields)
        elif name not in known:
            source.problem(
                place, f'"{name}" is not known when this is asked: put the task that answers it into `after`.'
            )
    if condition.facts <= Facts.model_fields.keys():
        for fault in language.faults(condition.expression):
            source.problem(place, fault)
    return condition


_CONDITIONS = (
    "A condition compares facts with values by ==, !=, <, <=, >, >= or in, joined by && and ||: "
    'mobility == "wheelchair" && steps_at_door > 0'
)


def _due(source: Source, place: Place, everything: set[str]) -> Due | None:
    text = str(source.at(place))
    try:
        due = parse_due(text)
    except ValueError as error:
        source.problem(place, f'"{cut(text)}" is no due time: {error}.')
        return None
    if due.anchor is not Anchor.START and due.fact is not None:
        if due.fact not in Facts.model_fields:
            source.unknown(place, "fact", due.fact, _date_facts())
        elif due.fact not in _date_facts():
            source.problem(place, f'"{due.fact}" is no date. Dates are: {", ".join(_date_facts())}.')
        elif due.fact not in everything:
            source.problem(place, f'nothing here tells "{due.fact}": add it to `requires` or `may carry`.')
    return due


def _date_facts() -> list[str]:
    return [name for name in Facts.model_fields if kind_of(name) is date]


def _after(source: Source, task: str) -> tuple[str, ...]:
    """The tasks it waits for, as its file says."""
    words = _list(source, ("tasks", task, "after"), "tasks, such as [check-home, assess-care]")
    return tuple(name for _, name in words)


def _before(source: Source) -> Mapping[str, set[str]]:
    """Every task with all that must end before it begins, near or far; each stands behind those, otherwise as in the file.

    Empty when they cannot be put in order.
    """
    tasks, found = source.value["tasks"], len(source.problems)
    for task in tasks:
        for place, earlier in _list(source, ("tasks", task, "after"), "tasks, such as [check-home, assess-care]"):
            if earlier not in tasks:
                source.unknown(place, "task", earlier, tasks)
    if len(source.problems) > found:
        return {}
    after = {name: _after(source, name) for name in tasks}
    before: dict[str, set[str]] = {}
    waiting = list(tasks)
    while waiting:
        ready = next((name for name in waiting if all(each in before for each in after[name])), None)
        if ready is None:
            source.problem(("tasks", waiting[0], "after"), f"these tasks wait for one another: {', '.join(waiting)}.")
            return {}
        before[ready] = set(after[ready]).union(*(before[each] for each in after[ready]))
        waiting.remove(ready)
    return before


def _tells(source: Source) -> Mapping[str, frozenset[CaseChange]]:
    """Who is told of which changes."""
    value = source.value.get("tells", {})
    if not isinstance(value, dict):
        source.problem(("tells",), "tells is a list of `who: [changes]` lines, such as citizen: [accepted, done].")
        return {}
    tells = {}
    for who in value:
        _name(source, ("tells", who), who)
        changes = _list(source, ("tells", who), "changes, such as [accepted, done]")
        words = [_word(source, place, CaseChange, "change") for place, _ in changes]
        tells[who] = frozenset(word for word in words if word is not None)
    return tells
