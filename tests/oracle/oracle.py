"""Was every task applied exactly once in all three legacy systems, and does every case page say what they say?

    python -m tests.oracle.oracle FOLDER [--within SECONDS]

Imports nothing of the product: what was to be done is read from Kafka, what was done from the legacy systems' own books, what people
are told from the pages and the API. FOLDER is that of `hub demo --stay` while it runs. Exit 0 when all agree, 1 when not; the answer is
JSON: {"ok": ..., "applied": {...}, "never_written": {...}, "cases": ..., "problems": [...]}. What is merely under way is looked at
again until the time is up.
"""

import argparse
import html
import json
import sys
import time
import tomllib
import urllib.request
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from tests.oracle.legacy import Legacy, housing, social_care, transport

SYSTEMS = {
    "housing": ("universal_housing", housing),
    "social-care": ("social_care_soap", social_care),
    "transport": ("transport_files", transport),
}
RAISED, WITHDRAWN = "task.raised.v1", "task.withdrawn.v1"
Cases = Mapping[str, Mapping[str, Any]]
"""Every case by its reference, as the API shows it."""


@dataclass
class Asked:
    """What the hub asked of one department, as its topic has it.

    Attributes:
        raised: effect key to case and task.
        later: effect key of a change or a withdrawal to case and task.
        withdrawn: case and task of every withdrawal.
    """

    raised: dict[str, tuple[str, str]] = field(default_factory=dict)
    later: dict[str, tuple[str, str]] = field(default_factory=dict)
    withdrawn: set[tuple[str, str]] = field(default_factory=set)


def asked_of(bootstrap: str, department: str) -> Asked:
    """Everything on a department's topic, each event once however often it was sent."""
    topic, found = f"{department}-tasks", Asked()
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "oracle", "enable.auto.commit": False})
    try:
        parts = consumer.list_topics(topic, timeout=20).topics[topic].partitions
        ends = {part: consumer.get_watermark_offsets(TopicPartition(topic, part), timeout=20) for part in parts}
        open_parts = {part for part, (first, end) in ends.items() if end > first}
        consumer.assign([TopicPartition(topic, part, ends[part][0]) for part in open_parts])
        while open_parts:
            message = consumer.poll(20)
            if message is None or message.error():
                raise RuntimeError(f"{topic} cannot be read to its end: {message and message.error()}")
            part, offset, value = message.partition(), message.offset(), message.value()
            assert part is not None
            assert offset is not None
            if offset + 1 >= ends[part][1]:
                open_parts.discard(part)
            event = json.loads(value or b"")
            key, about = event["id"].replace("-", ""), (event["partitionkey"], event["data"]["task"])
            (found.raised if event["type"] == RAISED else found.later)[key] = about
            if event["type"] == WITHDRAWN:
                found.withdrawn.add(about)
    finally:
        consumer.close()
    return found


def compare_effects(department: str, asked: Asked, legacy: Legacy, turned_away: AbstractSet[str]) -> list[str]:
    """What was asked against what was carried out: each raising once, each change or withdrawal at most once, nothing else.

    Args:
        turned_away: effect keys of tasks of which the hub says that they were refused and never written: they must not have been.
    """
    problems = [f"{department}: {problem}" for problem in legacy.problems]
    problems += [
        f"{department}: {task} of {case} was applied {legacy.raised[key]} times ({key})"
        for key, (case, task) in asked.raised.items()
        if legacy.raised[key] != (0 if key in turned_away else 1)
    ]
    problems += [
        f"{department}: {key} was applied, but nobody asked for it"
        for key in legacy.raised.keys() - asked.raised.keys()
    ]
    for key, times in legacy.later.items():
        if key not in asked.later:
            problems.append(f"{department}: a change {key} was applied, but nobody asked for it")
        elif times > 1:
            problems.append(f"{department}: a change of {asked.later[key]} was applied {times} times ({key})")
    return problems


def task_of(cases: Cases, reference: str, name: str) -> Mapping[str, Any] | None:
    """A task as the API shows it."""
    return next((task for task in cases.get(reference, {}).get("tasks", ()) if task["task"] == name), None)


def turned_away(asked: Asked, cases: Cases) -> set[str]:
    """Tasks that the hub says were refused before anything was written: rejected, and without a number there."""
    return {
        key
        for key, about in asked.raised.items()
        if (task := task_of(cases, *about)) and task["state"] == "rejected" and task["reference"] is None
    }


