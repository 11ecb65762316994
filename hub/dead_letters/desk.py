"""Dead letters of a real cluster: all that are open, what is done about them, and looking at one."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID, uuid4, uuid5

from hub.dead_letters.answers import ANSWERED, Afterwards, Answers
from hub.dead_letters.bodies import bodies_of
from hub.dead_letters.letter import settled
from hub.dead_letters.parking import FIRST, place_in
from hub.dead_letters.plan import Act, Plan, Step
from hub.dead_letters.reading import IN_LINE, Lane, Letter, open_letters
from hub.edge.kafka import Sender, read_all
from hub.edge.kafka.sender import partition_of
from hub.edge.messages import Incoming, Outgoing, Place
from hub.errors import ConfigurationError, HubError, RestartMe
from hub.failpoints import Failpoint, reach
from hub.settings import KafkaSettings
from schemas.audit import Reveal, Revealed
from schemas.cases import Discard, RecordDiscarded
from schemas.envelope import EVENT_HEADERS
from schemas.topics import AUDIT, CASE_EVENTS, CATALOGUE

COMPONENT = "dead-letters"
WHO_LIMIT, WHY_LIMIT = 80, 200
"""Characters of a name and of a reason."""
PATIENCE_S = 10.0
_LOOK_EVERY_S = 0.3
_DISCARDS = UUID("5f3b7c0e-6f1e-4f83-9d1d-6f0a3f6f2b52")


@dataclass(frozen=True)
class Desk:
    """Where somebody works through dead letters.

    Attributes:
        settings, bootstrap: how Kafka is reached.
        council: GSS code of the council.
        patience_s: how long it waits for the next answer to what it has sent.
        clock: the present, with zone.
    """

    settings: KafkaSettings
    bootstrap: str
    council: str
    patience_s: float = PATIENCE_S
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def letters(self, topic: str | None = None) -> list[Letter]:
        """The open letters, in the order in which their records first stood.

        Args:
            topic: only those about this topic; its name with or without -dlq.

        Raises:
            ConfigurationError: no such topic.
            RestartMe: Kafka does not answer.
        """
        return open_letters(read_all(self.settings, self.bootstrap, names_of(topic)))

    def carry_out(self, plan: Plan, by: str, why: str = "", corrected: Outgoing | None = None) -> Afterwards:
        """Send what a plan sends, in its order, and once that is safe the markers of its letters; then see its cases through.

        What comes for one of its cases before what was sent is applied is parked behind it, and goes too (`answers.py`).

        A crash in between sends it once more next time: the records have the same ids and the same first places, so they count once.

        Args:
            plan: what is to be done.
            by: who does it.
            why: their reason, where something is discarded.
            corrected: what goes in the place of the one that is fixed, as `Letter.corrected` made it.

        Raises:
            RestartMe: Kafka does not answer, or refuses one.
        """
        if not plan.steps:
            return Afterwards()
        records = self._records(plan.steps, by, why, corrected)
        markers = [_marker(step, by, why) for step in plan.steps]
        lines = [(step.letter.first, step.letter.lane) for step in plan.steps]
        return self._see_through([(first, lane) for first, lane in lines if first and lane], by, records, markers)

    def discard_lost(self, place: str, case: str, by: str, why: str) -> Afterwards:
        """Let a case go on without a record whose letter is gone: letters are kept for a time, that a case waits for one is kept for good.

        Args:
            place: where the record first stood: topic/partition/offset.
            case: the one that waits for it.
            by: who does it.
            why: their reason.

        Raises:
            ConfigurationError: no such record could be waited for by this case; or it has a letter.
            RestartMe: Kafka does not answer, or refuses one.
        """
        first = place_in(place)
        if first is None or first.topic not in IN_LINE:
            raise ConfigurationError(
                f"{place} is no place of a record that a case can wait for: TOPIC/PARTITION/OFFSET, of {', '.join(sorted(IN_LINE))}."
            )
        if first.partition != partition_of(case.encode(), self.settings.partitions):
            raise ConfigurationError(
                f"No record of case {case} stands in partition {first.partition} of {first.topic}."
            )
        for letter in self.letters(first.topic):
            if letter.first == first:
                raise ConfigurationError(f"{place} has a letter: discard that, {letter.id}.")
        lane = (first.topic, first.partition, case)
        return self._see_through([(first, lane)], by, list(self._say_discarded(first, case, by, why)), [])

    def _see_through(
        self, sent: Sequence[tuple[Place, Lane]], by: str, records: list[Outgoing], markers: list[Outgoing]
    ) -> Afterwards:
        """Send, and what becomes free by it, until the lines of what was sent are empty or somebody else's turn has come."""
        news = _News(self)
        answers = Answers(news.read() if any(first.topic == ANSWERED.name for first, _ in sent) else ())
        for first, lane in sent:
            if first.topic == ANSWERED.name:
                answers.expect(first, lane)
        sender = Sender(self.settings, self.bootstrap, COMPONENT)
        try:
            sender.send(records)
            reach(Failpoint.DEAD_LETTERS_SENT)
            sender.send(markers)
            with suppress(HubError):  # it is done; what cannot be seen any more is said not to have been
                self._follow(answers, news, sender, by)
        finally:
            sender.close()
        return answers.afterwards()

    def _follow(self, answers: Answers, news: "_News", sender: Sender, by: str) -> None:
        until = time.monotonic() + self.patience_s
        while not answers.are_complete:
            for record in news.read():
                answers.hear(record)
            if steps := [Step(letter, Act.REPLAYED) for letter in answers.next()]:
                answers.go(step.letter for step in steps)
                sender.send(self._records(steps, by))
                sender.send([_marker(step, by, "") for step in steps])
                until = time.monotonic() + self.patience_s
            elif time.monotonic() >= until:
                return
            elif not answers.are_complete:
                time.sleep(_LOOK_EVERY_S)

    def reveal(self, letter: Letter, by: str, why: str, through: Literal["command", "page"]) -> bytes | None:
        """What stands in a letter, once it is on the audit topic who looks, and why.

        Raises:
            RestartMe: the audit topic cannot be written; nothing is revealed.
        """
        now = self.clock()
        event = Revealed(
            id=uuid4(),  # each look is an act of its own
            source=f"/{self.council}/{COMPONENT}",
            time=now,
            effectiveat=now,
            partitionkey=by,
            council=self.council,
            data=Reveal(by=by, why=why, letter=letter.id, record=letter.origin[:300], through=through),
        )
        try:
            sender = Sender(self.settings, self.bootstrap, COMPONENT, acknowledged_within_s=20)
            try:
                sender.send([Outgoing.event(AUDIT.name, by, event.encode())])
            finally:
                sender.close()
        except RestartMe as error:
            raise RestartMe(f"Nothing is revealed, for it cannot be written down who looked. {error}") from error
        return self.body(letter)

    def body(self, letter: Letter) -> bytes | None:
        """What stands in a letter.

        Raises:
            ConfigurationError: it is not kept any more.
            RestartMe: Kafka does not answer.
        """
        return bodies_of(self.settings, self.bootstrap, [letter])[letter.id]

    def _records(
        self, steps: Sequence[Step], by: str, why: str = "", corrected: Outgoing | None = None
    ) -> list[Outgoing]:
        sent_again = (step.letter for step in steps if step.act is Act.REPLAYED)
        bodies = bodies_of(self.settings, self.bootstrap, sent_again)
        return [record for step in steps for record in self._sent_for(step, bodies, by, why, corrected)]

    def _sent_for(
        self, step: Step, bodies: Mapping[str, bytes | None], by: str, why: str, corrected: Outgoing | None
    ) -> Iterable[Outgoing]:
        letter = step.letter
        if step.act is Act.REPLAYED and (again := letter.again(bodies[letter.id])) is not None:
            yield again
        elif step.act is Act.DISCARDED:
            yield from self._discard(letter, by, why)
        elif step.act is Act.FIXED and corrected is not None:
            yield corrected
            if corrected.key != letter.key:
                yield from self._discard(letter, by, "Fixed under the reference of another case")

    def _discard(self, letter: Letter, by: str, why: str) -> Iterable[Outgoing]:
        """What lets the case of a letter go on without it: said on the topic of its record, and on the case's timeline."""
        if letter.lane is not None and letter.first is not None and letter.case is not None:
            yield from self._say_discarded(letter.first, letter.case, by, why)

    def _say_discarded(self, place: Place, case: str, by: str, why: str) -> Iterable[Outgoing]:
        now, first = self.clock(), str(place)
        event = RecordDiscarded(
            id=uuid5(_DISCARDS, first),
            source=f"/{self.council}/{COMPONENT}",
            time=now,
            effectiveat=now,
            correlationid=case,
            partitionkey=case,
            council=self.council,
            data=Discard(record=first, by=by, why=why),
        )
        headers = (*EVENT_HEADERS, (FIRST, first.encode()))
        yield Outgoing(place.topic, case.encode(), event.encode(), headers)
        if place.topic != CASE_EVENTS.name:
            yield Outgoing.event(CASE_EVENTS.name, case, event.encode())


