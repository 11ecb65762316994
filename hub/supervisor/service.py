"""What the supervisor keeps running, in what order, and how it all stands."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """Where one process stands."""

    WAITING = "waiting"
    """For what it needs: the broker, the topics."""
    STARTING = "starting"
    READY = "ready"
    NOT_READY = "not ready"
    """It was ready and says it is not now; it is left alone, since a process ends itself when only a fresh start helps."""
    RESTARTING = "restarting"
    """It ended and is started again after a pause."""
    NEEDS_A_PERSON = "needs a person"
    """It ended saying that somebody must edit something; it is not started again."""
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, kw_only=True)
class Service:
    """One process to keep running.

    Attributes:
        name: in the log and on the screen: worker, web, housing.
        command: the command line, asked for before every start; may raise ConfigurationError where it cannot be started.
        probe: None when the process does its work, else what it says or lacks; called in a thread, must not take longer than seconds.
        hear: sees every line the process says before it is logged, and returns what is to be logged of it.
        needs: steps and services that must be done or ready before its first start.
        stops: the round in which it is stopped; lower first.
        stop_within_s: how long it may take to stop before it is killed.
        address: where a person finds it, if anywhere.
        niceness: how far it stands behind others when the machine is busy: 0 not at all, 19 behind everything.
    """

    name: str
    command: Callable[[], Sequence[str]]
    probe: Callable[[], str | None]
    hear: Callable[[bytes], bytes] | None = None
    needs: tuple[str, ...] = ()
    stops: int = 0
    stop_within_s: float = 20.0
    address: str | None = None
    niceness: int = 0


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something done once before others start: a folder prepared, topics made.

    Attributes:
        name: what others name in their `needs`.
        does: does it, in a thread. RestartMe: it is tried again; ConfigurationError: everything is stopped, and a person told why.
        needs: as of a service.
    """

    name: str
    does: Callable[[], None]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How one service stands now.

    Attributes:
        since: when it came to stand so.
        pid: of its process; None while none runs.
        restarts: how often it was started again.
        exit: how its last process ended: an exit code, minus the number of a signal; None before any has.
        says: why it is not ready, or its last words.
    """

    name: str
    state: State
    since: datetime
    pid: int | None = None
    restarts: int = 0
    exit: int | None = None
    says: str = ""
