"""What follows when a process ends. Pure."""

import signal
from dataclasses import dataclass

from hub.errors import EXIT_CONFIGURATION, EXIT_OK, EXIT_RESTART

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 30.0
WELL_AFTER_S = 10.0
"""A process that was ready for so long is well: its next end counts as its first."""


@dataclass(frozen=True)
class Again:
    """Start it again."""

    pause_s: float


@dataclass(frozen=True)
class NeedsAPerson:
    """Starting it again changes nothing until somebody has edited something."""


def after_exit(code: int, ended_before: int) -> Again | NeedsAPerson:
    """What to do about a process that ended without being asked.

    Args:
        code: its exit code, or minus the signal that ended it.
        ended_before: how often it ended since it was last well.
    """
    if code == EXIT_CONFIGURATION:
        return NeedsAPerson()
    # No float holds 2 to the power of a year of restarts.
    return Again(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(ended_before, 16)))


def in_words(code: int) -> str:
    """How a process ended: `ended by SIGKILL`."""
    if code < 0:
        try:
            return f"ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"ended by signal {-code}"
    known = {EXIT_OK: "ended by itself", EXIT_RESTART: "asked for a fresh start", EXIT_CONFIGURATION: "needs a person"}
    return f"{known.get(code, 'crashed')} (exit {code})"