class _News:
    """What comes on the dead-letter topic whose reader answers: each look reads what has come since the last."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._next: dict[tuple[str, int], int] = {}

    def read(self) -> Iterable[Incoming]:
        for record in read_all(self._desk.settings, self._desk.bootstrap, [ANSWERED.dead_letters], self._next):
            self._next[record.place.topic, record.place.partition] = record.place.offset + 1
            yield record


def names_of(topic: str | None) -> Sequence[str]:
    """The dead-letter topics to look through.

    Args:
        topic: only those about this topic; its name with or without -dlq.

    Raises:
        ConfigurationError: no such topic.
    """
    names = [known.dead_letters for known in CATALOGUE if topic in {None, known.name, known.dead_letters}]
    if not names:
        raise ConfigurationError(
            f"No topic {topic} in the catalogue. There are: {', '.join(known.name for known in CATALOGUE)}."
        )
    return names


def one_of(letters: Iterable[Letter], identifier: str) -> Letter:
    """The open letter of that id.

    Raises:
        ConfigurationError: there is none.
    """
    for letter in letters:
        if letter.id == identifier:
            return letter
    raise ConfigurationError(f"No open dead letter {identifier}. `hub dead-letters list` shows those there are.")


def _marker(step: Step, by: str, why: str) -> Outgoing:
    letter = step.letter
    discarded = step.act is Act.DISCARDED
    first = str(letter.first) if letter.first else ""
    return letter.marker(settled(letter.origin, step.act, COMPONENT, by=by, why=why if discarded else "", first=first))
