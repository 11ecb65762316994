"""Instructions are applied once each and in their order, whatever becomes of them on the way."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from connectors.sdk import (
    ConnectorSettings,
    ContractBroken,
    Effect,
    EffectClass,
    Instruction,
    Manifest,
    OutcomeUnknown,
    Receipt,
    RetryLater,
    SinkConnector,
    UnmappedCode,
)
from connectors.sdk.errors import TranslationError
from hub.dead_letters.parking import Parking
from hub.dead_letters.rate import Rate
from hub.edge import sink_runner
from hub.edge.aside import Aside
from hub.edge.condition import Mood
from hub.edge.ledger import Begun, Intent, Kind, Outcome, State
from hub.edge.memory import EdgeMemory
from hub.edge.messages import Incoming, Outgoing, Place
from hub.edge.sink_runner import SinkRunner
from hub.edge.source_runner import Edge
from hub.errors import RestartMe
from schemas.cases import Discard, RecordDiscarded
from schemas.effects import EffectUncertain, SettledTask, TaskSettled
from schemas.envelope import Department, output_id
from schemas.references import case_reference
from schemas.tasks import (
    Task,
    TaskChanged,
    TaskRaised,
    TaskStatus,
    TaskStatusChanged,
    TaskWithdrawal,
    TaskWithdrawn,
    Work,
)
from schemas.topics import CASE_EVENTS

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
CASE = case_reference(NOW, "one")
OTHER = case_reference(NOW, "other")
ACCEPTED, REJECTED, CANCELLED = TaskStatus.ACCEPTED, TaskStatus.REJECTED, TaskStatus.CANCELLED
COMPLETED = TaskStatus.COMPLETED


class Register(SinkConnector[ConnectorSettings]):
    """A legacy system that keeps what is written, by our reference, and does what a test tells it."""

    settings_type = ConnectorSettings
    effect_class = EffectClass.B

    def __init__(self) -> None:
        super().__init__(ConnectorSettings(retry_after_s=0.001, retry_at_most_s=0.001))
        self.written: dict[str, Receipt] = {}
        self.tried: list[Effect] = []
        self.in_session: Callable[[], object] = lambda: None
        """What happens before every write, for it has only one connection."""
        self.before_write: list[Callable[[], object]] = []
        """What happens instead of the next write, one for each."""
        self.after_write: list[Callable[[], object]] = []
        """What happens after the next write, one for each."""
        self.when_looking: list[Callable[[], object]] = []
        """What happens instead of the next look-up, one for each."""
        self.answers: list[Any] = []
        """What is answered instead of the next receipts, while nothing is written."""
        self.spoil: list[Callable[[], object]] = []
        """What is answered instead of the next receipts, while everything is written."""
        self.found: list[Any] = []
        """What the next look-ups answer."""

    def check(self) -> None:
        """It is always there."""

    def apply(self, effect: Effect) -> Receipt:
        self.tried.append(effect)
        self.in_session()
        _next(self.before_write)
        if self.answers:
            return cast("Receipt", self.answers.pop(0))
        withdrawn = isinstance(effect.instruction, TaskWithdrawn)
        assert effect.key not in self.written, "written twice"
        reference = effect.earlier or f"{len(self.written) + 1:08}"
        self.written[effect.key] = Receipt(status=CANCELLED if withdrawn else ACCEPTED, reference=reference)
        _next(self.after_write)
        return cast("Receipt", self.spoil.pop(0)()) if self.spoil else self.written[effect.key]

    def find(self, effect: Effect) -> Receipt | None:
        _next(self.when_looking)
        if self.found:
            return cast("Receipt", self.found.pop(0))
        return self.written.get(effect.key)


def _next(orders: list[Callable[[], object]]) -> None:
    if orders:
        orders.pop(0)()


def fails(error: BaseException) -> Callable[[], object]:
    def raises() -> object:
        raise error

    return raises


def no_code() -> Callable[[], object]:
    return fails(UnmappedCode("Table kind has no code for home-check."))


def went_silent() -> Callable[[], object]:
    return fails(OutcomeUnknown("The register went silent."))


class Topic:
    """A partition of housing-tasks, and its only reader."""

    def __init__(self, edge: Edge) -> None:
        self._edge, self._records, self._read = edge, list[Incoming](), 0
        self.committed = -1
        self.given_away = False

    def put(self, *instructions: Instruction | TaskSettled) -> None:
        for each in instructions:
            place = Place("housing-tasks", 0, len(self._records))
            self._records.append(Incoming(place, each.partitionkey.encode(), each.encode()))

    def put_raw(self, value: bytes, key: str = CASE, first: int | None = None) -> int:
        """A record as it is, perhaps replayed; where it stands."""
        offset = len(self._records)
        headers = () if first is None else (("attempt", b"1"), ("first", f"housing-tasks/0/{first}".encode()))
        self._records.append(Incoming(Place("housing-tasks", 0, offset), key.encode(), value, headers))
        return offset

    def poll(self, within_s: float, at_most: int) -> list[Incoming]:
        batch, self._read = self._records[self._read :], len(self._records)
        if not batch:
            self._edge.stop.set()
        return batch

    def assigned(self) -> set[tuple[str, int]]:
        return set() if self.given_away else {("housing-tasks", 0)}

    def stay(self) -> None:
        """It does."""

    def waiting(self) -> int:
        return len(self._records) - 1 - self.committed

    def commit(self, done: Sequence[Place]) -> bool:
        self.committed = max(place.offset for place in done)
        return True

    def close(self) -> None:
        self._read = self.committed + 1


class Hub:
    """The sink of a connector, and what the hub hears of it."""

    def __init__(self, edge: Edge, posted: Any, effect_class: EffectClass = EffectClass.B) -> None:
        self.edge, self.register, self.topic = edge, Register(), Topic(edge)
        self.making: list[Callable[[], object]] = []
        """What happens when the connector is made, one for each time."""
        self.sessions: list[Callable[[], object]] = []
        """What happens before every write of the connector that is made next, as long as it lives; one for each connector."""
        self._posted = posted
        facts = {"product": "a register", "versions_tried": (), "owner": "us", "surface": "database"}
        self._manifest = Manifest.model_validate(
            {"name": "register", "title": "Register", "department": "housing", "classification": "personal"}
            | {"tasks": ["home-check"], "effect_class": effect_class}
            | facts
        )

    def give(self, *instructions: Instruction | TaskSettled) -> None:
        """Put instructions on the topic and have them taken to their end."""
        self.topic.put(*instructions)
        self.edge.stop.clear()
        SinkRunner(self.edge, self._manifest, cast("Any", self.topic), self._make).run()

    def _make(self) -> Register:
        _next(self.making)
        self.register.in_session = self.sessions.pop(0) if self.sessions else lambda: None
        return self.register

    def said(self) -> list[tuple[str, bool]]:
        """Status and whether it answers a withdrawal, of everything that was reported, in order."""
        return [(said.data.status, said.data.withdrawal) for said in self.reports()]

    def reports(self) -> list[TaskStatusChanged]:
        return [
            event
            for record in self._posted.records
            if record.topic == "case-events" and isinstance(event := CASE_EVENTS.read(record.value), TaskStatusChanged)
        ]

    def letters(self) -> list[str]:
        """The codes of all dead letters, in order."""
        return [dict(record.headers)["code"].decode() for record in self.dead()]

    def dead(self) -> list[Outgoing]:
        return [record for record in self._posted.records if record.topic == "housing-tasks-dlq"]

    def states(self, task: str) -> list[State]:
        """The states of a task's instructions, in order."""
        place = Place("housing-tasks", 0, 999)
        intent = Intent(effect_key="f" * 32, case=CASE, task=task, kind=Kind.RAISED, place=place)
        (begun,) = self.edge.memory.effects.begin([intent], 0)
        return [row.state for row in begun.earlier]

    def unfinished(self) -> int:
        return len(self.edge.memory.effects.unfinished())

    def doubts(self) -> list[EffectUncertain]:
        """Everything of which the hub heard that nobody knows whether it arrived, in order."""
        events = [CASE_EVENTS.read(record.value) for record in self._posted.records if record.topic == "case-events"]
        return [event for event in events if isinstance(event, EffectUncertain)]


