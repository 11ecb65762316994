"""The drawing: what lies where, and that nothing lies outside or on top of something else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from hub.journeys.load import SHIPPED, load_files
from hub.pages.axis import Axis
from hub.pages.lanes import Drawing, draw
from hub.routing.case import Case, TaskState, TaskView
from hub.routing.entry import Entry, EntryKind
from schemas.cases import CaseStatus
from schemas.envelope import Department
from schemas.times import LAST_MOMENTS_YEAR

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
NOW = START + timedelta(days=4)
JOURNEY = load_files([SHIPPED / "hospital-discharge.v1.yaml"]).for_request("discharge-notified")


def entry(kind: EntryKind, task: str, hours: float, status: str | None = None) -> Entry:
    at = START + timedelta(hours=hours)
    return Entry(kind=kind, at=at, heard_at=at, event="e", task=task, status=status)


def case(status: CaseStatus = CaseStatus.OPEN, **more: Any) -> Case:
    tasks = (
        TaskView(
            name="check-home",
            department=Department.HOUSING,
            state=TaskState.COMPLETED,
            wanted=True,
            since=START + timedelta(hours=30),
            due=START + timedelta(hours=38),
        ),
        TaskView(
            name="assess-care",
            department=Department.SOCIAL_CARE,
            state=TaskState.IN_PROGRESS,
            wanted=True,
            since=START + timedelta(hours=50),
            due=START + timedelta(days=8),
        ),
        TaskView(
            name="book-transport", department=Department.TRANSPORT, state=TaskState.WAITING, wanted=False, since=START
        ),
    )
    return Case(reference="x", tasks=tasks, status=status, opened_at=START, updated_at=NOW, **more)


ENTRIES = [
    entry(EntryKind.TASK_RAISED, "check-home", 0),
    entry(EntryKind.TASK_STATUS, "check-home", 4, "accepted"),
    entry(EntryKind.TASK_STATUS, "check-home", 30, "completed"),
    entry(EntryKind.TASK_RAISED, "assess-care", 10),
    entry(EntryKind.TASK_STATUS, "assess-care", 50, "in-progress"),
]


def drawn(subject: Case, width: float = 900, *, beside: bool = True) -> Drawing:
    return draw(subject, ENTRIES, JOURNEY, NOW, width=width, beside=beside)


def test_every_department_that_has_a_task_has_a_lane_in_their_fixed_order() -> None:
    assert [lane.name for lane in drawn(case()).lanes] == ["Housing", "Social care", "Transport"]


def test_a_task_is_drawn_as_it_stood_from_one_moment_to_the_next() -> None:
    row = drawn(case()).lanes[0].rows[0]

    assert [bar.state for bar in row.bars] == ["asked", "accepted"]
    assert row.bars[0].x + row.bars[0].width == pytest.approx(row.bars[1].x, abs=0.2)
    assert [mark.shape for mark in row.marks] == ["due", "done"]


def test_what_is_in_hand_reaches_to_the_present() -> None:
    drawing = drawn(case())
    last = drawing.lanes[1].rows[0].bars[-1]

    assert last.x + last.width == pytest.approx(drawing.now_x, abs=0.2)


def test_a_wait_is_a_gap_up_to_where_the_task_begins_or_the_present() -> None:
    drawing = drawn(case())
    care, transport = drawing.lanes[1].rows[0], drawing.lanes[2].rows[0]

    assert care.wait is not None
    assert care.wait.x2 == care.bars[0].x
    assert transport.wait is not None
    assert transport.wait.x2 == drawing.now_x
    assert transport.label.words == "waits for assess care"


def test_a_deadline_that_has_passed_has_another_shape() -> None:
    late = case()
    overdue = replace(late.tasks[1], due=NOW - timedelta(hours=1))
    late = replace(late, tasks=(late.tasks[0], overdue, late.tasks[2]))

    assert [mark.shape for mark in drawn(late).lanes[1].rows[0].marks] == ["overdue"]


@pytest.mark.parametrize(("width", "beside"), [(900.0, True), (340.0, False)])
def test_nothing_lies_outside_the_drawing_and_no_lane_on_another(width: float, beside: bool) -> None:
    drawing = drawn(case(), width, beside=beside)

    for lane, below in zip(drawing.lanes, drawing.lanes[1:], strict=False):
        assert lane.y + lane.height <= below.y
    for row in (row for lane in drawing.lanes for row in lane.rows):
        assert all(drawing.left <= bar.x and bar.x + bar.width <= width for bar in row.bars)
        assert all(drawing.left <= mark.x <= width for mark in row.marks)
        assert drawing.left <= row.label.x <= width
    assert drawing.lanes[-1].y + drawing.lanes[-1].height <= drawing.height
    assert all(0 <= tick.x <= width for tick in drawing.ticks)


def test_a_case_that_has_ended_has_no_present_and_ends_with_its_last_event() -> None:
    ended = case(CaseStatus.FINISHED)
    done = replace(ended.tasks[1], state=TaskState.COMPLETED)
    unneeded = replace(ended.tasks[2], state=TaskState.NOT_NEEDED)
    drawing = drawn(replace(ended, tasks=(ended.tasks[0], done, unneeded)))

    assert drawing.now_x is None
    assert drawing.lanes[1].rows[0].marks[-1].shape == "done"
    assert drawing.lanes[2].rows[0].bars == ()
    assert drawing.lanes[2].rows[0].label.words == "not needed"


def test_a_task_that_was_asked_for_again_is_drawn_as_it_goes_now() -> None:
    told = case()
    again = replace(told.tasks[1], raising=2, state=TaskState.ACCEPTED, since=START + timedelta(hours=80))
    entries = [
        *ENTRIES[3:],
        entry(EntryKind.TASK_STATUS, "assess-care", 60, "cancelled"),
        replace(entry(EntryKind.TASK_RAISED, "assess-care", 70), raising=2),
        replace(entry(EntryKind.TASK_STATUS, "assess-care", 80, "accepted"), raising=2),
    ]

    drawing = draw(replace(told, tasks=(again,)), entries, JOURNEY, NOW, width=900, beside=True)

    assert [bar.state for bar in drawing.lanes[0].rows[0].bars] == ["asked", "accepted"]


def test_a_case_that_took_seconds_can_still_be_read() -> None:
    quick = Case(
        reference="x",
        tasks=(replace(case().tasks[0], since=START + timedelta(seconds=2)),),
        status=CaseStatus.FINISHED,
        opened_at=START,
        updated_at=START,
    )
    entries = [
        entry(EntryKind.TASK_RAISED, "check-home", 0),
        entry(EntryKind.TASK_STATUS, "check-home", 0.0005, "completed"),
    ]
    row = draw(quick, entries, None, NOW, width=900, beside=True).lanes[0].rows[0]

    assert row.bars[0].width >= 7
    assert [mark.shape for mark in row.marks] == ["done"]


def test_the_drawing_is_told_in_words_too() -> None:
    assert drawn(case()).description == (
        "Housing, Check home: done Tue 3 Nov; Social care, Assess care: in progress, due Tue 10 Nov; "
        "Transport, Book transport: waits for assess care."
    )


def test_a_case_without_tasks_is_an_empty_drawing() -> None:
    empty = Case(reference="x", opened_at=START, updated_at=NOW)
    drawing = draw(empty, [], None, NOW, width=900, beside=True)

    assert drawing.lanes == ()
    assert drawing.description == "Nothing has been asked of any department yet."


@pytest.mark.parametrize(
    ("length", "labels"),
    [
        (timedelta(seconds=20), ["09:00:00", "09:00:05", "09:00:10", "09:00:15"]),
        (timedelta(hours=4), ["09:00", "10:00", "11:00", "12:00"]),
        (timedelta(days=4), ["Tue 3 Nov", "Wed 4 Nov", "Thu 5 Nov"]),
        (timedelta(days=20), ["Mon 9 Nov", "Mon 16 Nov"]),
    ],
)
def test_an_axis_labels_round_moments(length: timedelta, labels: list[str]) -> None:
    axis = Axis(START, START + length, 0, 430)
    assert [tick.label for tick in axis.ticks()] == labels


@pytest.mark.parametrize(
    ("start", "end", "labels"),
    [
        (
            datetime(2026, 12, 30, 9, tzinfo=UTC),
            datetime(2027, 1, 2, 9, tzinfo=UTC),
            ["Thu 31 Dec 2026", "Fri 1 Jan 2027"],
        ),
        (
            datetime(2026, 11, 2, 9, tzinfo=UTC),
            datetime(2027, 2, 2, 9, tzinfo=UTC),
            ["Mon 9 Nov 2026", "Mon 7 Dec 2026", "Mon 4 Jan 2027"],
        ),
        (datetime(1900, 1, 1, tzinfo=UTC), START, ["1950", "2000"]),
        (datetime(2019, 5, 1, tzinfo=UTC), START, ["2020", "2022", "2024"]),
    ],
)
def test_labels_say_the_year_where_the_axis_crosses_one(start: datetime, end: datetime, labels: list[str]) -> None:
    assert [tick.label for tick in Axis(start, end, 0, 480).ticks()] == labels


@pytest.mark.parametrize(("left", "right", "most"), [(124.0, 890.0, 8), (8.0, 330.0, 4)])
@pytest.mark.parametrize("begins", [START, datetime(2026, 12, 31, 22, tzinfo=UTC), datetime(1900, 1, 1, tzinfo=UTC)])
def test_there_are_never_more_labels_than_fit(left: float, right: float, most: int, begins: datetime) -> None:
    lengths = [timedelta(minutes=10) * 1.3**power for power in range(62)]
    for length in [length for length in lengths if (begins + length).year <= LAST_MOMENTS_YEAR]:
        ticks = Axis(begins, begins + length, left, right).ticks()
        places = [tick.x for tick in ticks]

        assert len(ticks) <= most, length
        # A letter of a label is some seven units wide.
        assert all(after - tick.x >= 7 * len(tick.label) - 1 for tick, after in zip(ticks, places[1:], strict=False)), (
            length,
            ticks,
        )


def test_a_task_that_was_due_in_another_year_says_so() -> None:
    late = case()
    overdue = replace(late.tasks[1], due=datetime(1900, 1, 2, 23, 59, tzinfo=UTC))
    drawing = drawn(replace(late, tasks=(overdue,)))

    assert drawing.lanes[0].rows[0].label.words == "in progress, overdue since Tue 2 Jan 1900"


def test_midnight_is_british_also_on_the_day_the_clock_changes() -> None:
    axis = Axis(datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 27, 12, tzinfo=UTC), 0, 600)
    days = [tick for tick in axis.ticks() if tick.label.startswith(("Sun", "Mon"))]

    assert [tick.label for tick in days] == ["Sun 25 Oct", "Mon 26 Oct"]
    # 25 October 2026 has 25 hours.
    assert days[1].x - days[0].x == pytest.approx(600 * 25 / 72, abs=0.2)
