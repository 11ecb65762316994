"""What a legacy system says reaches its topic, whatever it says and whatever becomes of one record on the way."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from threading import Event as Signal
from threading import Semaphore
from typing import Any, cast

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from connectors.sdk import (
    Batch,
    Checkpoint,
    ConnectorSettings,
    Fact,
    LegacyRecord,
    Progress,
    Receipt,
    RetryLater,
    Said,
    SourceConnector,
    UnmappedCode,
)
from connectors.sdk.records import decode_record
from hub.edge.ledger import Intent, Kind, Outcome
from hub.edge.memory import EdgeMemory
from hub.edge.messages import Place
from hub.edge.source_runner import Edge, SourceRunner
from hub.errors import RestartMe
from schemas.housing import WorksOrder, WorksOrderChanged
from schemas.references import case_reference
from schemas.tasks import TaskStatus, TaskStatusChanged
from schemas.topics import LARGEST_LETTER_BYTES, LARGEST_RECORD_BYTES

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
CASE = case_reference(NOW, "one")
OURS, THEIRS = "0" * 31 + "1", "0" * 31 + "2"


class Register(SourceConnector[ConnectorSettings]):
    """A legacy system that delivers what a test puts in, one batch a look unless told, and ends the test when there is no more."""

    settings_type = ConnectorSettings

    def __init__(self, stop: Callable[[], object]) -> None:
        super().__init__(
            ConnectorSettings(poll_every_s=0.001, retry_after_s=0.001, retry_at_most_s=0.001, timeout_s=0.01)
        )
        self._stop = stop
        self.looks: list[Callable[[], Iterable[LegacyRecord]]] = []
        """What each batch holds, or does."""
        self.batches = 1
        """Batches of one look."""
        self.answers: list[Any] = []
        """What is read instead of the next batches."""
        self.meaning: Callable[[LegacyRecord], Iterable[Said]] = progress_of

    def check(self) -> None:
        """It is always there."""

    def read(self, dataset: str, after: Checkpoint | None) -> Iterator[Batch]:
        if self.answers:
            yield self.answers.pop(0)
            return
        if not self.looks:
            self._stop()
            return
        place = after["place"] if after else 0
        for look in [self.looks.pop(0) for _ in range(min(self.batches, len(self.looks)))]:
            place += 1
            yield Batch(records=tuple(look()), checkpoint={"place": place})

    def translate(self, record: LegacyRecord) -> Iterable[Said]:
        return self.meaning(record)


def fails(error: Exception) -> Callable[..., Any]:
    def raises(*_: object) -> Any:
        raise error

    return raises


def job(number: int, **values: Any) -> LegacyRecord:
    """A job: "ref" is our reference in it."""
    return LegacyRecord(dataset="jobs", key=str(number), position=f"{number}|{values}", values=values)


def progress_of(record: LegacyRecord) -> Iterable[Said]:
    """It is done; known by our reference where it holds one, else by its own number."""
    yield Progress(
        status=TaskStatus.COMPLETED,
        effective_at=NOW,
        effect_key=record.values.get("ref"),
        legacy_key=record.key,
        reference=record.key,
    )


def fact_of(record: LegacyRecord) -> Iterable[Said]:
    """It is done, and nobody's task."""
    order = WorksOrder(works_order=record.key, property_ref="00032896", order_type="repair", status="completed")
    yield Fact(event=WorksOrderChanged, data=order, subject=record.key, effective_at=NOW)


