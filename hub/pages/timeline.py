"""A case's timeline in plain English: one sentence for each thing that happened, in the order it happened in the world. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from hub.journeys.model import Journey
from hub.pages.dates import day_and_time, due_by, listed
from hub.pages.words import CHANNELS, department, fact_title, instruction, task_title
from hub.routing.case import Case
from hub.routing.entry import Entry, EntryKind
from hub.routing.heard import StatusHeard
from schemas.cases import CaseStatus, Verdict
from schemas.effects import Found
from schemas.tasks import TaskStatus

_HEARD_LATE = timedelta(minutes=5)


@dataclass(frozen=True)
class Line:
    """One line: when (in words and as machines write it), what, a second sentence of detail, and which shape and colour it gets."""

    at: datetime
    when: str
    what: str
    detail: str
    mark: str


_MARKS = {
    EntryKind.REQUEST_RECEIVED: "begin",
    EntryKind.REQUEST_WITHDRAWN: "stop",
    EntryKind.TASK_WITHDRAWN: "stop",
    EntryKind.RECORD_DISCARDED: "stop",
    EntryKind.DEADLINE_EXPIRED: "late",
    EntryKind.EFFECT_UNCERTAIN: "late",
}
_STATUS_MARKS = {"completed": "done", "rejected": "refused", "cancelled": "stop"}
_CASE_MARKS = {
    CaseStatus.FINISHED: "done",
    CaseStatus.CLOSED: "refused",
    CaseStatus.WITHDRAWN: "stop",
    CaseStatus.NEEDS_DECISION: "late",
}
_SAID = {
    EntryKind.TASK_STATUS: {
        TaskStatus.ACCEPTED: "accepted {}",
        TaskStatus.IN_PROGRESS: "began {}",
        TaskStatus.COMPLETED: "finished {}",
        TaskStatus.REJECTED: "refused {}",
        TaskStatus.CANCELLED: "cancelled {}",
    },
    EntryKind.CHANGE_ANSWERED: {
        TaskStatus.COMPLETED: "had already finished {} when the change came",
        TaskStatus.REJECTED: "refused the change to {}",
        TaskStatus.CANCELLED: "had already cancelled {} when the change came",
    },
    EntryKind.WITHDRAWAL_ANSWERED: {
        TaskStatus.COMPLETED: "had already finished {}",
        TaskStatus.REJECTED: "refused to stop {}",
        TaskStatus.CANCELLED: "cancelled {}",
    },
}
_AGREED = {EntryKind.CHANGE_ANSWERED: "accepted the change to {}", EntryKind.WITHDRAWAL_ANSWERED: "agreed to stop {}"}
"""What any other answer means."""
_ENDS = {
    CaseStatus.FINISHED: "The case is finished",
    CaseStatus.CLOSED: "The case is closed",
    CaseStatus.WITHDRAWN: "The case is withdrawn",
    CaseStatus.NEEDS_DECISION: "The case waits for a person",
    CaseStatus.UNKNOWN: "The case waits for its request",
    CaseStatus.OPEN: "The case is open",
}


def lines(case: Case, entries: Iterable[Entry], journey: Journey | None, now: datetime) -> list[Line]:
    """The timeline, the newest first."""
    return [_line(case, entry, journey, now, now) for entry in _newest_first(entries)]


def as_it_happens(case: Case, entries: Iterable[Entry], journey: Journey, begin: datetime) -> list[Line]:
    """The timeline of what has not happened, the oldest first: each line is told as on its own day, since none of them is today."""
    return [_line(case, entry, journey, begin, entry.at) for entry in reversed(_newest_first(entries))]


def _newest_first(entries: Iterable[Entry]) -> list[Entry]:
    return [
        entry
        for _, entry in sorted(enumerate(_each_once(entries)), key=lambda pair: (pair[1].at, pair[0]), reverse=True)
    ]


def _each_once(entries: Iterable[Entry]) -> list[Entry]:
    """What happened, without a department's word on a task that says no more than the one before it.

    A department is heard twice: its system's receipt for what it was handed, and its records. A receipt is stamped when it is given, which
    may be later than a record that says as much or more; told as it was stamped, a task would be accepted after it was refused.
    """
    told = dict(enumerate(entries))
    last: dict[tuple[str | None, int, bool], int] = {}
    references: set[tuple[str | None, int, str]] = set()
    words = {number: said for number, entry in told.items() if (said := _word(entry))}
    weightiest_first = sorted(words, key=lambda each: words[each].rank, reverse=True)
    for number in sorted(weightiest_first, key=lambda each: words[each].at):
        entry = told[number]
        raising = (entry.task, entry.raising)
        new = entry.reference if (*raising, entry.reference or "") not in references else None
        agrees = _agrees_to_stop(entry)
        stands, kept = last.get((*raising, False)), last.get((*raising, agrees))
        if agrees and stands is not None and words[stands].status is TaskStatus.CANCELLED:
            kept = stands
        if kept is None or not _says_no_more(words[number], words[kept]):
            last[*raising, agrees] = number
        else:
            told[kept] = _with(told[kept], told.pop(number), new)
        if new:
            references.add((*raising, new))
    return list(told.values())


def _word(entry: Entry) -> StatusHeard | None:
    """How a task stands by its department's word; None for a line that tells something else."""
    stopped = entry.kind is EntryKind.WITHDRAWAL_ANSWERED and entry.status == TaskStatus.CANCELLED
    if not entry.status or not (stopped or entry.kind is EntryKind.TASK_STATUS or _agrees_to_stop(entry)):
        return None
    return StatusHeard(status=TaskStatus(entry.status), at=entry.at, reason=entry.reason)


