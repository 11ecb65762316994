from datetime import UTC, datetime, timedelta
from typing import Any

from hub.demo.tally import Sent, ended, progress, summary, waits_for

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def _task(name: str, department: str, state: str, *, late: bool = False) -> dict[str, Any]:
    return {"task": name, "department": department, "state": state, "late": late}


def _case(reference: str, status: str, *tasks: dict[str, Any], undoing: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "case": reference,
        "journey": "fly-tipping",
        "status": status,
        "tasks": list(tasks),
        "undoing": list(undoing),
    }


def test_a_case_has_ended_only_when_nothing_is_left_to_undo() -> None:
    cleared = _task("clear-estate", "housing", "completed")

    assert ended(_case("A", "withdrawn", cleared))
    assert not ended(_case("A", "withdrawn", cleared, undoing=("clear-estate",)))
    assert not ended(_case("A", "open", cleared))


def test_what_a_case_waits_for_is_told_by_department_and_task() -> None:
    case = _case(
        "A",
        "open",
        _task("check-home", "housing", "asked"),
        _task("assess-care", "social-care", "in-progress"),
        _task("book-transport", "transport", "waiting"),
    )

    assert waits_for(case) == "housing to begin check-home, social-care to finish assess-care"
    undoing = _case("A", "withdrawn", _task("check-home", "housing", "completed"), undoing=("check-home",))
    assert waits_for(undoing) == "housing to undo check-home"
    assert waits_for(_case("A", "needs-decision")) == "a person's decision about a refused task"


def test_progress_counts_cases_and_what_each_department_has_in_hand() -> None:
    sent = [Sent(NOW, "A"), Sent(NOW, "B"), Sent(NOW)]
    cases = [
        _case("A", "finished", _task("clear-estate", "housing", "completed")),
        _case("B", "open", _task("clear-estate", "housing", "accepted"), _task("collect-load", "transport", "waiting")),
    ]

    now = progress(sent, cases)

    assert (now.asked, now.accepted, now.ended) == (3, 2, 1)
    assert now.by_status == {"finished": 1, "open": 1, "on its way": 1}
    assert (now.in_hand["housing"], now.in_hand["transport"], now.done["housing"]) == (1, 0, 1)


def test_the_summary_counts_journeys_departments_refusals_and_times() -> None:
    sent = [Sent(NOW, "A", NOW + timedelta(seconds=4)), Sent(NOW, "B", NOW + timedelta(seconds=8)), Sent(NOW, "C")]
    cases = [
        _case("A", "finished", _task("clear-estate", "housing", "completed", late=True)),
        _case("B", "finished", _task("clear-estate", "housing", "rejected")),
    ]

    found = summary(sent, cases)

    assert found["journeys"] == {"fly-tipping": {"finished": 2}}
    assert found["departments"] == {"housing": {"completed": 1, "rejected": 1}}
    assert (found["ended"], found["refused_tasks"], found["deadlines_missed"]) == (2, 1, 1)
    assert found["seconds_to_end"]["median"] == 6.0
    assert found["unfinished"] == [{"case": "C", "waits_for": "being routed"}]
