"""Runs a command that ends when the supervisor ends, however that ends: `python leash.py SUPERVISOR NICENESS COMMAND...`.

Linux sends the signal that was asked for here when the parent dies, and remembers it over the exec. Elsewhere (macOS) nobody does:
there, processes that a killed supervisor leaves are found by the pid file of its folder. Run as a script, so it imports nothing of the hub.
"""

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Bind this process to its parent, then become the command."""
    supervisor, niceness, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - not needed elsewhere, and each start pays for it

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:  # it died before it could be told
        sys.exit(1)
    os.nice(niceness)
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
