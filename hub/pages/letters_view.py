"""What the pages about dead letters show, made of the open letters and of plans. Pure; templates only place it."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from hub.dead_letters.parking import PARKED, WAITS_FOR_EARLIER
from hub.dead_letters.plan import Act, Plan, Stays
from hub.dead_letters.reading import Letter, masked
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
    "unmapped-code": ("has a code that nobody has mapped", "have a code that nobody has mapped"),
    WAITS_FOR_EARLIER: ("waits for an earlier one of its task", "wait for an earlier one of their task"),
    "task-in-doubt": ("may be of a task under way", "may be of a task under way"),
    "defect": ("made the hub or a connector fail", "made the hub or a connector fail"),
    PARKED: ("only waits for an earlier one of its case", "only wait for an earlier one of their case"),
}
_DONE = {
    Act.REPLAYED: ("would be sent again", "was sent again"),
    Act.FIXED: ("would be fixed", "was fixed"),
    Act.DISCARDED: ("would be discarded", "was discarded"),
}
_STAYS = {
    Stays.WORN_OUT: "stays: it has died {tried} times. Fix it, discard it, or send it again from its own page.",
    Stays.WAITS: "stays: an earlier record of its case stays, and it waits for that one.",
    Stays.INSTRUCTION: "stays: it is an instruction that its case waits for. Mend its reason and send it again, or withdraw the request.",
    Stays.LEGACY: "stays: its connector keeps it and tries it again whenever it starts. Mend the connector's settings and restart it.",
}
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
    masked: str
    behind: tuple[LetterLine, ...]
    waits: bool
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
    more: int
    digest: str
    does: bool


def topic_of(letter: Letter) -> str:
    """The topic that a letter is about."""
    return letter.place.topic.removesuffix("-dlq")


def first_line(letters: Sequence[Letter]) -> str:
    """How many, and what is the matter with them: what an operator asks first."""
    died = [letter for letter in letters if not letter.is_parked]
    waiting = len(letters) - len(died)
    if not letters:
        return "Every record could be read: nothing lies among the dead letters."
    counted = Counter(letter.code for letter in died).most_common()
    reasons = listed([f"{number:,} {_words(code, number)}" for code, number in counted[:4]])
    other = sum(number for _, number in counted[4:])
    more = f" and {plural(other, 'one has another reason', 'have other reasons')}" if other else ""
    waits = f" {plural(waiting, 'more only waits behind them.', 'more only wait behind them.')}" if waiting else ""
    if not died:
        return f"{plural(waiting, 'record waits', 'records wait')} for another of the same case."
    return f"{plural(len(died), 'record', 'records')} could not be read: {reasons}{more}.{waits}"


def groups(letters: Sequence[Letter], now: datetime) -> list[Group]:
    """Letters by reason and topic, the most first."""
    counted = Counter((letter.code, topic_of(letter)) for letter in letters)
    found = []
    for (code, topic), number in counted.most_common():
        these = [letter for letter in letters if (letter.code, topic_of(letter)) == (code, topic)]
        oldest = min(these, key=lambda letter: letter.at)
        found.append(
            Group(
                words=_words(code, number),
                code=code,
                topic=topic,
                number=number,
                since=Moment.of(oldest.at, dates.short_with_time(oldest.at, now)),
                example=oldest.reason,
                address=Filter(topic=topic, code=code).address,
            )
        )
    return found


def letter_line(letter: Letter, now: datetime) -> LetterLine:
    """One letter in a list."""
    return LetterLine(
        id=letter.id,
        address=f"/dead-letters/{letter.id}",
        code=letter.code,
        reason=letter.reason,
        topic=topic_of(letter),
        case=letter.case or "",
        since=Moment.of(letter.at, dates.short_with_time(letter.at, now)),
        tried=plural(letter.attempt, "time", "times") if letter.attempt else "not yet",
    )


def letter_view(letter: Letter, letters: Sequence[Letter], now: datetime) -> LetterView:
    """One letter's page."""
    behind = [
        each
        for each in letters
        if letter.lane is not None and each.lane == letter.lane and each.is_parked and each.order > letter.order
    ]
    what = _words(letter.code, 1)
    waits = f" {plural(len(behind), 'record waits', 'records wait')} behind it." if behind else ""
    return LetterView(
        line=letter_line(letter, now),
        lead=f"A record on {topic_of(letter)} could not be used since {dates.since(letter.at, now)}: it {what}.{waits}",
        component=letter.component.replace("_", " "),
        record=letter.origin,
        first=str(letter.first) if letter.first and letter.first != letter.source else "",
        masked=masked(letter.value),
        behind=tuple(letter_line(each, now) for each in behind),
        waits=letter.is_parked,
        can_replay=letter.source is not None and not letter.is_parked,
        can_discard=not letter.is_instruction,
    )


def plan_view(plan: Plan, *, done: bool) -> PlanView:
    """What would be done, or was done, in the order in which it is."""
    lines = [
        PlanLine(
            step.letter.id,
            _DONE[step.act][done] + (", behind the one it waits for" if step.goes_along else ""),
        )
        for step in plan.steps
    ]
    lines += [PlanLine(letter.id, _STAYS[why].format(tried=letter.attempt)) for letter, why in plan.stay]
    counted = Counter(step.act for step in plan.steps)
    parts = [
        f"{plural(number, 'record', 'records')} {_counted(act, number, done=done)}" for act, number in counted.items()
    ]
    stays = f" {plural(len(plan.stay), 'record stays', 'records stay')}." if plan.stay else ""
    lead = (listed(parts) + "." if parts else "Nothing would be done." if not done else "Nothing was done.") + stays
    return PlanView(
        lead=lead,
        lines=tuple(lines[:MOST_SHOWN]),
        more=max(0, len(lines) - MOST_SHOWN),
        digest=digest(plan),
        does=bool(plan.steps),
    )


def digest(plan: Plan) -> str:
    """What a plan does, in a few characters: what is done is what was shown, or nothing."""
    text = "|".join(f"{step.letter.id} {step.act}" for step in plan.steps)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _counted(act: Act, number: int, *, done: bool) -> str:
    words = _DONE[act][done]
    return words.replace("was ", "were ") if number != 1 else words


def _words(code: str, number: int) -> str:
    one, many = _REASONS.get(code, (f"has the reason {code}", f"have the reason {code}"))
    return one if number == 1 else many
