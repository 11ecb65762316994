import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from hub.supervisor.screen import JsonLines, Plain, duration, table
from hub.supervisor.service import Service, Standing, State

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
WEB = Service(name="web", command=list, probe=lambda: None, address="http://127.0.0.1:8600/")


STANDING = Standing(name="web", state=State.STARTING, since=NOW, pid=7)


def test_a_program_reads_one_object_for_every_change_of_state() -> None:
    stream = io.StringIO()
    screen = JsonLines(stream, (WEB,))

    screen.changed(STANDING)
    screen.changed(replace(STANDING, says="does not answer on port 8600 yet"))
    screen.changed(replace(STANDING, state=State.READY))

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["state"] for line in lines] == ["starting", "ready"]
    assert lines[1] == {
        "at": "2026-11-03T09:00:00.000000+00:00",
        "process": "web",
        "state": "ready",
        "pid": 7,
        "restarts": 0,
        "exit": None,
        "says": "",
        "address": "http://127.0.0.1:8600/",
    }


def test_a_person_reads_why_a_process_needs_them() -> None:
    stream = io.StringIO()
    screen = Plain(Console(file=stream, width=200), (WEB,))

    screen.changed(
        replace(STANDING, state=State.NEEDS_A_PERSON, pid=None, exit=78, says="hub.toml cannot be used: [web] prot")
    )

    assert "web * needs a person: hub.toml cannot be used: [web] prot" in stream.getvalue()


def test_the_table_shows_where_a_process_is_or_what_it_lacks() -> None:
    stream = io.StringIO()
    standing = {"web": replace(STANDING, state=State.READY, restarts=2)}

    Console(file=stream, width=120).print(table((WEB,), standing, NOW + timedelta(minutes=3)))

    assert "● ready" in stream.getvalue()
    assert "3 min" in stream.getvalue()
    assert "http://127.0.0.1:8600/" in stream.getvalue()


@pytest.mark.parametrize(("seconds", "words"), [(-1, "0 s"), (59.9, "59 s"), (61, "1 min"), (7500, "2 h 5 min")])
def test_a_duration_is_as_exact_as_a_person_needs_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words
