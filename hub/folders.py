"""A folder of the hub's own: made, or what stands in the way told in words."""

import os
from pathlib import Path

from hub.errors import ConfigurationError


def make_folder(folder: Path, named_by: str) -> None:
    """Make it, with those above it, and see that it can be written to.

    Asked before the first file is: a folder that is there may still be on a disk that is mounted read-only.

    Args:
        folder: made if it is not there.
        named_by: the setting or option that names it.

    Raises:
        ConfigurationError: it cannot be made, or not be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refusal(folder, named_by, "made", error.strerror or type(error).__name__) from error
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise refusal(folder, named_by, "written to", "read-only, or another user's")


def refusal(folder: Path, named_by: str, done: str, why: str) -> ConfigurationError:
    """What to raise of a folder to which something cannot be done."""
    return ConfigurationError(
        f"{named_by}: the folder {folder} cannot be {done} ({why}). Name another, or let this user write there."
    )
