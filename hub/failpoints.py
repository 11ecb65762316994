"""Named places in the hub's processes at which a fault test ends, fails or delays one; in any other run nothing happens at them.

    HUB_FAILPOINTS=worker.sent:3:kill             the third time the worker passes there, SIGKILL
    HUB_FAILPOINTS=worker.routed:%50:raise        every fiftieth time; sleep=SECONDS delays; several are separated by commas

Actions: kill (SIGKILL to the process itself), raise (`Injected`), sleep=SECONDS. A misspelt place or action ends the process at once:
a fault test that injects nothing proves nothing. The environment is read here and nowhere else, once, when the process starts.
"""

import os
import re
import signal
import time
from dataclasses import dataclass
from enum import StrEnum

ENVIRONMENT = "HUB_FAILPOINTS"


class Failpoint(StrEnum):
    """Where a process can be caught, in the order in which a record passes."""

    WEB_COMMITTED = "web.committed"
    """What was asked is in the outbox, nobody was told yet."""
    RELAY_ACKNOWLEDGED = "relay.acknowledged"
    """Kafka has it, the outbox does not know yet."""
    WORKER_FETCHED = "worker.fetched"
    """Records are there, nothing was done about them."""
    WORKER_ROUTED = "worker.routed"
    """Decided, nothing sent; a `raise` here fails on one record."""
    WORKER_SENT = "worker.sent"
    """Outputs are acknowledged, nothing is written."""
    WORKER_APPLIED = "worker.applied"
    """Written, not told to Kafka yet."""
    WORKER_DEADLINES_SENT = "worker.deadlines-sent"
    """Expired deadlines are acknowledged, the worker's memory does not know yet."""
    SINK_TAKEN = "sink.taken"
    """An instruction is there, the ledger does not know it."""
    SINK_INTENDED = "sink.intended"
    """The ledger holds the intention, the legacy system was not asked."""
    SINK_SENT = "sink.sent"
    """Class D: the ledger says that it leaves, the legacy system was not asked."""
    SINK_WRITTEN = "sink.written"
    """The legacy system has it, the ledger does not know."""
    SINK_FINISHED = "sink.finished"
    """The ledger knows the outcome, the case does not."""
    SINK_REPORTED = "sink.reported"
    """The case knows the outcome, the offset is not committed."""
    EXTRACT_LOADING = "extract.loading"
    """Some rows of a full extract are remembered; it is not whole."""
    EXTRACT_LOADED = "extract.loaded"
    """All its rows are remembered, nothing is decided about it."""
    EXTRACT_ACCEPTED = "extract.accepted"
    """What is news is known, nothing of it is sent."""
    EXTRACT_SAID = "extract.said"
    """All its news is acknowledged, and it is not yet what the next one is compared with."""
    DEAD_LETTERS_SENT = "dead-letters.sent"
    """What was replayed is acknowledged, its letters are not marked as settled."""
    SOURCE_READ = "source.read"
    """Records were read, nothing was sent."""
    EDGE_SENT = "edge.sent"
    """Records are with the producer of a connector or of the web process, not acknowledged."""
    SOURCE_ACKNOWLEDGED = "source.acknowledged"
    """Kafka has the events, the checkpoint stands before them."""
    SOURCE_CHECKPOINTING = "source.checkpointing"
    """The checkpoint is written, and not committed."""
    SOURCE_CHECKPOINTED = "source.checkpointed"
    """The checkpoint stands behind them."""


class Injected(RuntimeError):
    """The failure that a test asked for."""


@dataclass
class _Plan:
    """What happens at one place.

    Attributes:
        nth: at which passing.
        again: whether at every nth passing.
        passed: how often it was passed.
    """

    nth: int
    again: bool
    action: str
    seconds: float
    passed: int = 0

    def is_now(self) -> bool:
        """Count one passing; whether it is the one."""
        self.passed += 1
        return self.passed % self.nth == 0 if self.again else self.passed == self.nth


_ASKED = re.compile(
    r"(?P<place>[a-z.-]+):(?P<again>%?)(?P<nth>[1-9]\d*):(?:(?P<word>kill|raise)|sleep=(?P<seconds>\d+(?:\.\d+)?))"
)


def parse(text: str) -> dict[Failpoint, _Plan]:
    """What the environment asks for.

    Raises:
        ValueError: a part of it does not read like place:nth:action, or a place is named twice.
    """
    plans: dict[Failpoint, _Plan] = {}
    for part in filter(None, text.split(",")):
        found = _ASKED.fullmatch(part)
        if found is None or found["place"] not in list(Failpoint) or found["place"] in plans:
            raise ValueError(
                f"{ENVIRONMENT}: {part!r} does not read like worker.sent:3:kill, or its place is named twice. "
                f"Places: {', '.join(Failpoint)}. Actions: kill, raise, sleep=SECONDS."
            )
        plans[Failpoint(found["place"])] = _Plan(
            int(found["nth"]), bool(found["again"]), found["word"] or "sleep", float(found["seconds"] or 0)
        )
    return plans


def armed() -> tuple[str, ...]:
    """The places at which something will happen; none in any run but a fault test's."""
    return tuple(_plans)


_plans = parse(os.environ.get(ENVIRONMENT, ""))


def reach(place: Failpoint) -> None:
    """Pass a place; what a test asked for happens.

    Raises:
        Injected: a test asked for it.
    """
    if not _plans or (plan := _plans.get(place)) is None or not plan.is_now():
        return
    if plan.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if plan.action == "raise":
        raise Injected(place)
    time.sleep(plan.seconds)
