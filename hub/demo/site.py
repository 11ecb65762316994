"""The folder of the demo: made anew each time, and nothing outside it is touched.

FOLDER/demo.json          whose folder it is; one without it is never deleted
FOLDER/hub.toml           the hub's settings, as a council would write them
FOLDER/citizens.ndjson    the invented citizens
FOLDER/<connector>/       a simulated legacy system
FOLDER/.hub/              broker, memories and log of the hub itself
"""

import json
import secrets
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.sdk.simulation import Citizen
from hub.broker.cluster import LOOPBACK, choose_ports, is_free
from hub.demo.council import CODE, NAME
from hub.errors import ConfigurationError
from hub.folders import make_folder, refusal
from hub.supervisor.alone import alone

MARKER = "demo.json"
MADE_BY = "council-hub demo 1"
WEB_PORT = 8600
_NAMED_BY = "--folder"
_PORTS = range(12_000, 20_000)
"""Below those that the kernel gives to outgoing connections, and beside those of the local broker."""


@dataclass(frozen=True)
class Site:
    """A demo's folder and ports.

    Attributes:
        systems: the simulated legacy systems by the name of their connector, each with the port it may listen on.
    """

    folder: Path
    web_port: int
    worker_port: int
    systems: Mapping[str, int]
    health_ports: Mapping[str, int]
    key: str

    @property
    def settings_file(self) -> Path:
        """The hub's settings."""
        return self.folder / "hub.toml"

    @property
    def citizens_file(self) -> Path:
        """The invented citizens, one JSON object a line."""
        return self.folder / "citizens.ndjson"

    def write_settings(self, connectors: Mapping[str, Mapping[str, Any]]) -> None:
        """Write the hub's settings, whole or not at all.

        Args:
            connectors: what stands under each connector's table, so far as it is known.
        """
        tables: dict[str, Mapping[str, Any]] = {
            "council": {"name": NAME, "code": CODE, "key": self.key},
            "kafka": {"partitions": 4},
            "worker": {"health_port": self.worker_port},
            "web": {"port": self.web_port},
        }
        for name in self.systems:
            tables[f"connectors.{name}"] = {"health_port": self.health_ports[name], **connectors.get(name, {})}
        new = self.settings_file.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(
            "# Written by `hub demo`.\n" + "\n".join(toml_table(name, table) for name, table in tables.items())
        )
        new.replace(self.settings_file)


@contextmanager
def usual_port() -> Iterator[int | None]:
    """The port on which people look for the pages, kept for one demo as long as the `with` lasts; None where another program has it.

    A web that is killed lets go of its port until it is started again. A second demo that began just then took it, and the first one's
    citizens asked, and were answered by, the hub of the second. What is kept here is the UDP port of that number, which nobody listens on.
    """
    with socket.socket(type=socket.SOCK_DGRAM) as kept:
        try:
            kept.bind((LOOPBACK, WEB_PORT))
        except OSError:
            yield None
            return
        yield WEB_PORT if is_free(WEB_PORT) else None


def make(folder: Path, systems: Iterable[str], citizens: Iterable[Citizen], web_port: int | None = None) -> Site:
    """A new folder in place of the last one.

    Args:
        folder: where.
        systems: names of the connectors whose legacy systems are simulated.
        citizens: who lives there.
        web_port: of pages and API; any free one where it is None.

    Raises:
        ConfigurationError: the folder holds something else, cannot be written to, or a demo runs in it.
    """
    folder = folder.absolute()
    make_folder(folder, _NAMED_BY)
    _clear(folder)
    make_folder(folder, _NAMED_BY)
    (folder / MARKER).write_text(json.dumps({"made_by": MADE_BY}) + "\n", encoding="utf-8")
    names = sorted(systems)
    worker, web, *ports = choose_ports(2 + 2 * len(names), _PORTS, is_free)
    site = Site(
        folder=folder,
        web_port=web if web_port is None else web_port,
        worker_port=worker,
        systems=dict(zip(names, ports, strict=False)),
        health_ports=dict(zip(names, ports[len(names) :], strict=True)),
        key=secrets.token_hex(24),
    )
    site.write_settings({})
    with site.citizens_file.open("w", encoding="utf-8") as file:
        file.writelines(citizen.model_dump_json() + "\n" for citizen in citizens)
    return site


def _clear(folder: Path) -> None:
    """Delete the last demo, if nothing runs in it."""
    if not any(folder.iterdir()):
        return
    try:
        ours = json.loads((folder / MARKER).read_text(encoding="utf-8"))["made_by"] == MADE_BY
    except (OSError, ValueError, KeyError, TypeError):
        ours = False
    if not ours:
        raise ConfigurationError(
            f"{folder} holds files and was not made by `hub demo`, which deletes its folder when it begins. "
            "Name an empty or a new one with --folder."
        )
    with alone(folder / ".hub"):
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise refusal(folder, _NAMED_BY, "deleted", error.strerror or type(error).__name__) from error


def toml_table(name: str, table: Mapping[str, Any]) -> str:
    """A table as TOML. Values are text, numbers, booleans, lists and tables of these."""
    return f"[{name}]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in table.items())


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # JSON's text, numbers and booleans are TOML's.
    return json.dumps(value, ensure_ascii=False)
