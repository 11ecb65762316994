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
from connectors.sdk.errors import ConfigurationError as ConnectorConfigurationError
from connectors.sdk.errors import ConnectorError, ContractBroken, OutcomeUnknown, RetryLater, TranslationError
from connectors.sdk.manifest import Manifest
from hub.dead_letters import parking
from hub.dead_letters.letter import attempts_before, dead_letter
from hub.dead_letters.parking import PARKED, WAITING, WAITS_FOR_EARLIER, Parking, case_in, first_offset
from hub.edge.choice import PART
from hub.edge.condition import Backoff
from hub.edge.history import History
from hub.edge.kafka import Receiver
from hub.edge.ledger import EffectRow, State
from hub.edge.messages import Incoming, Outgoing, Place
from hub.edge.once import ApplyOnce, Unknown
from hub.edge.reach import Reach
from hub.edge.source_runner import BROKEN_FOR_S, Edge
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
_MAKE_AGAIN_S = 1.0
"""Until a connector that reaches for its system as it is made is made again."""
_GIVE_UP_AT_MOST = 3
"""Instructions in a row that are set aside for a defect of the connector. A fourth says that it is the connector, and none of them."""
_ENDED_BEFORE_AN_ANSWER = (
    "The connector's process ended after it was sent, or just before that, and before an answer came."
)
_NEVER_SENT = Receipt(status=TaskStatus.CANCELLED, reason="It was withdrawn before it reached the department's system.")


class Stopping(Exception):
    """The process stops while an instruction waits; whoever starts next finds it in the ledger."""


