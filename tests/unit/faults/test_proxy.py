"""The proxy of the fault tests does to bytes what it says, and nothing else."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.faults.nemesis import BROKER, WIRE, WORKER, Nemesis
from tests.faults.proxy import CLEAR, CUT, LOOPBACK, ONLY_THERE, Proxy, Weather

MESSAGE = bytes(range(256)) * 40


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that says again what it is told."""
    server = socket.create_server((LOOPBACK, 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()

    def answer(client: socket.socket) -> None:
        with client, suppress(OSError):
            while data := client.recv(65536):
                client.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()


@pytest.fixture
def wire(echo: int) -> Iterator[Proxy]:
    with Proxy(echo) as proxy:
        yield proxy


@pytest.fixture
def client(wire: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection((LOOPBACK, wire.port), timeout=30) as connected:
        connected.sendall(b"first")
        assert heard(connected, 5) == b"first"
        yield connected


def heard(client: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size and (data := client.recv(size - len(found))):
        found += data
    return found


def is_silent(client: socket.socket) -> bool:
    client.settimeout(0.3)
    try:
        return client.recv(1) is None
    except TimeoutError:
        return True
    finally:
        client.settimeout(30)


@pytest.mark.parametrize(
    "weather",
    [
        CLEAR,
        Weather(latency_s=0.02, jitter_s=0.02),
        Weather(slice_bytes=7),
        Weather(bytes_per_s=200_000),
        Weather(slow_close_s=0.1),
    ],
)
def test_whatever_the_weather_all_bytes_arrive_in_their_order(
    wire: Proxy, client: socket.socket, weather: Weather
) -> None:
    wire.now(weather)

    client.sendall(MESSAGE)
    client.shutdown(socket.SHUT_WR)

    assert heard(client, len(MESSAGE)) == MESSAGE
    assert client.recv(1) == b""


@pytest.mark.parametrize("weather", [CUT, ONLY_THERE])
def test_what_was_sent_during_a_cut_arrives_when_it_heals(wire: Proxy, client: socket.socket, weather: Weather) -> None:
    wire.now(weather)
    client.sendall(b"second")
    assert is_silent(client)

    wire.now(CLEAR)

    assert heard(client, 6) == b"second"


def test_who_connects_during_a_cut_is_heard_by_nobody_and_told_by_a_reset(wire: Proxy) -> None:
    wire.now(CUT)
    with socket.create_connection((LOOPBACK, wire.port), timeout=30) as late:
        late.sendall(b"is anybody there?")
        assert is_silent(late)

        wire.now(CLEAR)
        wire.reset()

        with pytest.raises(ConnectionResetError):
            late.recv(1)


def test_a_reset_ends_every_connection_and_lets_the_next_one_in(wire: Proxy, client: socket.socket) -> None:
    wire.reset()

    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with socket.create_connection((LOOPBACK, wire.port), timeout=30) as again:
        again.sendall(b"again")
        assert heard(again, 5) == b"again"


def test_a_connection_ends_when_it_has_carried_all_that_it_may(wire: Proxy, client: socket.socket) -> None:
    wire.now(Weather(slice_bytes=100, limit_bytes=1_000))

    client.sendall(MESSAGE[:2_000])

    with pytest.raises(ConnectionResetError):
        heard(client, 2_000)


def test_a_nemesis_of_the_same_seed_strikes_the_same_blows() -> None:
    everything = WORKER | BROKER | WIRE

    def strikes(seed: int) -> list[str]:
        nemesis = Nemesis(seed, everything)
        return [repr(nemesis.next()) for _ in range(50)]

    assert strikes(7) == strikes(7)
    assert strikes(7) != strikes(8)
    assert len({strike.partition(" after_s")[0] for strike in strikes(7)}) >= 4
