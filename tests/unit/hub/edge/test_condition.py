from datetime import UTC, datetime, timedelta
from typing import Any

from hub.edge.condition import Backoff, Conditions


class Lines:
    def __init__(self) -> None:
        self.written: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, level: str) -> Any:
        return lambda _event, **words: self.written.append((level, words))


class Clock:
    now = datetime(2026, 11, 3, 9, 14, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def test_a_system_that_goes_and_returns_is_said_once_each_and_since_when() -> None:
    lines, clock = Lines(), Clock()
    conditions = Conditions(["works-orders", "tasks"], lines, clock)
    conditions.well("works-orders")
    conditions.well("tasks")
    assert conditions.ready().ok

    for _ in range(3):
        conditions.away("works-orders", "The database does not answer.")
        clock.now += timedelta(seconds=30)
    health = conditions.ready()
    conditions.well("works-orders")
    conditions.well("works-orders")

    assert (health.ok, health.reason) == (False, "works-orders away since 09:14:00 UTC: The database does not answer.")
    assert [level for level, _ in lines.written] == ["warning", "info"]
    assert lines.written[1][1]["away_s"] == 90.0
    assert conditions.ready().ok


def test_a_part_that_has_not_begun_is_not_ready() -> None:
    assert Conditions(["tasks"], Lines(), Clock()).ready().reason == "tasks starting since 09:14:00 UTC"


def test_waits_double_up_to_the_longest_with_jitter_and_begin_again() -> None:
    backoff = Backoff(1, 8)
    waits = [backoff.next() for _ in range(6)]
    assert all(full / 2 <= wait <= full for wait, full in zip(waits, (1, 2, 4, 8, 8, 8), strict=True))
    backoff.reset()
    assert backoff.next() <= 1
