"""What is done when people replay, fix or discard dead letters: which go, in which order, what goes with them, what stays and why. Pure.

The records of a case stand in line (`Letter.lane`). What waits for a letter goes with it, behind it; what waits for one that stays, stays
too: sent alone, it would only be set aside again. So a dry run shows what will be done, and a replay that fails again fails once.

What came while an earlier record of its case was on its way again waits for nothing that lies here (`free`): it can always be sent, for
it will stand behind that one.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby, takewhile

from hub.dead_letters.reading import Letter


class Act(StrEnum):
    """What is done about a letter; the outcome that its marker tells."""

    REPLAYED = "replayed"
    FIXED = "fixed"
    DISCARDED = "discarded"


class Stays(StrEnum):
    """Why a letter stays."""

    WORN_OUT = "worn-out"
    """It died so often that to try it with all the others once more would be a loop."""
    WAITS = "waits"
    """An earlier record of its case stays."""
    INSTRUCTION = "instruction"
    """A connector has it in its ledger, and its case waits for what comes of it: it cannot be discarded."""
    LEGACY = "legacy"
    """Its connector keeps it, and tries it again by itself, whatever is said here."""


class Along(StrEnum):
    """Why a letter goes that nobody named."""

    BEHIND = "behind"
    """It waited for one that goes."""
    FREE = "free"
    """It waits for nothing any more, and one behind it goes."""


@dataclass(frozen=True)
class Step:
    """One thing that is done.

    Attributes:
        along: why it is done though nobody named it; None where somebody did.
    """

    letter: Letter
    act: Act
    along: Along | None = None


@dataclass(frozen=True)
class Plan:
    """What is done, in this order, and what stays."""

    steps: tuple[Step, ...] = ()
    stay: tuple[tuple[Letter, Stays], ...] = ()

    def without(self, steps: Collection[Step]) -> "Plan":
        """What is left of it where these are not done."""
        ids = {step.letter.id for step in steps}
        return Plan(tuple(step for step in self.steps if step.letter.id not in ids), self.stay)


def free(letters: Iterable[Letter]) -> list[Letter]:
    """Those parked letters that can go on: nothing that they wait for lies here any more.

    Args:
        letters: all that are open, or all of some topics.
    """
    found: list[Letter] = []
    for lane, line in groupby(sorted(letters, key=_by_lane), key=lambda letter: letter.lane):
        if lane is not None:
            found += takewhile(lambda letter: letter.is_parked, line)
    return found


def to_replay(letters: Iterable[Letter], chosen: Collection[Letter], *, by_name: bool) -> Plan:
    """What a replay does.

    Args:
        letters: all that are open.
        chosen: those that are to be replayed.
        by_name: whether somebody named each; then one that is worn out is tried all the same.
    """

    def stays(letter: Letter) -> Stays | None:
        if letter.source is None:
            return Stays.LEGACY
        return Stays.WORN_OUT if letter.is_worn_out and not by_name else None

    return _plan(letters, chosen, Act.REPLAYED, stays)


def to_fix(letters: Iterable[Letter], letter: Letter) -> Plan:
    """What the fixing of one letter does."""
    return _plan(letters, [letter], Act.FIXED, lambda _: None)


def to_discard(letters: Iterable[Letter], chosen: Collection[Letter]) -> Plan:
    """What a discarding does. What waited for one that is discarded is replayed."""

    def stays(letter: Letter) -> Stays | None:
        if letter.source is None:
            return Stays.LEGACY
        return Stays.INSTRUCTION if letter.is_instruction else None

    return _plan(letters, chosen, Act.DISCARDED, stays)


def _plan(
    letters: Iterable[Letter], chosen: Collection[Letter], act: Act, stays: Callable[[Letter], Stays | None]
) -> Plan:
    wanted = {letter.id for letter in chosen}
    steps: list[Step] = []
    stay: list[tuple[Letter, Stays]] = []
    for lane, line in groupby(sorted(letters, key=_by_lane), key=lambda letter: letter.lane):
        standing, blocked, moves = list(line), False, False
        if not any(letter.id in wanted for letter in standing):
            continue
        for letter in standing:
            named = letter.id in wanted
            follows = lane is not None and letter.is_parked and (moves or not blocked)
            if not named and not follows:
                # It stays where it is, and what comes behind it with it.
                blocked = lane is not None
                continue
            why = stays(letter) if named else None
            if why is None and blocked and (not named or act is not Act.DISCARDED):
                why = Stays.WAITS
            if why is not None:
                stay.append((letter, why))
                blocked = lane is not None
                continue
            along = None if named else Along.BEHIND if moves else Along.FREE
            steps.append(Step(letter, act if named else Act.REPLAYED, along))
            moves = moves or along is not Along.FREE
    return Plan(tuple(sorted(steps, key=lambda step: step.letter.order)), tuple(stay))


def _by_lane(letter: Letter) -> tuple[tuple[str, int, str], tuple[str, int, int]]:
    return letter.lane or ("", 0, ""), letter.order
