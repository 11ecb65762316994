"""What the page of unknown effects shows: what nobody knows, since when, what is known of it, whom to ask. Pure; a template places it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hub.journeys.model import Journeys
from hub.pages import dates, words
from hub.pages.case_view import Moment
from hub.routing.case import Case, TaskView
from hub.routing.heard import UncertainHeard
from schemas.envelope import Department


@dataclass(frozen=True)
class DoubtView:
    """One instruction of which nobody knows whether its department has it."""

    effect: str
    reference: str
    title: str
    task: str
    what: str
    whom: str
    system: str
    sent: Moment
    waits: str
    evidence: str
    found: str
    not_found: str
    calls_it: str


@dataclass(frozen=True)
class UnknownView:
    """The page."""

    first_line: str
    doubts: list[DoubtView]
    more: int


def unknown_view(cases: Sequence[Case], count: int, journeys: Journeys, now: datetime) -> UnknownView:
    """The page, made.

    Args:
        cases: those with such an instruction that are shown.
        count: how many there are in all.
        journeys: what the cases follow.
        now: the present.
    """
    found = [(case, view, doubt) for case in cases for view, doubt in case.uncertain]
    found.sort(key=lambda each: each[2].at)
    whom = Counter(view.department for _, view, _ in found)
    shown = [_doubt(case, view, doubt, journeys, now) for case, view, doubt in found]
    return UnknownView(_first_line(len(found), whom), shown, max(0, count - len(found)))


def _first_line(count: int, whom: Counter[Department]) -> str:
    if not count:
        return "Nobody has to ask: it is known of every instruction whether its department has it."
    may = dates.plural(count, "instruction may or may not have", "instructions may or may not have")
    if len(whom) == 1:
        (which,) = whom
        return f"{may} reached {words.DEPARTMENTS[which]}: ask them."
    asks = [f"{words.DEPARTMENTS[each]} about {whom[each]:,}" for each in Department if each in whom]
    return f"{may} arrived: ask {dates.listed(asks)}."


def _doubt(case: Case, view: TaskView, doubt: UncertainHeard, journeys: Journeys, now: datetime) -> DoubtView:
    journey = journeys.get(case.journey, case.version) if case.journey and case.version else None
    who, title = words.DEPARTMENTS[view.department], words.task_title(view.name)
    return DoubtView(
        effect=str(doubt.effect),
        reference=case.reference,
        title=journey.title if journey else case.journey or "",
        task=view.name,
        what={
            "raised": f"{who} was asked: {words.asks(view, journey)}",
            "changed": f"{who} was told of a change to “{title}”",
            "withdrawn": f"{who} was asked to stop “{title}”",
        }[doubt.asked],
        whom=who,
        system=doubt.connector.replace("_", " "),
        sent=Moment.of(doubt.at, dates.day_and_time(doubt.at, now)),
        waits=dates.ago(doubt.at, now),
        evidence=doubt.evidence,
        found="They have it" if doubt.asked != "withdrawn" else "They have stopped it",
        not_found={
            "raised": "They have nothing of it: ask them again",
            "changed": "They have nothing of the change: tell them again",
            "withdrawn": "They have not stopped it: ask them again",
        }[doubt.asked],
        calls_it=words.REFERENCES[view.department].capitalize(),
    )
