"""What stands in dead letters, read from where they lie: lists are made of letters without it."""

from collections.abc import Iterable, Mapping

from hub.dead_letters.reading import Letter
from hub.edge.kafka import read_at
from hub.errors import ConfigurationError
from hub.settings import KafkaSettings


def bodies_of(settings: KafkaSettings, bootstrap: str, letters: Iterable[Letter]) -> Mapping[str, bytes | None]:
    """The bodies of these letters, by their ids; all in one go.

    Raises:
        ConfigurationError: one of them is not kept any more.
        RestartMe: Kafka does not answer.
    """
    wanted = list(letters)
    found = {
        str(record.place): record.value for record in read_at(settings, bootstrap, [each.place for each in wanted])
    }
    for letter in wanted:
        if letter.id not in found:
            raise ConfigurationError(
                f"{letter.id} does not lie there any more: its topic keeps letters for a time. Look at what is open by now."
            )
    return found
