"""Compares: was everything done that was asked, once, and nothing else, and do people hear of it as it is?"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from tests.oracle.evidence import SYSTEMS, Department, Evidence, Instruction
from tests.oracle.legacy import CHANGED, ENDED, RAISED, WITHDRAWN, Record


def judge(evidence: Evidence) -> dict[str, Any]:
    """Compare everything once."""
    problems = []
    for department in evidence.departments:
        away = evidence.turned_away(department)
        records = {record.key: record for record in department.legacy.records}
        found = [
            *department.legacy.problems,
            *_raised(department, away),
            *_unasked(department),
            *_unanswered(department),
            *_changed(department, away, records),
            *_withdrawn(department, away, records),
            *_told(department, away, records, evidence),
        ]
        problems += [f"{department.name}: {problem}" for problem in found]
    asked = {department.name: len(department.of(RAISED)) for department in evidence.departments}
    never_written = {department.name: len(evidence.turned_away(department)) for department in evidence.departments}
    applied = {name: count - never_written[name] for name, count in asked.items()}
    if not all(applied.values()):
        problems.append(f"a department was asked for nothing, which proves nothing: {applied}")
    return {
        "ok": not problems,
        "applied": applied,
        "changed": {department.name: len(department.of(CHANGED)) for department in evidence.departments},
        "withdrawn": {department.name: len(department.of(WITHDRAWN)) for department in evidence.departments},
        "never_written": never_written,
        "cases": len(evidence.cases),
        "problems": problems,
    }


def _raised(department: Department, away: set[str]) -> Iterator[str]:
    """Each raising was applied once; one that was turned away never."""
    for each in department.of(RAISED):
        times = department.legacy.done[RAISED, each.key]
        if each.key in away:
            if times:
                yield f"{each} was turned away, and was applied {times} times"
        elif (times := department.done(each)) != 1:
            yield f"{each} was applied {times} times"


def _unasked(department: Department) -> Iterator[str]:
    """Nothing was applied that nobody asked for."""
    asked = {
        (each.kind, each.work if department.legacy.by_work else each.key) for each in department.instructions.values()
    }
    for kind, key in department.legacy.done.keys() - asked:
        yield f"{key} was {kind}, but nobody asked for it"
    for key in department.legacy.refused.keys() - department.instructions.keys():
        yield f"{key} was refused, but nobody asked for it"


def _unanswered(department: Department) -> Iterator[str]:
    """What became of every instruction has been said."""
    for key, each in department.instructions.items():
        if not department.said[key]:
            yield f"nobody has said what became of {each}"


def _changed(department: Department, away: set[str], records: Mapping[str, Record]) -> Iterator[str]:
    """Each change was made once, unless the work had ended before it came and its connector said so."""
    for group in _answered(department, CHANGED):
        first, record = group[0], records.get(group[0].work)
        if first.work in away:
            continue
        times = department.done(first)
        made = sum(not department.said[each.key] <= ENDED for each in group)
        closed = record is not None and record.state in {"rejected", "cancelled"}
        at_least = 0 if closed and SYSTEMS[department.name].content else made
        if not at_least <= times <= made:
            yield f"{first} is said to be made {made} times, and was made {times} times"


def _withdrawn(department: Department, away: set[str], records: Mapping[str, Record]) -> Iterator[str]:
    """Each withdrawal was carried out once, unless the work had ended before it came; and nothing withdrawn goes on."""
    for group in _answered(department, WITHDRAWN):
        first, record = group[0], records.get(group[0].work)
        said = {status for each in group for status in department.said[each.key]}
        times = department.done(first)
        if record is None or first.work in away:
            if times > department.legacy.refused[first.key]:
                yield f"{first} was carried out, but there was nothing to withdraw"
        elif record.state not in ENDED:
            yield f"{first} was withdrawn, and is {record.state} there"
        elif times not in _times_of_withdrawal(record, said):
            yield f"{first} was carried out {times} times; it is {record.state} there, and said to be {sorted(said)}"


def _times_of_withdrawal(record: Record, said: set[str]) -> set[int]:
    """How often a withdrawal was carried out if all is well. What a department has refused needs none, and some write one down."""
    if record.state == "rejected":
        return {0, 1}
    return {1 if "cancelled" in said else 0}


def _answered(department: Department, kind: str) -> list[list[Instruction]]:
    """Instructions of a kind that were answered; together those that the system's journal does not tell apart."""
    found: defaultdict[str, list[Instruction]] = defaultdict(list)
    for each in department.of(kind):
        if department.said[each.key]:
            found[each.work if department.legacy.by_work else each.key].append(each)
    return list(found.values())


def _told(department: Department, away: set[str], records: Mapping[str, Record], evidence: Evidence) -> Iterator[str]:
    """What people are told is what the legacy system holds, and the other way round."""
    told = set()
    for each in department.of(RAISED):
        if each.key in away:
            continue
        record = records.get(each.key)
        if record is None:
            yield f"{each} is not in its books"
            continue
        told.add(each.key)
        if record.wanted != (wanted := _last_made(department, each).wanted):
            yield f"{each} is wanted {wanted or 'at no time'}, and its books say {record.wanted or 'at no time'}"
        if department.latest[each.about] == each.key:
            yield from _shown(department, each, record, evidence)
    for key in records.keys() - told:
        yield f"holds {sorted(records[key].references)}, which no case shows"
    for reference, case in evidence.cases.items():
        for task in case["tasks"]:
            known = (reference, task["task"]) in department.latest
            if task["department"] == department.name and task["reference"] and not known:
                yield f"{task['task']} of {reference} shows {task['reference']}, but was never asked for"


def _shown(department: Department, raised: Instruction, record: Record, evidence: Evidence) -> Iterator[str]:
    """The case in the API and its page show the work as it stands there."""
    task = evidence.task_of(raised.about)
    if task is None:
        yield f"{raised} is not in the API"
        return
    states = {record.state}
    if record.state == "completed" and any(each.work == raised.key for each in department.of(WITHDRAWN)):
        states.add("cancelled")  # the work was done; what follows from it was called off
    if task["state"] not in states:
        yield f"{raised} is {task['state']} to the hub and {record.state} there"
    if task["reference"] not in record.references:
        yield f"{raised} is known to the hub as {task['reference']}, which is not its number"
    elif task["reference"] not in evidence.pages[raised.about[0]]:
        yield f"the page of {raised.about[0]} does not show {task['reference']}"


def _last_made(department: Department, raised: Instruction) -> Instruction:
    """The instruction by which the work stands as it does: the last change that was made of it, else its raising."""
    changes = [each for each in department.of(CHANGED) if each.work == raised.key]
    if department.legacy.by_work:
        made = changes[: department.legacy.done[CHANGED, raised.key]]
    else:
        made = [each for each in changes if department.legacy.done[CHANGED, each.key]]
    return [raised, *made][-1]
