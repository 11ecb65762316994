"""How long a request waits at the door until it is accepted (202), at the rate of a council's busiest hour: durable, and on its way."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from hub.bench.figures import Waits
from hub.demo.council import citizens
from schemas.topics import CASE_EVENTS
from tests.bench.paths import Bench, Row, row
from tests.bench.process import Running, hub, started, until, write_settings
from tests.bench.whole.asking import Answer, ask, bodies

PEAK_PER_S = 285
_PROMISED_MS = 200.0
_STARTS_WITHIN_S = 60.0


def measure(bench: Bench) -> Iterator[Row]:
    """One row."""
    work = bench.work / "api"
    work.mkdir(parents=True)
    port = free_port()
    write_settings(work / "hub.toml", bench.ground, "nobody", f"sqlite:///{work}/worker.db", web_at(work, port))
    people = citizens(2000, seed=1)
    with web(work, port):
        ask(port, bodies(people, 200, seed=1), 100)
        answers = ask(port, bodies(people, PEAK_PER_S * seconds_of(bench), seed=2), PEAK_PER_S)
    bench.ground.empty([CASE_EVENTS.name])
    yield row(
        f"request accepted (202) at {PEAK_PER_S}/s",
        said(answers, waits := Waits.of(answer.took_ms for answer in answers)),
        promised=f"p99 under {_PROMISED_MS:.0f} ms",
        kept=waits.p99 < _PROMISED_MS and all(answer.status == 202 for answer in answers),
        p99_ms=waits.p99,
    )


def said(answers: list[Answer], waits: Waits) -> str:
    """How it went."""
    refused = sum(answer.status != 202 for answer in answers)
    text = f"p50 {waits.p50:.1f}, p95 {waits.p95:.1f}, p99 {waits.p99:.1f}, max {waits.most:.0f} ms"
    return text + (f"; {refused} of {len(answers)} refused" if refused else "")


def seconds_of(bench: Bench) -> int:
    """How long a rate lasts."""
    return max(3, round(bench.asked.latency or 3))


def free_port() -> int:
    """A port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def web_at(work: Path, port: int) -> dict[str, dict[str, object]]:
    """Settings of a web on a port."""
    return {"web": {"port": port, "memory": {"url": f"sqlite:///{work}/web.db"}}}


@contextmanager
def web(work: Path, port: int) -> Iterator[Running]:
    """A web that answers."""
    with started(hub(work / "hub.toml", "web"), work, log="web.log") as process:
        for _ in until(_STARTS_WITHIN_S):
            assert not process.ended, process.last_lines()
            if _answers(port):
                break
        yield process


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
