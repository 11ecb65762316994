"""How long the pages take that people look at all day, in the web's own process, on a worker's memory that is full."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx

from hub.bench.figures import Waits
from hub.pages.app import build_app
from hub.settings import HubSettings, load
from tests.bench.furnish import furnish, references, templates
from tests.bench.paths import Bench, Row, row
from tests.bench.process import write_settings

_OPEN = 2000


def measure(bench: Bench) -> Iterator[Row]:
    """A row for each page."""
    work = bench.work / "pages"
    work.mkdir(parents=True)
    today = datetime.now(UTC)
    long_ago = today - timedelta(days=100)
    stored = bench.scaled(100_000)
    file = f"{work}/worker.db"
    furnish(file, templates(bench.world, long_ago), references(stored, today - timedelta(days=2)))
    under_way = list(references(min(_OPEN, stored), today - timedelta(days=1), "open"))
    furnish(file, templates(bench.world, today - timedelta(days=1), ended=False), under_way, lines=None)
    write_settings(
        work / "hub.toml",
        bench.ground,
        "nobody",
        f"sqlite:///{file}",
        {"web": {"port": 0, "memory": {"url": f"sqlite:///{work}/web.db"}}},
    )
    looks = bench.scaled(300)
    for what, paths in (
        ("page of a case", [f"/cases/{reference}" for reference in under_way]),
        ("page of the cases", ["/cases"]),
        ("front page", ["/"]),
    ):
        asked = [paths[place % len(paths)] for place in range(looks)]
        found = Waits.of(asyncio.run(_look(load(work / "hub.toml"), asked)))
        yield row(
            f"{what}, {stored:,} cases stored and {len(under_way):,} under way",
            f"p50 {found.p50:.1f} ms, p99 {found.p99:.1f} ms",
            p50_ms=found.p50,
            p99_ms=found.p99,
        )


async def _look(settings: HubSettings, paths: list[str]) -> list[float]:
    """How long each of these takes, in milliseconds."""
    app = build_app(settings)
    waits = []
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bench") as client,
    ):
        # The first one loads the template.
        for path in [paths[0], *paths]:
            began = time.perf_counter()
            answer = await client.get(path)
            waits.append((time.perf_counter() - began) * 1000)
            assert answer.status_code == 200, answer.text
    return waits[1:]
