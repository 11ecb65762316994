"""Dead letters of a real cluster: all that are open, what is done about them, and looking at one."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Literal
from uuid import uuid4

from hub.dead_letters.acting import COMPONENT, Doing, Who
from hub.dead_letters.answers import Afterwards
from hub.dead_letters.bodies import bodies_of
from hub.dead_letters.parking import place_in
from hub.dead_letters.plan import Plan
from hub.dead_letters.reading import IN_LINE, Letter, open_letters
from hub.edge.kafka import Sender, TopicFacts, read_all, topics_of
from hub.edge.kafka.sender import partition_of
from hub.edge.messages import Outgoing, Place
from hub.errors import ConfigurationError, RestartMe
from hub.settings import KafkaSettings
from schemas.audit import Reveal, Revealed
from schemas.topics import AUDIT, CATALOGUE

WHO_LIMIT, WHY_LIMIT = 80, 200
"""Characters of a name and of a reason."""
PATIENCE_S = 10.0


@dataclass(frozen=True)
class Desk:
    """Where somebody works through dead letters.

    Attributes:
        settings, bootstrap: how Kafka is reached.
        council: GSS code of the council.
        at_most_per_minute: records that a reader sets aside before it stands still (`dead_letters.at_most_per_minute`).
        patience_s: how long it waits for the next answer to what it has sent.
        clock: the present, with zone.
    """

    settings: KafkaSettings
    bootstrap: str
    council: str
    at_most_per_minute: int
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

        It goes in portions (`batches.py`): most of one died again, or nobody took it, and the rest is not sent. What comes for one of its
        cases before what was sent is applied is parked behind it, and goes too (`answers.py`).

        A crash in between sends it once more next time: the records have the same ids and the same first places, so they count once.

        A letter that somebody else has settled since is left alone: that is looked up before each portion. Two people who send within the
        moment between that look and the marker both do; a record that is sent twice counts once, but a replay and a discard both stand.

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
        with self._doing(by, why, corrected) as doing:
            return doing.carry_out(plan)

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
        if first.offset >= (end := self._end_of(first)):
            raise ConfigurationError(
                f"No record has ever stood at {place}: the next of that partition will be {end}. The reason of what waits names the place."
            )
        for letter in self.letters(first.topic):
            if letter.first == first:
                raise ConfigurationError(f"{place} has a letter: discard that, {letter.id}.")
        with self._doing(by, why) as doing:
            return doing.discard_lost(first, case)

    def _end_of(self, place: Place) -> int:
        """The next offset of the partition that a place is in."""
        topic = TopicFacts(place.topic, self.settings.partitions, replication=1)
        with topics_of(self.settings, self.bootstrap) as topics:
            return topics.ends([topic])[place.topic, place.partition]

    @contextmanager
    def _doing(self, by: str, why: str, corrected: Outgoing | None = None) -> Iterator[Doing]:
        sender = Sender(self.settings, self.bootstrap, COMPONENT)
        try:
            yield Doing(
                Who(by, why, self.council, self.clock),
                sender.send,
                partial(read_all, self.settings, self.bootstrap),
                partial(bodies_of, self.settings, self.bootstrap),
                partitions=self.settings.partitions,
                at_once=max(1, self.at_most_per_minute // 2),
                patience_s=self.patience_s,
                corrected=corrected,
            )
        finally:
            sender.close()

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
