"""The longer run: a steady stream of requests while a seeded nemesis strikes the worker again and again.

    pytest tests/faults/test_long.py --fault-events 1000000 --fault-kills 200 --fault-seed 7

Without the options it is a short one, so that it is always known to work. The line that repeats a run is part of what it says at the end.
"""

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.faults.nemesis import Fault, Nemesis
from tests.faults.test_worker import judged
from tests.sites.worker import Site, Tipping, WorkerProcess

Start = Callable[..., WorkerProcess]
_AHEAD = 20_000
"""Events that may wait for the worker: more would only fill the disk."""


class Stream(threading.Thread):
    """Requests with all that happens to them, one after the other, never too far ahead of the worker.

    Args:
        site: where they go.
        events: how many, or a few more.
        ahead: most events that may wait for the worker.
    """

    def __init__(self, site: Site, events: int, ahead: int = _AHEAD) -> None:
        super().__init__(name="stream", daemon=True)
        self._site, self._events, self._ahead, self._begun = site, events, ahead, site.progress()
        self.sent = 0

    def run(self) -> None:
        """Send until all is sent."""
        while self.sent < self._events:
            while self.sent - (self._site.progress() - self._begun) > self._ahead:
                time.sleep(0.05)
            for _ in range(self._ahead // 40):
                story = Tipping().story()
                self._site.send(*story)
                self.sent += len(story)
            self._site.sent()


@pytest.mark.timeout(0)
@pytest.mark.fault(
    "T59",
    "a stream of requests, and a seeded nemesis that kills, freezes and stops the worker",
    invariants="I1 I2 I4",
    oracle="O2 O4",
)
def test_a_worker_struck_again_and_again_loses_nothing_and_doubles_nothing(
    site: Site, start: Start, seen: Callable[[str], None], request: pytest.FixtureRequest
) -> None:
    events, kills, seed = (int(request.config.getoption(f"--fault-{name}")) for name in ("events", "kills", "seed"))
    stream, nemesis, struck = Stream(site, events), Nemesis(seed), Counter[Fault]()
    worker = start(site)
    worker.says("worker ready")

    stream.start()
    while stream.is_alive() or struck[Fault.KILL] < kills:
        strike = nemesis.next()
        time.sleep(strike.after_s)
        assert worker.process.poll() is None, "it ended by itself"
        struck[strike.fault] += 1
        if strike.fault is Fault.FREEZE:
            worker.process.send_signal(signal.SIGSTOP)
            time.sleep(strike.lasts_s)
            worker.process.send_signal(signal.SIGCONT)
            continue
        worker.process.send_signal(signal.SIGKILL if strike.fault is Fault.KILL else signal.SIGTERM)
        assert worker.process.wait(60) in ({-signal.SIGKILL} if strike.fault is Fault.KILL else {0, -signal.SIGTERM})
        worker = start(site)
    site.applies_everything(within_s=600)

    verdict = judged(site)
    assert not verdict, str(verdict)
    strikes = ", ".join(f"{number} {fault}" for fault, number in sorted(struck.items()))
    seen(
        f"{stream.sent} events; {strikes}; again: `pytest tests/faults/test_long.py "
        f"--fault-events {events} --fault-kills {kills} --fault-seed {seed}`"
    )
