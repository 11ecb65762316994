"""One piece of work behind the thread that gives it: while it waits for others, the next is made ready."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Behind:
    """Does one thing at a time in a thread of its own, in the order given. For one giver.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._under_way: Future[None] | None = None

    def begin(self, work: Callable[[], None]) -> None:
        """Begin something, once what was given before is done.

        Raises:
            Exception: what that raised; this is not begun then.
        """
        self.wait()
        self._under_way = self._pool.submit(work)

    def wait(self) -> None:
        """Wait until all that was given is done.

        Raises:
            Exception: what it raised, once.
        """
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()

    def close(self) -> None:
        """Nothing is given any more; what was begun comes to its end."""
        self._pool.shutdown(wait=False)
