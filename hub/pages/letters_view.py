"""What the pages about dead letters show, made of the open letters and of plans. Pure; templates only place it."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from hub.dead_letters import telling
from hub.dead_letters.answers import Afterwards
from hub.dead_letters.parking import PARKED, WAITS_FOR_EARLIER
from hub.dead_letters.plan import Act, Plan, free
from hub.dead_letters.reading import Letter
from hub.pages import dates
from hub.pages.case_view import Moment
from hub.pages.dates import listed, plural

_REASONS: Mapping[str, tuple[str, str]] = {
    "not-json": ("is not JSON", "are not JSON"),
    "not-an-event": ("is no event", "are no events"),
    "unknown-type": (
        "is of a kind that does not belong on its topic",
        "are of kinds that do not belong on their topics",
    ),
    "wrong-data": ("has a field that is not as it must be", "have a field that is not as it must be"),
    "wrong-key": ("stands under a key that is not its own", "stand under a key that is not their own"),
    "wrong-partition": ("stands where its case is not", "stand where their case is not"),
    "no-journey": ("asks for what no journey starts with", "ask for what no journey starts with"),
    "no-journey-version": ("follows a journey whose file is gone", "follow a journey whose file is gone"),
    "unreadable-case": ("is about a case whose row cannot be read", "are about cases whose rows cannot be read"),
    "unmapped-code": ("has a code that nobody has mapped", "have a code that nobody has mapped"),
    WAITS_FOR_EARLIER: ("waits for an earlier one of its task", "wait for an earlier one of their task"),
    "task-in-doubt": ("may be of a task under way", "may be of a task under way"),
    "defect": ("made the hub or a connector fail", "made the hub or a connector fail"),
    PARKED: ("only waits for an earlier one of its case", "only wait for an earlier one of their case"),
}
_CAN_GO_ON = (
    "can go on: nothing it waited for lies here any more",
    "can go on: nothing they waited for lies here any more",
)
MOST_SHOWN = 100


@dataclass(frozen=True)
class Filter:
    """Which letters are meant; empty parts mean all."""

    topic: str = ""
    code: str = ""
    case: str = ""

    def of(self, letters: Sequence[Letter]) -> list[Letter]:
        """Those that it leaves."""
        return [
            letter
            for letter in letters
            if self.topic in {"", topic_of(letter)}
            and self.code in {"", letter.code}
            and self.case in {"", letter.case}
        ]

    @property
    def fields(self) -> dict[str, str]:
        """Its parts that say something."""
        return {name: value for name, value in vars(self).items() if value}

    @property
    def address(self) -> str:
        """The page that shows them."""
        return "/dead-letters" + (f"?{urlencode(self.fields)}" if self.fields else "")


@dataclass(frozen=True)
class Group:
    """Letters of one reason about one topic."""

    words: str
    code: str
    topic: str
    number: int
    since: Moment
    example: str
    address: str


@dataclass(frozen=True)
class LetterLine:
    """One letter in a list."""

    id: str
    address: str
    code: str
    reason: str
    topic: str
    case: str
    since: Moment
    tried: str


@dataclass(frozen=True)
class LetterView:
    """One letter's page."""

    line: LetterLine
    lead: str
    component: str
    record: str
    first: str
    behind: tuple[LetterLine, ...]
    is_free: bool
    can_replay: bool
    can_discard: bool


@dataclass(frozen=True)
class PlanLine:
    """What becomes of one letter."""

    id: str
    says: str


@dataclass(frozen=True)
class PlanView:
    """What would be done, or was."""

    lead: str
    lines: tuple[PlanLine, ...]
    afterwards: tuple[str, ...]
    more: int
    digest: str
    does: bool


def topic_of(letter: Letter) -> str:
    """The topic that a letter is about."""
    return letter.place.topic.removesuffix("-dlq")


def first_line(letters: Sequence[Letter], every: Sequence[Letter]) -> str:
    """How many, and what is the matter with them: what an operator asks first.

    Args:
        letters: those that are shown.
        every: all that are open.
    """
    died = [letter for letter in letters if not letter.is_parked]
    can_go_on = len(_free_ids(every) & {letter.id for letter in letters})
    waiting = len(letters) - len(died) - can_go_on
    if not letters and every:
        others = plural(len(every), "other record lies", "other records lie")
        return f"No record matches. {others} among the dead letters."
    if not letters:
        return "Every record could be read: nothing lies among the dead letters."
    counted = Counter(letter.code for letter in died).most_common()
    reasons = listed([f"{number:,} {_words(code, number)}" for code, number in counted[:4]])
    other = sum(number for _, number in counted[4:])
    more = f" and {plural(other, 'has another reason', 'have other reasons')}" if other else ""
    waits = f" {plural(waiting, 'more only waits behind them.', 'more only wait behind them.')}" if waiting else ""
    goes_on = f" {plural(can_go_on, 'more', 'more')} {_CAN_GO_ON[can_go_on != 1]}." if can_go_on else ""
    if not died:
        parts = [
            *([f"{plural(waiting, 'record waits', 'records wait')} for another of the same case"] if waiting else []),
            *([f"{plural(can_go_on, 'record', 'records')} {_CAN_GO_ON[can_go_on != 1]}"] if can_go_on else []),
        ]
        return ". ".join(parts) + "."
    return f"{plural(len(died), 'record', 'records')} could not be read: {reasons}{more}.{waits}{goes_on}"


