"""Figures of several goes: what is measured anew takes the place of what was there, and all else stays."""

from typing import Any

import pytest

from tests.bench.results import beside, empty


@pytest.fixture
def old() -> dict[str, Any]:
    return empty({"date": "yesterday"}) | {
        "story": {"events": 300_000},
        "contestants": {"hub": {"title": "The hub"}},
        "runs": [{"contestant": "hub", "per_s": 1}],
        "latency": [{"contestant": "hub", "per_s": 300}],
        "paths": [{"path": "api", "what": "a"}, {"path": "drain", "what": "b"}],
    }


def test_paths_that_are_measured_anew_go_and_all_else_stays(old: dict[str, Any]) -> None:
    found = beside(old, {"date": "today"}, tables=[], paths=["drain", "pages"])

    assert [go["date"] for go in found["gos"]] == ["yesterday", "today"]
    assert found["paths"] == [{"path": "api", "what": "a"}]
    assert {key: found[key] for key in ("story", "contestants", "runs", "latency")} == {
        key: old[key] for key in ("story", "contestants", "runs", "latency")
    }


def test_runs_that_are_measured_anew_go_with_their_story(old: dict[str, Any]) -> None:
    found = beside(old, {"date": "today"}, tables=["runs"], paths=[])

    assert (found["runs"], found["story"]) == ([], {})
    assert found["latency"] == old["latency"]
    assert found["paths"] == old["paths"]