def compare_cases(
    department: str,
    asked: Asked,
    legacy: Legacy,
    refused: AbstractSet[str],
    *,
    cases: Cases,
    pages: Mapping[str, str],
) -> list[str]:
    """What people are told against what the legacy system holds, and the other way round."""
    problems = []
    records = {record.key: record for record in legacy.records}
    told = set()
    for key, (reference, name) in asked.raised.items():
        if key in refused:
            continue
        task = task_of(cases, reference, name)
        record = records.get(key)
        if task is None or record is None:
            problems.append(
                f"{department}: {name} of {reference} is {'not in the API' if task is None else 'not in its books'}"
            )
            continue
        told.add(key)
        states = {record.state}
        if (reference, name) in asked.withdrawn and record.state == "completed":
            states.add("cancelled")  # the work was done; what follows from it was called off
        if task["state"] not in states:
            problems.append(
                f"{department}: {name} of {reference} is {task['state']} to the hub and {record.state} there"
            )
        if task["reference"] not in record.references:
            problems.append(
                f"{department}: {name} of {reference} is known to the hub as {task['reference']}, which is not its number"
            )
        elif task["reference"] not in pages[reference]:
            problems.append(f"{department}: the page of {reference} does not show {task['reference']}")
    problems += [
        f"{department}: holds {sorted(records[key].references)}, which no case shows" for key in records.keys() - told
    ]
    known = set(asked.raised.values())
    problems += [
        f"{department}: {task['task']} of {reference} shows {task['reference']}, but was never asked for"
        for reference, case in cases.items()
        for task in case["tasks"]
        if task["department"] == department and task["reference"] and (reference, task["task"]) not in known
    ]
    return problems


class Web:
    """The hub's pages and API."""

    def __init__(self, port: int) -> None:
        self._address = f"http://127.0.0.1:{port}"

    def cases(self) -> dict[str, dict[str, Any]]:
        """Every case, asked for by its own address."""
        found: list[str] = []
        cursor = ""
        while True:
            part = json.loads(self.get(f"/api/cases?standing=all&size=200{cursor}"))
            found += [case["case"] for case in part["cases"]]
            if part["after"] is None:
                break
            cursor = f"&after={part['after']}"
        return {reference: json.loads(self.get(f"/api/cases/{reference}")) for reference in found}

    def page(self, reference: str) -> str:
        """The text of a case's page."""
        return html.unescape(self.get(f"/cases/{reference}"))

    def get(self, path: str) -> str:
        """What stands at an address."""
        with urllib.request.urlopen(self._address + path, timeout=20) as answer:
            return str(answer.read().decode())


def examine(folder: Path) -> dict[str, Any]:
    """Compare everything once."""
    settings = tomllib.loads((folder / "hub.toml").read_text(encoding="utf-8"))
    nodes = json.loads((folder / ".hub/broker/cluster.json").read_text(encoding="utf-8"))["nodes"]
    bootstrap = ",".join(f"127.0.0.1:{node['port']}" for node in nodes)
    web = Web(settings["web"]["port"])
    cases = web.cases()
    pages = {reference: web.page(reference) for reference in cases}
    problems: list[str] = []
    tasks: dict[str, int] = {}
    never_written: dict[str, int] = {}
    for department, (name, read) in SYSTEMS.items():
        asked, legacy = asked_of(bootstrap, department), read(folder / name)
        refused = turned_away(asked, cases)
        tasks[department], never_written[department] = len(asked.raised) - len(refused), len(refused)
        problems += compare_effects(department, asked, legacy, refused)
        problems += compare_cases(department, asked, legacy, refused, cases=cases, pages=pages)
    if not all(tasks.values()):
        problems.append(f"a department was asked for nothing, which proves nothing: {tasks}")
    return {
        "ok": not problems,
        "applied": tasks,
        "never_written": never_written,
        "cases": len(cases),
        "problems": problems,
    }


def main() -> int:
    """Examine until all agree or the time is up."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--within", type=float, default=20.0, metavar="SECONDS")
    options = parser.parse_args()
    until = time.monotonic() + options.within
    while not (found := examine(options.folder))["ok"] and time.monotonic() < until:
        time.sleep(1)
    sys.stdout.write(json.dumps(found) + "\n")
    return 0 if found["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
