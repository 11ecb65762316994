"""The bench, small: a run of the hub through a story, and `hub bench` beside a hub that it does not disturb."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluent_kafka.admin import AdminClient

from hub.bench.story import story
from hub.routing.world import load_world
from hub.settings import load
from tests.bench.ground import Ground, ground
from tests.bench.measure import measure
from tests.bench.preload import tell
from tests.bench.process import Heat, write_settings
from tests.bench.roster import load as contestants

PARTITIONS = 4
EVENTS = 2000


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with ground(tmp_path_factory.mktemp("bench") / "broker", PARTITIONS) as made:
        yield made


@pytest.fixture
def settings(base: Ground, tmp_path: Path) -> Path:
    file = tmp_path / "hub.toml"
    write_settings(file, base, "hub-of-the-council", f"sqlite:///{tmp_path}/worker.db")
    return file


def groups_and_topics(base: Ground) -> tuple[set[str], set[str]]:
    admin = AdminClient({"bootstrap.servers": base.bootstrap})
    listed = admin.list_consumer_groups(request_timeout=30).result()
    topics = admin.list_topics(timeout=30).topics
    return {group.group_id for group in listed.valid}, {topic for topic in topics if not topic.startswith("__")}


def test_the_hub_comes_through_a_story_and_nothing_is_lost_or_doubled(base: Ground, settings: Path) -> None:
    begins = datetime.now(UTC) + timedelta(days=2)
    told = tell(story(EVENTS, load_world(load(settings)), begins), base)
    (hub,) = contestants(["hub"])

    run = measure(Heat(hub, 1, settings.parent, settings.parent / "heat", None), base, told)

    assert run.problem == ""
    assert run.verdict is not None
    assert run.verdict.right
    assert run.events == told.oracle.events >= EVENTS
    assert run.began_s > 0
    assert run.peak_mb > 0


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_hub_bench_measures_beside_a_hub_and_leaves_nothing_behind(
    base: Ground, settings: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    before, ends = groups_and_topics(base), base.ends(base.places(["case-events", "case-updates"]))
    url = request.getfixturevalue("postgres_url") if kind == "postgresql" else None

    found = bench(settings, *(["--database", url] if url else []))

    assert found["right"], found
    assert found["events"] == EVENTS
    assert found["waits"]["number"] > 0
    assert groups_and_topics(base) == before
    assert base.ends(base.places(["case-events", "case-updates"])) == ends
    assert [path.name for path in settings.parent.glob(".hub/*")] == ["faust"]
    assert not (settings.parent / "worker.db").exists()
    if url:
        assert tables_of(url) == []


def test_hub_bench_deletes_what_it_has_made_when_it_is_stopped_in_the_middle(base: Ground, settings: Path) -> None:
    before = groups_and_topics(base)
    with subprocess.Popen(line(settings), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while "the worker starts" not in process.stderr.readline():
            assert process.poll() is None
        process.terminate()
        said = process.stderr.read()

    assert process.returncode == 75, said
    assert groups_and_topics(base) == before
    assert [path.name for path in settings.parent.glob(".hub/hub-bench-*")] == []


def test_hub_bench_refuses_a_database_that_is_not_empty(settings: Path, postgres_url: str) -> None:
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE TABLE cases (reference text)")

    refused = run(settings, "--database", postgres_url)

    assert refused.returncode == 78
    assert "--database is not empty: it has the tables cases." in refused.stderr
    assert tables_of(postgres_url) == ["cases"]


def tables_of(url: str) -> list[str]:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        return [name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname='public'")]


def line(settings: Path, *more: str) -> list[str]:
    small = ["--events", str(EVENTS), "--rate", "200", "--seconds", "1", "--json"]
    return [sys.executable, "-m", "hub", "--settings", str(settings), "bench", *small, *more]


def run(settings: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(line(settings, *more), capture_output=True, text=True, check=False)


def bench(settings: Path, *more: str) -> dict[str, Any]:
    done = run(settings, *more)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
