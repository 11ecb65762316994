from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from connectors.sdk import Fact, LegacyRecord, Progress, Receipt, Said, TranslationError
from hub.edge.ledger import EffectRow, Kind, State
from hub.edge.wrapping import Speaker, report, wrap
from schemas.envelope import Department
from schemas.facts import Facts
from schemas.housing import WorksOrder, WorksOrderChanged
from schemas.references import case_reference
from schemas.social_care import ReferralChanged
from schemas.tasks import Task, TaskChanged, TaskStatus, TaskStatusChanged, TaskWithdrawal, TaskWithdrawn, Work

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 4, 9, 0, tzinfo=UTC)
CASE = case_reference(NOW, "one")
SPEAKER = Speaker("E06000999", b"not-a-real-council-key", "universal_housing", Department.HOUSING)
RECORD = LegacyRecord(dataset="works-orders", key="00012345", position="00012345|7", values={})
EFFECT = EffectRow(uuid4().hex, CASE, "check-home", Kind.RAISED, State.APPLIED, TaskStatus.ACCEPTED, None, None, NOW)


def fact(status: str = "accepted") -> Fact:
    order = WorksOrder(works_order="00012345", property_ref="00032896", order_type="home-check", status=status)
    return Fact(event=WorksOrderChanged, data=order, subject="00032896", effective_at=NOW)


def progress(**changes: Any) -> Progress:
    given: dict[str, Any] = {
        "status": TaskStatus.COMPLETED,
        "effective_at": NOW,
        "effect_key": EFFECT.effect_key,
        "answers": Facts(steps_at_door=3),
    }
    return Progress(**(given | changes))


def test_the_same_record_read_twice_makes_the_same_ids_and_another_version_others() -> None:
    said: list[Said] = [fact(), fact("completed"), progress()]
    newer = LegacyRecord(dataset="works-orders", key="00012345", position="00012345|8", values={})

    first = wrap(SPEAKER, RECORD, said, lambda _: EFFECT, NOW)
    again = wrap(SPEAKER, RECORD, said, lambda _: EFFECT, LATER)
    other = wrap(SPEAKER, newer, said, lambda _: EFFECT, NOW)

    ids = [event.id for _, event in first.events]
    assert ids == [event.id for _, event in again.events]
    assert len({*ids, *(event.id for _, event in other.events)}) == 6


def test_a_fact_goes_to_its_department_keyed_by_its_subject() -> None:
    ((topic, event),) = wrap(SPEAKER, RECORD, [fact()], lambda _: None, LATER).events

    assert topic == "housing-events"
    assert isinstance(event, WorksOrderChanged)
    assert (event.partitionkey, event.subject, event.time, event.effectiveat) == ("00032896", "00032896", LATER, NOW)
    assert event.source == "/E06000999/connectors/universal_housing"


def test_progress_goes_to_its_case_with_the_answers_and_the_reference_is_learned() -> None:
    wrapped = wrap(SPEAKER, RECORD, [progress(reference="00012345")], lambda _: EFFECT, LATER)

    ((topic, event),) = wrapped.events
    assert topic == "case-events"
    assert isinstance(event, TaskStatusChanged)
    assert (event.correlationid, event.partitionkey, event.causationid) == (CASE, CASE, UUID(EFFECT.effect_key))
    assert (event.data.task, event.data.status, event.data.answers.steps_at_door) == ("check-home", "completed", 3)
    assert wrapped.learned == {EFFECT.effect_key: "00012345"}


@pytest.mark.parametrize(
    ("status", "found_by", "revision"),
    [
        # A booking file with a change in it was refused: the change is, and not the booking.
        (TaskStatus.REJECTED, "effect_key", 3),
        # The record says how the task goes, whichever instruction it names.
        (TaskStatus.COMPLETED, "effect_key", 0),
        (TaskStatus.REJECTED, "legacy_key", 0),
    ],
)
def test_what_is_refused_is_the_change_that_a_record_names(status: TaskStatus, found_by: str, revision: int) -> None:
    change = replace(EFFECT, kind=Kind.CHANGED, raising=2, revision=3)
    key = EFFECT.effect_key if found_by == "effect_key" else None
    item = progress(status=status, effect_key=key, legacy_key="00012345")

    ((_, event),) = wrap(SPEAKER, RECORD, [item], lambda _: change, LATER).events

    assert isinstance(event, TaskStatusChanged)
    assert (event.data.raising, event.data.revision, event.data.withdrawal) == (2, revision, False)


def test_a_refused_withdrawal_answers_the_withdrawal() -> None:
    stop = replace(EFFECT, kind=Kind.WITHDRAWN, raising=2, revision=1)

    ((_, event),) = wrap(SPEAKER, RECORD, [progress(status=TaskStatus.REJECTED)], lambda _: stop, LATER).events

    assert isinstance(event, TaskStatusChanged)
    assert (event.data.raising, event.data.revision, event.data.withdrawal) == (2, 1, True)


def test_a_receipt_says_which_instruction_it_answers() -> None:
    common = {"source": "/E06000999/worker", "correlationid": CASE, "partitionkey": CASE, "council": "E06000999"}
    task = Task(
        task="check-home", raising=2, revision=3, department=Department.HOUSING, work=Work.HOME_CHECK, asks="Look"
    )
    change = TaskChanged.model_validate({"id": uuid4(), "time": NOW, "effectiveat": NOW, "data": task, **common})

    said = report(SPEAKER, change, Receipt(status=TaskStatus.REJECTED), LATER).data

    assert (said.raising, said.revision, said.status, said.withdrawal) == (2, 3, TaskStatus.REJECTED, False)


def test_progress_of_nobodys_task_is_counted_and_dropped() -> None:
    wrapped = wrap(SPEAKER, RECORD, [fact(), progress()], lambda _: None, LATER)

    assert [topic for topic, _ in wrapped.events] == ["housing-events"]
    assert wrapped.strangers == 1


def test_a_record_whose_time_lies_beyond_the_calendar_is_no_valid_event() -> None:
    never = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)

    with pytest.raises(ValidationError, match="The year lies outside"):
        wrap(SPEAKER, RECORD, [progress(effective_at=never)], lambda _: EFFECT, LATER)


def test_a_fact_of_another_department_is_refused() -> None:
    strange = Fact(event=ReferralChanged, data=fact().data, subject="1", effective_at=NOW)
    with pytest.raises(TranslationError, match="ReferralChanged does not belong on housing-events") as caught:
        wrap(SPEAKER, RECORD, [strange], lambda _: None, LATER)
    assert caught.value.code == "wrong-topic"


def test_a_receipt_reported_twice_is_the_same_event_byte_for_byte() -> None:
    withdrawal = TaskWithdrawn(
        id=uuid4(), source="/E06000999/worker", correlationid=CASE, partitionkey=CASE, council="E06000999", time=NOW, effectiveat=NOW,
        data=TaskWithdrawal(task="check-home", department=Department.HOUSING, work=Work.HOME_CHECK, undo="Cancel it"),
    )  # fmt: skip
    receipt = Receipt(status=TaskStatus.CANCELLED, reference="00012345")

    first, again = (report(SPEAKER, withdrawal, receipt, LATER) for _ in range(2))

    assert first.encode() == again.encode()
    assert (first.data.withdrawal, first.effectiveat, first.correlationid) == (True, LATER, CASE)
