"""O1 to O4 for the whole hub: was everything that was asked told to a department once, done there once, and heard of once?

Imports nothing of the product. What was asked is the test's own list, what was told is read from the topics, what was done from the
legacy systems' own books (`tests.oracle.legacy`), what was heard from the worker's tables.
"""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.faults.oracles import Record, Verdict
from tests.oracle.evidence import KINDS
from tests.oracle.legacy import RAISED, Legacy

_FIRST, _NEXT = "clear-estate", "collect-load"


def judge_sink(tasks: Iterable[Record], legacy: Legacy, wanted: Mapping[str, str]) -> Verdict:
    """Whether a department's system did each instruction once, and stands as the last one of each piece of work wants it.

    Args:
        tasks: everything on its topic.
        legacy: its books.
        wanted: by effect key of the raising, how its books show what was wanted last.
    """
    verdict = Verdict()
    _judge_done(verdict, tasks, legacy)
    books = {record.key: record.wanted for record in legacy.records}
    verdict.wrong += [
        f"{key} is wanted {words}, not {books.get(key)}" for key, words in wanted.items() if books.get(key) != words
    ]
    return verdict


def _judge_done(verdict: Verdict, tasks: Iterable[Record], legacy: Legacy) -> None:
    told: dict[tuple[str, str], set[str]] = defaultdict(set)
    raising: dict[tuple[str, str], str] = {}
    for event in _events(tasks):
        kind, about, key = KINDS[event["type"]], (event["partitionkey"], event["data"]["task"]), UUID(event["id"]).hex
        if kind == RAISED:
            raising[about] = key
        told[kind, raising[about] if legacy.by_work else key].add(key)
    for (kind, key), instructions in told.items():
        times = legacy.done[kind, key]
        if times < len(instructions):
            verdict.lost.append(f"{key} was {kind} {times} times of {len(instructions)}")
        elif times > len(instructions):
            verdict.doubled.append(f"{key} was {kind} {times} times instead of {len(instructions)}")
    verdict.wrong += [f"{key} was {kind}, and nobody asked for it" for kind, key in legacy.done.keys() - told.keys()]


def judge_hub(
    asked: Collection[str],
    case_events: Iterable[Record],
    tasks: Mapping[str, Sequence[Record]],
    housing: Legacy,
    database: Path,
) -> Verdict:
    """Whether each request led to one works order, its end to one lorry, and all of it to one line each in the timeline.

    Args:
        asked: the cases of the requests, each of tipped waste on housing land that wants a lorry.
        case_events: everything on that topic.
        tasks: everything on the task topics, by topic.
        housing: the housing system's books.
        database: the worker's SQLite file.
    """
    verdict = Verdict()
    keys: dict[tuple[str, str], set[str]] = defaultdict(set)
    for records in tasks.values():
        for event in _events(records):
            keys[event["partitionkey"], event["data"]["task"]].add(UUID(event["id"]).hex)
    for (case, task), ids in keys.items():
        if len(ids) > 1:
            verdict.doubled.append(f"{task} of {case} under {len(ids)} ids")
    verdict.lost += [f"{task} of {case}" for case in asked for task in (_FIRST, _NEXT) if (case, task) not in keys]
    _judge_done(verdict, tasks["housing-tasks"], housing)
    # That it is accepted is said twice, by who wrote it and by who reads it; that it is done, by who reads it alone.
    said: dict[str, set[str]] = defaultdict(set)
    for event in _events(case_events):
        if event["type"] == "case.task-status-changed.v1" and event["data"]["status"] == "completed":
            said[UUID(event["causationid"]).hex].add(event["id"])
    verdict.doubled += [f"{key} is completed under {len(ids)} ids" for key, ids in said.items() if len(ids) > 1]
    lines = heard(database)
    for case in asked:
        for line in ((_FIRST, "completed"), ("request-received", "")):
            if lines[case][line] != 1:
                (verdict.doubled if lines[case][line] else verdict.lost).append(f"{line} in the timeline of {case}")
    return verdict


def heard(database: Path) -> defaultdict[str, Counter[tuple[str, str]]]:
    """The timeline of each case: how often it has each task in each status, or each other kind of line."""
    found: defaultdict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as sql:
        for case, body in sql.execute("select reference, body from timeline"):
            line = json.loads(body)
            status = line["kind"] == "task-status"
            found[case][(line["task"], line["status"]) if status else (line["kind"], "")] += 1
    return found


def ended(database: Path) -> set[str]:
    """The cases whose first task is done, and heard to be."""
    return {case for case, lines in heard(database).items() if lines[_FIRST, "completed"]}


def _events(records: Iterable[Record]) -> Iterator[dict[str, Any]]:
    return (json.loads(record.value or b"null") for record in records)
