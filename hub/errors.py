"""Errors of the hub, chosen by what happens next, and the exit codes that tell a supervisor.

HubError
├── ConfigurationError   a person edits something: exit 78, do not restart
└── RestartMe            the process cannot go on but a fresh one may: exit 75, restart with back-off
"""

EXIT_OK = 0
EXIT_RESTART = 75
"""EX_TEMPFAIL of sysexits.h: start me again, with back-off."""
EXIT_CONFIGURATION = 78
"""EX_CONFIG of sysexits.h: starting me again changes nothing until a person has edited something."""


class HubError(Exception):
    """Anything the hub raises on purpose; the message says what, where and what to do next."""


class ConfigurationError(HubError):
    """A settings file, a topic or a folder is not as it must be."""


class RestartMe(HubError):
    """This process cannot go on safely."""