class Hub:
    """The source of a connector, and what the hub hears of it."""

    def __init__(self, edge: Edge, posted: Any) -> None:
        self.edge, self.posted = edge, posted
        self.register = Register(edge.stop.set)
        self.making: list[Callable[[], object]] = []
        """What happens when the connector is made, one for each time."""

    @property
    def memory(self) -> EdgeMemory:
        return self.edge.memory

    def asked(self, key: str, receipt: Receipt | None = None) -> None:
        """The sink was asked to do something, and has done it if there is a receipt."""
        place = Place("housing-tasks", 0, int(key, 16))
        intent = Intent(effect_key=key, case=CASE, task=f"task-{key[-1]}", kind=Kind.RAISED, place=place)
        self.memory.effects.begin([intent], 1000)
        if receipt is not None:
            self.memory.effects.finish([Outcome(key, receipt, 2000)])

    def read(self, *looks: Callable[[], Iterable[LegacyRecord]]) -> None:
        """Run a connector's process until the register was looked into so often."""
        self.edge.stop.clear()
        self.register.looks = list(looks)
        SourceRunner(self.edge, "jobs", self._make).run()

    def _make(self) -> Register:
        if self.making:
            self.making.pop(0)()
        return self.register

    def done(self) -> list[str]:
        """The tasks of which the case heard that they are completed."""
        records = [record for record in self.posted.records if record.topic == "case-events"]
        return [TaskStatusChanged.model_validate_json(record.value or b"").data.task for record in records]

    def letters(self) -> list[str]:
        """The codes of all dead letters, in order."""
        return [header["code"] for header in self._beside_letters() if "code" in header]

    def mended(self) -> int:
        """How many letters were settled."""
        return sum(1 for header in self._beside_letters() if "settles" in header)

    def reasons(self) -> str:
        return json.dumps(self._beside_letters())

    def _beside_letters(self) -> list[dict[str, str]]:
        dead = [record for record in self.posted.records if record.topic == "housing-events-dlq"]
        return [{name: value.decode() for name, value in record.headers} for record in dead]


@pytest.fixture
def hub(edge: Edge, posted: Any) -> Hub:
    return Hub(edge, posted)


ACCEPTED = Receipt(status=TaskStatus.ACCEPTED)


def test_progress_of_our_work_flows_while_another_instruction_waits_for_the_legacy_system(hub: Hub) -> None:
    hub.asked(OURS, ACCEPTED)
    hub.asked(THEIRS)

    hub.read(lambda: [job(7001), job(7002, ref=OURS)])

    assert hub.done() == ["task-1"]
    assert hub.memory.checkpoint("jobs") == {"place": 1}


def test_what_may_be_of_an_instruction_under_way_is_told_apart_once_that_has_ended(hub: Hub) -> None:
    hub.asked(OURS)

    def ends() -> Iterable[LegacyRecord]:
        hub.memory.effects.finish([Outcome(OURS, Receipt(status=TaskStatus.ACCEPTED, reference="7001"), 2000)])
        return []

    hub.read(lambda: [job(7001)], list[LegacyRecord])
    assert (hub.done(), hub.letters(), hub.mended()) == ([], ["task-in-doubt"], 0)
    assert "is tried again" in hub.reasons()
    hub.read(lambda: [job(7002)], ends, list[LegacyRecord])

    assert (hub.done(), hub.mended()) == (["task-1"], 2)
    assert hub.memory.held("jobs") == []


def test_a_record_of_nobodys_task_does_not_wait_for_instructions_that_began_after_it_was_read(hub: Hub) -> None:
    numbers = iter(range(0x10, 0x1000))
    effects_of = hub.memory.effects.rows_of

    def busy(legacy_keys: Any) -> Any:
        hub.asked(f"{next(numbers):032x}")  # the sink takes up one instruction after the other
        return effects_of(legacy_keys)

    cast("Any", hub.memory.effects).rows_of = busy

    hub.read(lambda: [job(7001)])

    assert hub.letters() == []


DEFECTS = [OSError("full"), RuntimeError("loop"), AssertionError("never"), sqlite3.OperationalError("locked")]


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_record_that_a_connector_fails_on_is_set_aside_and_said_once_the_connector_is_mended(
    hub: Hub, defect: Exception
) -> None:
    hub.asked(OURS, ACCEPTED)
    hub.asked(THEIRS, ACCEPTED)
    hub.register.meaning = lambda record: fails(defect)() if record.key == "7001" else progress_of(record)

    hub.read(lambda: [job(7001, ref=OURS), job(7002, ref=THEIRS)])
    assert (hub.done(), hub.letters()) == (["task-2"], ["defect"])
    hub.register.meaning = progress_of
    hub.read()

    assert (hub.done(), hub.mended()) == (["task-2", "task-1"], 1)


