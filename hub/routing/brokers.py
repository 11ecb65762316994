"""What aiokafka 0.14.0 does not do about its brokers: find one again when all it knows are gone, tell that none lets it in.

aiokafka knows the brokers that were alive when it last asked, and asks no other: where the last of them dies and the others come back
without it, a worker waits for that one for as long as it lives. As Java's clients do (KIP-899), ours then asks those it was given at its
start. A broker that refuses a password, or whose certificate is not trusted, is to aiokafka one that is away, and tried again for ever.
Either can go when aiokafka does so by itself.
"""

from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection
from aiokafka.structs import BrokerMetadata

from hub.admission import ADMISSION

_ask: Any = AIOKafkaClient._metadata_update  # noqa: SLF001 - there is no other place between "nobody answers" and the next try


async def _metadata_update(self: Any, cluster_metadata: Any, topics: Any) -> bool:
    """As aiokafka's own; the addresses given count as brokers until a broker has said which there are."""
    if await _ask(self, cluster_metadata, topics):
        return True
    brokers = {(broker.host, broker.port) for broker in self.cluster.brokers()}
    given = {
        f"given-{host}:{port}": BrokerMetadata(f"given-{host}:{port}", host, port, None)
        for host, port, _ in self.hosts
        if (host, port) not in brokers
    }
    if not given:
        return False
    self.cluster._brokers = {**self.cluster._brokers, **given}  # noqa: SLF001 - as above
    return bool(await _ask(self, cluster_metadata, topics))


def ask_those_given() -> None:
    """Let every client of this process do so."""
    AIOKafkaClient._metadata_update = _metadata_update  # noqa: SLF001 - as above


_connect: Any = AIOKafkaConnection.connect


async def _noted_connect(self: Any) -> Any:
    """As aiokafka's own."""
    where = f"{self.host}:{self.port}"
    try:
        connected = await _connect(self)
    except Exception as error:
        ADMISSION.note(error, self._sasl_plain_username, where)
        raise
    ADMISSION.granted(where)
    return connected


def note_admission() -> None:
    """Let every client of this process note whether it is let in."""
    AIOKafkaConnection.connect = _noted_connect
