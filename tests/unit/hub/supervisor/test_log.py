import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub.supervisor import log
from hub.supervisor.lines import Line
from hub.supervisor.log import Log

NOW = datetime(2026, 11, 3, 9, 0, 0, tzinfo=UTC)


def test_every_line_is_kept_for_people_and_for_machines(tmp_path: Path) -> None:
    with Log(tmp_path, width=6) as kept:
        kept.write(Line("worker", b'{"event":"round applied","level":"info","events":12}', NOW))
        kept.write(Line("web", b"plain words", NOW))

    people = (tmp_path / "hub.log").read_text().splitlines()
    machines = [json.loads(line) for line in (tmp_path / "hub.ndjson").read_text().splitlines()]
    assert [line.partition(" ")[2] for line in people] == ["worker | round applied  events=12", "web    | plain words"]
    assert [(line["process"], line["event"]) for line in machines] == [
        ("worker", "round applied"),
        ("web", "plain words"),
    ]


def test_a_full_file_is_turned_over_and_only_the_last_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "LARGEST_BYTES", 100)

    with Log(tmp_path, width=3) as kept:
        for number in range(60):
            kept.write(Line("web", f"line {number:02} of many".encode(), NOW))

    names = sorted(path.name for path in tmp_path.glob("hub.log*"))
    assert names == ["hub.log", "hub.log.1", "hub.log.2", "hub.log.3"]
    assert "line 59" in (tmp_path / "hub.log").read_text()