def test_a_connector_that_says_what_is_no_fact_and_no_progress_has_a_defect(hub: Hub) -> None:
    hub.register.meaning = lambda _record: cast("Any", ["it is done"])

    hub.read(lambda: [job(7001)])

    assert hub.letters() == ["defect"]


@dataclass(frozen=True, kw_only=True)
class Unchecked(Progress):
    """A connector's own kind of progress."""

    def __post_init__(self) -> None:
        """Nothing is checked."""


@pytest.mark.parametrize("kind", [Progress, Unchecked])
@pytest.mark.parametrize("bad", [{"legacy_key": "a\ud800"}, {"legacy_key": ["7001"]}, {"effect_key": "a\0"}])
def test_progress_that_the_memory_cannot_be_asked_about_costs_its_record_and_no_other(
    hub: Hub, kind: type[Progress], bad: dict[str, Any]
) -> None:
    hub.asked(OURS, ACCEPTED)

    def says(record: LegacyRecord) -> Iterable[Said]:
        if record.key == "7001":
            yield kind(status=TaskStatus.COMPLETED, effective_at=NOW, **bad)
        else:
            yield from progress_of(record)

    hub.register.meaning = says

    hub.read(lambda: [job(7001), job(7002, ref=OURS)])

    assert (hub.done(), hub.letters()) == (["task-1"], ["defect"])


def test_a_fact_that_cannot_be_sent_costs_its_record_and_no_other(hub: Hub) -> None:
    hub.asked(OURS, ACCEPTED)

    def says(record: LegacyRecord) -> Iterable[Said]:
        if record.key == "7001":
            (fact,) = fact_of(record)
            assert isinstance(fact, Fact)
            # Pydantic checks nothing of a copy.
            yield replace(fact, data=fact.data.model_copy(update={"order_type": "a\ud800"}))
        else:
            yield from progress_of(record)

    hub.register.meaning = says

    hub.read(lambda: [job(7001), job(7002, ref=OURS)])

    assert (hub.done(), hub.letters()) == (["task-1"], ["defect"])


def test_a_fact_too_large_for_its_topic_costs_its_record_and_no_other(hub: Hub) -> None:
    hub.asked(OURS, ACCEPTED)

    def says(record: LegacyRecord) -> Iterable[Said]:
        if record.key == "7001":
            (fact,) = fact_of(record)
            assert isinstance(fact, Fact)
            yield replace(fact, subject="x" * LARGEST_RECORD_BYTES)
        else:
            yield from progress_of(record)

    hub.register.meaning = says

    hub.read(lambda: [job(7001), job(7002, ref=OURS)])

    assert (hub.done(), hub.letters()) == (["task-1"], ["too-large"])
    assert "is larger than the 1,048,576 bytes that a topic takes" in hub.reasons()


def test_a_record_too_large_for_a_dead_letter_is_kept_and_its_letter_says_where(hub: Hub, posted: Any) -> None:
    large = job(7001, note="x" * LARGEST_LETTER_BYTES)
    hub.register.meaning = fails(UnmappedCode("jobs: STATUS 'Q7' is not in mapping.STATUS."))

    hub.read(lambda: [large, job(7002)])

    assert hub.letters() == ["unmapped-code", "unmapped-code"]
    whole, small = posted.records
    assert whole.value is None
    assert json.loads(small.value)["key"] == "7002"
    assert "too large to lie here; the connector keeps it whole" in hub.reasons()
    assert large in [decode_record(item.body) for item in hub.memory.held("jobs")]


