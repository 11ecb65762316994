"""How the brokers are reached and trusted, and what it means when they do not answer."""

import ssl
import time
from collections.abc import Iterable
from typing import Any

from kafka.errors import KafkaError
from kafka.net.connection import KafkaConnection
from kafka.net.transport import KafkaSSLTransport

from hub.admission import ADMISSION, Right, refusal
from hub.errors import RestartMe
from hub.settings import KafkaSettings

ANSWER_WITHIN_S = 20.0
_LOOK_AGAIN_AT_MOST_MS = 1000
"""kafka-python waits up to 30 s between two looks at a broker that was away; a restarted one is back in three."""


def connection(settings: KafkaSettings, bootstrap: str) -> dict[str, Any]:
    """How any kafka-python client is told to reach and trust the brokers."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": bootstrap.split(","),
        "security_protocol": settings.security_protocol,
        "reconnect_backoff_max_ms": _LOOK_AGAIN_AT_MOST_MS,
    }
    if settings.ca_file is not None:
        arguments["ssl_cafile"] = str(settings.ca_file)
    if settings.security_protocol == "SASL_SSL":
        arguments["sasl_mechanism"] = settings.sasl_mechanism
        arguments["sasl_plain_username"] = settings.username
        arguments["sasl_plain_password"] = settings.password.get_secret_value() if settings.password else None
    return arguments


def does_not_answer(bootstrap: str, error: KafkaError) -> RestartMe:
    """What to raise when nobody answers at `bootstrap`, or nobody lets us in."""
    return RestartMe(
        ADMISSION.why
        or f"Kafka at {bootstrap} does not answer ({type(error).__name__}). Does it run there? `hub broker status` tells."
    )


def failed(what: str, error: Exception, right: Right, topics: Iterable[str] = (), group: str = "") -> RestartMe:
    """What to raise when something that was asked of the brokers did not come about.

    Args:
        what: in words, such as "Reading from Kafka failed".
        error: of kafka-python.
        right: what is needed for it.
        topics: on which.
        group: and in which group.
    """
    why = ADMISSION.why or refusal(error, right, topics, group)
    return RestartMe(f"{what}: {why}" if why else f"{what} ({type(error).__name__}).")


def _address(transport: Any) -> str:
    """Of the broker, under the name that it is known by here."""
    machine: str = transport.host_port().partition("<-")[0]
    return f"{transport.host}:{machine.rpartition(':')[2]}"


async def _handshake(transport: Any) -> None:
    """As kafka-python's own, with an end.

    That of kafka-python 3.0.12 waits for ever for a broker that takes the connection and says nothing (frozen, or a forwarded port with
    none behind it): no time-out of the client reaches so far, and whoever makes a client hangs with it. It can go when
    `KafkaSSLTransport.handshake` gives `wait_read` a time.
    """
    until = time.monotonic() + ANSWER_WITHIN_S
    try:
        while True:
            try:
                transport._sock.do_handshake()  # noqa: SLF001 - this is a method of that class
            except ssl.SSLWantReadError:
                await transport._net.wait_read(transport._sock, until)  # noqa: SLF001 - as above
            except ssl.SSLWantWriteError:
                await transport._net.wait_write(transport._sock, until)  # noqa: SLF001 - as above
            else:
                return
    except BaseException as error:
        ADMISSION.note(error, None, _address(transport))
        transport.close()
        raise


KafkaSSLTransport.handshake = _handshake

_authenticate, _complete = KafkaConnection._sasl_authenticate, KafkaConnection._init_complete  # noqa: SLF001 - see below


async def _sasl_authenticate(connection: Any, timeout_at: float | None = None) -> None:
    """As kafka-python's own, which keeps a refused password to itself: whoever waits for an answer hears of a time-out at most."""
    where = _address(connection.transport)
    try:
        await _authenticate(connection, timeout_at)
    except KafkaError as error:
        ADMISSION.note(error, connection.config["sasl_plain_username"], where)
        raise


def _init_complete(connection: Any) -> None:
    """As kafka-python's own."""
    ADMISSION.granted(_address(connection.transport))
    _complete(connection)


KafkaConnection._sasl_authenticate = _sasl_authenticate  # noqa: SLF001 - no hook of kafka-python 3.0.12 tells of either
KafkaConnection._init_complete = _init_complete  # noqa: SLF001 - as above
