"""A TCP proxy on loopback between the product and a broker: it delays, cuts, swallows, limits and resets, as a test tells it.

    with Proxy(port_of_the_broker, seed=1) as wire:
        wire.now(Weather(latency_s=0.3, jitter_s=0.2))
        wire.now(CUT)          # nothing arrives on either side, and nobody is told
        wire.now(CLEAR)        # what was under way arrives, as TCP sends again what was lost
        wire.reset()           # every connection ends with an RST, and what was under way is gone

A broker's clients take its address from its metadata, so it must advertise the proxy's (see `brokers`).
"""

import asyncio
import contextlib
import random
import socket
import struct
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"
_CHUNK = 64 * 1024
_LOOK_S = 0.01
_AHEAD = 16
"""Chunks that may be under way in one direction: a proxy that reads on for ever would hide that nobody takes anything."""


@dataclass(frozen=True)
class Weather:
    """What happens to bytes.

    Attributes:
        latency_s: of each chunk, in each direction.
        jitter_s: at most so much more or less; the order of the bytes stays.
        bytes_per_s: bandwidth of one connection in one direction; 0: no limit.
        slice_bytes: at most so many bytes in one segment; 0: no limit.
        limit_bytes: a connection that has carried so many is reset; 0: no limit.
        slow_close_s: how long the end of one side is kept from the other.
        there: whether bytes of the client arrive at the broker.
        back: whether bytes of the broker arrive at the client.
        swallow: a new connection is taken, and what it says is heard by nobody; nor does it ever end.
    """

    latency_s: float = 0.0
    jitter_s: float = 0.0
    bytes_per_s: int = 0
    slice_bytes: int = 0
    limit_bytes: int = 0
    slow_close_s: float = 0.0
    there: bool = True
    back: bool = True
    swallow: bool = False


CLEAR = Weather()
CUT = Weather(there=False, back=False, swallow=True)
ONLY_THERE = Weather(back=False)
"""The broker hears, and is not heard."""


class Proxy:
    """One broker's wire. Use it in a `with`; everything may be called from any thread.

    Args:
        upstream: port of the broker.
        port: to listen on; 0 picks one.
        seed: of the jitter.
    """

    def __init__(self, upstream: int, port: int = 0, seed: int = 1) -> None:
        self._upstream, self._chance, self._weather = upstream, random.Random(f"proxy|{seed}"), CLEAR
        self._listener = socket.create_server((LOOPBACK, port))
        self.port: int = self._listener.getsockname()[1]
        self.carried = 0
        """Bytes that arrived, in both directions."""
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy-{self.port}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def now(self, weather: Weather) -> None:
        """From now on it is like this, also for what is connected."""
        self._weather = weather

    def reset(self) -> None:
        """End every connection with an RST on both sides."""
        self._loop.call_soon_threadsafe(self._reset_all)

    async def _listen(self) -> None:
        self._over = asyncio.Event()
        self._server = await asyncio.start_server(self._accept, sock=self._listener, limit=_CHUNK)

    async def _end(self) -> None:
        self._server.close()
        self._over.set()
        self._reset_all()
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)

    def _reset_all(self) -> None:
        for writer in list(self._writers):
            _reset(writer)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        mine, tasks = {writer}, list[asyncio.Task[None]]()
        self._writers |= mine
        try:
            if self._weather.swallow:
                while await reader.read(_CHUNK):
                    pass
                await self._over.wait()  # it is not even told that its peer has gone
            back, there = await asyncio.open_connection(LOOPBACK, self._upstream, limit=_CHUNK)
            mine.add(there)
            self._writers |= mine
            tasks += self._carry(reader, there, up=True) + self._carry(back, writer, up=False)
            await asyncio.gather(*tasks)
        except OSError:
            pass  # one side has gone; so must the other
        finally:
            for task in tasks:
                task.cancel()
            self._writers -= mine
            for each in mine:
                _reset(each)

    def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool
    ) -> list[asyncio.Task[None]]:
        """One direction: who takes, and who brings. What is under way between them costs time, and no bandwidth."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_AHEAD)
        return [
            asyncio.ensure_future(self._take(reader, under_way)),
            asyncio.ensure_future(self._bring(under_way, writer, up=up)),
        ]

    async def _take(self, reader: asyncio.StreamReader, under_way: asyncio.Queue[tuple[float, bytes]]) -> None:
        arrives, data = 0.0, b"-"
        while data:
            data = await reader.read(_CHUNK)
            weather = self._weather
            delay_s = max(0.0, weather.latency_s + self._chance.uniform(-1, 1) * weather.jitter_s)
            arrives = max(arrives, self._loop.time() + delay_s + (0.0 if data else weather.slow_close_s))
            await under_way.put((arrives, data))

    async def _bring(
        self, under_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter, *, up: bool
    ) -> None:
        carried = 0
        while True:
            arrives, data = await under_way.get()
            await asyncio.sleep(max(0.0, arrives - self._loop.time()))
            while not (self._weather.there if up else self._weather.back):  # noqa: ASYNC110 - another thread changes it
                await asyncio.sleep(_LOOK_S)
            if not data:
                with contextlib.suppress(OSError):
                    writer.write_eof()
                return
            while data:
                weather = self._weather
                # A twentieth of a second's worth at a time, where bandwidth is short.
                most = min(filter(None, (weather.slice_bytes, weather.bytes_per_s // 20, len(data))))
                part, data = data[:most], data[most:]
                writer.write(part)
                await writer.drain()
                carried += len(part)
                self.carried += len(part)
                if weather.limit_bytes and carried >= weather.limit_bytes:
                    raise ConnectionResetError
                await asyncio.sleep(len(part) / weather.bytes_per_s if weather.bytes_per_s else 0)


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with an RST: what has not arrived never will."""
    endpoint = writer.get_extra_info("socket")
    if endpoint is not None and endpoint.fileno() >= 0:
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
