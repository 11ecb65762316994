"""Does at a real cluster what is planned about dead letters, portion by portion, and follows what comes of each."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid5

from hub.dead_letters.answers import ANSWERED, Afterwards, Answers
from hub.dead_letters.batches import MOST_AT_ONCE, Line, Unsent, by_topic, portions, stop
from hub.dead_letters.letter import settled
from hub.dead_letters.parking import FIRST
from hub.dead_letters.plan import Act, Plan, Step
from hub.dead_letters.reading import Letter
from hub.edge.kafka.sender import partition_of
from hub.edge.messages import Incoming, Outgoing, Place
from hub.errors import HubError
from hub.failpoints import Failpoint, reach
from schemas.cases import Discard, RecordDiscarded
from schemas.envelope import EVENT_HEADERS
from schemas.topics import CASE_EVENTS, DEAD_LETTER_SUFFIX

COMPONENT = "dead-letters"
_LOOK_EVERY_S = 0.3
_DISCARDS = UUID("5f3b7c0e-6f1e-4f83-9d1d-6f0a3f6f2b52")

Send = Callable[[Sequence[Outgoing]], object]
Bodies = Callable[[Iterable[Letter]], Mapping[str, bytes | None]]
Read = Callable[[Sequence[str], dict[tuple[str, int], int]], Iterable[Incoming]]


@dataclass(frozen=True)
class Who:
    """Who does it and why.

    Attributes:
        by: the person.
        why: their reason, where something is discarded.
        council: GSS code of theirs.
        clock: the present, with zone.
    """

    by: str
    why: str
    council: str
    clock: Callable[[], datetime]


class Doing:
    """One act of a person, from the first record to the last answer.

    Args:
        who: does it.
        send: sends records, and comes back when they are safe.
        read: what lies on these topics, from these offsets on where any are given, to the last there is.
        bodies: what stands in letters, by their ids.
        partitions: of every hub topic.
        at_once: lines that may be on their way while nobody knows what becomes of them.
        patience_s: how long it waits for the next answer.
        corrected: what goes in the place of the one that is fixed.
    """

    def __init__(
        self,
        who: Who,
        send: Send,
        read: Read,
        bodies: Bodies,
        *,
        partitions: int,
        at_once: int,
        patience_s: float,
        corrected: Outgoing | None = None,
    ) -> None:
        self._who, self._send_all, self._read, self._bodies = who, send, read, bodies
        self._partitions, self._at_once, self._patience_s = partitions, at_once, patience_s
        self._corrected = corrected
        self._topics: Sequence[str] = ()
        self._next: dict[tuple[str, int], int] = {}
        self._answers = Answers(())

    def carry_out(self, plan: Plan) -> Afterwards:
        """As `Desk.carry_out` says."""
        unsent: list[tuple[Step, Unsent]] = []
        gone: list[tuple[Letter, str]] = []
        for topic, steps in by_topic(plan.steps):
            self._topics = [topic]
            is_answered = topic == ANSWERED.dead_letters
            why: Unsent | None = None
            for portion in portions(steps, min(MOST_AT_ONCE, self._at_once) if is_answered else self._at_once):
                if why is None:
                    self._hear()
                    going = [line for line in portion if all(self._answers.is_open(step.letter) for step in line)]
                    left = [step for line in portion if line not in going for step in line]
                    unsent += [(step, Unsent.MEANWHILE) for step in left]
                    closed = [step.letter for step in left if not self._answers.is_open(step.letter)]
                    gone += [(letter, self._answers.became(letter)) for letter in closed]
                    why = self._go(going) if is_answered else self._go_unanswered(going)
                else:
                    unsent += [(step, why) for line in portion for step in line]
        return replace(self._answers.afterwards(), unsent=tuple(unsent), settled=tuple(gone))

    def discard_lost(self, first: Place, case: str) -> Afterwards:
        """As `Desk.discard_lost` says, of a place that it has found to be one."""
        self._topics = [first.topic + DEAD_LETTER_SUFFIX]
        self._hear()
        if self._has_answer(first, case.encode()):
            self._answers.expect(first, (first.topic, first.partition, case))
        self._send_all(list(self._say_discarded(first, case, self._who.why)))
        self._follow()
        return self._answers.afterwards()

    def _go(self, lines: Sequence[Line]) -> Unsent | None:
        """Send a portion whose reader answers; why the next should stay."""
        applied, died = self._answers.applied, len(self._answers.died)
        self._send([step for line in lines for step in line])
        self._follow()
        if not self._answers.are_complete:
            return Unsent.UNHEARD
        now = len(self._answers.died)
        ends = stop(died=now - died, applied=self._answers.applied - applied, died_in_all=now, at_once=self._at_once)
        return Unsent.DIED if ends else None

    def _go_unanswered(self, lines: Sequence[Line]) -> Unsent:
        self._send([step for line in lines for step in line])
        return Unsent.LIMIT

    def _send(self, steps: Sequence[Step], *, along: bool = False) -> None:
        for step in () if along else steps:
            first = step.letter.first
            if first is not None and self._is_answered(step, first):
                self._answers.expect(first, step.letter.lane)
        bodies = self._bodies([step.letter for step in steps if step.act is Act.REPLAYED and step.letter.source])
        self._send_all([record for step in steps for record in self._records(step, bodies)])
        if not along:
            reach(Failpoint.DEAD_LETTERS_SENT)
        self._send_all([self._marker(step) for step in steps])

    def _follow(self) -> None:
        """Look on, and send what becomes free, until everything is answered or nobody has for too long."""
        with suppress(HubError):  # it is done; what cannot be seen any more is said not to have been
            unheard, until = self._answers.unheard, time.monotonic() + self._patience_s
            while not self._answers.are_complete:
                self._hear()
                if freed := self._answers.next():
                    self._answers.go(freed)
                    self._send([Step(letter, Act.REPLAYED) for letter in freed], along=True)
                if freed or self._answers.unheard < unheard:
                    unheard, until = self._answers.unheard, time.monotonic() + self._patience_s
                elif time.monotonic() >= until:
                    return
                else:
                    time.sleep(_LOOK_EVERY_S)

    def _hear(self) -> None:
        for record in self._news():
            self._answers.hear(record)

    def _news(self) -> Iterator[Incoming]:
        """What has come since the last look."""
        for record in self._read(self._topics, self._next):
            self._next[record.place.topic, record.place.partition] = record.place.offset + 1
            yield record

    def _is_answered(self, step: Step, first: Place) -> bool:
        """Whether the worker will say what became of it: it names what it applied by the first place, in that partition alone."""
        letter = step.letter
        is_sent = step.act is Act.REPLAYED or (self._corrected is not None and self._corrected.key == letter.key)
        return (is_sent or letter.lane is not None) and self._has_answer(first, letter.key)

    def _has_answer(self, first: Place, key: bytes | None) -> bool:
        part = 0 if key is None else partition_of(key, self._partitions)
        return first.topic == ANSWERED.name and first.partition == part

    def _records(self, step: Step, bodies: Mapping[str, bytes | None]) -> Iterable[Outgoing]:
        letter = step.letter
        if step.act is Act.REPLAYED:
            if (again := letter.again(bodies.get(letter.id))) is not None:
                yield again
        elif step.act is Act.DISCARDED:
            yield from self._discard(letter, self._who.why)
        elif self._corrected is not None:
            yield self._corrected
            if self._corrected.key != letter.key:
                yield from self._discard(letter, "Fixed under the reference of another case")

    def _discard(self, letter: Letter, why: str) -> Iterable[Outgoing]:
        """What lets the case of a letter go on without it: said on the topic of its record, and on the case's timeline."""
        if letter.lane is not None and letter.first is not None and letter.case is not None:
            yield from self._say_discarded(letter.first, letter.case, why)

    def _say_discarded(self, place: Place, case: str, why: str) -> Iterable[Outgoing]:
        now, first = self._who.clock(), str(place)
        event = RecordDiscarded(
            id=uuid5(_DISCARDS, first),
            source=f"/{self._who.council}/{COMPONENT}",
            time=now,
            effectiveat=now,
            correlationid=case,
            partitionkey=case,
            council=self._who.council,
            data=Discard(record=first, by=self._who.by, why=why),
        )
        headers = (*EVENT_HEADERS, (FIRST, first.encode()))
        yield Outgoing(place.topic, case.encode(), event.encode(), headers)
        if place.topic != CASE_EVENTS.name:
            yield Outgoing.event(CASE_EVENTS.name, case, event.encode())

    def _marker(self, step: Step) -> Outgoing:
        letter = step.letter
        why = self._who.why if step.act is Act.DISCARDED else ""
        first = str(letter.first) if letter.first else ""
        return letter.marker(settled(letter.origin, step.act, COMPONENT, by=self._who.by, why=why, first=first))
