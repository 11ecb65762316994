"""Starts, watches, restarts and stops processes. What to do when one ends is `restarts`' to say; which there are, `plan`'s."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hub.errors import ConfigurationError, RestartMe
from hub.supervisor.child import Child
from hub.supervisor.lines import LastWords
from hub.supervisor.restarts import WELL_AFTER_S, NeedsAPerson, after_exit, in_words
from hub.supervisor.service import Service, Standing, State, Step

_LOOK_EVERY_S = 0.1
"""Between two questions to a process that is not ready."""
_LOOK_AGAIN_EVERY_S = 2.0
"""Between two questions to one that is."""
_STEP_AGAIN_S = 0.5


class Supervisor:
    """Keeps services running until it is asked to stop. Made, run and asked in one event loop, in the main thread.

    Args:
        services: what to keep running.
        steps: what to do once before.
        folder: working folder of every process.
        line: given every line a process says: name of the service, the line.
        changed: given every new standing.
    """

    def __init__(
        self,
        services: Sequence[Service],
        steps: Sequence[Step],
        folder: Path,
        line: Callable[[str, bytes], None],
        changed: Callable[[Standing], None],
    ) -> None:
        self._services = {service.name: service for service in services}
        self._steps = tuple(steps)
        self._folder = folder
        self._line, self._changed = line, changed
        self._done = {name: asyncio.Event() for name in (*self._services, *(step.name for step in steps))}
        self._asked = {name: asyncio.Event() for name in self._services}
        self._stopping, self._hurry = asyncio.Event(), asyncio.Event()
        self._children: dict[str, Child] = {}
        self._last_words = {name: LastWords() for name in self._services}
        self._failure: BaseException | None = None
        now = datetime.now(UTC)
        self._standing = {name: Standing(name=name, state=State.WAITING, since=now) for name in self._services}
        # Every probe and every step may wait for an answer at the same time.
        self._threads = ThreadPoolExecutor(2 * len(self._done) + 1, thread_name_prefix="supervisor")

    @property
    def standing(self) -> Mapping[str, Standing]:
        """How every service stands, by name, in the order they were given."""
        return self._standing

    async def run(self) -> None:
        """Run everything until `stop`, and return when all of it has ended.

        Raises:
            ConfigurationError: a step cannot be done until a person has edited something; everything was stopped.
        """
        steps = [asyncio.create_task(self._guarded(self._take(step))) for step in self._steps]
        keeping = {
            name: asyncio.create_task(self._guarded(self._keep(service))) for name, service in self._services.items()
        }
        try:
            await self._stopping.wait()
        finally:
            self._stopping.set()
            for task in steps:
                task.cancel()
            for turn in sorted({service.stops for service in self._services.values()}):
                names = [name for name, service in self._services.items() if service.stops == turn]
                for name in names:
                    self._asked[name].set()
                await asyncio.gather(*(keeping[name] for name in names))
            self._threads.shutdown(wait=False, cancel_futures=True)
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Stop everything in order; asked a second time, at once."""
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()

    async def until_ready(self, name: str) -> None:
        """Wait until a service has been ready for the first time."""
        await self._done[name].wait()

    def signal(self, name: str, number: signal.Signals) -> bool:
        """Send a signal to a service's process, as a fault would. Whether there was one."""
        child = self._children.get(name)
        if child is None or not child.running:
            return False
        child.signal(number)
        return True

    async def _guarded(self, work: Awaitable[None]) -> None:
        """Whatever goes wrong in one task ends the whole in order."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - raised by `run` once everything has stopped
            self._failure = self._failure or error
            self._stopping.set()

    async def _take(self, step: Step) -> None:
        for need in step.needs:
            await self._done[need].wait()
        while True:
            try:
                await self._in_thread(step.does)
            except RestartMe as error:
                self._line("hub up", f"{step.name}: {error} It is tried again.".encode())
                await asyncio.sleep(_STEP_AGAIN_S)
            else:
                self._done[step.name].set()
                return

    async def _keep(self, service: Service) -> None:
        """Start a service's process again and again, until asked to stop."""
        asked, ended_before = self._asked[service.name], 0
        if await self._before_asked(service, self._needs(service)):
            while not asked.is_set():
                try:
                    command = await self._in_thread(service.command)
                except ConfigurationError as error:
                    self._stand(service, State.NEEDS_A_PERSON, says=str(error))
                    break
                code, was_well = await self._run_once(service, command)
                if asked.is_set():
                    break
                verdict = after_exit(code, 0 if was_well else ended_before)
                says = self._last_words[service.name].text or in_words(code)
                if isinstance(verdict, NeedsAPerson):
                    self._stand(service, State.NEEDS_A_PERSON, exit=code, says=says)
                    break
                ended_before = 1 if was_well else ended_before + 1
                restarts = self._standing[service.name].restarts + 1
                self._stand(service, State.RESTARTING, exit=code, restarts=restarts, says=in_words(code))
                await self._before_asked(service, asyncio.sleep(verdict.pause_s))
        await asked.wait()
        self._stand(service, State.STOPPED)

    async def _run_once(self, service: Service, command: Sequence[str]) -> tuple[int, bool]:
        """One process from start to end: how it ended, and whether it was well by then."""
        words = self._last_words[service.name]
        words.forget()

        def line(raw: bytes) -> None:
            known = service.hear(raw) if service.hear else raw
            words.hear(known)
            self._line(service.name, known)

        child = self._children[service.name] = await Child.start(command, self._folder, service.niceness, line)
        self._stand(service, State.STARTING, pid=child.pid)
        ready = _Ready()
        probing = asyncio.create_task(self._probe(service, ready))
        ending = asyncio.create_task(child.ended())
        asking = asyncio.create_task(self._asked[service.name].wait())
        await asyncio.wait({ending, asking}, return_when=asyncio.FIRST_COMPLETED)
        probing.cancel()
        asking.cancel()
        if not ending.done():
            self._stand(service, State.STOPPING, pid=child.pid)
            await child.stop(service.stop_within_s, self._hurry)
        return await ending, ready.well

    async def _probe(self, service: Service, ready: "_Ready") -> None:
        """Ask a running process how it is, and note every change."""
        pid = self._children[service.name].pid
        while True:
            lacks = await self._in_thread(service.probe)
            if lacks is None:
                if ready.since is None:
                    ready.since = time.monotonic()
                    self._stand(service, State.READY, pid=pid)
                    self._done[service.name].set()
            else:
                ready.since = None
                was = self._standing[service.name]
                state = State.STARTING if was.state is State.STARTING else State.NOT_READY
                if (was.state, was.says) != (state, lacks):
                    self._stand(service, state, pid=pid, says=lacks)
            await asyncio.sleep(_LOOK_EVERY_S if ready.since is None else _LOOK_AGAIN_EVERY_S)

    async def _needs(self, service: Service) -> None:
        for need in service.needs:
            await self._done[need].wait()

    async def _before_asked(self, service: Service, work: Awaitable[None]) -> bool:
        """Wait for some work, but no longer than until the service is asked to stop. Whether it was done."""
        doing = asyncio.ensure_future(work)
        asking = asyncio.ensure_future(self._asked[service.name].wait())
        await asyncio.wait({doing, asking}, return_when=asyncio.FIRST_COMPLETED)
        done = doing.done()
        for task in (doing, asking):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        return done

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _stand(
        self,
        service: Service,
        state: State,
        *,
        pid: int | None = None,
        says: str = "",
        exit: int | None = None,  # noqa: A002 - as Standing calls it
        restarts: int | None = None,
    ) -> None:
        """Note and tell how a service stands now; how its last process ended and how often it was restarted stay unless given."""
        was = self._standing[service.name]
        self._standing[service.name] = Standing(
            name=service.name,
            state=state,
            since=datetime.now(UTC),
            pid=pid,
            restarts=was.restarts if restarts is None else restarts,
            exit=was.exit if exit is None else exit,
            says=says,
        )
        self._changed(self._standing[service.name])


class _Ready:
    """Since when one process has been ready, on the monotonic clock."""

    since: float | None = None

    @property
    def well(self) -> bool:
        return self.since is not None and time.monotonic() - self.since >= WELL_AFTER_S
