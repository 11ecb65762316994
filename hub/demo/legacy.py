"""The simulated legacy systems as services of the supervisor: started first, asked for the settings that lead to them."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from hub.demo.site import Site
from hub.supervisor.probes import accepts
from hub.supervisor.service import Service, Step

SUFFIX = " (legacy)"
SETTINGS = "the settings of the legacy systems"
_NICENESS = 10
"""In a council the legacy systems have machines of their own; here they must not hold up the hub while everything starts."""
_STOPS = 5
"""After the hub's own processes, before the broker."""


class LegacySystem:
    """One simulated legacy system: what its process has said, and whether it answers.

    Args:
        name: of its connector.
        site: where it keeps everything.
    """

    def __init__(self, name: str, site: Site, habits: Mapping[str, float]) -> None:
        self.name, self._site, self._habits = name, site, habits
        self.settings: Mapping[str, Any] | None = None
        self._ready = False

    def service(self) -> Service:
        """It, as a service."""
        return Service(
            name=self.name + SUFFIX,
            command=self._command,
            probe=self._probe,
            hear=self._hear,
            stops=_STOPS,
            stop_within_s=10.0,
            niceness=_NICENESS,
        )

    def _command(self) -> list[str]:
        self._ready = False
        port, folder = self._site.systems[self.name], self._site.folder / self.name
        command = [sys.executable, "-m", "hub", "connector", "simulate", self.name, "--folder", str(folder)]
        command += ["--citizens", str(self._site.citizens_file), "--port", str(port)]
        return command + [part for habit, value in self._habits.items() for part in (f"--{habit}", str(value))]

    def _hear(self, raw: bytes) -> bytes:
        """Learn that it is ready and how it is reached; how is not logged, since the password is part of it."""
        if not raw.startswith(b'{"ready"'):
            return raw
        said = json.loads(raw)
        self.settings, self._ready = said["settings"], True
        return json.dumps({"event": "legacy system answers", "level": "info", "connector": said["name"]}).encode()

    def _probe(self) -> str | None:
        if not self._ready or self.settings is None:
            return "opens its office"
        # A database is a file; the others listen.
        listens = str(self._site.systems[self.name]) in json.dumps(self.settings)
        return accepts(self._site.systems[self.name])() if listens else None


def settings_step(systems: Mapping[str, LegacySystem], site: Site) -> Step:
    """Write the hub's settings anew once every legacy system has said how it is reached."""

    def write() -> None:
        known = {name: system.settings for name, system in systems.items() if system.settings is not None}
        site.write_settings(known)

    return Step(name=SETTINGS, does=write, needs=tuple(name + SUFFIX for name in systems))
