"""Dead letters of a real cluster: all that are open, what is done about them, and looking at one."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID, uuid4, uuid5

from hub.dead_letters.letter import settled
from hub.dead_letters.parking import FIRST
from hub.dead_letters.plan import Act, Plan, Step
from hub.dead_letters.reading import Letter, open_letters
from hub.edge.kafka import Sender, read_all
from hub.edge.messages import Outgoing
from hub.errors import ConfigurationError, RestartMe
from hub.failpoints import Failpoint, reach
from hub.settings import KafkaSettings
from schemas.audit import Reveal, Revealed
from schemas.cases import Discard, RecordDiscarded
from schemas.envelope import EVENT_HEADERS
from schemas.topics import AUDIT, CASE_EVENTS, CATALOGUE

COMPONENT = "dead-letters"
WHO_LIMIT, WHY_LIMIT = 80, 200
"""Characters of a name and of a reason."""
_DISCARDS = UUID("5f3b7c0e-6f1e-4f83-9d1d-6f0a3f6f2b52")


@dataclass(frozen=True)
class Desk:
    """Where somebody works through dead letters.

    Attributes:
        settings, bootstrap: how Kafka is reached.
        council: GSS code of the council.
        clock: the present, with zone.
    """

    settings: KafkaSettings
    bootstrap: str
    council: str
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

    def carry_out(self, plan: Plan, by: str, why: str = "", corrected: Outgoing | None = None) -> None:
        """Send what a plan sends, in its order, and once that is safe the markers of its letters.

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
            return
        records = [record for step in plan.steps for record in self._records(step, by, why, corrected)]
        sender = Sender(self.settings, self.bootstrap, COMPONENT)
        try:
            sender.send(records)
            reach(Failpoint.DEAD_LETTERS_SENT)
            sender.send([_marker(step, by, why) for step in plan.steps])
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
        return letter.value

    def _records(self, step: Step, by: str, why: str, corrected: Outgoing | None) -> Iterable[Outgoing]:
        letter = step.letter
        if step.act is Act.REPLAYED and (again := letter.again()) is not None:
            yield again
        elif step.act is Act.DISCARDED:
            yield from self._discard(letter, by, why)
        elif step.act is Act.FIXED and corrected is not None:
            yield corrected
            if corrected.key != letter.key:
                yield from self._discard(letter, by, "Fixed under the reference of another case")

    def _discard(self, letter: Letter, by: str, why: str) -> Iterable[Outgoing]:
        """What lets the case of a letter go on without it: said on the topic of its record, and on the case's timeline."""
        if letter.lane is None or letter.first is None or letter.case is None:
            return
        now, first = self.clock(), str(letter.first)
        event = RecordDiscarded(
            id=uuid5(_DISCARDS, first),
            source=f"/{self.council}/{COMPONENT}",
            time=now,
            effectiveat=now,
            correlationid=letter.case,
            partitionkey=letter.case,
            council=self.council,
            data=Discard(record=first, by=by, why=why),
        )
        headers = (*EVENT_HEADERS, (FIRST, first.encode()))
        yield Outgoing(letter.first.topic, letter.key, event.encode(), headers)
        if letter.first.topic != CASE_EVENTS.name:
            yield Outgoing.event(CASE_EVENTS.name, letter.case, event.encode())


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