def test_a_record_under_a_key_without_end_is_set_aside_and_mended_under_its_id(hub: Hub, posted: Any) -> None:
    endless = replace(job(7001), key="7" * LARGEST_LETTER_BYTES)
    hub.register.meaning = fails(UnmappedCode("jobs: STATUS 'Q7' is not in mapping.STATUS."))

    hub.read(lambda: [endless])
    (held,) = hub.memory.held("jobs")
    hub.register.meaning = lambda _: ()
    hub.read(list[LegacyRecord])

    letter, marker = posted.records
    assert letter.key == marker.key == held.record_id.encode()
    assert letter.fits(LARGEST_LETTER_BYTES)
    assert (hub.letters(), hub.mended()) == (["unmapped-code"], 1)


def test_what_a_connector_remarks_of_its_system_is_logged_once_and_counted(hub: Hub) -> None:
    hub.register.answers = [Batch(records=(), checkpoint={"place": 0}, remarks=("jobs has a column more.",))]

    with capture_logs() as lines:
        hub.read(lambda: [job(7001)])

    assert [line["reason"] for line in lines if line.get("outcome") == "remarked"] == ["jobs has a column more."]


READ = [
    None,
    "a page",
    Batch(records=cast("Any", ["a row"]), checkpoint={}),
    Batch(records=cast("Any", None), checkpoint={}),
    Batch(records=(), checkpoint={"since": NOW}),
    Batch(records=(), checkpoint=cast("Any", None)),
]


