"""The worker's memory seen from its event loop: SQL in a thread of its own, tried again for as long as that makes sense."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog
from prometheus_client import Counter

from hub.errors import RestartMe
from hub.memory.store import Store, call

_T = TypeVar("_T")
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 2.0


class NotOurs(Exception):
    """The partitions were taken away, or the worker stops: write nothing more, whoever owns them reads them again."""


class Memory:
    """A store behind one thread.

    Args:
        store: used by that thread only.
        retries: counts failed attempts.
    """

    def __init__(self, store: Store, retries: Counter) -> None:
        self.store = store
        self._retries = retries
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sql")
        self._log = structlog.get_logger()

    async def ask(
        self,
        work: Callable[[Store], _T],
        budget_s: float,
        go_on: Callable[[], bool] = lambda: True,
    ) -> _T:
        """Run one unit of SQL, again and again while the database is away.

        Args:
            work: one transaction of the store.
            budget_s: how long to go on trying.
            go_on: asked before every further attempt.

        Raises:
            RestartMe: the budget is spent.
            NotOurs: `go_on` said no.
        """
        began, wait, loop = time.monotonic(), _FIRST_WAIT_S, asyncio.get_running_loop()
        failed: Exception | None = None
        while True:
            try:
                found = await loop.run_in_executor(self._thread, call, self.store, work, self.store)
            except self.store.passing as error:
                if failed is None:
                    self._log.warning("the database does not answer", exc_info=error)
                failed = error
                self._retries.inc()
            else:
                if failed is not None:
                    self._log.info("the database answers again", away_s=round(time.monotonic() - began, 1))
                return found
            if time.monotonic() - began > budget_s:
                raise RestartMe(
                    f"The database has not answered for {budget_s:.0f} s. Is it there, has it room?"
                ) from failed
            if not go_on():
                raise NotOurs
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT_S)
