"""Carries out a round of a department's instructions: ledger, apply, ledger, report.

One transaction notes every intention of the round before anything is done about it, and one every outcome, before any is reported. What is
done is ended before anything is waited for, and every now and then, so that a slow system keeps no report back; what has not been tried by
then is given back and begun anew. After a crash in the middle the ledger knows each instruction of the round by its intention: that says
what is to be done about it (`history.py`), as if it had been alone.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from connectors.sdk.contract import Effect, EffectClass, Instruction, Receipt
from connectors.sdk.errors import ConfigurationError, TranslationError
from connectors.sdk.manifest import Manifest
from hub.dead_letters.parking import WAITS_FOR_EARLIER
from hub.edge.again import ApplyAgain, PerhapsTogether, PerhapsWritten
from hub.edge.history import History, Move
from hub.edge.ledger import EffectRow, Intent, Outcome, State
from hub.edge.legacy import LegacySystem, now_ms
from hub.edge.messages import Incoming, Outgoing
from hub.edge.once import ApplyOnce, Unknown
from hub.edge.sidings import Sidings
from hub.edge.source_runner import Edge
from hub.edge.wrapping import KINDS, doubt, report
from hub.failpoints import Failpoint, reach
from schemas.envelope import Event
from schemas.tasks import TaskStatus, TaskWithdrawn
from schemas.topics import CASE_EVENTS

_ENDED_BEFORE_AN_ANSWER = (
    "The connector's process ended after it was sent, or just before that, and before an answer came."
)
_NEVER_SENT = Receipt(status=TaskStatus.CANCELLED, reason="It was withdrawn before it reached the department's system.")


class Stopping(Exception):
    """The process stops while an instruction waits; whoever starts next finds it in the ledger."""


@dataclass(frozen=True)
class Call:
    """An instruction of the round, and what the ledger knows of it and of those before it in its task."""

    record: Incoming
    event: Instruction
    history: History
    was: EffectRow | None

    @property
    def key(self) -> str:
        """Its effect key."""
        return self.event.id.hex

    @property
    def in_doubt(self) -> bool:
        """Whether the legacy system may have it."""
        return self.was is not None and self.was.perhaps_written

    @property
    def effect(self) -> Effect:
        """As a connector gets it."""
        return Effect(
            key=self.key,
            case=self.event.partitionkey,
            instruction=self.event,
            earlier=self.history.reference,
            raised_as=self.history.raised_as,
        )


@dataclass(frozen=True)
class _Done:
    """An instruction that was carried out, and how: what the ledger has of it for good, or an outcome that it is yet to hear."""

    call: Call
    how: EffectRow | Outcome
    took_s: float


class Carrier:
    """Carries instructions out for one sink.

    Args:
        edge: what the sink shares with the sources.
        manifest: of the connector.
        system: the legacy system.
        sidings: where an instruction goes that cannot be carried out.
        say: takes what is to be sent before the offsets follow.
        is_done: takes a record whose offset may follow.
        goes_on: asked before each instruction: whether it is still this process's to carry out. May report meanwhile what is done, or
            raise Stopping.
    """

    def __init__(
        self,
        edge: Edge,
        manifest: Manifest,
        system: LegacySystem,
        sidings: Sidings,
        *,
        say: Callable[[Outgoing], None],
        is_done: Callable[[Incoming, str], None],
        goes_on: Callable[[Incoming], bool],
    ) -> None:
        self._edge, self._manifest, self._system, self._sidings = edge, manifest, system, sidings
        self._say, self._is_done, self._goes_on = say, is_done, goes_on
        self._ledger = edge.memory.effects
        self._once = manifest.effect_class is EffectClass.D
        self._again = ApplyAgain(self._ledger, system, manifest.effect_class)
        self._applies = ApplyOnce(self._ledger, system) if self._once else self._again
        self._done: list[_Done] = []
        self._untried: deque[Call] = deque()
        self._given_back = False
        self._receipts: Mapping[str, Receipt] = {}
        """Of those of the round that were written together, by effect key."""
        self._unsure = False
        """Whether those of the round may have been written together, and nobody knows."""
        self._log = structlog.get_logger().bind(connector=edge.speaker.connector)

    def carry_out(self, instructions: Sequence[tuple[Incoming, Instruction]]) -> None:
        """Carry out a round, each of whose instructions is of another case; a round of one as well.

        Raises:
            Stopping: the process stops.
            RestartMe: another process has taken this one's place.
            ConfigurationError: the legacy system says that the settings are wrong.
        """
        calls = self._begin(instructions)
        began, self._unsure = time.monotonic(), False
        self._receipts = self._together(calls)
        each_s = (time.monotonic() - began) / max(1, len(self._receipts))
        self._untried = deque(calls)
        try:
            while (call := self._next()) is not None:
                receipt = self._receipts.get(call.key)
                goes_on = receipt is not None or self._goes_on(call.record)
                self._untried.popleft()
                if receipt is not None:
                    self._done.append(_Done(call, Outcome(call.key, receipt, now_ms()), each_s))
                elif goes_on:
                    self._carry_out(call)
        except (Stopping, ConfigurationError):
            self.pause()
            raise
        self.end()

    def pause(self) -> None:
        """Before anything is waited for: end what is done, and give back what has not been tried.

        So nobody takes for possibly written what nobody has touched: neither who reads the system meanwhile, nor who starts next.
        """
        self.end()
        if not self._unsure:
            self._ledger.give_back([(call.key, call.was.state if call.was else None) for call in self._not_written])
            self._given_back = bool(self._not_written)

    def _next(self) -> Call | None:
        """The next of the round; what was given back is begun again."""
        if self._given_back:
            self._given_back = False
            again = self._begin([(call.record, call.event) for call in self._not_written])
            begun = {call.key: call for call in again}
            self._untried = deque(begun.get(call.key, call) for call in self._untried)
        return self._untried[0] if self._untried else None

    @property
    def _not_written(self) -> list[Call]:
        return [call for call in self._untried if call.key not in self._receipts]

    def end(self) -> None:
        """Note in the ledger what is done of the round, report it, and let its offsets follow."""
        done, self._done = self._done, []
        rows = iter(self._ledger.finish([each.how for each in done if isinstance(each.how, Outcome)]))
        for each in done:
            row = next(rows) if isinstance(each.how, Outcome) else each.how
            reach(Failpoint.SINK_FINISHED)
            self._report(each.call.event, row)
            self._tell(each, row)
            self._is_done(each.call.record, each.call.event.partitionkey)

    def _begin(self, instructions: Sequence[tuple[Incoming, Instruction]]) -> list[Call]:
        """The intention of each stands in the ledger."""
        intents = []
        for record, event in instructions:
            reach(Failpoint.SINK_TAKEN)
            intents.append(
                Intent(
                    effect_key=event.id.hex,
                    case=event.partitionkey,
                    task=event.data.task,
                    kind=KINDS[type(event)],
                    place=record.place,
                    raising=event.data.raising,
                    revision=event.data.revision,
                )
            )
        begun = self._ledger.begin(intents, now_ms())
        return [
            Call(record, event, History(intent.kind, known.earlier), known.was)
            for (record, event), intent, known in zip(instructions, intents, begun, strict=True)
        ]

    def _together(self, calls: Sequence[Call]) -> dict[str, Receipt]:
        """The receipts, by effect key, of those that went into the legacy system in one transaction; nothing where none did."""
        effects = [call.effect for call in calls if call.history.move(call.was) is Move.APPLY]
        if not self._again.takes_together(effects):
            return {}
        for _ in effects:
            reach(Failpoint.SINK_INTENDED)
        try:
            receipts = self._again.together(effects)
        except PerhapsTogether:
            self._unsure, receipts = True, None
        if receipts is None:
            return {}
        self._system.well()
        for _ in effects:
            reach(Failpoint.SINK_WRITTEN)
        return {effect.key: receipt for effect, receipt in zip(effects, receipts, strict=True)}

    def _carry_out(self, call: Call) -> None:
        """Apply one instruction by itself, or settle it here."""
        began = time.monotonic()
        try:
            how = self._made_of(call)
        except TranslationError as error:
            self.end()
            self._ledger.set_aside(call.key, perhaps_written=isinstance(error, PerhapsWritten))
            self._sidings.set_aside(call.record, error.code, f"{self._edge.speaker.connector}: {error}")
            self._is_done(call.record, call.event.partitionkey)
        else:
            self._done.append(_Done(call, how, time.monotonic() - began))

    def _made_of(self, call: Call) -> EffectRow | Outcome:
        """What became of one instruction: its row, as it stays, or the outcome that the ledger is yet to hear.

        Raises:
            TranslationError: it cannot be put into the system's words, or waits for an earlier one that could not; it was not written.
            PerhapsWritten: the same, of one that may have been.
        """
        match call.history.move(call.was):
            case Move.REPORT:
                assert call.was is not None
                return call.was
            case Move.DOUBT:
                return self._ledger.doubt(call.key, _ENDED_BEFORE_AN_ANSWER, now_ms())
            case Move.SUPERSEDE:
                return self._ledger.supersede(call.key)
            case Move.SETTLE:
                dropped = tuple(row.effect_key for row in call.history.open)
                return Outcome(call.key, _NEVER_SENT, now_ms(), dropped)
            case Move.WAIT:
                raise (PerhapsWritten if call.in_doubt and not self._once else TranslationError)(
                    "an earlier instruction of this task lies among the dead letters. Replay that one first.",
                    code=WAITS_FOR_EARLIER,
                )
            case Move.APPLY:
                return self._apply(call)

    def _apply(self, call: Call) -> EffectRow | Outcome:
        reach(Failpoint.SINK_INTENDED)
        try:
            receipt = self._applies(call.effect, call.in_doubt and not self._once)
        except Unknown as unknown:
            reach(Failpoint.SINK_WRITTEN)
            self._log.error(
                "nobody knows whether it arrived; a person has to ask", event_id=str(call.event.id), reason=str(unknown)
            )
            return self._ledger.doubt(call.key, str(unknown), now_ms())
        self._system.well()
        reach(Failpoint.SINK_WRITTEN)
        return Outcome(call.key, receipt, now_ms())

    def _tell(self, done: _Done, row: EffectRow) -> None:
        """Count it, and say so to operators."""
        call = done.call
        outcome = "repeated" if call.was is not None and not call.was.open else str(row.status or row.state)
        self._edge.metrics.effects.labels(outcome).inc()
        self._edge.metrics.apply.observe(done.took_s)
        self._log.info(
            "task applied",
            case=call.event.partitionkey,
            task=call.event.data.task,
            kind=call.history.kind,
            event_id=str(call.event.id),
            outcome=outcome,
            took_ms=round(done.took_s * 1000),
        )

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
        self._say(Outgoing.event(CASE_EVENTS.name, said.partitionkey, said.encode()))

    def _means(self, event: Instruction) -> TaskStatus:
        """What an instruction has come to if the system has it. One that reads nothing could never say more: what it took is done."""
        if isinstance(event, TaskWithdrawn):
            return TaskStatus.CANCELLED
        return TaskStatus.ACCEPTED if self._manifest.reads else TaskStatus.COMPLETED