class PerhapsWritten(TranslationError):
    """An instruction is set aside though it may be in the legacy system: its replay has to look before it writes."""


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
        self._given_up = 0
        """How many instructions were set aside for a defect of the connector since it last gave a receipt."""
        self._outgoing: list[Outgoing] = []
        self._done: dict[tuple[str, int], Place] = {}
        self._parking: dict[int, Parking] = {}
        """What lies among the dead letters, by partition; read anew with every batch."""
        self._once: ApplyOnce | None = None
        if manifest.effect_class is EffectClass.D:
            self._once = ApplyOnce(
                edge.memory,
                connected=self._connected,
                let_go=self._let_go,
                away=self._away,
                rest=self._break,
                receipt=_receipt,
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
            self._edge.sender.send(self._outgoing)
            self._outgoing = []
            reach(Failpoint.SINK_REPORTED)
        if self._done:
            self._receiver.commit(self._done.values())
            self._done = {}

    def _take_all(self, batch: list[Incoming]) -> None:
        """A slow legacy system keeps neither what is done from being reported nor the group from seeing that this member lives."""
        shown = time.monotonic()
        self._parking.clear()
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
            self._park(record, error.code, str(error))
        else:
            self._take_in_turn(record, event)
        self._done[place.topic, place.partition] = place

    def _take_in_turn(self, record: Incoming, event: Event) -> None:
        """One event of the topic, unless an earlier record of its case could not be read: then it waits for that one."""
        place, case = record.place, event.partitionkey
        first = first_offset(record.headers, place.topic, place.partition, place.offset)
        lying = self._lying(place)
        if isinstance(event, Instruction | TaskSettled) and event.data.work in self._manifest.tasks:
            if (waits_for := lying.waits_for(case, first)) is not None:
                self._park(record, PARKED, parking.reason(place.topic, place.partition, waits_for))
                return
            if isinstance(event, TaskSettled):
                self._hear(event)
            else:
                self._settle(record, event)
        # Discarded, another connector's, or taken: nothing waits for it any more.
        lying.settle(case, first)
        self._edge.aside.keep(place.topic, place.partition, lying)

    def _park(self, record: Incoming, code: str, reason: str) -> None:
        """Set a record aside that later ones of its case have to wait for, where its key says which case that is."""
        place, case = record.place, case_in(record.key)
        self._set_aside(record, code, reason)
        if case is not None:
            first = first_offset(record.headers, place.topic, place.partition, place.offset)
            lying = self._lying(place)
            lying.park(case, first, record.at_ms)
            self._edge.aside.keep(place.topic, place.partition, lying)

    def _lying(self, place: Place) -> Parking:
        if place.partition not in self._parking:
            self._parking[place.partition] = self._edge.aside.parking(place.topic, place.partition)
        return self._parking[place.partition]

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
            at_ms=_now_ms(),
            raising=event.data.raising,
            revision=event.data.revision,
        )
        history, row, outcome = History(kind, begun.earlier), begun.was, "repeated"
        if row is None or row.open:
            try:
                row = self._carry_out(event, history, row)
            except TranslationError as error:
                memory.set_aside(key, perhaps_written=isinstance(error, PerhapsWritten))
                self._set_aside(record, error.code, f"{self._edge.speaker.connector}: {error}")
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
            return memory.doubt(key, _ENDED_BEFORE_AN_ANSWER, _now_ms())
        if history.waits_for_a_person:
            return memory.supersede(key)
        in_doubt = self._once is None and was is not None and was.perhaps_written
        if history.open and history.never_sent:
            dropped = [row.effect_key for row in history.open]
            return memory.finish(key, _NEVER_SENT, _now_ms(), dropped)
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
            receipt = self._apply(effect, in_doubt) if self._once is None else self._once(effect)
        except Unknown as unknown:
            reach(Failpoint.SINK_WRITTEN)
            self._log.error(
                "nobody knows whether it arrived; a person has to ask", event_id=str(event.id), reason=str(unknown)
            )
            return memory.doubt(key, str(unknown), _now_ms())
        self._edge.conditions.well(PART)
        reach(Failpoint.SINK_WRITTEN)
        return memory.finish(key, receipt, _now_ms())

    def _apply(self, effect: Effect, in_doubt: bool) -> Receipt:
        """Until there is a receipt; waits as long as the legacy system is away.

        Raises:
            TranslationError: it cannot be put into the system's words, and was not written.
            PerhapsWritten: the connector failed, or cannot tell what it wrote.
            RestartMe: another process has it in hand, or has carried it out.
        """
        backoff: Backoff | None = None
        # Classes A and C need no look: applying again writes nothing twice. So nothing but a receipt ends their doubt.
        looks = self._manifest.effect_class is EffectClass.B
        failed = False
        while True:
            connector = self._connected()
            looking = in_doubt and looks
            if not looking:
                # A process that was frozen may wake up here, where its successor has been, or is about to write.
                self._edge.memory.still_ours(effect.key)
            backoff = backoff or Backoff(connector.settings.retry_after_s, connector.settings.retry_at_most_s)
            try:
                answer = connector.find(effect) if looking else connector.apply(effect)
                if looking and answer is None:
                    in_doubt = False
                    continue
                receipt = _receipt(answer)
            except (RetryLater, OutcomeUnknown) as error:
                in_doubt = in_doubt or isinstance(error, OutcomeUnknown)
                self._away(str(error), backoff.next())
            except ContractBroken as error:
                in_doubt = True
                self._break(str(error))
            except TranslationError as error:
                self._edge.conditions.well(PART)  # whatever it was waited for, nothing is any more
                if in_doubt:
                    raise PerhapsWritten(f"{error} It may have been written.", code=error.code) from None
                raise
            except ConnectorConfigurationError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the instructions behind this one go on
                in_doubt = True
                failed = self._fails(error, failed, backoff)
            else:
                self._given_up = 0
                return receipt

    def _fails(self, error: Exception, before: bool, backoff: Backoff) -> bool:
        """A connector failed. Whether it wrote before, only a look-up or a receipt can tell; of a new one, for this one may be spoilt.

        Args:
            error: what it raised.
            before: whether a defect was found on this instruction before.
            backoff: how long to wait for a system whose connection broke.

        Returns:
            Whether a defect was found by now.

        Raises:
            PerhapsWritten: the instruction is set aside.
        """
        self._reach.failed(error)
        self._reach.let_go()
        if isinstance(error, OSError):
            self._away(
                f"{type(error).__name__} in the connector's apply: its connection broke, and whether it wrote is not known. "
                "Tried again later.",
                backoff.next(),
            )
            return before
        if before:
            self._give_up(error)
        return True

    def _give_up(self, defect: Exception) -> None:
        """A connector failed twice on one instruction: either that is set aside, or the connector fails on every one and rests.

        Raises:
            PerhapsWritten: the instruction is set aside.
        """
        what = f"{type(defect).__name__} in the connector's apply; this is a defect of the connector."
        if self._given_up >= _GIVE_UP_AT_MOST:
            self._break(
                f"{what} The {self._given_up} instructions before this one failed too, and none has gone in since."
            )
            return
        self._given_up += 1
        raise PerhapsWritten(f"{what} It may have been written.", code="defect") from None

    def _connected(self) -> SinkConnector[Any]:
        """The connector, once it can be made; nothing has been written by one that cannot."""
        while True:
            try:
                return self._reach.connector()
            except RetryLater as error:
                self._edge.conditions.away(PART, str(error))
                self._wait(_MAKE_AGAIN_S)
            except ContractBroken as error:
                self._break(str(error))

    def _let_go(self, error: Exception) -> None:
        """Throw the connector away after an error of it; whatever is not of the kit's is a defect, and logged."""
        if not isinstance(error, ConnectorError):
            self._reach.failed(error)
        self._reach.let_go()

    def _away(self, why: str, wait_s: float) -> None:
        self._edge.conditions.away(PART, why)
        self._wait(wait_s)

    def _break(self, why: str) -> None:
        self._edge.conditions.broken(PART, why)
        self._reach.let_go()
        self._wait(BROKEN_FOR_S)

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
        if self._once is not None:
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

    def _set_aside(self, record: Incoming, code: str, reason: str) -> None:
        """Make a dead letter of a record, once there is room for one.

        Raises:
            Stopping: the process stops while there is none.
        """
        place, waits = record.place, code in WAITING
        if not waits:
            self._await_room(code)
            self._edge.aside.count(1)
        letter = dead_letter(
            code=code,
            reason=reason,
            topic=place.topic,
            partition=place.partition,
            offset=place.offset,
            component=self._edge.speaker.connector,
            key=record.key,
            value=record.value,
            # To wait is no try.
            attempt=attempts_before(record.headers) + (not waits),
            first=first_offset(record.headers, place.topic, place.partition, place.offset),
        )
        self._outgoing.append(Outgoing(self._topic.dead_letters, letter.key, letter.value, letter.headers))
        self._edge.metrics.effects.labels("set-aside").inc()
        self._log.warning("task set aside", outcome="set-aside", code=code, place=str(place))

    def _await_room(self, code: str) -> None:
        """Stand still before a record that is to be set aside while too many have been.

        Raises:
            Stopping: the process stops.
        """
        rate = self._edge.aside.rate
        if rate.room():
            return
        while not rate.room():
            self._edge.conditions.broken(PART, rate.why(code))
            self._wait(rate.wait_s())
        self._edge.conditions.well(PART)


def _receipt(answer: object) -> Receipt:
    """What a connector answered, if it is a receipt.

    Raises:
        TypeError: it is not.
        ValueError: it is one that the ledger cannot keep.
    """
    if not isinstance(answer, Receipt):
        raise TypeError(f"a {type(answer).__name__} instead of a receipt")
    # Made anew, for its class may be the connector's own, which need not check anything.
    return Receipt(status=answer.status, reference=answer.reference, reason=answer.reason)


def _storable(reference: str | None) -> str | None:
    """A reference that was not checked on its way here, without the NUL that no ledger has room for."""
    return (reference or "").replace("\0", "") or None


def _now_ms() -> int:
    return round(time.time() * 1000)
