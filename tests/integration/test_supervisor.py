"""The supervisor with small processes of its own: what ends is started again, what is asked to stop stops in order."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from hub.errors import ConfigurationError, RestartMe
from hub.supervisor.hearing import Hearing
from hub.supervisor.log import Log
from hub.supervisor.outlet import Outlet
from hub.supervisor.screen import Plain
from hub.supervisor.service import Service, Standing, State, Step
from hub.supervisor.supervise import Supervisor

WITHIN_S = 30.0
SLEEPER = "import time\nprint('up', flush=True)\ntime.sleep(600)"


def _service(name: str, code: str, *, stops: int = 0, stop_within_s: float = 20.0) -> Service:
    return Service(
        name=name,
        command=lambda: [sys.executable, "-c", code],
        probe=lambda: None,
        stops=stops,
        stop_within_s=stop_within_s,
    )


class Watched:
    """A supervisor, and all it told."""

    def __init__(
        self,
        folder: Path,
        *services: Service,
        steps: tuple[Step, ...] = (),
        hears: Callable[[str, bytes], None] | None = None,
    ) -> None:
        self.told: list[Standing] = []
        self.lines: list[tuple[str, bytes]] = []
        self._news = asyncio.Event()
        self.supervisor = Supervisor(services, steps, folder, hears or self._line, self._changed)

    def _line(self, name: str, line: bytes) -> None:
        self.lines.append((name, line))
        self._news.set()

    def _changed(self, standing: Standing) -> None:
        self.told.append(standing)
        self._news.set()

    def states(self, name: str) -> list[State]:
        return [standing.state for standing in self.told if standing.name == name]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def play(self, story: Callable[["Watched"], Awaitable[None]]) -> None:
        """Run the supervisor, tell the story, stop."""

        async def whole() -> None:
            running = asyncio.create_task(self.supervisor.run())
            try:
                await story(self)
            finally:
                self.supervisor.stop()
                await running

        asyncio.run(whole())


def test_a_killed_process_is_started_again(tmp_path: Path) -> None:
    async def story(seen: Watched) -> None:
        await seen.until(lambda: seen.states("a")[-1:] == [State.READY])
        seen.supervisor.signal("a", signal.SIGKILL)
        await seen.until(lambda: seen.states("a").count(State.READY) == 2)

    seen = Watched(tmp_path, _service("a", SLEEPER))
    seen.play(story)

    again = next(standing for standing in seen.told if standing.state is State.RESTARTING)
    assert (again.exit, again.restarts, again.says) == (-9, 1, "ended by SIGKILL")
    assert seen.states("a")[-1] is State.STOPPED


def test_a_process_that_needs_a_person_is_left_alone_and_says_why(tmp_path: Path) -> None:
    async def story(seen: Watched) -> None:
        await seen.until(lambda: State.NEEDS_A_PERSON in seen.states("a"))

    code = "import sys\nprint('hub: hub.toml cannot be used: web.prot', file=sys.stderr)\nsys.exit(78)"
    seen = Watched(tmp_path, _service("a", code))
    seen.play(story)

    needs = next(standing for standing in seen.told if standing.state is State.NEEDS_A_PERSON)
    assert (needs.exit, needs.says) == (78, "hub.toml cannot be used: web.prot")
    assert seen.states("a").count(State.STARTING) == 1


def test_a_process_that_ends_by_itself_is_started_again_too(tmp_path: Path) -> None:
    async def story(seen: Watched) -> None:
        await seen.until(lambda: seen.states("a").count(State.RESTARTING) == 2)

    seen = Watched(tmp_path, _service("a", "print('done')"))
    seen.play(story)

    assert ("a", b"done") in seen.lines


TALKER = "for number in range(20_000): print('a line that fills the pipe before long', number)"


def test_a_process_that_talks_is_not_held_up_by_a_full_disk_and_a_closed_terminal(tmp_path: Path) -> None:
    for name in ("hub.log", "hub.ndjson"):
        (tmp_path / name).symlink_to("/dev/full")
    reading, writing = os.pipe()
    os.close(reading)
    talker = _service("a", TALKER)
    with os.fdopen(writing, "w", encoding="utf-8") as stream, Log(tmp_path, width=1) as log:
        outlet = Outlet(stream)
        hearing = Hearing(log, Plain(outlet.console(), (talker,)), outlet)
        seen = Watched(tmp_path, talker, hears=hearing.line)
        seen.play(lambda watched: watched.until(lambda: State.RESTARTING in watched.states("a")))

    assert next(standing for standing in seen.told if standing.state is State.RESTARTING).exit == 0


def test_a_line_that_meets_a_defect_holds_up_nobody_and_the_defect_is_told(tmp_path: Path) -> None:
    def defect(_name: str, _line: bytes) -> None:
        raise ArithmeticError

    seen = Watched(tmp_path, _service("a", TALKER), hears=defect)

    with pytest.raises(ArithmeticError):
        asyncio.run(seen.supervisor.run())


def test_nothing_starts_before_what_it_needs_is_done(tmp_path: Path) -> None:
    happened: list[str] = []

    def prepare() -> None:
        happened.append("step")
        if len(happened) == 1:
            raise RestartMe("Not yet.")

    def command() -> list[str]:
        happened.append("start")
        return [sys.executable, "-c", SLEEPER]

    async def story(seen: Watched) -> None:
        await seen.until(lambda: State.READY in seen.states("a"))

    needy = Service(name="a", command=command, probe=lambda: None, needs=("the step",))
    Watched(tmp_path, needy, steps=(Step(name="the step", does=prepare),)).play(story)

    assert happened == ["step", "step", "start"]


def test_a_step_that_needs_a_person_stops_everything_and_is_told(tmp_path: Path) -> None:
    def prepare() -> None:
        raise ConfigurationError("The topics differ.")

    seen = Watched(tmp_path, _service("a", SLEEPER), steps=(Step(name="the step", does=prepare),))

    with pytest.raises(ConfigurationError, match="The topics differ"):
        asyncio.run(seen.supervisor.run())

    assert seen.states("a")[-1] is State.STOPPED


def test_processes_are_stopped_in_their_order(tmp_path: Path) -> None:
    async def story(seen: Watched) -> None:
        await seen.until(lambda: seen.states("first")[-1:] == seen.states("last")[-1:] == [State.READY])

    seen = Watched(tmp_path, _service("last", SLEEPER, stops=9), _service("first", SLEEPER, stops=0))
    seen.play(story)

    ends = [(standing.name, standing.state) for standing in seen.told][-4:]
    assert ends == [
        ("first", State.STOPPING),
        ("first", State.STOPPED),
        ("last", State.STOPPING),
        ("last", State.STOPPED),
    ]


def test_a_process_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    async def story(seen: Watched) -> None:
        await seen.until(lambda: ("deaf", b"up") in seen.lines)

    code = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEPER
    seen = Watched(tmp_path, _service("deaf", code, stop_within_s=0.2))
    seen.play(story)

    assert seen.states("deaf")[-1] is State.STOPPED


def test_asked_twice_to_stop_it_waits_for_nobody(tmp_path: Path) -> None:
    async def story(seen: Watched) -> None:
        await seen.until(lambda: ("deaf", b"up") in seen.lines)
        seen.supervisor.stop()
        await seen.until(lambda: State.STOPPING in seen.states("deaf"))

    code = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEPER
    seen = Watched(tmp_path, _service("deaf", code, stop_within_s=600))
    seen.play(story)

    assert seen.states("deaf")[-1] is State.STOPPED


def test_a_ready_process_that_says_it_is_not_is_shown_so(tmp_path: Path) -> None:
    lacks: list[str | None] = [None]

    async def story(seen: Watched) -> None:
        await seen.until(lambda: seen.states("a")[-1:] == [State.READY])
        lacks[0] = "Kafka does not answer"
        await seen.until(lambda: seen.states("a")[-1:] == [State.NOT_READY])
        lacks[0] = None
        await seen.until(lambda: seen.states("a")[-1:] == [State.READY])

    service = Service(name="a", command=lambda: [sys.executable, "-c", SLEEPER], probe=lambda: lacks[0])
    seen = Watched(tmp_path, service)
    seen.play(story)

    assert "Kafka does not answer" in {standing.says for standing in seen.told}


def test_a_killed_supervisor_leaves_nothing_running(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    grandchild = (
        f"import os, pathlib, time\npathlib.Path({str(pid_file)!r}).write_text(str(os.getpid()))\ntime.sleep(600)"
    )
    program = f"""
import asyncio, sys
from pathlib import Path
from hub.supervisor.hearing import Hearing
from hub.supervisor.log import Log
from hub.supervisor.outlet import Outlet
from hub.supervisor.screen import Plain
from hub.supervisor.service import Service
from hub.supervisor.supervise import Supervisor
async def main():
    service = Service(name="a", command=lambda: [sys.executable, "-c", {grandchild!r}], probe=lambda: None)
    await Supervisor([service], [], Path("."), lambda *_: None, lambda _: None).run()
asyncio.run(main())
"""
    supervisor = subprocess.Popen([sys.executable, "-c", program])
    until = time.monotonic() + WITHIN_S
    while not (pid_file.exists() and pid_file.read_text()):
        assert time.monotonic() < until
        time.sleep(0.01)

    supervisor.kill()
    supervisor.wait()

    child = int(pid_file.read_text())
    while _runs(child):
        assert time.monotonic() < until, "the child outlived its supervisor"
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False