def _agrees_to_stop(entry: Entry) -> bool:
    """Whether a department took up a withdrawal: no word on how the task stands, and no news once it is cancelled."""
    return entry.kind is EntryKind.WITHDRAWAL_ANSWERED and entry.status in {
        TaskStatus.ACCEPTED,
        TaskStatus.IN_PROGRESS,
    }


def _says_no_more(word: StatusHeard, before: StatusHeard) -> bool:
    if word.status is before.status:
        return word.reason in {None, before.reason} or before.reason is None
    return word.rank < before.rank


def _with(kept: Entry, left_out: Entry, reference: str | None) -> Entry:
    """A line, with what only the one that is left out said."""
    reason = left_out.reason if left_out.status == kept.status else None
    return replace(
        kept,
        reference=", ".join(each for each in (kept.reference, reference) if each) or None,
        reason=kept.reason or reason,
        facts=tuple(sorted({*kept.facts, *left_out.facts})),
    )


def _line(case: Case, entry: Entry, journey: Journey | None, now: datetime, told: datetime) -> Line:
    """One line; its own day as read at `now`, the days it speaks of as told at `told`."""
    late = entry.heard_at - entry.at > _HEARD_LATE
    heard = f"The hub heard of it on {day_and_time(entry.heard_at, now)}." if late else ""
    detail = " ".join(part for part in (_detail(entry, told), heard) if part)
    what = _what(case, entry, journey)
    sentence = what if what.endswith("?") else f"{what}."
    return Line(entry.at, day_and_time(entry.at, now), sentence, detail, _mark(entry))


def _what(case: Case, entry: Entry, journey: Journey | None) -> str:
    if entry.kind in {EntryKind.REQUEST_RECEIVED, EntryKind.REQUEST_AMENDED, EntryKind.REQUEST_WITHDRAWN}:
        return _of_the_request(case, entry, journey)
    if entry.kind is EntryKind.RECORD_DISCARDED:
        return f"A record about this case could not be read; {entry.by or 'a person'} discarded it"
    if entry.kind is EntryKind.CASE_STATUS:
        return _ENDS[CaseStatus(entry.status or CaseStatus.OPEN)]
    who, title = department(entry.department), task_title(entry.task or "")
    plan = journey.by_name.get(entry.task) if journey and entry.task else None
    if entry.kind in _SAID and entry.status:
        said = _SAID[entry.kind].get(TaskStatus(entry.status), _AGREED.get(entry.kind, ""))
        return f"{who} {said.format(f'“{title}”')}"
    if entry.kind is EntryKind.TASK_DECIDED:
        decided = "to go on without" if entry.status == Verdict.GO_ON else "to undo and close the case without"
        return f"A person decided {decided} “{title}”"
    undo = f": {plan.undo}" if plan and plan.undo else ""
    return {
        EntryKind.TASK_RAISED: f"{who} was asked{' again' if entry.raising > 1 else ''}: {plan.asks if plan else title}",
        EntryKind.TASK_CHANGED: f"{who} was told of a change to “{title}”",
        EntryKind.TASK_WITHDRAWN: f"{who} was asked to stop “{title}”{undo}",
        EntryKind.DEADLINE_EXPIRED: f"{who} is late with “{title}”",
        EntryKind.EFFECT_UNCERTAIN: f"Nobody knows whether {instruction(entry.status, entry.task or '')} reached {who}",
        EntryKind.EFFECT_SETTLED: f"{who} {'has' if entry.status == Found.APPLIED else 'has nothing of'} what it was sent about “{title}”",
    }[entry.kind]


def _of_the_request(case: Case, entry: Entry, journey: Journey | None) -> str:
    if entry.kind is EntryKind.REQUEST_WITHDRAWN:
        return "The request was withdrawn"
    if entry.kind is EntryKind.REQUEST_AMENDED:
        return f"The request was changed: {_facts(entry)}" if entry.facts else "The request was confirmed"
    how = f", {CHANNELS[case.heard.request.channel]}" if case.heard.request else ""
    return f"The request came in: {journey.title if journey else 'a request'}{how}"


def _detail(entry: Entry, now: datetime) -> str:
    parts = []
    if entry.reference:
        parts.append(f"Its reference: {entry.reference}.")
    if entry.reason:
        word = "What is known" if entry.kind is EntryKind.EFFECT_UNCERTAIN else "Why"
        parts.append(f"{word}: {entry.reason.rstrip('.')}.")
    if entry.by and entry.kind is EntryKind.EFFECT_SETTLED:
        parts.append(f"{entry.by} asked.")
    if entry.due:
        word = "It was due" if entry.kind is EntryKind.DEADLINE_EXPIRED else "Due"
        parts.append(f"{word} {due_by(entry.due, now)}.")
    if entry.facts and entry.kind is EntryKind.REQUEST_RECEIVED:
        parts.append(f"It said: {_facts(entry)}.")
    if entry.facts and entry.kind is EntryKind.TASK_STATUS:
        parts.append(f"It found out: {_facts(entry)}.")
    if entry.facts and entry.kind in {EntryKind.TASK_RAISED, EntryKind.TASK_CHANGED}:
        parts.append(f"It was told: {_facts(entry)}.")
    return " ".join(parts)


def _facts(entry: Entry) -> str:
    return listed([fact_title(name) for name in entry.facts])


def _mark(entry: Entry) -> str:
    if entry.kind in {EntryKind.TASK_STATUS, EntryKind.WITHDRAWAL_ANSWERED}:
        return _STATUS_MARKS.get(entry.status or "", "step")
    if entry.kind is EntryKind.CHANGE_ANSWERED:
        return "refused" if entry.status == TaskStatus.REJECTED else "step"
    if entry.kind is EntryKind.CASE_STATUS and entry.status:
        return _CASE_MARKS.get(CaseStatus(entry.status), "step")
    return _MARKS.get(entry.kind, "step")