@pytest.fixture
def hub(edge: Edge, posted: Any) -> Hub:
    return Hub(edge, posted)


def envelope(minutes: int, case: str = CASE) -> dict[str, Any]:
    at = NOW + timedelta(minutes=minutes)
    return {
        "id": uuid4(),
        "source": "/E06000999/worker",
        "correlationid": case,
        "partitionkey": case,
        "council": "E06000999",
        "time": at,
        "effectiveat": at,
    }


TASK = Task(
    task="check-home", department=Department.HOUSING, work=Work.HOME_CHECK, asks="Is the home fit to return to?"
)


def raised(minutes: int = 0, task: str = "check-home", case: str = CASE) -> TaskRaised:
    return TaskRaised(data=TASK.model_copy(update={"task": task}), **envelope(minutes, case))


def changed(minutes: int = 1) -> TaskChanged:
    return TaskChanged(data=TASK, **envelope(minutes))


def withdrawn(minutes: int = 2) -> TaskWithdrawn:
    data = TaskWithdrawal(task="check-home", department=Department.HOUSING, work=Work.HOME_CHECK, undo="Cancel it")
    return TaskWithdrawn(data=data, **envelope(minutes))


def test_a_task_and_its_change_that_were_set_aside_both_go_in_when_they_are_replayed_in_order(hub: Hub) -> None:
    first, second = raised(), changed()
    hub.register.before_write = [no_code()]
    hub.give(first, second)
    assert hub.letters() == ["unmapped-code", "waits-for-earlier"]

    hub.give(first, second)

    assert list(hub.register.written) == [first.id.hex, second.id.hex]
    assert hub.said() == [(ACCEPTED, False), (ACCEPTED, False)]
    assert hub.register.tried[-1].earlier == "00000001"
    assert len(hub.letters()) == 2


def takes_over(successor: EdgeMemory, instruction: Instruction) -> Begun:
    """Another process starts, and is about to apply an instruction."""
    successor.effects.take_over()
    key, case, place = instruction.id.hex, instruction.partitionkey, Place("housing-tasks", 0, 0)
    intent = Intent(effect_key=key, case=case, task=instruction.data.task, kind=Kind.RAISED, place=place)
    return successor.effects.begin([intent], 0)[0]


def carries_out(successor: EdgeMemory, instruction: Instruction) -> None:
    """Another process starts, and carries an instruction out."""
    takes_over(successor, instruction)
    if successor.effects.rows([instruction.id.hex]):
        successor.effects.finish([Outcome(instruction.id.hex, Receipt(status=ACCEPTED, reference="00000001"), 0)])


def test_a_process_that_wakes_up_where_its_successor_has_been_writes_nothing(hub: Hub, successor: EdgeMemory) -> None:
    first = raised()
    hub.making = [lambda: carries_out(successor, first)]

    with pytest.raises(RestartMe, match="taken this one's place"):
        hub.give(first)

    assert hub.register.tried == []


def test_a_process_whose_successor_is_about_to_write_what_it_looked_for_itself_writes_nothing(
    hub: Hub, successor: EdgeMemory
) -> None:
    first = raised()
    hub.register.before_write = [went_silent()]
    hub.register.when_looking = [lambda: takes_over(successor, first)]

    with pytest.raises(RestartMe, match="taken this one's place"):
        hub.give(first)

    assert len(hub.register.tried) == 1
    assert hub.register.written == {}


def test_a_process_that_wakes_up_behind_its_successor_takes_nothing_from_it(hub: Hub, successor: EdgeMemory) -> None:
    first, second = raised(), raised(task="check-stairs")
    hub.register.after_write = [lambda: takes_over(successor, second)]

    with pytest.raises(RestartMe, match="taken this one's place"):
        hub.give(first, second)

    assert [effect.key for effect in hub.register.tried] == [first.id.hex]
    successor.effects.finish([Outcome(second.id.hex, Receipt(status=ACCEPTED), 0)])


