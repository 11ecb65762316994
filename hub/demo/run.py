"""Puts the demo together: its folder, its processes, its play."""

import asyncio
import json
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from hub.demo import council
from hub.demo.client import HubClient
from hub.demo.legacy import SETTINGS, LegacySystem, settings_step
from hub.demo.play import Faults, Play
from hub.demo.requests import Story, stories
from hub.demo.site import Site, make, usual_port
from hub.demo.stage import LiveStage, PlainStage, show_summary
from hub.edge.registry import SIMULATORS, names
from hub.settings import load
from hub.supervisor.alone import alone
from hub.supervisor.hearing import Hearing
from hub.supervisor.log import Log
from hub.supervisor.outlet import Outlet
from hub.supervisor.plan import Plan, plan
from hub.supervisor.run import state_folder, stop_on_signals
from hub.supervisor.screen import width_of
from hub.supervisor.supervise import Supervisor

EXIT_NOT_FINISHED = 1
EXIT_INTERRUPTED = 130
CITIZENS = 3000
_HABITS = {"reject-share": 0.05, "stall-share": 0.05}


@dataclass(frozen=True)
class Options:
    """What the command line says; see its help."""

    folder: Path
    requests: int
    seed: int
    within_s: float
    kill: bool
    kill_every_s: float
    stay: bool
    as_json: bool
    plain: bool


def run(options: Options, began: float) -> int:
    """Run the demo; its exit code.

    Args:
        options: what is wanted.
        began: when the command was called, on the monotonic clock.

    Raises:
        ConfigurationError: the folder cannot be used.
    """
    outlet = Outlet(sys.stderr if options.as_json else sys.stdout)
    console = outlet.console()
    citizens = council.citizens(max(CITIZENS, 2 * options.requests), options.seed)
    with usual_port() as web_port:
        site = make(options.folder, names(SIMULATORS), citizens, web_port)
        wanted = _plan(site, options.seed)
        told = stories(citizens, options.requests, options.seed, datetime.now(UTC))
        folder = state_folder(load(site.settings_file))
        with alone(folder), Log(folder, width_of(wanted.services)) as log:
            return asyncio.run(_Demo(options, site, wanted, console, outlet, log, began).run(told))


def _plan(site: Site, seed: int) -> Plan:
    """The hub's own processes, and the legacy systems before them."""
    found = plan(load(site.settings_file))
    systems = {name: LegacySystem(name, site, _HABITS | {"seed": seed}) for name in site.systems}
    hub = tuple(
        replace(service, needs=(*service.needs, SETTINGS)) if service.name in systems else service
        for service in found.services
    )
    legacy = tuple(system.service() for system in systems.values())
    return Plan((*hub, *legacy), (*found.steps, settings_step(systems, site)), found.listeners)


@dataclass
class _Demo:
    """One run, from the first process to the last."""

    options: Options
    site: Site
    plan: Plan
    console: Console
    outlet: Outlet
    log: Log
    began: float

    async def run(self, told: tuple[Story, ...]) -> int:
        """Run everything; the exit code."""
        options = self.options
        stage = self._stage(len(told))
        hearing = Hearing(self.log, stage, self.outlet)
        supervisor = Supervisor(self.plan.services, self.plan.steps, self.site.folder, hearing.line, hearing.changed)
        faults = Faults(options.kill_every_s, options.seed) if options.kill else None
        play = Play(told, HubClient(self.site.web_port), supervisor, stage, self.began)
        playing = asyncio.create_task(play.run(options.within_s, faults))
        running = asyncio.create_task(supervisor.run())

        def stop() -> None:
            playing.cancel()
            supervisor.stop()

        stop_on_signals(stop)
        found: dict[str, Any] | None = None
        try:
            with stage:
                await asyncio.wait({playing, running}, return_when=asyncio.FIRST_COMPLETED)
            if playing.done() and not playing.cancelled():
                found = playing.result()
                self._report(found)
                if options.stay:
                    await running
        finally:
            if isinstance(stage, LiveStage):
                self.console.print("\nStopping everything.", style="dim")
            stop()
            await asyncio.gather(playing, return_exceptions=True)
            await running
        if found is None:
            self.console.print("Stopped before the end. Nothing is left running.", highlight=False)
            return EXIT_INTERRUPTED
        return 0 if found["ok"] else EXIT_NOT_FINISHED

    def _stage(self, requests: int) -> LiveStage | PlainStage:
        services = self.plan.services
        if self.console.is_terminal and not self.options.plain:
            title = f"{council.NAME} (invented), in {self.site.folder}"
            return LiveStage(self.console, services, self.began, requests, title)
        return PlainStage(self.console, services, self.began)

    def _report(self, found: dict[str, Any]) -> None:
        show_summary(self.console, found)
        address = f"http://127.0.0.1:{self.site.web_port}/"
        if self.options.stay:
            words = f"The pages stay up at {address} until Ctrl-C."
        else:
            words = (
                f"The pages were at {address}; --stay keeps them up. What every process said: {self.log.readable.path}"
            )
        self.console.print(f"\n{words}", highlight=False, soft_wrap=True)
        if self.options.as_json:
            sys.stdout.write(json.dumps(found | {"address": address, "folder": str(self.site.folder)}) + "\n")
            sys.stdout.flush()
