"""The longer run: a steady stream of requests while a seeded nemesis strikes the worker, the broker and the wire between them.

    pytest tests/faults/test_long.py --fault-events 1000000 --fault-kills 200 --fault-seed 7

Without the options it is a short one, so that it is always known to work. The line that repeats a run is part of what it says at the end.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.brokers import Brokers
from tests.faults.conftest import environment, eventually
from tests.faults.kept import Kept, Sampler
from tests.faults.nemesis import BROKER, WIRE, WORKER, Fault, Nemesis, Strike
from tests.faults.proxy import CLEAR, CUT, Weather
from tests.faults.test_worker import judged
from tests.sites.worker import PARTITIONS, Site, Tipping

_AHEAD = 20_000
"""Events that may wait for the worker: more would only fill the disk."""
_SLOW = Weather(latency_s=0.2, jitter_s=0.15)


class Stream(threading.Thread):
    """Requests with all that happens to them, one after the other: never too far ahead of the worker, and some left for every kill.

    Args:
        site: where they go.
        events: how many, or a few more.
        kills: how many are to come; each sets the next share free.
        ahead: most events that may wait for the worker.
    """

    def __init__(self, site: Site, events: int, kills: int = 0, ahead: int = _AHEAD) -> None:
        super().__init__(name="stream", daemon=True)
        self._site, self._events, self._kills, self._ahead = site, events, kills, ahead
        self._begun = site.progress()
        self.kills = 0
        """How many there were."""
        self.sent = 0

    def run(self) -> None:
        """Send until all is sent."""
        while self.sent < self._events:
            while self.sent >= self._free or self.waiting > self._ahead:
                time.sleep(0.05)
            for _ in range(min(self._ahead // 40, self._events // 3 + 1)):
                story = Tipping().story()
                self._site.send(*story)
                self.sent += len(story)
            self._site.sent()

    @property
    def waiting(self) -> int:
        """How many the worker has not applied."""
        return self.sent - (self._site.progress() - self._begun)

    @property
    def _free(self) -> float:
        return self._events * (self.kills + 1) / (self._kills + 1)


class Field:
    """What is struck: a worker, its broker, the wire between them."""

    def __init__(self, site: Site, worker: Kept, brokers: Brokers) -> None:
        self._site, self._worker, self._brokers = site, worker, brokers

    def bears(self, strike: Strike) -> None:
        """Strike, and come back when the strike is over. The worker may need longer."""
        match strike.target, strike.fault:
            case "worker", Fault.KILL:
                self._worker.kill()
            case "worker", Fault.STOP:
                self._worker.stop()
            case "worker", Fault.FREEZE:
                self._worker.freeze()
                time.sleep(strike.lasts_s)
                self._worker.thaw()
            case "broker", Fault.KILL:
                self._brokers.kill_in_mid_batch(after_s=strike.lasts_s / 8)
                self._brokers.start()
            case "broker", Fault.FREEZE:
                self._brokers.freeze()
                time.sleep(strike.lasts_s)
                self._brokers.thaw()
            case "wire", weather:
                (wire,) = self._brokers.wires.values()
                wire.now(CUT if weather is Fault.CUT else _SLOW)
                time.sleep(strike.lasts_s)
                wire.reset()
                wire.now(CLEAR)

    def goes_on(self, stream: Stream) -> None:
        """Wait until the worker has applied something again, or everything: a strike at one that has not yet come back proves nothing."""
        before = self._site.progress()
        eventually(lambda: self._site.progress() > before or stream.waiting <= 0, within_s=180)


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[Brokers]:
    """A broker to strike."""
    with Brokers(tmp_path / "kafka", PARTITIONS) as made:
        yield made


@pytest.mark.timeout(0)
@pytest.mark.fault(
    "T59",
    "a stream of requests, and a seeded nemesis: the worker killed, frozen, stopped; the broker killed, frozen; the wire cut, slow",
    invariants="I1 I2 I4 I7",
    oracle="O2 O4 O8",
    twins=("applied-before-sent",),
)
def test_a_worker_struck_again_and_again_loses_nothing_and_doubles_nothing(
    tmp_path: Path, brokers: Brokers, seen: Callable[[str], None], request: pytest.FixtureRequest
) -> None:
    events, kills, seed = (int(request.config.getoption(f"--fault-{name}")) for name in ("events", "kills", "seed"))
    url = f"sqlite:///{tmp_path / 'worker.db'}"
    site = Site(tmp_path, brokers.direct, url)
    site.write_settings(url, bootstrap=brokers.through)
    stream, struck, began = Stream(site, events, kills), Counter[str](), time.monotonic()

    with (
        Kept(site.command(), tmp_path / "worker.log", environment()) as worker,
        Sampler({"worker": lambda: worker.pid}) as sampler,
    ):
        field, nemesis = Field(site, worker, brokers), Nemesis(seed, WORKER | BROKER | WIRE)
        stream.start()
        while stream.is_alive() or stream.kills < kills:
            field.goes_on(stream)
            strike = nemesis.next()
            time.sleep(strike.after_s)
            field.bears(strike)
            struck[str(strike)] += 1
            stream.kills = struck[f"worker {Fault.KILL}"]
        site.applies_everything(within_s=600)
        assert worker.wrong == []
    struck_s, began = time.monotonic() - began, time.monotonic()

    verdict = judged(site)
    site.close()
    assert not verdict, str(verdict)
    strikes = ", ".join(f"{number} {strike}" for strike, number in sorted(struck.items()))
    seen(
        f"{stream.sent} events in {struck_s:.0f} s, judged in {time.monotonic() - began:.0f} s; {strikes}; {sampler.words('worker')}; "
        f"again: `.venv/bin/pytest tests/faults/test_long.py --fault-events {events} --fault-kills {kills} --fault-seed {seed}`"
    )
