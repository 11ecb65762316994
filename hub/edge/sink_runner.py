"""Applies a department's tasks to its legacy system: consume, ledger, apply, ledger, report, commit.

Before anything is done about an instruction, the ledger holds the intention; before its offset is committed, its outcome is in the ledger
and reported to its case. So after a crash anywhere, and whenever a dead letter is replayed, the ledger says what is known of it and of
those before it in its task: `history.py` has the states and what each allows. An instruction reported again is the same event again.
Where a record cannot even be read, nobody knows which task it is about: then the later instructions of its whole case wait for it among the
dead letters (`hub.dead_letters.parking`). The ledger's history cannot know of it; where it does know, only the task's own wait.
A system that keeps nothing of ours and cannot be searched is another matter (class D, `once.py`): there an instruction may end unknown,
and its case hears that instead of a receipt.

Instructions are taken in the order of their partition. While the legacy system is away the one in hand is tried again and again, and the
group is shown that this member lives.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog

from connectors.sdk.contract import Effect, EffectClass, Instruction, Receipt, SinkConnector
from connectors.sdk.errors import TranslationError
from connectors.sdk.manifest import Manifest
from hub.dead_letters import parking
from hub.dead_letters.parking import PARKED, WAITS_FOR_EARLIER
from hub.edge.again import ApplyAgain, PerhapsWritten
from hub.edge.choice import PART
from hub.edge.history import History
from hub.edge.kafka import Receiver
from hub.edge.ledger import EffectRow, State
from hub.edge.legacy import LegacySystem, now_ms
from hub.edge.messages import Incoming, Outgoing, Place
from hub.edge.once import ApplyOnce, Unknown
from hub.edge.reach import Reach
from hub.edge.sidings import Sidings
from hub.edge.source_runner import Edge
from hub.edge.wrapping import KINDS, doubt, report
from hub.errors import RestartMe
from hub.failpoints import Failpoint, reach
from schemas.effects import TaskSettled
from schemas.envelope import Event
from schemas.tasks import TaskStatus, TaskWithdrawn
from schemas.topics import CASE_EVENTS, TASKS, UnreadableEvent

_AT_ONCE = 50
_POLL_S = 0.5
_SHOW_LIFE_S = 3.0
_COUNT_EVERY_S = 5.0
_WITHOUT_PARTITIONS_S = 45.0
"""kafka-python 3.0.12 has been seen to join, to be told to join again, and to say nothing more: a group of one, and nobody in it."""
_ENDED_BEFORE_AN_ANSWER = (
    "The connector's process ended after it was sent, or just before that, and before an answer came."
)
_NEVER_SENT = Receipt(status=TaskStatus.CANCELLED, reason="It was withdrawn before it reached the department's system.")


class Stopping(Exception):
    """The process stops while an instruction waits; whoever starts next finds it in the ledger."""


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
        self._reach = Reach(connect, edge.speaker.connector)
        self._topic = TASKS[manifest.department]
        self._assigned_at = time.monotonic()
        self._counted_at = 0.0
        self._outgoing: list[Outgoing] = []
        self._done: dict[tuple[str, int], Place] = {}
        self._sidings = Sidings(edge, self._topic.dead_letters, self._outgoing.append, self._wait)
        self._system = LegacySystem(self._reach, edge.conditions, PART, self._wait)
        self._once = manifest.effect_class is EffectClass.D
        self._applies = (
            ApplyOnce(edge.memory, self._system)
            if self._once
            else ApplyAgain(edge.memory, self._system, looks=manifest.effect_class is EffectClass.B)
        )
        self._log = structlog.get_logger().bind(connector=edge.speaker.connector)

    def run(self) -> None:
        """Apply until `stop`.

        Raises:
            RestartMe: Kafka refuses or does not answer; another process has taken this one's place.
            ConfigurationError: the legacy system says that the settings are wrong.
        """
        try:
            self._edge.memory.take_over()
            while not self._edge.stop.is_set():
                batch = self._receiver.poll(_POLL_S, _AT_ONCE)
                self._look_at_membership()
                with suppress(Stopping):
                    self._take_all(batch)
                self._flush()
                if batch:
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
        """A slow legacy system keeps neither what is done from being reported nor the group from seeing that this member lives."""
        shown = time.monotonic()
        self._sidings.look_again()
        for record in batch:
            self._take(record)
            if time.monotonic() - shown >= _SHOW_LIFE_S:
                self._flush()
                self._receiver.stay()
                self._count_waiting()
                shown = time.monotonic()

    def _take(self, record: Incoming) -> None:
        """One record of the topic, to its end."""
        if self._edge.stop.is_set():
            raise Stopping
        place = record.place
        if (place.topic, place.partition) not in self._receiver.assigned():
            return  # taken away while an earlier one waited; its new owner reads it again
        try:
            event = self._topic.decode(record.value, record.key)
        except UnreadableEvent as error:
            self._sidings.park(record, error.code, str(error))
        else:
            self._take_in_turn(record, event)
        self._done[place.topic, place.partition] = place

    def _take_in_turn(self, record: Incoming, event: Event) -> None:
        """One event of the topic, unless an earlier record of its case could not be read: then it waits for that one."""
        place, case = record.place, event.partitionkey
        if isinstance(event, Instruction | TaskSettled) and event.data.work in self._manifest.tasks:
            if (waits_for := self._sidings.waits_for(record, case)) is not None:
                self._sidings.park(record, PARKED, parking.reason(place.topic, place.partition, waits_for))
                return
            if isinstance(event, TaskSettled):
                self._hear(event)
            else:
                self._settle(record, event)
        self._sidings.settle(record, case)

    def _hear(self, settled: TaskSettled) -> None:
        """A person found out what became of an instruction that was unknown: the ledger says so too."""
        data = settled.data
        receipt = None if data.status is None else Receipt(status=data.status, reference=_storable(data.reference))
        if self._edge.memory.settle(data.effect.hex, receipt, round(settled.effectiveat.timestamp() * 1000)):
            self._log.info(
                "unknown effect settled",
                case=settled.partitionkey,
                task=data.task,
                event_id=str(data.effect),
                outcome=str(data.status or State.NOT_APPLIED),
            )

    def _settle(self, record: Incoming, event: Instruction) -> None:
        """One instruction for this connector: apply it unless that has been done, and report."""
        memory, case, task, kind = self._edge.memory, event.partitionkey, event.data.task, KINDS[type(event)]
        key, began = event.id.hex, time.monotonic()
        reach(Failpoint.SINK_TAKEN)
        begun = memory.begin(
            key,
            case=case,
            task=task,
            kind=kind,
            place=record.place,
            at_ms=now_ms(),
            raising=event.data.raising,
            revision=event.data.revision,
        )
        history, row, outcome = History(kind, begun.earlier), begun.was, "repeated"
        if row is None or row.open:
            try:
                row = self._carry_out(event, history, row)
            except TranslationError as error:
                memory.set_aside(key, perhaps_written=isinstance(error, PerhapsWritten))
                self._sidings.set_aside(record, error.code, f"{self._edge.speaker.connector}: {error}")
                return
            outcome = str(row.status or row.state)
        reach(Failpoint.SINK_FINISHED)
        self._report(event, row)
        self._edge.metrics.effects.labels(outcome).inc()
        self._edge.metrics.apply.observe(time.monotonic() - began)
        self._log.info(
            "task applied",
            case=case,
            task=task,
            kind=kind,
            event_id=str(event.id),
            outcome=outcome,
            took_ms=round((time.monotonic() - began) * 1000),
        )

    def _carry_out(self, event: Instruction, history: History, was: EffectRow | None) -> EffectRow:
        """Apply an instruction, or settle it here; its row as it ended, or stays until a person has found out.

        Raises:
            TranslationError: it cannot be put into the system's words, or waits for an earlier one that could not; it was not written.
            PerhapsWritten: the same, of one that may have been.
        """
        memory, key = self._edge.memory, event.id.hex
        if was is not None and was.state is State.UNKNOWN:
            return was
        if was is not None and was.state is State.SENT:
            return memory.doubt(key, _ENDED_BEFORE_AN_ANSWER, now_ms())
        if history.waits_for_a_person:
            return memory.supersede(key)
        in_doubt = not self._once and was is not None and was.perhaps_written
        if history.open and history.never_sent:
            dropped = [row.effect_key for row in history.open]
            return memory.finish(key, _NEVER_SENT, now_ms(), dropped)
        if history.open:
            raise (PerhapsWritten if in_doubt else TranslationError)(
                "an earlier instruction of this task lies among the dead letters. Replay that one first.",
                code=WAITS_FOR_EARLIER,
            )
        effect = Effect(
            key=key,
            case=event.partitionkey,
            instruction=event,
            earlier=history.reference,
            raised_as=history.raised_as,
        )
        reach(Failpoint.SINK_INTENDED)
        try:
            receipt = self._applies(effect, in_doubt)
        except Unknown as unknown:
            reach(Failpoint.SINK_WRITTEN)
            self._log.error(
                "nobody knows whether it arrived; a person has to ask", event_id=str(event.id), reason=str(unknown)
            )
            return memory.doubt(key, str(unknown), now_ms())
        self._system.well()
        reach(Failpoint.SINK_WRITTEN)
        return memory.finish(key, receipt, now_ms())

    def _wait(self, wait_s: float) -> None:
        """Wait with what is in hand, report what is done, and show the group that this member lives.

        Raises:
            Stopping: the process stops.
        """
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
        self._assigned_at = time.monotonic()  # the silence that is looked for begins after this one

    def _count_unfinished(self) -> None:
        unfinished = len(self._edge.memory.unfinished())
        self._edge.metrics.unfinished.set(unfinished)
        if self._once:
            self._edge.metrics.unknown.set(len(self._edge.memory.unknown()))

    def _count_waiting(self) -> None:
        """The brokers are asked for it, so not at every turn."""
        if time.monotonic() - self._counted_at < _COUNT_EVERY_S:
            return
        if (waiting := self._receiver.waiting()) is not None:
            self._edge.metrics.waiting.set(waiting)
            self._edge.speech.tasks_wait(waiting)
        self._counted_at = time.monotonic()

    def _report(self, event: Instruction, row: EffectRow) -> None:
        """Tell the case what is known; of one that is superseded, or settled as never applied, it knows by itself."""
        said: Event
        if row.state is State.UNKNOWN:
            said = doubt(self._edge.speaker, event, row, self._means(event))
        elif row.receipt is None:
            return
        else:
            assert row.ended_at is not None
            said = report(self._edge.speaker, event, row.receipt, row.ended_at)
        self._outgoing.append(Outgoing.event(CASE_EVENTS.name, said.partitionkey, said.encode()))

    def _means(self, event: Instruction) -> TaskStatus:
        """What an instruction has come to if the system has it. One that reads nothing could never say more: what it took is done."""
        if isinstance(event, TaskWithdrawn):
            return TaskStatus.CANCELLED
        return TaskStatus.ACCEPTED if self._manifest.reads else TaskStatus.COMPLETED


def _storable(reference: str | None) -> str | None:
    """A reference that was not checked on its way here, without the NUL that no ledger has room for."""
    return (reference or "").replace("\0", "") or None
