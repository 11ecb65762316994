"""Judges that import nothing of the product: topics read with another client, SQL read by hand, a fold of its own.

The load they judge is the journey `fly-tipping` with a load for a lorry on housing land: a request, then housing's `clear-estate`, then
transport's `collect-load`, then the end. What must follow from the events on `case-events` is folded here once more, from the records
alone; what did follow is read from the task topics and the worker's tables. A repeat of the same id with the same bytes is allowed, as
every consumer ignores it; anything else said twice is a doubled effect.
"""

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

_STEPS = {"clear-estate": "housing-tasks", "collect-load": "transport-tasks"}
_QUIET = {
    "enable.auto.commit": False,
    "enable.partition.eof": True,  # the last offset may be the mark of a transaction, which is given to nobody
    "log_level": 0,
    "group.id": "oracle",
    "isolation.level": "read_uncommitted",
}


class Record(NamedTuple):
    """One record of a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]


@dataclass
class Verdict:
    """What is wrong; nothing is, where all is empty.

    Attributes:
        lost: what should have followed and did not.
        doubled: what followed more than once.
        wrong: what differs from the fold in any other way.
    """

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled or self.wrong)

    def __str__(self) -> str:
        parts = (("lost", self.lost), ("doubled", self.doubled), ("wrong", self.wrong))
        return "; ".join(f"{len(items)} {name}: {', '.join(items[:5])}" for name, items in parts if items) or "nothing"


def dump(bootstrap: str, topic: str, begin: Mapping[int, int] | None = None) -> list[Record]:
    """Every record of a topic from these offsets on, or from the first that is kept."""
    return list(stream(bootstrap, topic, begin))


def stream(bootstrap: str, topic: str, begin: Mapping[int, int] | None = None) -> Iterator[Record]:
    """As `dump`, one after the other, for topics that hold more than a process should."""
    with closing(Consumer({"bootstrap.servers": bootstrap, **_QUIET})) as consumer:
        partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        begins = {}
        for number in partitions:
            low, high = _watermarks(consumer, TopicPartition(topic, number))
            first = max(low, (begin or {}).get(number, low))
            if first < high:
                begins[number] = first
        consumer.assign([TopicPartition(topic, number, first) for number, first in begins.items()])
        unread = set(begins)
        while unread:
            for message in consumer.consume(5_000, timeout=0.1):
                error, number, offset = message.error(), message.partition(), message.offset()
                assert number is not None
                assert offset is not None
                if error is not None:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    unread.discard(number)
                    continue
                headers = {each[0]: each[1] for each in message.headers() or [] if isinstance(each[1], bytes)}
                yield Record(number, offset, message.key(), message.value(), headers)


def _watermarks(consumer: Consumer, partition: TopicPartition) -> tuple[int, int]:
    """First and next offset; a partition made a moment ago may still be without a leader, and is asked again."""
    until = time.monotonic() + 30
    while True:
        try:
            return consumer.get_watermark_offsets(partition, timeout=30)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.NOT_LEADER_FOR_PARTITION or time.monotonic() > until:
                raise


@contextmanager
def memory_of(database: Path | str) -> Iterator[Any]:
    """The worker's tables, to be read: a SQLite file, or PostgreSQL by its URL."""
    if isinstance(database, Path):
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as sql:
            yield sql
    else:
        with psycopg.connect(database.replace("+psycopg", ""), autocommit=True) as sql:
            yield sql


def progress_of(database: Path | str, group: str) -> dict[int, int]:
    """The next offset of `case-events` that a group applies, by partition, as the worker's memory has it."""
    with memory_of(database) as sql:
        rows = sql.execute("select app, part, next_offset from progress where topic = 'case-events'").fetchall()
    return {number: offset for app, number, offset in rows if app == group}


def judge_worker(
    case_events: Iterable[Record], tasks: Mapping[str, Iterable[Record]], database: Path | str, group: str
) -> Verdict:
    """Whether every event was applied once, and every task raised once.

    Args:
        case_events: everything the worker was given; gone through once, as are the tasks, so a million need no memory.
        tasks: everything on the task topics, by topic.
        database: the worker's SQLite file, or the URL of its PostgreSQL.
        group: its consumer group.
    """
    verdict = Verdict()
    expected, given = _fold(case_events)
    _judge_tasks(verdict, expected, tasks)
    with memory_of(database) as sql:
        _judge_cases(verdict, expected, sql)
    _judge_progress(verdict, given, progress_of(database, group))
    return verdict


@dataclass(slots=True)
class _Expected:
    """What must have become of one case."""

    asked: bool = False
    done: set[str] = field(default_factory=set)

    @property
    def raised(self) -> list[str]:
        names = list(_STEPS)
        return [name for place, name in enumerate(names) if self.asked and set(names[:place]) <= self.done]

    @property
    def finished(self) -> bool:
        return self.asked and self.done == set(_STEPS)


def _fold(records: Iterable[Record]) -> tuple[dict[str, _Expected], dict[int, int]]:
    """The cases that follow from the events, whatever their order and however often each is there; and the end of each partition."""
    cases: dict[str, _Expected] = {}
    ends: dict[int, int] = {}
    seen: set[str] = set()
    for record in records:
        ends[record.partition] = max(ends.get(record.partition, 0), record.offset + 1)
        event = _event(record)
        if event is None or event["id"] in seen:
            continue
        seen.add(event["id"])
        case = cases.setdefault(event["partitionkey"], _Expected())
        match event["type"]:
            case "case.request-received.v1":
                case.asked = True
            case "case.task-status-changed.v1" if event["data"]["status"] == "completed":
                case.done.add(event["data"]["task"])
    return cases, ends


