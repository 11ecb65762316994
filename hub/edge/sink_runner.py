"""Applies a department's tasks to its legacy system: consume, ledger, apply, ledger, report, commit.

Before anything is done about an instruction, the ledger holds the intention; before its offset is committed, its outcome is in the ledger
and reported to its case. So after a crash anywhere, and whenever a dead letter is replayed, the ledger says what is known of it and of
those before it in its task: `history.py` has the states and what each allows. An instruction reported again is the same event again.
Where a record cannot even be read, nobody knows which task it is about: then the later instructions of its whole case wait for it among the
dead letters (`hub.dead_letters.parking`). The ledger's history cannot know of it; where it does know, only the task's own wait.
A system that keeps nothing of ours and cannot be searched is another matter (class D, `once.py`): there an instruction may end unknown,
and its case hears that instead of a receipt.

Instructions are taken in the order of their partition, in rounds (`rounds.py`) that are carried out as one (`carrier.py`); for class D a
round is one instruction. While the legacy system is away what is in hand is tried again and again, and the group is shown that this member
lives.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import structlog

from connectors.sdk.contract import EffectClass, Instruction, Receipt, SinkConnector
from connectors.sdk.errors import ConfigurationError
from connectors.sdk.manifest import Manifest
from hub.dead_letters import parking
from hub.dead_letters.parking import PARKED
from hub.edge.carrier import Carrier, Stopping
from hub.edge.choice import PART
from hub.edge.kafka import Receiver
from hub.edge.ledger import State
from hub.edge.legacy import LegacySystem
from hub.edge.messages import Incoming, Outgoing, Place
from hub.edge.reach import Reach
from hub.edge.rounds import Pace, Turn, rounds
from hub.edge.sidings import Sidings
from hub.edge.source_runner import Edge
from hub.errors import RestartMe
from hub.failpoints import Failpoint, reach
from schemas.effects import TaskSettled
from schemas.topics import TASKS, UnreadableEvent

_AT_ONCE = 500
"""Records of a poll."""
_IN_A_ROUND = 200
"""Instructions, where the legacy system is quick."""
_ROUND_S = 0.5
"""A round lasts no longer where that can be helped: until it ends, whatever reads the system waits for what it may be writing."""
_POLL_S = 0.5
_SHOW_LIFE_S = 1.0
"""No report waits longer for others, and the group is shown that this member lives."""
_COUNT_EVERY_S = 5.0
_WITHOUT_PARTITIONS_S = 45.0
"""kafka-python 3.0.12 has been seen to join, to be told to join again, and to say nothing more: a group of one, and nobody in it."""


class SinkRunner:
    """Applies instructions until it is told to stop.

    Args:
        edge: what it shares with the sources.
        manifest: which kinds of work it takes; others are another connector's.
        receiver: member of the group that reads the department's tasks; used by this thread only.
        connect: makes the connector; called in the thread that runs, again after a broken promise.
    """

    def __init__(
        self, edge: Edge, manifest: Manifest, receiver: Receiver, connect: Callable[[], SinkConnector[Any]]
    ) -> None:
        self._edge, self._manifest, self._receiver = edge, manifest, receiver
        self._ledger = edge.memory.effects
        self._reach = Reach(connect, edge.speaker.connector)
        self._topic = TASKS[manifest.department]
        self._assigned_at = self._shown_at = time.monotonic()
        self._counted_at = 0.0
        self._outgoing: list[Outgoing] = []
        self._done: dict[tuple[str, int], Place] = {}
        self._sidings = Sidings(edge, self._topic.dead_letters, self._outgoing.append, self._wait)
        self._carrier = Carrier(
            edge,
            manifest,
            LegacySystem(self._reach, edge.conditions, PART, self._wait),
            self._sidings,
            say=self._outgoing.append,
            is_done=self._is_done,
            goes_on=self._goes_on,
        )
        self._once = manifest.effect_class is EffectClass.D
        self._pace = Pace(1 if self._once else _IN_A_ROUND, _ROUND_S)
        self._log = structlog.get_logger().bind(connector=edge.speaker.connector)

    def run(self) -> None:
        """Apply until `stop`.

        Raises:
            RestartMe: Kafka refuses or does not answer; another process has taken this one's place.
            ConfigurationError: the legacy system says that the settings are wrong.
        """
        try:
            self._ledger.take_over()
            while not self._edge.stop.is_set():
                batch = self._receiver.poll(_POLL_S, _AT_ONCE)
                self._look_at_membership()
                if batch:
                    try:
                        self._take_all(batch)
                    except Stopping:
                        pass
                    except ConfigurationError:
                        self._flush()  # what is done is told before a person has to mend the settings
                        raise
                    self._flush()
                    self._count_unfinished()
                self._count_waiting()
        finally:
            self._reach.let_go()
            self._receiver.close()

    def _look_at_membership(self) -> None:
        """A member without partitions hears of nothing and would look well.

        Raises:
            RestartMe: it has had none for longer than its group waits for a member that has died.
        """
        now = time.monotonic()
        if self._receiver.assigned():
            self._assigned_at = now
            self._edge.conditions.started(PART)
        elif now - self._assigned_at > _WITHOUT_PARTITIONS_S:
            raise RestartMe(
                f"Kafka has given this member no partition of {self._topic.name} for {_WITHOUT_PARTITIONS_S:.0f} s."
            )

    def _flush(self) -> None:
        """Send what is to be said and await it, then let the offsets follow."""
        if self._outgoing:
            self._edge.sender.send(list(self._outgoing))
            self._outgoing.clear()
            reach(Failpoint.SINK_REPORTED)
        if self._done:
            self._receiver.commit(self._done.values())
            self._done = {}

    def _take_all(self, batch: list[Incoming]) -> None:
        self._shown_at = time.monotonic()
        self._sidings.look_again()
        for together in rounds(map(self._turn, batch), self._is_alone, lambda: self._pace.room):
            if self._edge.stop.is_set():
                raise Stopping
            self._show_life()
            if self._is_alone(together[0]):
                self._take(together[0])
            else:
                self._carry_out(together)

    def _turn(self, record: Incoming) -> Turn:
        try:
            return Turn(record, self._topic.decode(record.value, record.key))
        except UnreadableEvent as error:
            return Turn(record, error)

    def _is_alone(self, turn: Turn) -> bool:
        """Whether a record is no instruction for this connector, or one that has to wait for a record which could not be read."""
        if not isinstance(turn.said, Instruction) or turn.said.data.work not in self._manifest.tasks:
            return True
        return self._sidings.waits_for(turn.record, turn.said.partitionkey) is not None

    def _carry_out(self, together: Sequence[Turn]) -> None:
        """Instructions for this connector, to their end."""
        began = time.monotonic()
        calls = [(turn.record, cast("Instruction", turn.said)) for turn in together if self._is_ours(turn.record)]
        if calls:
            self._carrier.carry_out(calls)
            self._pace.took(len(calls), time.monotonic() - began)

    def _take(self, turn: Turn) -> None:
        """One other record of the topic, to its end."""
        if not self._is_ours(turn.record):
            return
        record, said = turn.record, turn.said
        if isinstance(said, UnreadableEvent):
            self._sidings.park(record, said.code, str(said))
        elif isinstance(said, Instruction | TaskSettled) and said.data.work in self._manifest.tasks:
            waits_for = self._sidings.waits_for(record, said.partitionkey)
            if waits_for is not None:
                place = record.place
                self._sidings.park(record, PARKED, parking.reason(place.topic, place.partition, waits_for))
            elif isinstance(said, TaskSettled):
                self._hear(said)
                self._sidings.settle(record, said.partitionkey)
        else:
            self._sidings.settle(record, said.partitionkey)
        self._done[record.place.topic, record.place.partition] = record.place

    def _is_ours(self, record: Incoming) -> bool:
        """Whether it was not taken away while an earlier one waited: its new owner reads it again."""
        return (record.place.topic, record.place.partition) in self._receiver.assigned()

    def _is_done(self, record: Incoming, case: str) -> None:
        self._sidings.settle(record, case)
        self._done[record.place.topic, record.place.partition] = record.place

    def _goes_on(self, record: Incoming) -> bool:
        """Whether the next instruction of a round is to be carried out; a slow one before it keeps no report back.

        Raises:
            Stopping: the round has lasted long, and the process stops.
        """
        if self._show_life() and self._edge.stop.is_set():
            raise Stopping
        return self._is_ours(record)

    def _show_life(self) -> bool:
        """Every now and then, report what is done and show the group that this member lives; whether it was time to."""
        if time.monotonic() - self._shown_at < _SHOW_LIFE_S:
            return False
        self._carrier.end()
        self._flush()
        self._receiver.stay()
        self._count_waiting()
        self._shown_at = time.monotonic()
        return True

    def _hear(self, settled: TaskSettled) -> None:
        """A person found out what became of an instruction that was unknown: the ledger says so too."""
        data = settled.data
        receipt = None if data.status is None else Receipt(status=data.status, reference=_storable(data.reference))
        if self._ledger.settle(data.effect.hex, receipt, round(settled.effectiveat.timestamp() * 1000)):
            self._log.info(
                "unknown effect settled",
                case=settled.partitionkey,
                task=data.task,
                event_id=str(data.effect),
                outcome=str(data.status or State.NOT_APPLIED),
            )

    def _wait(self, wait_s: float) -> None:
        """Wait with what is in hand, report what is done, and show the group that this member lives.

        Raises:
            Stopping: the process stops.
        """
        self._carrier.pause()
        self._flush()
        self._count_unfinished()
        self._count_waiting()
        until = time.monotonic() + wait_s
        while (left_s := until - time.monotonic()) > 0:
            if self._edge.stop.wait(min(left_s, _SHOW_LIFE_S)):
                raise Stopping
            self._receiver.stay()
            self._count_waiting()
        self._receiver.stay()
        self._shown_at = self._assigned_at = time.monotonic()  # the silence that is looked for begins after this one

    def _count_unfinished(self) -> None:
        unfinished = len(self._ledger.unfinished())
        self._edge.metrics.unfinished.set(unfinished)
        if self._once:
            self._edge.metrics.unknown.set(len(self._ledger.unknown()))

    def _count_waiting(self) -> None:
        """The brokers are asked for it, so not at every turn."""
        if time.monotonic() - self._counted_at < _COUNT_EVERY_S:
            return
        if (waiting := self._receiver.waiting()) is not None:
            self._edge.metrics.waiting.set(waiting)
            self._edge.speech.tasks_wait(waiting)
        self._counted_at = time.monotonic()


def _storable(reference: str | None) -> str | None:
    """A reference that was not checked on its way here, without the NUL that no ledger has room for."""
    return (reference or "").replace("\0", "") or None
