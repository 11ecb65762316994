"""In which portions records are sent again, so that what dies again does not make their reader stand still. Pure.

Whoever sets too many records aside within a minute stops (`hub.dead_letters.rate`), for every case. So a portion is no larger than that
allows, and where its reader answers, the next one goes only after a look at what became of it. The records of one line stay together: the
first of them that dies again has the others wait behind it, so a line adds at most one.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import groupby

from hub.dead_letters.plan import Act, Step

MOST_AT_ONCE = 20
"""Lines in a portion whose answers are looked at before the next goes."""

Line = tuple[Step, ...]
"""What is done about records that stand in line with each other, or about one that stands in none."""


class Unsent(StrEnum):
    """Why nothing was done about a letter that was to go."""

    DIED = "died"
    """Most of those before it died again."""
    UNHEARD = "unheard"
    """Those before it have not been taken yet."""
    LIMIT = "limit"
    """Its reader does not answer, and as many are on their way as may die within a minute."""
    MEANWHILE = "meanwhile"
    """Somebody else has settled it, or one of its line, since."""


def portions(steps: Iterable[Step], at_once: int) -> Iterator[list[Line]]:
    """Steps in portions, in their order; what is merely discarded dies of nothing, and takes no room.

    Args:
        steps: of one topic.
        at_once: lines of a portion that are sent again, at most.
    """
    portion: list[Line] = []
    tried = 0
    for line in _lines(steps):
        is_tried = any(step.act is not Act.DISCARDED for step in line)
        if is_tried and tried == at_once:
            yield portion
            portion, tried = [], 0
        portion.append(line)
        tried += is_tried
    if portion:
        yield portion


def by_topic(steps: Iterable[Step]) -> list[tuple[str, list[Step]]]:
    """Steps by the dead-letter topic of their letters, each in the order in which their records first stood."""
    ordered = sorted(steps, key=lambda step: (step.letter.place.topic, step.letter.order))
    found = groupby(ordered, key=lambda step: step.letter.place.topic)
    return [(topic, list(these)) for topic, these in found]


def stop(*, died: int, applied: int, died_in_all: int, at_once: int) -> bool:
    """Whether nothing more should be sent.

    Args:
        died: how many of a portion died again.
        applied: how many of it were applied.
        died_in_all: with those of the portions before.
        at_once: how many may die again in all.
    """
    return died > applied or died_in_all >= at_once


def _lines(steps: Iterable[Step]) -> Sequence[Line]:
    lines: dict[object, list[Step]] = {}
    for step in steps:
        lines.setdefault(step.letter.lane or step.letter.id, []).append(step)
    return [tuple(line) for line in lines.values()]