def groups(letters: Sequence[Letter], every: Sequence[Letter], now: datetime) -> list[Group]:
    """Letters by reason and topic, the most first; those that can go on by themselves.

    Args:
        letters: those that are shown.
        every: all that are open.
        now: the present.
    """
    can_go_on = _free_ids(every)

    def group_of(letter: Letter) -> tuple[str, str, bool]:
        return letter.code, topic_of(letter), letter.id in can_go_on

    found = []
    for (code, topic, is_free), number in Counter(map(group_of, letters)).most_common():
        these = [letter for letter in letters if group_of(letter) == (code, topic, is_free)]
        oldest = min(these, key=lambda letter: letter.at)
        found.append(
            Group(
                words=_CAN_GO_ON[number != 1] if is_free else _words(code, number),
                code=code,
                topic=topic,
                number=number,
                since=Moment.of(oldest.at, dates.short_with_time(oldest.at, now)),
                example=telling.reason(oldest, is_free=is_free),
                address=Filter(topic=topic, code=code).address,
            )
        )
    return found


def lines(letters: Sequence[Letter], every: Sequence[Letter], now: datetime) -> list[LetterLine]:
    """Some letters, each a line; `every` are all that are open."""
    can_go_on = _free_ids(every)
    return [_line(letter, now, is_free=letter.id in can_go_on) for letter in letters]


def _line(letter: Letter, now: datetime, *, is_free: bool) -> LetterLine:
    return LetterLine(
        id=letter.id,
        address=f"/dead-letters/{letter.id}",
        code=letter.code,
        reason=telling.reason(letter, is_free=is_free),
        topic=topic_of(letter),
        case=letter.case or "",
        since=Moment.of(letter.at, dates.short_with_time(letter.at, now)),
        tried=plural(letter.attempt, "time", "times") if letter.attempt else "not yet",
    )


def letter_view(letter: Letter, letters: Sequence[Letter], now: datetime) -> LetterView:
    """One letter's page."""
    line = [each for each in letters if letter.lane is not None and each.lane == letter.lane]
    behind = [each for each in line if each.is_parked and each.order > letter.order]
    is_free = letter.id in _free_ids(line)
    is_first = is_free or not any(each.order < letter.order for each in line)
    what = _CAN_GO_ON[0] if is_free else _words(letter.code, 1)
    waits = f" {plural(len(behind), 'record waits', 'records wait')} behind it." if behind else ""
    return LetterView(
        line=_line(letter, now, is_free=is_free),
        lead=f"A record on {topic_of(letter)} could not be used since {dates.since(letter.at, now)}: it {what}.{waits}",
        component=letter.component.replace("_", " "),
        record=letter.origin,
        first=str(letter.first) if letter.first and letter.first != letter.source else "",
        behind=tuple(lines(behind, line, now)),
        is_free=is_free,
        can_replay=letter.source is not None and is_first,
        can_discard=letter.source is not None and not letter.is_parked and not letter.is_instruction,
    )


def plan_view(plan: Plan, after: Afterwards | None) -> PlanView:
    """What would be done, or was done, in the order in which it is; and what has come of it, once it is done."""
    done, digested = after is not None, digest(plan)
    plan = plan.without([step for step, _ in after.unsent] if after else ())
    lines = [PlanLine(step.letter.id, telling.done(step, is_done=done)) for step in plan.steps]
    lines += [PlanLine(letter.id, telling.stays(letter, why)) for letter, why in plan.stay]
    counted = Counter(step.act for step in plan.steps)
    parts = [
        f"{plural(number, 'record', 'records')} {_counted(act, number, done=done)}" for act, number in counted.items()
    ]
    stays = f" {plural(len(plan.stay), 'record stays', 'records stay')}." if plan.stay else ""
    lead = (listed(parts) + "." if parts else "Nothing would be done." if not done else "Nothing was done.") + stays
    return PlanView(
        lead=lead,
        lines=tuple(lines[:MOST_SHOWN]),
        afterwards=tuple(telling.afterwards(after)) if after else (),
        more=max(0, len(lines) - MOST_SHOWN),
        digest=digested,
        does=bool(plan.steps),
    )


def digest(plan: Plan) -> str:
    """What a plan does, in a few characters: what is done is what was shown, or nothing."""
    text = "|".join(f"{step.letter.id} {step.act}" for step in plan.steps)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _counted(act: Act, number: int, *, done: bool) -> str:
    words = telling.ACTS[act][done]
    return words.replace("was ", "were ") if number != 1 else words


def _free_ids(letters: Sequence[Letter]) -> set[str]:
    return {letter.id for letter in free(letters)}


def _words(code: str, number: int) -> str:
    one, many = _REASONS.get(code, (f"has the reason {code}", f"have the reason {code}"))
    return one if number == 1 else many
