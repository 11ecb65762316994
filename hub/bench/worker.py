"""The worker of a measurement: the real one, on topics, in a group and with a database that are the measurement's own.

Started as `python -m hub.bench.worker`; what it is told comes as a line of JSON on stdin, for a database's URL may hold a password, which
anybody on the machine could read in a command line.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from hub.settings import HubSettings, MemorySettings, load


@dataclass(frozen=True)
class Own:
    """What is the measurement's own.

    Attributes:
        settings_file: of the hub that is measured.
        name: of the worker, of its group, and before the names of its topics.
        database_url: of its memory.
    """

    settings_file: str
    name: str
    database_url: str

    @property
    def prefix(self) -> str:
        """Before the name of every topic."""
        return f"{self.name}-"

    def line(self) -> bytes:
        """As the worker is told it."""
        return json.dumps(asdict(self)).encode() + b"\n"


def settings_of(own: Own) -> HubSettings:
    """The settings of the hub that is measured, with what is the measurement's own."""
    settings = load(Path(own.settings_file))
    worker = settings.worker.model_copy(
        update={
            "name": own.name,
            "group": own.name,
            "memory": MemorySettings(url=own.database_url),
            "health_port": 0,
            "health_host": "127.0.0.1",
        }
    )
    return settings.model_copy(update={"worker": worker})


def main() -> int:
    """Run the worker until it is asked to stop; its exit code."""
    own = Own(**json.loads(sys.stdin.readline()))
    settings = settings_of(own)
    # As `hub worker` does it: before Faust is imported, which takes the loop that is there.
    import uvloop  # noqa: PLC0415 - as said

    uvloop.install()
    from hub.routing.launcher import run  # noqa: PLC0415 - as said

    return run(settings, own.prefix)


if __name__ == "__main__":
    sys.exit(main())
