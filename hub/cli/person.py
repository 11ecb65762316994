"""Who is at the terminal: what they do to a case is kept under this name."""

import getpass
import os

from hub.dead_letters.desk import WHO_LIMIT


def person() -> str:
    """Their login; the number of their account where the system has no name for it, as in a container."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = f"uid {os.getuid()}"
    return name[:WHO_LIMIT]
