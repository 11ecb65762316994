"""Runs a plan on this machine until Ctrl-C or SIGTERM."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

from hub.errors import ConfigurationError
from hub.settings import HubSettings
from hub.supervisor.alone import alone
from hub.supervisor.hearing import Hearing
from hub.supervisor.log import Log
from hub.supervisor.outlet import Outlet
from hub.supervisor.plan import Plan, is_free, obstacles
from hub.supervisor.screen import Screen, width_of
from hub.supervisor.supervise import Supervisor


def state_folder(settings: HubSettings) -> Path:
    """Where the supervisor keeps its log and its number: `.hub` beside the settings file."""
    return settings.file.absolute().parent / ".hub"


def check(plan: Plan, settings: HubSettings) -> None:
    """Refuse a plan that cannot be run here now.

    Raises:
        ConfigurationError: every port that is taken or given twice, and which setting to change.
    """
    if found := obstacles(plan.listeners, is_free):
        raise ConfigurationError(f"{settings.file} cannot be run here:\n  " + "\n  ".join(found))


def run(settings: HubSettings, plan: Plan, screen: Screen, outlet: Outlet) -> None:
    """Run everything until it is asked to stop.

    Args:
        settings: of the hub.
        plan: what to run.
        screen: where it is shown.
        outlet: what the screen writes to.

    Raises:
        ConfigurationError: another supervisor has the folder; a port is taken; or what must be done first cannot be done.
    """
    folder = state_folder(settings)
    with alone(folder), Log(folder, width_of(plan.services)) as log, screen:
        check(plan, settings)
        asyncio.run(_run(settings, plan, Hearing(log, screen, outlet)))


async def _run(settings: HubSettings, plan: Plan, hearing: Hearing) -> None:
    folder = settings.file.absolute().parent
    supervisor = Supervisor(plan.services, plan.steps, folder, hearing.line, hearing.changed)
    stop_on_signals(supervisor.stop)
    await supervisor.run()


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Let Ctrl-C and SIGTERM stop things in order; a second one hurries."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
