"""One measurement in a checkout at a time: two would share its folder, and each other's cores."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hub.errors import ConfigurationError
from hub.folders import make_folder
from hub.supervisor.alone import alone


@contextmanager
def single(folder: Path) -> Iterator[None]:
    """Hold the folder of measurements for as long as the `with` lasts.

    Raises:
        SystemExit: another measurement has it.
        ConfigurationError: the folder cannot be made.
    """
    make_folder(folder, "In this checkout")
    with ExitStack() as held:
        try:
            held.enter_context(alone(folder))
        except ConfigurationError:
            sys.exit("A measurement runs in this checkout already.")
        yield
