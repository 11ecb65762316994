"""A journey from YAML text: checked word by word, and made into what `step` follows.

Problems are named with file, line and the nearest valid word, for the service manager who wrote it: first all that are wrong with the
shape of a file, then all that are wrong with its words.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, TypeVar

from hub.journeys import language
from hub.journeys.clocks import Anchor, Due, parse_due
from hub.journeys.model import Condition, IfRefused, Journey, TaskPlan
from hub.journeys.source import Source, read
from schemas.cases import CaseChange
from schemas.envelope import Department
from schemas.facts import Facts, kind_of
from schemas.tasks import Work

_KEYS = {"journey", "version", "title", "owner", "starts", "requires", "may carry", "tasks", "moves", "tells"}
_NEEDED = ("journey", "version", "title", "owner", "starts", "requires", "tasks")
_TASK_KEYS = {"department", "work", "asks", "after", "when", "due", "gives", "answers", "undo", "if refused"}
_TASK_NEEDED = ("department", "work", "asks")
_Word = TypeVar("_Word", Department, Work, IfRefused, CaseChange)


def parse(text: str, file: str) -> Journey:
    """A journey from YAML text.

    Raises:
        JourneyError: every problem of it.
    """
    source = read(text, file)
    _check_keys(source, (), source.value, _KEYS, _NEEDED)
    source.stop_if_wrong()
    value = source.value
    requires = _questions(source, "requires")
    may_carry = _questions(source, "may carry")
    tasks = _tasks(source, requires.keys() | may_carry.keys())
    starts = value["starts"] if isinstance(value["starts"], dict) else {}
    _check_keys(source, ("starts",), value["starts"], {"request", "lgsl"}, ("request",))
    moves = _facts(source, ("moves",), value.get("moves", []), requires.keys() | may_carry.keys())
    tells = _tells(source)
    for key in ("version",):
        if not isinstance(value[key], int) or value[key] < 1:
            source.problem((key,), f"{key} is a whole number from 1.")
    source.stop_if_wrong()
    return Journey(
        name=str(value["journey"]),
        version=value["version"],
        title=str(value["title"]),
        owner=str(value["owner"]),
        starts_with=str(starts["request"]),
        lgsl=starts.get("lgsl"),
        requires=requires,
        may_carry=may_carry,
        tasks=tasks,
        moves=frozenset(moves),
        tells=tells,
    )


def _check_keys(
    source: Source, path: tuple[str | int, ...], value: Any, known: set[str], needed: Iterable[str]
) -> None:
    if not isinstance(value, dict):
        source.problem(path, f"{path[-1] if path else 'a journey'} is a list of `key: value` lines.")
        return
    for key in value:
        if key not in known:
            source.unknown((*path, key), "such word", key, known)
    for key in needed:
        if key not in value:
            source.problem(path, f'"{key}" is missing{f" from {path[-1]}" if path else ""}.')


def _questions(source: Source, key: str) -> Mapping[str, str]:
    """The facts of `requires` or `may carry` with the question a person is asked for each."""
    value = source.value.get(key, {})
    if not isinstance(value, dict):
        source.problem((key,), f"{key} is a list of `fact: question` lines.")
        return {}
    _facts(source, (key,), list(value), Facts.model_fields, paths=[(key, name) for name in value])
    return {name: str(question) for name, question in value.items()}


def _facts(
    source: Source,
    path: tuple[str | int, ...],
    value: Any,
    known: Iterable[str],
    paths: list[tuple[str | int, ...]] | None = None,
) -> tuple[str, ...]:
    """Names of facts, each checked against those known here, and against the vocabulary for a hint."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        source.problem(path, f"{path[-1]} is a list of facts, such as [uprn, mobility].")
        return ()
    allowed = set(known)
    for place, name in enumerate(value):
        where = paths[place] if paths else (*path, place)
        if name not in Facts.model_fields:
            source.unknown(where, "fact", name, Facts.model_fields)
        elif name not in allowed:
            source.problem(
                where, f'nothing here tells "{name}": add it to `requires` or `may carry`, or to the answers of a task.'
            )
    return tuple(str(name) for name in value)


def _tasks(source: Source, carried: set[str]) -> tuple[TaskPlan, ...]:
    """The tasks, each behind those it waits for."""
    value = source.value["tasks"]
    if not isinstance(value, dict) or not value:
        source.problem(("tasks",), "tasks is a list of tasks, at least one, each with department, work and asks.")
        return ()
    for name, task in value.items():
        _check_keys(source, ("tasks", name), task, _TASK_KEYS, _TASK_NEEDED)
    source.stop_if_wrong()
    order = _order(source, value)
    answers = {
        name: _facts(source, ("tasks", name, "answers"), value[name].get("answers", []), Facts.model_fields)
        for name in value
    }
    everything = carried.union(*answers.values())
    plans = []
    for name in order:
        before = _before(name, value)
        known = carried.union(*(answers[each] for each in before))
        plans.append(_task(source, name, answers[name], known, everything))
    return tuple(plan for plan in plans if plan is not None)


