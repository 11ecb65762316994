"""One measurement of a hub where it stands: how fast it works off a backlog, what that costs, how long events wait."""

import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import UUID

from pydantic_core import from_json

from hub.bench import vitals
from hub.bench.figures import Waits, waits_ms
from hub.bench.place import Bench, place
from hub.bench.story import Expected, Turn, story
from hub.edge.kafka import Sender, read_all
from hub.edge.messages import Incoming, Outgoing
from hub.errors import RestartMe
from hub.routing.world import load_world
from hub.settings import HubSettings

_STARTS_WITHIN_S = 90.0
_SILENT_S = 60.0
_LOOK_S = 0.1
_AT_ONCE = 5000
_SLICE_S = 0.02
"""Of a steady rate: what is due within so long is sent together."""


@dataclass(frozen=True)
class Trial:
    """What was measured.

    Attributes:
        events, outputs: how many were worked off, and how many followed from them.
        seconds: from the first output to the last, by the broker's clock.
        started_s: from the worker's start to its first output.
        cpu_s_per_million: seconds of a processor for a million events; None where this system does not tell.
        peak_mb: most memory; as above.
        rate: events a second at which waits were measured.
        waits: from an event on the topic to what follows on its topic.
        core_share: how much of a processor that took; as above.
        lost, doubled, set_aside: outputs that did not come, that came twice, and events that became dead letters: all of them nought.
    """

    events: int
    outputs: int
    seconds: float
    started_s: float
    cpu_s_per_million: float | None
    peak_mb: float | None
    rate: float
    waits: Waits
    core_share: float | None
    lost: int
    doubled: int
    set_aside: int

    @property
    def per_s(self) -> float:
        """Events in a second."""
        return self.events / self.seconds

    @property
    def right(self) -> bool:
        """Whether nothing was lost, doubled or set aside."""
        return not (self.lost or self.doubled or self.set_aside)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be measured.

    Attributes:
        events: of the backlog.
        rate, seconds: of the steady part.
        database: URL of an empty PostgreSQL, or None.
    """

    events: int
    rate: float
    seconds: float
    database: str | None = None


def measure(settings: HubSettings, bootstrap: str, asked: Asked, say: Callable[[str], None]) -> Trial:
    """Measure the real worker on events of invented cases, on topics of its own.

    Args:
        settings: of the hub; its security, partitions, copies and journeys are those of the measurement, too.
        bootstrap: where its Kafka is.
        asked: what.
        say: told what is going on.

    Raises:
        ConfigurationError: the cluster or the database does not let us.
        RestartMe: one of them does not answer, or the worker did not get through.
    """
    number = asked.events + round(asked.rate * asked.seconds)
    turns = story(number, load_world(settings), datetime.now(UTC) + timedelta(days=2))
    with place(settings, bootstrap, asked.database) as bench:
        sender = Sender(settings.kafka, bootstrap, bench.own.name)
        try:
            say(f"telling {asked.events:,} events of invented cases on {bench.input}")
            telling = _Telling(
                bench, sender, Expected(), lambda names, begin: read_all(settings.kafka, bootstrap, names, begin)
            )
            while batch := list(islice(turns, min(_AT_ONCE, asked.events - telling.expected.events))):
                telling.tell(batch)
            # Made before the clock runs: a slow invention would pass for a slow rate.
            return _run(telling, list(islice(turns, number - asked.events)), asked, say)
        finally:
            sender.close()


@dataclass(frozen=True)
class _Telling:
    """A story that is told, and what must come of it.

    Attributes:
        bench: where.
        sender: by whom.
        expected: what must come of what was told so far.
        read: all that is on topics, from offsets on.
    """

    bench: Bench
    sender: Sender
    expected: Expected
    read: Callable[[Sequence[str], Mapping[tuple[str, int], int] | None], Iterable[Incoming]]

    def tell(self, turns: Sequence[Turn]) -> None:
        """Send these; they are safe on the topic when it comes back."""
        for turn in turns:
            self.expected.add(turn)
        self.sender.send([Outgoing(self.bench.input, turn.key, turn.value) for turn in turns])

    def tell_at(self, turns: Iterable[Turn], per_s: float) -> None:
        """Send these at a rate."""
        began, told, to_come = time.monotonic(), 0, iter(turns)
        while True:
            due = int((time.monotonic() - began) * per_s) + 1 - told
            batch = list(islice(to_come, max(0, due)))
            if due > 0 and not batch:
                return
            if batch:
                self.tell(batch)
                told += len(batch)
            time.sleep(_SLICE_S)


def _run(telling: _Telling, live: Sequence[Turn], asked: Asked, say: Callable[[str], None]) -> Trial:
    bench, expected = telling.bench, telling.expected
    events, outputs = expected.events, expected.sent
    say("the worker starts")
    began = time.monotonic()
    with bench.worker() as worker:
        came = _until(bench, worker, 1)
        started_s, first = time.monotonic() - began, vitals.used(worker.pid)
        _until(bench, worker, outputs)
        worked_off, begin, out = vitals.used(worker.pid), bench.ends([bench.input]), bench.ends(bench.outputs)
        say(f"worked off; now {asked.rate:g} events a second for {asked.seconds:g} s")
        live_began = time.monotonic()
        telling.tell_at(live, asked.rate)
        _until(bench, worker, expected.sent)
        last, live_s = vitals.used(worker.pid), time.monotonic() - live_began
    say("counting what came")
    came_in = {
        UUID(from_json(record.value or b"")["id"]): float(record.at_ms) for record in telling.read([bench.input], begin)
    }
    seen: Counter[UUID] = Counter()
    stamps: list[int] = []
    came_out: list[tuple[UUID, float]] = []
    for record in telling.read(bench.outputs, None):
        event = from_json(record.value or b"")
        seen[UUID(event["id"])] += 1
        came_out.append((UUID(event["causationid"]), float(record.at_ms)))
        if record.place.offset < out[record.place.topic, record.place.partition]:
            stamps.append(record.at_ms)
    wanted = {identifier for found in expected.outputs.values() for identifier in found}
    measured = (outputs - came) / outputs * events / 1e6
    known = vitals.is_known()
    return Trial(
        events=events,
        outputs=expected.sent,
        # The clock of the broker counts whole milliseconds.
        seconds=max(max(stamps) - min(stamps), 1) / 1000,
        started_s=started_s,
        cpu_s_per_million=(worked_off.cpu_s - first.cpu_s) / measured if known and measured else None,
        peak_mb=last.peak_mb if known else None,
        rate=asked.rate,
        waits=Waits.of(waits_ms(came_in, came_out)),
        core_share=(last.cpu_s - worked_off.cpu_s) / live_s if known else None,
        lost=len(wanted - seen.keys()),
        doubled=seen.total() - len(seen),
        set_aside=sum(bench.ends([bench.dead_letters]).values()),
    )


def _until(bench: Bench, worker: "subprocess.Popen[bytes]", number: int) -> int:
    """Wait until so many outputs have come; how many have.

    Raises:
        RestartMe: they do not come.
    """
    came, moved = 0, time.monotonic()
    while True:
        here = sum(bench.ends(bench.outputs).values())
        if here >= number:
            return here
        if here != came:
            came, moved = here, time.monotonic()
        if worker.poll() is not None or time.monotonic() - moved > (_SILENT_S if came else _STARTS_WITHIN_S):
            how = "ended" if worker.poll() is not None else "came to a standstill"
            raise RestartMe(f"The worker {how} after {came} of {number} outputs. It said last:\n{bench.last_lines()}")
        time.sleep(_LOOK_S)
