"""Dead letters of a real cluster: all that are open, and sending them again."""

from collections.abc import Sequence
from dataclasses import dataclass

from hub.dead_letters.letter import settled
from hub.dead_letters.reading import Letter, open_letters
from hub.edge.kafka import Sender, read_all
from hub.edge.messages import Outgoing
from hub.errors import ConfigurationError
from hub.settings import KafkaSettings
from schemas.topics import CATALOGUE

_COMPONENT = "dead-letters"


@dataclass(frozen=True)
class Desk:
    """Where somebody looks through dead letters."""

    settings: KafkaSettings
    bootstrap: str

    def letters(self, topic: str | None = None, code: str | None = None) -> list[Letter]:
        """The open letters, in the order of their sources.

        Args:
            topic: only those about this topic; its name with or without -dlq.
            code: only those with this reason code.

        Raises:
            ConfigurationError: no such topic.
            RestartMe: Kafka does not answer.
        """
        names = [known.dead_letters for known in CATALOGUE if topic in {None, known.name, known.dead_letters}]
        if not names:
            raise ConfigurationError(
                f"No topic {topic} in the catalogue. There are: {', '.join(known.name for known in CATALOGUE)}."
            )
        found = open_letters(read_all(self.settings, self.bootstrap, names))
        return [letter for letter in found if code in {None, letter.code}]

    def letter(self, identifier: str) -> Letter:
        """One open letter.

        Raises:
            ConfigurationError: there is no open letter of that id.
        """
        topic = identifier.partition("/")[0]
        for letter in self.letters(topic):
            if letter.id == identifier:
                return letter
        raise ConfigurationError(f"No open dead letter {identifier}. `hub dead-letters list` shows those there are.")

    def replay(self, letters: Sequence[Letter]) -> list[Letter]:
        """Send records to their topics again, in order, and mark their letters as settled.

        A record of a legacy system is left alone: its connector keeps it and tries it again whenever it starts. A crash between sending and
        marking sends a record once more next time; it has the same event id, so it counts once.

        Returns:
            Those that were sent.

        Raises:
            RestartMe: Kafka does not answer.
        """
        again = [(letter, record) for letter in letters if (record := letter.again()) is not None]
        self._settle([record for _, record in again], [letter for letter, _ in again], "replayed")
        return [letter for letter, _ in again]

    def fix(self, letter: Letter, corrected: Outgoing, by: str) -> None:
        """Send another record in a letter's place, as `Letter.corrected` made it.

        Raises:
            RestartMe: Kafka does not answer.
        """
        self._settle([corrected], [letter], "fixed", by)

    def discard(self, letters: Sequence[Letter], by: str, why: str) -> None:
        """Say that nobody will mend these; who said so and why stays on the dead-letter topic.

        Raises:
            RestartMe: Kafka does not answer.
        """
        self._settle([], letters, "discarded", by, why)

    def _settle(
        self, records: Sequence[Outgoing], letters: Sequence[Letter], outcome: str, by: str = "", why: str = ""
    ) -> None:
        """Send records, and once they are safe the markers of their letters."""
        if not letters:
            return
        sender = Sender(self.settings, self.bootstrap, _COMPONENT)
        try:
            sender.send(records)
            sender.send([letter.marker(settled(letter.origin, outcome, _COMPONENT, by, why)) for letter in letters])
        finally:
            sender.close()
