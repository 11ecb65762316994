"""Was every task applied exactly once in all three legacy systems, and does every case page say what they say?

    python -m tests.oracle.oracle FOLDER [--within SECONDS]

Imports nothing of the product: what was to be done is read from Kafka, what was done from the legacy systems' own books, what people
are told from the pages and the API. FOLDER is that of `hub demo --stay` while it runs. Exit 0 when all agree, 1 when not; the answer is
JSON: {"ok": ..., "applied": {...}, "changed": {...}, "withdrawn": {...}, "never_written": {...}, "cases": ..., "problems": [...]}. What
is merely under way is looked at again until the time is up.
"""

import argparse
import html
import json
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from tests.oracle.evidence import SYSTEMS, Department, Evidence
from tests.oracle.verdict import judge

ANSWER = "case.task-status-changed.v1"


def events_of(bootstrap: str, topic: str) -> Iterator[dict[str, Any]]:
    """Every event on a topic, each partition in its order."""
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
            yield json.loads(value or b"")
    finally:
        consumer.close()


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


def gather(folder: Path) -> Evidence:
    """All that is to be compared, as it stands now."""
    settings = tomllib.loads((folder / "hub.toml").read_text(encoding="utf-8"))
    nodes = json.loads((folder / ".hub/broker/cluster.json").read_text(encoding="utf-8"))["nodes"]
    bootstrap = ",".join(f"127.0.0.1:{node['port']}" for node in nodes)
    web = Web(settings["web"]["port"])
    cases = web.cases()
    pages = {reference: web.page(reference) for reference in cases}
    answers = [event for event in events_of(bootstrap, "case-events") if event["type"] == ANSWER]
    departments = []
    for name, system in SYSTEMS.items():
        department = Department(name, system.read(folder / system.folder))
        for event in events_of(bootstrap, f"{name}-tasks"):
            department.hear(event)
        for event in answers:
            department.hear_answer(event)
        departments.append(department)
    return Evidence(departments, cases, pages)


def main() -> int:
    """Examine until all agree or the time is up."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--within", type=float, default=20.0, metavar="SECONDS")
    options = parser.parse_args()
    until = time.monotonic() + options.within
    while not (found := judge(gather(options.folder)))["ok"] and time.monotonic() < until:
        time.sleep(1)
    sys.stdout.write(json.dumps(found) + "\n")
    return 0 if found["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