def _task(
    source: Source, name: str, answers: tuple[str, ...], known: set[str], everything: set[str]
) -> TaskPlan | None:
    """One task; `known` are facts certain to be asked for before it begins, `everything` also what may come later."""
    path, value = ("tasks", name), source.value["tasks"][name]
    department = _word(source, (*path, "department"), value["department"], Department)
    work = _word(source, (*path, "work"), value["work"], Work)
    refused = _word(source, (*path, "if refused"), value.get("if refused", IfRefused.ASK), IfRefused)
    when = _condition(source, (*path, "when"), str(value["when"]), known) if "when" in value else None
    due = _due(source, (*path, "due"), str(value["due"]), everything) if "due" in value else None
    gives = _facts(source, (*path, "gives"), value.get("gives", []), everything)
    if department is None or work is None or refused is None:
        return None
    return TaskPlan(
        name=name,
        department=department,
        work=work,
        asks=str(value["asks"]),
        after=tuple(_names(value.get("after", []))),
        when=when,
        due=due,
        gives=gives,
        answers=answers,
        undo=str(value["undo"]) if "undo" in value else None,
        if_refused=refused,
    )


def _word(
    source: Source, path: tuple[str | int, ...], word: Any, words: type[_Word], what: str | None = None
) -> _Word | None:
    try:
        return words(word)
    except ValueError:
        source.unknown(path, what or str(path[-1]), word, list(words))
        return None


def _condition(source: Source, path: tuple[str | int, ...], text: str, known: set[str]) -> Condition | None:
    """A CEL expression over facts that are known by the time it is asked."""
    try:
        program = language.compile(text)
    except ValueError as error:
        source.problem(
            path, f'not a condition: {_first_line(error)}. It reads like: mobility == "wheelchair" && steps_at_door > 0'
        )
        return None
    facts = tuple(program.variables())
    for name in facts:
        if name not in Facts.model_fields:
            source.unknown(path, "fact", name, Facts.model_fields)
        elif name not in known:
            source.problem(
                path, f'"{name}" is not known when this is asked: put the task that answers it into `after`.'
            )
    return Condition(text, program, frozenset(facts))


def _first_line(error: Exception) -> str:
    """What a CEL parser says of a mistake, without its drawing."""
    said = str(error).splitlines()[0]
    return said.split("Syntax error: ")[-1].split("ERROR:")[-1].strip().rstrip(".")


def _due(source: Source, path: tuple[str | int, ...], text: str, everything: set[str]) -> Due | None:
    try:
        due = parse_due(text)
    except ValueError as error:
        source.problem(path, f'"{text}" is no due time: {error}.')
        return None
    if due.anchor is not Anchor.START and due.fact is not None:
        if due.fact not in Facts.model_fields:
            source.unknown(path, "fact", due.fact, _date_facts())
        elif due.fact not in _date_facts():
            source.problem(path, f'"{due.fact}" is no date. Dates are: {", ".join(_date_facts())}.')
        elif due.fact not in everything:
            source.problem(path, f'nothing here tells "{due.fact}": add it to `requires` or `may carry`.')
    return due


def _date_facts() -> list[str]:
    return [name for name in Facts.model_fields if kind_of(name) is date]


def _order(source: Source, tasks: Mapping[str, Any]) -> list[str]:
    """Names so that each stands behind those it comes after, otherwise as in the file; a circle is a problem."""
    for name, task in tasks.items():
        for place, earlier in enumerate(_names(task.get("after", []))):
            if earlier not in tasks:
                source.unknown(("tasks", name, "after", place), "task", earlier, tasks)
    source.stop_if_wrong()
    order: list[str] = []
    waiting = list(tasks)
    while waiting:
        ready = next(
            (name for name in waiting if all(each in order for each in _names(tasks[name].get("after", [])))), None
        )
        if ready is None:
            source.problem(("tasks", waiting[0], "after"), f"these tasks wait for one another: {', '.join(waiting)}.")
            source.stop_if_wrong()
            break
        order.append(ready)
        waiting.remove(ready)
    return order


def _before(name: str, tasks: Mapping[str, Any]) -> set[str]:
    """Every task that must end before this one begins, near or far."""
    near = _names(tasks[name].get("after", []))
    return set(near).union(*(_before(each, tasks) for each in near))


def _names(value: Any) -> list[str]:
    return [str(value)] if isinstance(value, str) else [str(each) for each in value]


def _tells(source: Source) -> Mapping[str, frozenset[CaseChange]]:
    tells = {}
    for who, changes in source.value.get("tells", {}).items():
        words = [
            _word(source, ("tells", who, place), change, CaseChange, "change")
            for place, change in enumerate(_names(changes))
        ]
        tells[who] = frozenset(word for word in words if word is not None)
    return tells
