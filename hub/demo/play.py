"""The demo's play: citizens ask, somebody watches how their cases stand, and faults are made on purpose."""

import asyncio
import random
import signal
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from hub.demo.client import Away, HubClient, Refused
from hub.demo.requests import Said, Story
from hub.demo.tally import Progress, Sent, ended, progress, summary
from hub.supervisor.service import Standing, State
from hub.supervisor.supervise import Supervisor

_LOOK_EVERY_S = 0.5
_AT_ONCE = 16
"""Citizens that speak at the same time."""


class Stage(Protocol):
    """Where the play is shown."""

    def shows(self, progress: Progress) -> None:
        """How it all stands now."""

    def tells(self, words: str) -> None:
        """Something happened that whoever watches should know."""


@dataclass(frozen=True)
class Faults:
    """Faults made on purpose: a random process is killed, again and again.

    Attributes:
        every_s: seconds between two kills.
        seed: another seed, other victims.
    """

    every_s: float
    seed: int


class Play:
    """One performance.

    Args:
        stories: what the citizens say.
        client: where they say it.
        supervisor: of the processes.
        stage: where it is shown.
        began: when the demo began, on the monotonic clock.
    """

    def __init__(
        self, stories: Sequence[Story], client: HubClient, supervisor: Supervisor, stage: Stage, began: float
    ) -> None:
        self._stories, self._client, self._supervisor, self._stage = stories, client, supervisor, stage
        self._began = began
        self._sent: list[Sent] = []
        self._cases: list[dict[str, Any]] = []
        self._threads = ThreadPoolExecutor(_AT_ONCE + 1, thread_name_prefix="citizen")
        self._first_moving_s: float | None = None
        self._moving = asyncio.Event()
        self._refused: list[str] = []
        self.kills = 0

    async def run(self, within_s: float, faults: Faults | None) -> dict[str, Any]:
        """Play until every case has ended, a process needs a person, or time is up; the summary.

        Returns:
            As `tally.summary`, and: ok, first_moving_s, took_s, kills, restarts, refused_requests, needs_a_person.
        """
        others = [asyncio.create_task(self._ask())]
        if faults is not None:
            others.append(asyncio.create_task(self._make_faults(faults)))
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s - (time.monotonic() - self._began)):
                    await self._watch()
        finally:
            for task in others:
                task.cancel()
            self._client.give_up()
            await asyncio.gather(*others, return_exceptions=True)
            self._threads.shutdown(wait=False, cancel_futures=True)
        return self._summary()

    async def _ask(self) -> None:
        """Every citizen in turn, each in a task of their own."""
        await self._supervisor.until_ready("web")
        opened = time.monotonic()
        async with asyncio.TaskGroup() as citizens:
            for story in self._stories:
                await asyncio.sleep(max(0.0, opened + story.request.after_s - time.monotonic()))
                sent = Sent(at=datetime.now(UTC))
                self._sent.append(sent)
                citizens.create_task(self._tell(story, sent))

    async def _tell(self, story: Story, sent: Sent) -> None:
        """One citizen's request, and what they say later."""
        try:
            answer = await self._say("/api/requests", story.request)
        except Refused as refusal:
            self._refused.append(str(refusal))
            self._stage.tells(f"a request was refused: {refusal}")
            return
        except Away:  # given up
            return
        sent.case = answer["case"]
        if story.later is None:
            return
        await asyncio.sleep(story.later.after_s)
        # A case that has ended meanwhile takes nothing more: that, too, happens.
        with suppress(Refused, Away):
            await self._say(f"/api/cases/{sent.case}{story.later.path}", story.later)

    async def _say(self, path: str, said: Said) -> dict[str, Any]:
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self._client.say, path, said.body, said.key
        )

    async def _watch(self) -> None:
        """Look until every case has ended."""
        while not self._person_needed():
            with suppress(Away, Refused):
                self._cases = await asyncio.get_running_loop().run_in_executor(self._threads, self._client.cases)
            now = progress(self._sent, self._cases)
            self._note_times()
            self._stage.shows(now)
            if now.ended == len(self._stories) - len(self._refused):
                return
            await asyncio.sleep(_LOOK_EVERY_S)

    def _note_times(self) -> None:
        known = {case["case"]: case for case in self._cases}
        if self._first_moving_s is None and any(case["tasks"] for case in self._cases):
            self._first_moving_s = time.monotonic() - self._began
            self._moving.set()
            self._stage.tells(f"first case moving after {self._first_moving_s:.1f} s")
        for sent in self._sent:
            case = known.get(sent.case or "")
            if sent.ended_at is None and case is not None and ended(case):
                sent.ended_at = datetime.fromisoformat(case["updated_at"])

    def _person_needed(self) -> list[Standing]:
        return [s for s in self._supervisor.standing.values() if s.state is State.NEEDS_A_PERSON]

    async def _make_faults(self, faults: Faults) -> None:
        """Kill a random process every few seconds, from the first case on."""
        chance = random.Random(f"faults|{faults.seed}")  # noqa: S311 - chooses victims, guards nothing
        await self._moving.wait()
        while True:
            name = chance.choice(list(self._supervisor.standing))
            if self._supervisor.signal(name, signal.SIGKILL):
                self.kills += 1
                self._stage.tells(f"killed {name} (SIGKILL)")
            await asyncio.sleep(faults.every_s)

    def _summary(self) -> dict[str, Any]:
        found = summary(self._sent, self._cases)
        standing: Mapping[str, Standing] = self._supervisor.standing
        not_asked = len(self._stories) - len(self._sent)
        return {
            "ok": found["ended"] == len(self._stories),
            "first_moving_s": None if self._first_moving_s is None else round(self._first_moving_s, 1),
            "took_s": round(time.monotonic() - self._began, 1),
            **found,
            "requests": len(self._stories),
            "not_asked": not_asked,
            "refused_requests": list(self._refused),
            "kills": self.kills,
            "restarts": {name: s.restarts for name, s in standing.items() if s.restarts},
            "needs_a_person": {s.name: s.says for s in self._person_needed()},
        }
