"""Which of the kept measurements count. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any


def is_wrong(run: Mapping[str, Any]) -> bool:
    """Whether something went wrong in a run through the story: it failed, or was not judged, or its outputs were not right."""
    verdict = run["verdict"]
    return bool(run["problem"]) or not verdict or any(count for what, count in verdict.items() if what != "seen")


def good_runs(results: Mapping[str, Any], contestant: str) -> list[Mapping[str, Any]]:
    """The runs of a contestant through the story that were right."""
    return [run for run in results.get("runs", ()) if run["contestant"] == contestant and not is_wrong(run)]


def good_rates(found: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of measurements at a steady rate those in which all came."""
    return [each for each in found if each["waits"] and not each["problem"]]
