"""What became of the requests, counted from what the API says of the cases. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median, quantiles
from typing import Any

_ENDED = frozenset({"finished", "closed", "withdrawn"})
_IN_HAND = frozenset({"asked", "accepted", "in-progress"})


def ended(case: Mapping[str, Any]) -> bool:
    """Whether nothing more is expected of a case, and nothing of it is left to undo."""
    return case["status"] in _ENDED and not case["undoing"]


def waits_for(case: Mapping[str, Any]) -> str:
    """What a case that has not ended waits for, in words."""
    if case["status"] == "needs-decision":
        return "a person's decision about a refused task"
    words = [
        f"{task['department']} to {'begin' if task['state'] == 'asked' else 'finish'} {task['task']}"
        for task in case["tasks"]
        if task["state"] in _IN_HAND and task["task"] not in case["undoing"]
    ]
    words += [f"{_department(case, name)} to undo {name}" for name in case["undoing"]]
    return ", ".join(words) or "being routed"


def _department(case: Mapping[str, Any], name: str) -> str:
    return next(str(task["department"]) for task in case["tasks"] if task["task"] == name)


@dataclass
class Sent:
    """One request as its citizen sees it: sent, accepted, ended.

    Attributes:
        at: when it was sent first.
        case: its reference; None until it is accepted.
        ended_at: when the hub last heard something of its case, at the first look at which it had ended.
    """

    at: datetime
    case: str | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True)
class Progress:
    """How it all stands at one look."""

    asked: int = 0
    accepted: int = 0
    ended: int = 0
    by_status: Mapping[str, int] = field(default_factory=dict)
    in_hand: Mapping[str, int] = field(default_factory=dict)
    """Tasks in hand, by department."""
    done: Mapping[str, int] = field(default_factory=dict)
    """Tasks that a department has ended, by department."""


def progress(sent: Sequence[Sent], cases: Iterable[Mapping[str, Any]]) -> Progress:
    """Count what stands how."""
    known = {case["case"]: case for case in cases}
    by_status: Counter[str] = Counter()
    in_hand: Counter[str] = Counter()
    done: Counter[str] = Counter()
    finished = 0
    for request in sent:
        case = known.get(request.case or "")
        if case is None:
            by_status["on its way"] += 1
            continue
        finished += ended(case)
        by_status["being undone" if case["status"] in _ENDED and case["undoing"] else case["status"]] += 1
        for task in case["tasks"]:
            in_hand[task["department"]] += task["state"] in _IN_HAND
            done[task["department"]] += task["state"] in {"completed", "rejected", "cancelled"}
    accepted = sum(request.case is not None for request in sent)
    return Progress(len(sent), accepted, finished, by_status, in_hand, done)


def summary(sent: Sequence[Sent], cases: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The end of the demo in numbers, for people and machines.

    Returns:
        requests, ended; cases by journey and status; tasks by department and state; refused and late tasks; seconds from request to end
        (median and 95th percentile; null where nothing has ended); unfinished: case and what it waits for.
    """
    known = {case["case"]: case for case in cases}
    ours = [known[request.case] for request in sent if request.case in known]
    journeys: dict[str, Counter[str]] = {}
    departments: dict[str, Counter[str]] = {}
    for case in ours:
        journeys.setdefault(case["journey"] or "unknown", Counter())[case["status"]] += 1
        for task in case["tasks"]:
            departments.setdefault(task["department"], Counter())[task["state"]] += 1
    took = [(request.ended_at - request.at).total_seconds() for request in sent if request.ended_at]
    waiting = [{"case": case["case"], "waits_for": waits_for(case)} for case in ours if not ended(case)]
    waiting += [
        {"case": request.case or "not accepted", "waits_for": "being routed" if request.case else "the door"}
        for request in sent
        if request.case not in known
    ]
    return {
        "requests": len(sent),
        "ended": sum(ended(case) for case in ours),
        "journeys": {name: dict(sorted(counts.items())) for name, counts in sorted(journeys.items())},
        "departments": {name: dict(sorted(counts.items())) for name, counts in sorted(departments.items())},
        "refused_tasks": sum(counts["rejected"] for counts in departments.values()),
        "deadlines_missed": sum(task["late"] for case in ours for task in case["tasks"]),
        "seconds_to_end": {
            "median": round(median(took), 1) if took else None,
            "p95": round(quantiles(took, n=20)[-1] if len(took) > 1 else took[0], 1) if took else None,
        },
        "unfinished": waiting,
    }