def _event(record: Record) -> dict[str, Any] | None:
    """The event in a record that has one; poison has none."""
    try:
        event = json.loads(record.value or b"")
    except ValueError:
        return None
    whole = isinstance(event, dict) and {"id", "type", "partitionkey", "data"} <= event.keys()
    return event if whole and record.key == event["partitionkey"].encode() else None


def _judge_tasks(verdict: Verdict, expected: Mapping[str, _Expected], tasks: Mapping[str, Iterable[Record]]) -> None:
    said: dict[tuple[str, str], dict[str, set[int]]] = {}
    for topic, records in tasks.items():
        for record in records:
            event = json.loads(record.value or b"null")
            if event["type"] != "task.raised.v1":
                continue
            if _STEPS.get(event["data"]["task"]) != topic or record.key != event["partitionkey"].encode():
                verdict.wrong.append(f"{event['data']['task']} on {topic} under another key or topic")
            place = event["partitionkey"], event["data"]["task"]
            said.setdefault(place, {}).setdefault(event["id"], set()).add(hash(record.value or b""))
    for case, hopes in expected.items():
        verdict.lost += [f"{task} of {case}" for task in hopes.raised if (case, task) not in said]
    for (case, task), by_id in said.items():
        if len(by_id) > 1:
            verdict.doubled.append(f"{task} of {case} under {len(by_id)} ids")
        if any(len(bodies) > 1 for bodies in by_id.values()):
            verdict.doubled.append(f"{task} of {case} in two versions under one id")
        if case not in expected or task not in expected[case].raised:
            verdict.wrong.append(f"{task} of {case} before its time")


def _judge_cases(verdict: Verdict, expected: Mapping[str, _Expected], sql: Any) -> None:
    stored = dict(sql.execute("select reference, status from cases").fetchall())
    for case, hopes in expected.items():
        if case not in stored:
            verdict.lost.append(f"case {case}")
        elif (stored[case] == "finished") != hopes.finished:
            verdict.wrong.append(f"case {case} is {stored[case]}")
    verdict.wrong += [f"case {case} that nobody asked for" for case in stored.keys() - expected.keys()]
    lines: dict[str, Counter[str]] = {}
    for case, body in sql.execute("select reference, body from timeline"):
        lines.setdefault(case, Counter())[json.loads(body)["kind"]] += 1
    for case, hopes in expected.items():
        told = lines.get(case, Counter())
        for kind, number in (
            ("request-received", int(hopes.asked)),
            ("task-raised", len(hopes.raised)),
            ("task-status", len(hopes.done)),
        ):
            if told[kind] < number:
                verdict.lost.append(f"{kind} in the timeline of {case}")
            elif told[kind] > number:
                verdict.doubled.append(f"{kind} in the timeline of {case}")


def statuses_of(database: Path | str) -> dict[str, str]:
    """Every case that the worker holds, and how it stands."""
    with memory_of(database) as sql:
        return dict(sql.execute("select reference, status from cases").fetchall())


def heard_in_order(case_events: Iterable[Record], database: Path) -> list[str]:
    """Cases whose timeline tells their events in another order than that in which each first stood on the topic."""
    given: dict[str, list[str]] = {}
    for record in sorted(case_events, key=lambda each: (each.partition, each.offset)):
        event = _event(record)
        if event is not None and event["id"] not in given.setdefault(event["partitionkey"], []):
            given[event["partitionkey"]].append(event["id"])
    told: dict[str, list[str]] = {}
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as sql:
        for case, body in sql.execute("select reference, body from timeline order by id"):
            event = json.loads(body)["event"]
            if event not in told.setdefault(case, []):
                told[case].append(event)
    return [case for case, events in told.items() if events != [each for each in given[case] if each in set(events)]]


def open_origins(records: Iterable[Record]) -> set[str]:
    """First places of the records on a dead-letter topic whose last letter no marker settles.

    A marker names the try that it is about: it says nothing of a later one, though it may lie behind that one's letter.
    """
    tried: dict[str, int] = {}
    settled: dict[str, int] = {}
    for record in records:
        said = {name: value.decode() for name, value in record.headers.items()}
        origin = said.get("settles") or f"{said['topic']}/{said['partition']}/{said['offset']}"
        known = settled if "settles" in said else tried
        first, offset = said.get("first", origin), int(origin.rpartition("/")[2])
        known[first] = max(offset, known.get(first, -1))
    return {first for first, offset in tried.items() if settled.get(first, -1) < offset}


def orders_of(updates: Iterable[Record], cases: Collection[str]) -> set[tuple[str, ...]]:
    """In which orders these cases were told what changed, each change the first time that it was said."""
    heard: dict[str, dict[str, str]] = {}
    for record in updates:
        event = json.loads(record.value or b"null")
        if event["partitionkey"] in cases:
            word = f"{event['data']['change']} {event['data'].get('task', '')}"
            heard.setdefault(event["partitionkey"], {}).setdefault(event["id"], word)
    return {tuple(words.values()) for words in heard.values()}


def _judge_progress(verdict: Verdict, ends: Mapping[int, int], progress: Mapping[int, int]) -> None:
    for number, offset in progress.items():
        if offset < ends.get(number, 0):
            verdict.lost.append(f"records of case-events/{number} from {offset} on")