def test_a_change_that_is_replayed_before_its_task_waits_again(hub: Hub) -> None:
    first, second = raised(), changed()
    hub.register.before_write = [no_code()]
    hub.give(first, second)

    hub.give(second)
    assert hub.register.written == {}
    hub.give(first, second)

    assert list(hub.register.written) == [first.id.hex, second.id.hex]


def test_a_clock_that_is_put_back_does_not_change_the_order_of_a_tasks_instructions(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(float(10_000 - tick) for tick in range(100))
    monkeypatch.setattr("hub.edge.legacy.time.time", lambda: next(clock))

    hub.give(raised(), withdrawn())

    assert [effect.earlier for effect in hub.register.tried] == [None, "00000001"]
    assert hub.said() == [(ACCEPTED, False), (CANCELLED, True)]


def test_to_wait_for_an_earlier_instruction_is_no_try_and_nothing_that_stops_a_connector(hub: Hub) -> None:
    hub.edge = replace(hub.edge, aside=Aside(hub.edge.memory._engine, "register", Rate(1)))
    changes = [changed(minutes) for minutes in range(1, 6)]
    hub.register.before_write = [no_code()]

    hub.give(raised(), *changes)

    assert hub.letters() == ["unmapped-code"] + ["waits-for-earlier"] * 5
    assert [dict(letter.headers)["attempt"] for letter in hub.dead()] == [b"1"] + [b"0"] * 5


def test_a_withdrawal_of_what_may_have_been_written_waits_until_that_was_found(hub: Hub) -> None:
    first, last = raised(), withdrawn()
    hub.register.after_write = [went_silent()]
    hub.register.when_looking = [fails(UnmappedCode("jobs: the status has no meaning."))]
    hub.give(first, last)
    assert hub.letters() == ["unmapped-code", "waits-for-earlier"]

    hub.give(first, last)

    receipt, cancelled = hub.reports()
    assert (receipt.id, receipt.data.status) == (output_id(first.id, "receipt"), ACCEPTED)
    assert (cancelled.data.status, cancelled.data.withdrawal, cancelled.data.reason) == (CANCELLED, True, None)
    assert [effect.key for effect in hub.register.tried] == [first.id.hex, last.id.hex]
    assert hub.unfinished() == 0


@pytest.mark.parametrize("effect_class", [EffectClass.A, EffectClass.B, EffectClass.C])
def test_what_may_have_been_written_stays_so_until_a_look_or_a_receipt_says_otherwise(
    edge: Edge, posted: Any, effect_class: EffectClass
) -> None:
    hub, first, last = Hub(edge, posted, effect_class), raised(), withdrawn()
    hub.register.before_write = [fails(ValueError("a defect of this connector"))] * 2
    hub.give(first)
    hub.register.before_write = [no_code()]
    hub.register.when_looking = [no_code()]

    hub.give(first, last)

    assert hub.letters() == ["defect", "unmapped-code", "waits-for-earlier"]
    assert hub.said() == []


def test_a_withdrawal_of_what_lies_aside_settles_both_without_the_legacy_system(hub: Hub) -> None:
    first, second, last = raised(), changed(), withdrawn()
    hub.register.before_write = [no_code()]

    hub.give(first, second, last)
    assert hub.said() == [(CANCELLED, True)]
    assert "before it reached" in (hub.reports()[0].data.reason or "")
    hub.give(first, second)

    assert hub.register.written == {}
    assert hub.said() == [(CANCELLED, True), (CANCELLED, False), (CANCELLED, False)]


def test_a_withdrawal_of_what_is_in_the_legacy_system_waits_for_a_change_that_lies_aside(hub: Hub) -> None:
    first, second, last = raised(), changed(), withdrawn()
    hub.register.before_write = [lambda: None, no_code()]
    hub.give(first, second, last)
    assert hub.said() == [(ACCEPTED, False)]

    hub.give(second, last)

    assert hub.said()[1:] == [(ACCEPTED, False), (CANCELLED, True)]
    assert list(hub.register.written) == [first.id.hex, second.id.hex, last.id.hex]


def test_a_task_that_is_raised_again_is_new_to_the_legacy_system_and_its_changes_are_about_the_new_one(
    hub: Hub,
) -> None:
    hub.give(raised(0), withdrawn(1), raised(2), changed(3), withdrawn(4))

    tried, again = hub.register.tried, hub.register.tried[2].key
    assert [effect.earlier for effect in tried] == [None, "00000001", None, "00000003", "00000003"]
    assert [effect.raised_as for effect in tried] == [None, tried[0].key, None, again, again]


def test_a_change_of_a_task_that_was_raised_again_and_refused_does_not_reach_the_one_withdrawn_before(
    hub: Hub,
) -> None:
    refused = Receipt(status=REJECTED, reason="no property with that UPRN")
    hub.give(raised(0), withdrawn(1))
    again = raised(2)
    hub.register.written[again.id.hex] = refused
    hub.register.before_write = [went_silent()]

    hub.give(again, changed(3))

    assert hub.register.tried[-1].earlier is None


def test_a_task_that_is_raised_again_waits_for_what_lies_aside_of_the_first(hub: Hub) -> None:
    first, second, again, last = raised(0), withdrawn(1), raised(2), withdrawn(3)
    hub.register.before_write = [lambda: None, no_code()]
    hub.give(first, second, again, last)
    assert hub.letters() == ["unmapped-code", "waits-for-earlier", "waits-for-earlier"]

    hub.give(second, again, last)

    assert [effect.earlier for effect in hub.register.tried[-3:]] == ["00000001", None, "00000003"]


@pytest.mark.parametrize("defect", [RuntimeError("loop"), AssertionError("never"), sqlite3.OperationalError("locked")])
def test_whatever_fails_in_a_connector_sets_its_instruction_aside_and_the_next_one_flows(
    hub: Hub, defect: Exception
) -> None:
    first, other = raised(), raised(task="check-stairs")
    hub.register.after_write = [fails(defect)]
    hub.register.when_looking = [fails(defect)]

    hub.give(first, other)
    assert hub.letters() == ["defect"]
    assert [said.data.task for said in hub.reports()] == ["check-stairs"]
    hub.give(first)

    assert [said.data.task for said in hub.reports()] == ["check-stairs", "check-home"]
    assert len(hub.register.tried) == 2


@pytest.mark.parametrize("effect_class", [EffectClass.A, EffectClass.B, EffectClass.C])
@pytest.mark.parametrize("broke", [ConnectionResetError("by peer"), sqlite3.OperationalError("gone away")])
def test_a_connector_whose_session_broke_goes_on_with_a_new_one_and_loses_nothing(
    edge: Edge, posted: Any, effect_class: EffectClass, broke: Exception
) -> None:
    hub = Hub(edge, posted, effect_class)
    hub.sessions = [fails(broke)]

    hub.give(*(raised(task=f"check-home-{number}") for number in range(10)))

    assert len(hub.said()) == 10
    assert hub.letters() == []


@pytest.mark.parametrize("defect", [RuntimeError("loop"), sqlite3.OperationalError("gone away")])
def test_a_connector_that_fails_whatever_it_is_given_rests_and_the_topic_keeps_its_instructions(
    hub: Hub, defect: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.edge.legacy.BROKEN_FOR_S", 0.001)
    instructions = [raised(task=f"check-home-{number}") for number in range(10)]
    hub.register.before_write = [*[fails(defect)] * 20, hub.edge.stop.set]

    with capture_logs() as lines:
        hub.give(*instructions)
    assert hub.letters() == ["defect"] * 3
    (told,) = {line["reason"] for line in lines if line["event"] == "stopped; a person should look"}
    assert told == (
        f"{type(defect).__name__} in the connector's apply; this is a defect of the connector. "
        "The 3 instructions before this one failed too, and none has gone in since."
    )
    hub.give()

    assert [said.data.task for said in hub.reports()] == [each.data.task for each in instructions[3:]]


def test_defects_with_a_receipt_between_them_are_no_reason_to_rest(hub: Hub) -> None:
    bad = fails(ValueError("one kind of work"))
    hub.register.before_write = [bad, bad, lambda: None] * 5

    hub.give(*(raised(task=f"check-home-{number}") for number in range(10)))

    assert (len(hub.letters()), len(hub.said())) == (5, 5)


def test_a_write_that_a_broken_connection_cut_short_is_looked_up_and_waits_as_long_as_that_fails(hub: Hub) -> None:
    first = raised()
    hub.register.after_write = [fails(ConnectionResetError("by peer"))]
    hub.register.when_looking = [fails(BrokenPipeError("gone"))] * 5

    with capture_logs() as lines:
        hub.give(first)

    assert (hub.said(), hub.letters()) == ([(ACCEPTED, False)], [])
    assert len(hub.register.tried) == 1
    (told,) = [line["reason"] for line in lines if line.get("outcome") == "away"]
    assert told == (
        "ConnectionResetError in the connector's apply: its connection broke, and whether it wrote is not known. Tried again later."
    )


def test_a_connector_that_answers_with_something_else_than_a_receipt_has_a_defect(hub: Hub) -> None:
    first = raised()
    hub.register.answers = [None, "accepted"]

    hub.give(first)
    assert hub.letters() == ["defect"]
    hub.give(first)

    assert hub.said() == [(ACCEPTED, False)]


@dataclass(frozen=True, kw_only=True)
class Unchecked(Receipt):
    """A connector's own kind of receipt."""

    def __post_init__(self) -> None:
        """Nothing is checked."""


@pytest.mark.parametrize(
    "bad",
    [
        {"status": None},
        {"status": "done"},
        {"status": ACCEPTED, "reference": "a\ud800"},
        {"status": ACCEPTED, "reference": "a\0"},
        {"status": REJECTED, "reason": ["no such property"]},
    ],
)
@pytest.mark.parametrize("kind", [Receipt, Unchecked])
def test_what_was_written_with_a_receipt_that_the_ledger_cannot_keep_is_looked_up_and_not_written_again(
    hub: Hub, kind: type[Receipt], bad: dict[str, Any]
) -> None:
    first, other = raised(), raised(task="check-stairs")
    hub.register.spoil = [lambda: kind(**bad)]

    hub.give(first, other)

    assert [effect.key for effect in hub.register.tried] == [first.id.hex, other.id.hex]
    assert (len(hub.said()), hub.letters(), hub.unfinished()) == (2, [], 0)


@pytest.mark.parametrize("found", [False, "", 0])
def test_a_look_up_that_finds_neither_a_receipt_nor_nothing_is_a_defect_and_nothing_is_written_again(
    hub: Hub, found: Any
) -> None:
    first = raised()
    hub.register.after_write = [went_silent()]
    hub.register.found = [found, found]

    hub.give(first)

    assert (len(hub.register.tried), hub.letters()) == (1, ["defect"])


def test_a_refusal_in_more_words_than_a_case_can_be_told_is_a_defect_and_goes_through_once_it_is_mended(
    hub: Hub,
) -> None:
    first, other = raised(), raised(task="check-stairs")
    hub.register.before_write = [lambda: Receipt(status=REJECTED, reason="no " * 99)] * 2

    hub.give(first, other)
    assert hub.letters() == ["defect"]
    assert [said.data.task for said in hub.reports()] == ["check-stairs"]
    hub.give(first)

    assert [said.data.task for said in hub.reports()] == ["check-stairs", "check-home"]


def test_a_connector_that_cannot_be_made_is_made_again_and_its_instructions_wait(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.edge.legacy.BROKEN_FOR_S", 0.001)
    first, other = raised(), raised(task="check-stairs")
    hub.making = [fails(OSError("no room for a connection pool"))]
    hub.register.before_write = [no_code()]

    hub.give(first, other)

    assert [said.data.task for said in hub.reports()] == ["check-stairs"]
    assert hub.states("check-home") == [State.ASIDE]


def test_an_instruction_in_hand_when_the_process_stops_is_no_dead_letter_and_is_done_by_the_next(hub: Hub) -> None:
    first = raised()

    def stops() -> None:
        hub.edge.stop.set()
        raise OSError("no room for a connection pool")

    hub.making = [stops]
    hub.give(first)
    assert hub.letters() == []
    assert hub.topic.committed == -1

    hub.give()

    assert hub.said() == [(ACCEPTED, False)]


def test_a_member_that_is_given_no_partition_asks_for_a_fresh_start(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink_runner, "_WITHOUT_PARTITIONS_S", -1.0)
    hub.topic.given_away = True

    with pytest.raises(RestartMe, match="Kafka has given this member no partition of housing-tasks"):
        hub.give(raised())

    assert hub.said() == []


def test_an_instruction_waits_while_the_legacy_system_is_away_and_goes_in_when_it_returns(hub: Hub) -> None:
    first = raised()
    hub.register.before_write = [fails(RetryLater("The register is away."))] * 3

    hub.give(first)

    assert hub.said() == [(ACCEPTED, False)]
    assert len(hub.register.tried) == 4
    assert hub.topic.committed == 0


def test_nothing_is_waited_for_once_an_instruction_is_set_aside_that_the_connector_cannot_translate(hub: Hub) -> None:
    hub.register.before_write = [fails(RetryLater("The register is away.")), no_code()]

    hub.give(raised())

    assert hub.letters() == ["unmapped-code"]
    assert hub.edge.conditions.all()["tasks"].mood is Mood.WELL


def test_while_the_legacy_system_is_away_everything_that_is_not_in_it_yet_is_said_to_wait(hub: Hub) -> None:
    said: list[int] = []

    def is_away() -> None:
        said.append(hub.edge.speech.waiting)
        raise RetryLater("The register is away.")

    hub.register.before_write = [is_away] * 2

    hub.give(*(raised(task=f"check-home-{number}") for number in range(50)))

    assert said[-1] == 50


def round_of(number: int) -> list[TaskRaised]:
    """So many instructions, each of a case of its own."""
    return [raised(place, case=case_reference(NOW, f"case {place}")) for place in range(number)]


class OneTransaction(Register):
    """A register that writes many in one transaction, all or none."""

    effect_class = EffectClass.A

    def __init__(self) -> None:
        super().__init__()
        self.rounds: list[int] = []
        """How many were written together, each time."""
        self.before_round: list[Callable[[], object]] = []
        """What happens instead of the next round, one for each."""
        self.receipts: list[Any] = []
        """What is answered instead of the receipts of the next round."""

    def apply(self, effect: Effect) -> Receipt:
        return self.written[effect.key] if effect.key in self.written else super().apply(effect)

    def apply_together(self, effects: Sequence[Effect]) -> Sequence[Receipt]:
        _next(self.before_round)
        assert len({effect.case for effect in effects}) == len(effects), "a case twice in one round"
        self.rounds.append(len(effects))
        receipts = [self.apply(effect) for effect in effects]
        return cast("Sequence[Receipt]", self.receipts.pop(0)) if self.receipts else receipts


@pytest.fixture
def database(edge: Edge, posted: Any) -> Hub:
    """The sink of a system of class A that writes many together."""
    hub = Hub(edge, posted, EffectClass.A)
    hub.register = OneTransaction()
    return hub


def rounds_of(hub: Hub) -> OneTransaction:
    assert isinstance(hub.register, OneTransaction)
    return hub.register


def test_instructions_of_several_cases_are_written_together_and_each_is_reported(database: Hub) -> None:
    instructions = round_of(4)

    database.give(*instructions)

    assert rounds_of(database).rounds == [4]
    assert [report.causationid for report in database.reports()] == [each.id for each in instructions]
    assert (database.unfinished(), database.topic.committed) == (0, 3)


def test_a_second_instruction_of_a_case_is_about_what_became_of_the_first(database: Hub) -> None:
    first, other = raised(), raised(case=OTHER)

    database.give(first, other, changed(), withdrawn())

    assert [effect.earlier for effect in database.register.tried] == [None, None, "00000001", "00000001"]
    assert rounds_of(database).rounds == [2]


def test_what_is_in_hand_of_a_round_when_the_process_ends_is_carried_out_once_by_the_next(
    database: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    instructions = round_of(4)
    killed = fails(KeyboardInterrupt())
    monkeypatch.setattr(database.edge.memory.effects, "finish", lambda *_: killed())
    with pytest.raises(KeyboardInterrupt):
        database.give(*instructions)
    assert (database.unfinished(), database.reports(), database.topic.committed) == (4, [], -1)
    monkeypatch.undo()

    database.give()

    assert list(database.register.written) == [each.id.hex for each in instructions]
    assert len(database.register.tried) == 4
    assert [report.causationid for report in database.reports()] == [each.id for each in instructions]


def test_of_a_round_that_cannot_be_written_together_only_the_one_at_fault_is_set_aside(database: Hub) -> None:
    first, bad, last = round_of(3)
    rounds_of(database).before_round = [no_code()]
    database.register.before_write = [lambda: None, no_code()]

    database.give(first, bad, last)

    assert database.letters() == ["unmapped-code"]
    assert list(database.register.written) == [first.id.hex, last.id.hex]
    assert [report.causationid for report in database.reports()] == [first.id, last.id]
    assert (database.unfinished(), database.topic.committed) == (0, 2)


@pytest.mark.parametrize("defect", [RuntimeError("loop"), sqlite3.OperationalError("gone away"), OSError("reset")])
def test_a_defect_in_writing_together_costs_no_instruction_anything(database: Hub, defect: Exception) -> None:
    rounds_of(database).before_round = [fails(defect)]

    database.give(*round_of(3))

    assert (len(database.said()), database.letters(), rounds_of(database).rounds) == (3, [], [])


@pytest.mark.parametrize("answer", [[], [None] * 3, ["accepted"] * 3, None])
def test_receipts_that_are_none_are_asked_for_again_one_by_one_and_nothing_is_written_twice(
    database: Hub, answer: Any
) -> None:
    rounds_of(database).receipts = [answer]

    database.give(*round_of(3))

    assert (len(database.register.tried), len(database.said()), database.letters()) == (3, 3, [])


def test_a_connector_that_does_not_offer_it_is_asked_once_and_writes_one_by_one(database: Hub) -> None:
    rounds_of(database).before_round = [fails(NotImplementedError())]

    database.give(*round_of(3), *round_of(2))

    assert rounds_of(database).rounds == []
    assert len(database.register.tried) == 5


@pytest.mark.parametrize("effect_class", [EffectClass.B, EffectClass.C, EffectClass.D])
def test_only_a_database_is_asked_to_write_together(edge: Edge, posted: Any, effect_class: EffectClass) -> None:
    hub = Hub(edge, posted, effect_class)
    hub.register = OneTransaction()

    hub.give(*round_of(3))

    assert rounds_of(hub).rounds == []
    assert len(hub.said()) == 3


def test_what_is_done_of_a_round_is_in_the_ledger_and_reported_while_the_next_one_waits_for_the_system(
    hub: Hub,
) -> None:
    known: list[tuple[int, int, int]] = []

    def is_away() -> None:
        known.append((hub.unfinished(), len(hub.reports()), hub.topic.committed))
        raise RetryLater("The register is away.")

    hub.register.before_write = [lambda: None, lambda: None, is_away, is_away]

    hub.give(*round_of(4))

    assert known == [(4, 0, -1), (1, 2, 1)], "what waits behind the one in hand is given back meanwhile"
    assert len(hub.said()) == 4


def test_a_slow_system_keeps_the_report_of_what_is_done_back_no_longer_than_a_while(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink_runner, "_SHOW_LIFE_S", 0.0)
    reported: list[int] = []
    hub.register.before_write = [lambda: reported.append(len(hub.reports()))] * 3

    hub.give(*round_of(3))

    assert reported == [0, 1, 2]


def test_a_stop_in_a_long_round_gives_back_the_rest_for_nobody_has_touched_it(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink_runner, "_SHOW_LIFE_S", 0.0)
    instructions = round_of(3)
    hub.register.after_write = [hub.edge.stop.set]

    hub.give(*instructions)
    assert (len(hub.said()), hub.unfinished(), hub.topic.committed) == (1, 0, 0)
    hub.give()

    assert list(hub.register.written) == [each.id.hex for each in instructions]
    assert len(hub.said()) == 3


def test_what_may_have_been_written_together_is_given_back_by_nobody(database: Hub) -> None:
    def breaks_off() -> None:
        raise RetryLater("The transaction broke off.")

    def stops() -> None:
        database.edge.stop.set()
        raise RetryLater("The register is away.")

    rounds_of(database).before_round = [breaks_off]
    database.register.before_write = [stops]

    database.give(*round_of(3))
    assert database.unfinished() == 3

    database.give()
    assert len(database.said()) == 3


def test_while_a_sink_stands_still_before_one_to_set_aside_nothing_else_is_in_hand(hub: Hub) -> None:
    hub.edge.aside.rate.at_most = 1
    in_hand: list[int] = []
    hub.register.before_write = [fails(TranslationError("No code for it.", code="unmapped-code"))] * 2

    def waits(_seconds: float) -> bool:
        in_hand.append(hub.unfinished())
        hub.edge.stop.set()
        return True

    cast("Any", hub.edge.stop).wait = waits

    hub.give(*round_of(4))

    assert in_hand == [0]


def test_what_is_taken_away_in_the_middle_of_a_round_is_left_to_its_new_owner(hub: Hub) -> None:
    def goes_away() -> None:
        hub.topic.given_away = True
        raise RetryLater("The register is away.")

    hub.register.before_write = [goes_away]
    first, second = round_of(2)

    hub.give(first, second)

    assert [effect.key for effect in hub.register.tried] == [first.id.hex] * 2
    assert hub.unfinished() == 1


def test_a_process_that_wakes_up_in_a_round_of_which_its_successor_has_one_writes_nothing(
    database: Hub, successor: EdgeMemory
) -> None:
    instructions = round_of(3)
    database.making = [lambda: carries_out(successor, instructions[2])]

    with pytest.raises(RestartMe, match="taken this one's place"):
        database.give(*instructions)

    assert database.register.tried == []


def test_for_class_d_a_round_is_one_instruction(opaque: Hub) -> None:
    opaque.register.before_write = [went_silent()]
    first, second = round_of(2)

    def only_one_is_begun() -> None:
        assert not opaque.edge.memory.effects.rows([second.id.hex])

    opaque.making = [only_one_is_begun]
    opaque.give(first, second)

    assert len(opaque.doubts()) == 1
    assert len(opaque.said()) == 1


def discarded(first: int) -> bytes:
    data = Discard(record=f"housing-tasks/0/{first}", by="Jo Field", why="Nobody can read it")
    return RecordDiscarded(data=data, **envelope(5)).encode()


def test_behind_a_record_that_cannot_be_read_the_instructions_of_its_case_wait_and_of_no_other(hub: Hub) -> None:
    hub.topic.put_raw(b"{")
    waits, flows = raised(task="check-bath"), raised(case=OTHER)

    hub.give(waits, flows)

    assert hub.letters() == ["not-json", "parked"]
    assert list(hub.register.written) == [flows.id.hex]
    assert dict(hub.dead()[1].headers)["attempt"] == b"0"


def test_what_waits_for_a_record_that_was_fixed_goes_in_behind_it(hub: Hub) -> None:
    hub.topic.put_raw(b"{")
    first, second = raised(), changed()
    hub.give(second)

    hub.topic.put_raw(first.encode(), first=0)
    hub.topic.put_raw(second.encode(), first=1)
    hub.give(third := changed(2))

    assert list(hub.register.written) == [each.id.hex for each in (first, second, third)]
    assert hub.letters() == ["not-json", "parked"]


def test_an_instruction_that_is_replayed_before_what_it_waits_for_waits_again(hub: Hub) -> None:
    hub.topic.put_raw(b"{")
    hub.give(second := raised())

    hub.topic.put_raw(second.encode(), first=1)
    hub.give()

    assert hub.letters() == ["not-json", "parked", "parked"]
    assert dict(hub.dead()[2].headers)["first"] == b"housing-tasks/0/1"
    assert hub.register.written == {}


def test_when_an_unreadable_record_is_discarded_its_case_goes_on(hub: Hub) -> None:
    hub.topic.put_raw(b"{")
    hub.give()

    hub.topic.put_raw(discarded(0), first=0)
    hub.give(later := raised())

    assert list(hub.register.written) == [later.id.hex]


def test_a_record_that_cannot_be_read_under_no_case_parks_nothing(hub: Hub) -> None:
    hub.topic.put_raw(b"{", key="no case")

    hub.give(raised())

    assert hub.letters() == ["not-json"]
    assert len(hub.register.written) == 1


def test_past_the_rate_a_sink_stands_still_before_the_next_record_and_goes_on_from_there(
    hub: Hub, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.edge.aside.rate.at_most = 2
    for _ in range(3):
        hub.topic.put_raw(b"{", key="no case")
    seen = []

    def waits(_self: Any, wait_s: float) -> None:
        seen.append((wait_s, len(hub.letters()), hub.edge.conditions.ready()))
        clock.now += wait_s

    monkeypatch.setattr(SinkRunner, "_wait", waits)
    hub.give(raised())

    ((wait_s, letters, ready),) = seen
    assert (wait_s, ready.ok) == (60, False)
    assert "2 records were set aside within a minute" in ready.reason
    assert letters == 0, "nothing was said of the third"
    assert hub.letters() == ["not-json"] * 3
    assert len(hub.register.written) == 1


def test_a_sink_that_is_started_again_and_again_sets_no_more_aside(hub: Hub, edge: Edge, clock: Any) -> None:
    edge.aside.count(2)

    again = Aside(edge.memory._engine, "register", Rate(2, clock))

    assert again.rate.room() == 0


@pytest.fixture
def opaque(edge: Edge, posted: Any) -> Hub:
    """A register of class D: it keeps no key of ours and cannot be searched."""
    hub = Hub(edge, posted, EffectClass.D)
    hub.register.when_looking = [fails(AssertionError("nobody can look"))] * 99
    return hub


def settled(of: Instruction, status: TaskStatus | None, reference: str | None = None, minutes: int = 9) -> TaskSettled:
    data = SettledTask(
        task=of.data.task,
        raising=of.data.raising,
        revision=of.data.revision,
        department=Department.HOUSING,
        work=Work.HOME_CHECK,
        effect=of.id,
        status=status,
        reference=reference,
    )
    return TaskSettled(data=data, **envelope(minutes))


GOES_WRONG = {
    "silence": OutcomeUnknown("The form took 412 bytes and did not answer."),
    "reset": ConnectionResetError("by peer"),
    "time-out": TimeoutError("timed out"),
    "defect": ValueError("Ada Invented"),
    "broken promise": ContractBroken("The form answered in Welsh."),
}


@pytest.mark.parametrize("error", GOES_WRONG.values(), ids=GOES_WRONG)
@pytest.mark.parametrize("when", ["before_write", "after_write"])
def test_what_left_and_was_not_answered_is_never_sent_again_and_its_case_hears_so(
    opaque: Hub, when: str, error: Exception
) -> None:
    first = raised()
    setattr(opaque.register, when, [fails(error)])

    opaque.give(first)
    opaque.give(first)

    (doubt, again) = opaque.doubts()
    assert doubt == again
    assert (doubt.data.effect, doubt.data.means, doubt.causationid) == (first.id, COMPLETED, first.id)
    named = isinstance(error, OutcomeUnknown | ContractBroken)
    assert doubt.data.evidence == (str(error) if named else f"{type(error).__name__} in the connector's apply.")
    assert (opaque.said(), opaque.letters(), opaque.unfinished()) == ([], [], 0)
    assert opaque.states("check-home") == [State.UNKNOWN]
    assert len(opaque.register.tried) == 1


def test_while_the_system_is_away_nothing_has_left_and_a_crash_leaves_no_doubt(opaque: Hub) -> None:
    first = raised()
    opaque.register.before_write = [fails(RetryLater("The line is dead.")), opaque_stops(opaque)]
    opaque.give(first)
    assert opaque.states("check-home") == [State.INTENT]

    opaque.give()

    assert opaque.said() == [(ACCEPTED, False)]
    assert opaque.doubts() == []


def opaque_stops(hub: Hub) -> Callable[[], object]:
    def stops() -> None:
        hub.edge.stop.set()
        raise RetryLater("The line is dead.")

    return stops


def test_a_process_that_ended_with_an_instruction_on_its_way_leaves_it_unknown(opaque: Hub) -> None:
    first = raised()
    place = Place("housing-tasks", 0, 0)
    intent = Intent(effect_key=first.id.hex, case=CASE, task="check-home", kind=Kind.RAISED, place=place)
    opaque.edge.memory.effects.begin([intent], 1)
    opaque.edge.memory.effects.send(first.id.hex, 2)

    opaque.give(first)

    (doubt,) = opaque.doubts()
    assert doubt.data.evidence == (
        "The connector's process ended after it was sent, or just before that, and before an answer came."
    )
    assert doubt.data.sent_at == datetime.fromtimestamp(0.002, UTC)
    assert opaque.register.tried == []


def test_what_cannot_be_put_into_the_systems_words_is_certain_and_waits_among_the_dead_letters(opaque: Hub) -> None:
    first = raised()
    opaque.register.before_write = [no_code()]

    opaque.give(first)
    assert (opaque.letters(), opaque.doubts()) == (["unmapped-code"], [])
    opaque.give(first)

    assert opaque.said() == [(ACCEPTED, False)]


def test_what_comes_behind_one_that_is_unknown_is_not_applied_whatever_is_found(opaque: Hub) -> None:
    first, second, last, other = raised(), changed(), withdrawn(), raised(task="check-stairs")
    opaque.register.after_write = [went_silent()]

    opaque.give(first, second, last, other)
    assert [effect.key for effect in opaque.register.tried] == [first.id.hex, other.id.hex]
    assert (opaque.letters(), [said.data.task for said in opaque.reports()]) == ([], ["check-stairs"])
    opaque.give(settled(first, COMPLETED, "4711"), second, last)

    assert opaque.states("check-home") == [State.APPLIED, State.SUPERSEDED, State.SUPERSEDED]
    assert len(opaque.register.tried) == 2


def test_once_it_is_found_the_next_instruction_is_about_the_reference_that_a_person_was_given(opaque: Hub) -> None:
    first, second = raised(), changed()
    opaque.register.after_write = [went_silent()]

    opaque.give(first, settled(first, ACCEPTED, "4711"), second)

    assert [(effect.earlier, effect.raised_as) for effect in opaque.register.tried] == [
        (None, None),
        ("4711", first.id.hex),
    ]
    assert opaque.edge.memory.effects.rows_of(["4711"]).get("4711") is not None


def test_what_was_never_there_is_asked_for_anew_and_the_first_stays_untouched(opaque: Hub) -> None:
    first, again = raised(0), raised(8)
    opaque.register.before_write = [went_silent()]

    opaque.give(first, settled(first, None), again, first)

    assert [effect.key for effect in opaque.register.tried] == [first.id.hex, again.id.hex]
    assert opaque.states("check-home") == [State.NOT_APPLIED, State.APPLIED]
    assert opaque.said() == [(ACCEPTED, False)]


def test_a_settlement_that_comes_late_or_twice_or_for_another_connector_changes_nothing(opaque: Hub) -> None:
    first, stranger = raised(), raised()
    opaque.register.after_write = [went_silent()]

    opaque.give(first, settled(first, COMPLETED, "4711"), settled(first, None), settled(stranger, COMPLETED))

    assert opaque.states("check-home") == [State.APPLIED]
    opaque.give(first)
    assert [(each.data.status, each.data.reference) for each in opaque.reports()] == [(COMPLETED, "4711")]


def test_while_a_system_is_ill_no_other_instruction_loses_its_certainty(
    opaque: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = [fails(RetryLater("The line is dead."))] * 5
    monkeypatch.setattr(opaque.register, "check", lambda: _next(looks))
    opaque.register.after_write = [went_silent()]

    opaque.give(*(raised(task=f"check-home-{number}") for number in range(4)))

    assert (len(opaque.doubts()), len(opaque.said()), looks) == (1, 3, [])


def test_a_system_that_never_answers_costs_a_few_their_certainty_and_then_one_after_each_rest(
    opaque: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.edge.legacy.BROKEN_FOR_S", 0.001)
    opaque.register.after_write = [went_silent()] * 4

    with capture_logs() as lines:
        opaque.give(*(raised(task=f"check-home-{number}") for number in range(6)))

    rests = [line["reason"] for line in lines if line["event"] == "stopped; a person should look"]
    assert (len(opaque.doubts()), len(opaque.said())) == (4, 2)
    assert rests[0].startswith("Of the last 3 instructions nobody knows whether they arrived.")


def test_a_process_that_wakes_up_where_its_successor_has_sent_an_instruction_does_not_send_it_again(
    opaque: Hub, successor: EdgeMemory
) -> None:
    first = raised()
    opaque.making = [lambda: carries_out(successor, first)]

    with pytest.raises(RestartMe, match="taken this one's place"):
        opaque.give(first)

    assert opaque.register.tried == []
    assert opaque.states("check-home") == [State.APPLIED]


def test_what_a_successor_has_said_to_be_unknown_stays_so_though_a_connector_wakes_up_and_says_nothing_left(
    opaque: Hub, successor: EdgeMemory
) -> None:
    first = raised()

    def is_away() -> None:
        takes_over(successor, first)
        successor.effects.doubt(first.id.hex, "The process ended.", 0)
        raise RetryLater("The register is away.")

    opaque.register.before_write = [is_away]

    with pytest.raises(RestartMe, match="taken this one's place"):
        opaque.give(first)

    assert len(opaque.register.tried) == 1
    assert opaque.states("check-home") == [State.UNKNOWN]


def test_a_system_that_never_answers_is_not_said_to_work_again_after_each_rest(
    opaque: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.edge.legacy.BROKEN_FOR_S", 0.001)
    opaque.register.after_write = [went_silent()] * 6
    instructions = [raised(task=f"check-home-{number}") for number in range(6)]

    opaque.give(*instructions[:4])
    for each in instructions[4:]:
        opaque.give(each)

    assert len(opaque.doubts()) == 6
    assert opaque.edge.conditions.all()["tasks"].mood is Mood.BROKEN


def test_a_fresh_process_knows_how_many_in_a_row_have_lost_their_certainty(
    opaque: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.edge.legacy.BROKEN_FOR_S", 0.001)
    opaque.register.after_write = [lambda: None, *[went_silent()] * 3]
    opaque.give(*(raised(task=f"check-home-{number}") for number in range(4)))

    with capture_logs() as lines:
        opaque.give(raised())

    rests = [line["reason"] for line in lines if line["event"] == "stopped; a person should look"]
    assert [rest[:51] for rest in rests] == ["Of the last 3 instructions nobody knows whether they"[:51]]


def test_what_a_person_has_settled_is_no_reason_for_a_fresh_process_to_rest(opaque: Hub) -> None:
    instructions = [raised(task=f"check-home-{number}") for number in range(3)]
    opaque.register.after_write = [went_silent()] * 3
    opaque.give(*instructions)
    opaque.give(*(settled(each, COMPLETED) for each in instructions))

    opaque.give(raised())

    assert opaque.said() == [(ACCEPTED, False)]
    assert opaque.edge.conditions.all()["tasks"].mood is Mood.WELL


def test_a_record_that_another_process_has_set_aside_too_lies_there_once(edge: Edge) -> None:
    ours, theirs = Parking(), Parking()

    for each in (ours, theirs):
        each.park(CASE, 7, 1)
        edge.aside.keep("housing-tasks", 0, each)

    assert edge.aside.parking("housing-tasks")[0].lying == {CASE: {7}}
