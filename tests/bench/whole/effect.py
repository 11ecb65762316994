"""From a request at the door to the works order in the housing database, through web, worker and connector, each a process of its own.

Nobody works in the housing department meanwhile and nothing of it is waited for: the moment is when anybody else can see the order, its
commit over. Somebody looks into the database's journal every 20 ms, and what was there is not there for him before his next look. The
journal names the effect key, the topic says whose case that is, and the door said when that case was asked for.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Event, Thread
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Engine

from hub.bench.figures import Waits
from hub.demo.council import citizens
from schemas.envelope import Department
from schemas.topics import CASE_EVENTS, FACTS, TASKS
from tests.bench.ground import OUTPUTS
from tests.bench.paths import Bench, Row, row
from tests.bench.process import EVERYWHERE, hub, started, until, write_settings
from tests.bench.whole.api import PEAK_PER_S, free_port, said, seconds_of, web, web_at
from tests.bench.whole.asking import Answer, ask, bodies
from tests.bench.whole.sources import system

_NAME = "universal_housing"
_PROMISED_MS = 1000.0
_PATIENCE_S = 120.0
"""After the last request; what has not come by then is told."""
_RATES = (PEAK_PER_S, 3000)
_FAST_S = 10
_LOOK_S = 0.02
_ORDERS = "SELECT id, hub_ref FROM rmworder_journal WHERE id > ? AND op='insert' AND hub_ref<>'' ORDER BY id"


class Watcher:
    """Somebody beside the connector who looks what orders of the hub's there are.

    Args:
        engine: of the housing database, which is SQLite: there no order comes to be seen before an earlier one.
        clock: seconds, as requests are timed.

    Attributes:
        seen: when each was first seen, by effect key.
    """

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        self._engine, self._clock, self._last = engine, clock, 0
        self.seen: dict[str, float] = {}

    def look(self) -> None:
        """See what is new."""
        with self._engine.connect() as connection:
            found = list(connection.exec_driver_sql(_ORDERS, (self._last,)))
        at = self._clock()
        for number, key in found:
            self._last = number
            self.seen.setdefault(key, at)


@contextmanager
def _watching(engine: Engine) -> Iterator[Watcher]:
    """A watcher who looks all the time."""
    watcher, over = Watcher(engine), Event()

    def watch() -> None:
        while not over.wait(_LOOK_S):
            watcher.look()

    thread = Thread(target=watch, name="watcher")
    thread.start()
    try:
        yield watcher
    finally:
        over.set()
        thread.join()


def measure(bench: Bench) -> Iterator[Row]:
    """A row for each rate."""
    housing = TASKS[Department.HOUSING].name
    ground, people = bench.ground, citizens(2000, seed=1)
    used = [CASE_EVENTS.name, *OUTPUTS, FACTS[Department.HOUSING].name]
    for rate in _RATES:
        # What comes in faster than it is done is waited for: that need not be for long, to be seen.
        seconds = seconds_of(bench) if rate == PEAK_PER_S else min(_FAST_S, seconds_of(bench))
        work = bench.work / f"effect-{rate}"
        shutil.rmtree(work, ignore_errors=True)
        with ExitStack() as stack:
            simulator = stack.enter_context(system(work, _NAME))
            simulator.seed(people)
            watcher = stack.enter_context(_watching(stack.enter_context(simulator.open())))
            port = free_port()
            edge = {"memory": {"url": f"sqlite:///{work}/edge.db"}, **simulator.connector_settings()}
            more: dict[str, Any] = {**web_at(work, port), f"connectors.{_NAME}": edge}
            write_settings(work / "hub.toml", ground, f"bench-effect-{rate}", f"sqlite:///{work}/worker.db", more)
            begin = ground.ends(ground.places([housing]))
            settings = work / "hub.toml"
            processes = {
                words[0]: stack.enter_context(
                    started(hub(settings, *words), work, cores=EVERYWHERE, log=f"{words[0]}.log")
                )
                for words in (("worker",), ("connector", "run", _NAME))
            }
            processes["web"] = stack.enter_context(web(work, port))
            # All of them have started, and the tenants are read, when these have come to their effects.
            first = ask(port, bodies(people, 300, seed=rate), 100)
            _effects(watcher, len(first))
            before = {name: process.used().cpu_s for name, process in processes.items()}
            answers = ask(port, bodies(people, rate * seconds, seed=rate + 1), rate)
            done = _effects(watcher, len(first) + sum(answer.status == 202 for answer in answers))
            cases = {
                UUID(event["id"]).hex: event["correlationid"]
                for record in ground.read(begin, ground.ends(ground.places([housing])))
                if (event := orjson.loads(record.value))["type"] == "task.raised.v1"
            }
            for process in processes.values():
                assert not process.ended, process.last_lines()
            used_s = {name: process.used().cpu_s - before[name] for name, process in processes.items()}
        yield _row(rate, answers, {cases[key]: at for key, at in done.items()}, used_s)
        ground.empty(used)


def _effects(watcher: Watcher, number: int) -> dict[str, float]:
    """When each works order of the hub's was seen, by effect key, once there are so many, or patience has run out."""
    for _ in until(_PATIENCE_S, every=0.2):
        if len(watcher.seen) >= number:
            break
    return dict(watcher.seen)


def _row(rate: int, answers: list[Answer], done: dict[str, float], used_s: dict[str, float]) -> Row:
    accepted = [answer for answer in answers if answer.status == 202]
    ended = [answer for answer in accepted if answer.case in done]
    waits = Waits.of((done[answer.case] - answer.due) * 1000 for answer in ended)
    took_s = max(done[answer.case] for answer in ended) - min(answer.due for answer in answers)
    left = len(accepted) - len(ended)
    is_promised = rate == PEAK_PER_S
    cost_ms = {name: round(1000 * seconds / len(accepted), 2) for name, seconds in used_s.items()}
    costs = ", ".join(f"{cost:.1f} ms in the {name}" for name, cost in cost_ms.items())
    return row(
        f"request at the door to works order in the housing database, at {rate:,}/s",
        f"{said(answers, waits)}, looked for every {_LOOK_S * 1000:.0f} ms; "
        f"{len(ended) / took_s:,.0f} done in a second; of a processor a request takes {costs}"
        + (f"; {left:,} of {len(accepted):,} not yet {_PATIENCE_S:.0f} s after the last request" if left else ""),
        promised=f"p99 under {_PROMISED_MS:.0f} ms" if is_promised else "",
        kept=waits.p99 < _PROMISED_MS and not left if is_promised else None,
        p50_ms=waits.p50,
        p95_ms=waits.p95,
        p99_ms=waits.p99,
        most_ms=waits.most,
        reached_per_s=round(len(ended) / took_s, 1),
        left=left,
        cost_ms=cost_ms,
    )