@pytest.mark.parametrize("answer", READ)
def test_a_connector_that_reads_what_is_no_batch_rests_and_reads_on_from_its_checkpoint(
    hub: Hub, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.edge.source_runner.BROKEN_FOR_S", 0.001)
    hub.asked(OURS, ACCEPTED)
    hub.register.answers = [answer]

    hub.read(lambda: [job(7001, ref=OURS)])

    assert (hub.done(), hub.letters()) == (["task-1"], [])
    assert hub.memory.checkpoint("jobs") == {"place": 1}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_connector_that_fails_in_reading_rests_and_reads_on_from_its_checkpoint(
    hub: Hub, defect: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.edge.source_runner.BROKEN_FOR_S", 0.001)
    hub.asked(OURS, ACCEPTED)

    with capture_logs() as lines:
        hub.read(lambda: [job(7001)], fails(defect), lambda: [job(7002, ref=OURS)])

    assert hub.done() == ["task-1"]
    assert hub.memory.checkpoint("jobs") == {"place": 2}
    (told,) = [line["reason"] for line in lines if line["event"] == "stopped; a person should look"]
    assert told == f"{type(defect).__name__} in the connector's read; this is a defect of the connector."


def test_a_connector_that_cannot_be_made_or_closed_is_made_again(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.edge.source_runner.BROKEN_FOR_S", 0.001)
    hub.asked(OURS, ACCEPTED)
    hub.making = [fails(OSError("no room")), lambda: None]
    hub.register.close = fails(OSError("closed already"))  # type: ignore[method-assign]  # on purpose

    hub.read(fails(OSError("full")), lambda: [job(7001, ref=OURS)])

    assert hub.done() == ["task-1"]


def test_a_memory_that_goes_away_ends_the_process_and_blames_no_record(hub: Hub) -> None:
    cast("Any", hub.memory.effects).rows = fails(OperationalError("select", {}, OSError("gone")))

    with pytest.raises(OperationalError):
        hub.read(lambda: [job(7001, ref=OURS)])

    assert hub.letters() == []
    assert hub.memory.checkpoint("jobs") is None


def test_many_held_records_are_sent_together_when_they_are_understood_at_last(hub: Hub) -> None:
    hub.register.meaning = fails(UnmappedCode("jobs: the status code is not in table status."))
    hub.read(lambda: [job(number) for number in range(700)])
    hub.register.meaning = fact_of
    hub.posted.sends = 0

    hub.read()

    assert (hub.mended(), hub.posted.sends) == (700, 2)
    assert hub.memory.held("jobs") == []


def test_a_stop_while_held_records_are_tried_leaves_them_for_the_next_start(hub: Hub) -> None:
    hub.register.meaning = fails(UnmappedCode("jobs: the status code is not in table status."))
    hub.read(lambda: [job(number) for number in range(700)])

    tried = iter(range(700))

    def stops(record: LegacyRecord) -> Iterable[Said]:
        if next(tried) == 600:
            hub.edge.stop.set()
        return fact_of(record)

    hub.register.meaning = stops
    hub.read(lambda: [job(9999)])
    assert len(hub.memory.held("jobs")) == 200
    assert len(hub.register.looks) == 1
    hub.register.meaning = fact_of
    hub.read()

    assert hub.mended() == 700
    assert hub.memory.held("jobs") == []


def test_a_record_that_cannot_even_be_kept_rests_its_dataset_and_says_why(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.edge.source_runner.BROKEN_FOR_S", 0.001)
    hub.register.meaning = fails(UnmappedCode("jobs: the status code is not in table status."))

    with capture_logs() as lines:
        hub.read(lambda: [job(7001, weight=complex(1))])

    assert hub.memory.checkpoint("jobs") is None
    assert any(line.get("reason", "").startswith("TypeError in the connector's read") for line in lines)


def test_past_the_rate_a_source_stands_still_and_tries_one_more_each_minute(hub: Hub, clock: Any) -> None:
    hub.edge.aside.rate.at_most = 2
    hub.register.meaning = fails(UnmappedCode("No code."))

    def look() -> Iterable[LegacyRecord]:
        hub.edge.stop.set()
        return [job(number) for number in range(5)]

    hub.read(look)
    assert (len(hub.letters()), hub.memory.checkpoint("jobs")) == (2, None)
    assert "2 records were set aside within a minute" in hub.edge.conditions.ready().reason
    hub.read(look)
    assert len(hub.letters()) == 2

    for minute in range(1, 4):
        clock.now += 61
        hub.read(look)
        assert len(hub.letters()) == 2 + minute

    assert hub.letters() == ["unmapped-code"] * 5
    assert len(hub.memory.held("jobs")) == 5
    assert hub.memory.checkpoint("jobs") == {"place": 1}


def test_the_next_batch_is_read_and_understood_while_the_one_before_is_not_acknowledged(hub: Hub) -> None:
    acknowledged, understood = Signal(), Signal()
    hub.register.batches = 2

    def says(record: LegacyRecord) -> Iterable[Said]:
        if record.key == "7002":
            assert hub.memory.checkpoint("jobs") is None
            understood.set()
        return fact_of(record)

    def acknowledge() -> None:
        assert understood.wait(90), "nothing was read before the acknowledgement came"
        acknowledged.set()

    hub.register.meaning = says
    hub.posted.acknowledge = acknowledge

    hub.read(lambda: [job(7001)], lambda: [job(7002)])

    assert acknowledged.is_set()
    assert hub.memory.checkpoint("jobs") == {"place": 2}


def test_a_batch_is_not_sent_before_the_one_before_it_has_its_checkpoint(hub: Hub) -> None:
    there: list[Any] = []
    hub.register.batches = 3
    hub.register.meaning = fact_of
    begin = hub.posted.begin

    def watched(records: Any) -> Any:
        there.append(hub.memory.checkpoint("jobs"))
        return begin(records)

    hub.posted.begin = watched

    hub.read(lambda: [job(7001)], lambda: [job(7002)], lambda: [job(7003)])

    assert there == [None, {"place": 1}, {"place": 2}]


def test_a_batch_that_is_not_acknowledged_ends_the_process_and_no_checkpoint_passes_it(hub: Hub) -> None:
    hub.register.batches = 3
    hub.register.meaning = fact_of
    acknowledged = iter([True])

    def acknowledge() -> None:
        if not next(acknowledged, False):
            raise RestartMe("Kafka did not acknowledge records.")

    hub.posted.acknowledge = acknowledge

    with pytest.raises(RestartMe, match="did not acknowledge"):
        hub.read(lambda: [job(7001)], lambda: [job(7002)], lambda: [job(7003)])

    assert hub.memory.checkpoint("jobs") == {"place": 1}
    assert len(hub.posted.records) == 2


@pytest.mark.parametrize("ends", [OSError("full"), RetryLater("The register is away.")])
def test_what_was_sent_before_reading_failed_has_its_checkpoint(
    hub: Hub, ends: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.edge.source_runner.BROKEN_FOR_S", 0.001)
    hub.register.batches = 2
    hub.register.meaning = fact_of

    def goes_wrong() -> Any:
        hub.register.batches = 1
        hub.register.looks.append(lambda: [job(7002)])
        fails(ends)()

    hub.read(lambda: [job(7001)], goes_wrong)

    assert [record.key for record in hub.posted.records] == [b"7001", b"7002"]
    assert hub.memory.checkpoint("jobs") == {"place": 2}


def test_a_stop_lets_the_batch_under_way_come_to_its_checkpoint(hub: Hub) -> None:
    hub.register.batches = 3
    hub.register.meaning = fact_of
    hub.posted.acknowledge = lambda: hub.edge.stop.wait(90)

    def stops() -> Iterable[LegacyRecord]:
        hub.edge.stop.set()
        return [job(7002)]

    hub.read(lambda: [job(7001)], stops, lambda: [job(7003)])

    assert hub.memory.checkpoint("jobs") == {"place": 2}
    assert [record.key for record in hub.posted.records] == [b"7001", b"7002"]


@pytest.mark.parametrize("batches", [1, 2])
def test_a_record_that_says_no_more_than_a_reference_is_known_by_one_before_it_that_told_whose_that_is(
    hub: Hub, batches: int
) -> None:
    hub.asked(OURS, ACCEPTED)
    told, bare = job(7001, ref=OURS), job(7001)
    looked_up = Semaphore(0)
    effects_of = hub.memory.effects.rows_of

    def counted(legacy_keys: Any) -> Any:
        found = effects_of(legacy_keys)
        looked_up.release()
        return found

    def acknowledge() -> None:
        # Before that, nothing of what the first record told is in the memory.
        assert all(looked_up.acquire(timeout=90) for _ in range(batches))
        looked_up.release(batches)

    cast("Any", hub.memory.effects).rows_of = counted
    hub.posted.acknowledge = acknowledge
    hub.register.batches = batches

    if batches == 1:
        hub.read(lambda: [told, bare])
    else:
        hub.read(lambda: [told], lambda: [bare])

    assert hub.done() == ["task-1", "task-1"]


def test_whose_records_are_is_asked_once_for_all_of_a_batch(hub: Hub) -> None:
    hub.asked(OURS, Receipt(status=TaskStatus.ACCEPTED, reference="7001"))
    asked: list[Any] = []
    effects_of = hub.memory.effects.rows_of

    def counted(legacy_keys: Any) -> Any:
        asked.append(set(legacy_keys))
        return effects_of(legacy_keys)

    cast("Any", hub.memory.effects).rows_of = counted

    hub.read(lambda: [job(number) for number in (7001, 7002, 7003)])

    assert asked == [{"7001", "7002", "7003"}]
    assert hub.done() == ["task-1"]


def test_what_an_instruction_wrote_that_ended_meanwhile_is_found(hub: Hub) -> None:
    hub.asked(OURS)
    effects_of = hub.memory.effects.rows_of

    def ends_behind(legacy_keys: Any) -> Any:
        found = effects_of(legacy_keys)
        if OURS in hub.memory.effects.unfinished():
            hub.memory.effects.finish([Outcome(OURS, Receipt(status=TaskStatus.ACCEPTED, reference="7002"), 2000)])
        return found

    cast("Any", hub.memory.effects).rows_of = ends_behind

    hub.read(lambda: [job(7001), job(7002)])

    assert (hub.done(), hub.letters()) == (["task-1"], [])
