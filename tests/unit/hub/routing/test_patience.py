import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from hub.errors import RestartMe
from hub.health.metrics import WorkerMetrics
from hub.routing.patience import Memory, NotOurs


class Database:
    """A store that is away for some calls."""

    passing = (ConnectionError,)

    def __init__(self, *, away_for: int) -> None:
        self.away_for = away_for
        self.connections_closed = 0

    def close(self) -> None:
        self.connections_closed += 1

    def answer(self) -> int:
        self.away_for -= 1
        if self.away_for >= 0:
            raise ConnectionError
        return 42


def ask(database: Any, budget_s: float = 60.0, go_on: Callable[[], bool] = lambda: True) -> Any:
    memory = Memory(database, WorkerMetrics().sql_retries)
    return asyncio.run(memory.ask(lambda _store: database.answer(), budget_s, go_on))


def test_a_database_that_returns_is_asked_again_over_a_fresh_connection() -> None:
    database = Database(away_for=2)

    assert ask(database) == 42
    assert database.connections_closed == 2


def test_a_database_that_stays_away_ends_the_process() -> None:
    with pytest.raises(RestartMe, match="has not answered for 0 s"):
        ask(Database(away_for=5), budget_s=0.0)


def test_work_that_is_no_longer_ours_is_not_tried_again() -> None:
    with pytest.raises(NotOurs):
        ask(Database(away_for=1), go_on=lambda: False)


def test_an_error_that_will_not_pass_is_not_tried_again() -> None:
    database = Database(away_for=1)
    database.passing = ()  # type: ignore[assignment]  # of this one, none passes

    with pytest.raises(ConnectionError):
        ask(database)
    assert database.away_for == 0
