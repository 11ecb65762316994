"""A journey drawn, and what would happen when."""

from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from hub.journeys.check import parse
from hub.journeys.clocks import Calendar, parse_due
from hub.journeys.draw import mermaid, svg
from hub.journeys.load import SHIPPED, load_files
from hub.journeys.model import Journey, Journeys
from hub.routing.entry import EntryKind
from hub.routing.simulate import Answers, simulate
from hub.routing.step import World
from schemas.cases import CaseStatus
from schemas.facts import Facts

JOURNEYS = load_files(SHIPPED.glob("*.yaml"))
CALENDAR = Calendar("england-and-wales", frozenset(), datetime(2028, 12, 31, tzinfo=UTC).date())
WORLD = World(JOURNEYS, CALENDAR, source="/simulation")
START = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
WHEELCHAIR = Facts.model_validate({"mobility": "wheelchair", "discharge_date": "2026-11-13"})


def discharge() -> Journey:
    journey = JOURNEYS.for_request("discharge-notified")
    assert journey is not None
    return journey


@pytest.mark.parametrize("journey", list(JOURNEYS), ids=lambda journey: journey.name)
def test_a_drawing_shows_every_task_and_every_arrow(journey: Journey) -> None:
    picture, text = svg(journey), mermaid(journey)
    root = ET.fromstring(picture)

    tasks = [each for each in root.iter("{http://www.w3.org/2000/svg}rect") if "task" in (each.get("class") or "")]
    arrows = [each for each in root.iter("{http://www.w3.org/2000/svg}path") if each.get("class") == "arrow"]
    assert len(tasks) == len(journey.tasks)
    assert len(arrows) == sum(len(task.after) for task in journey.tasks)
    assert text.count("-->") == sum(max(1, len(task.after)) for task in journey.tasks)
    assert journey.title in picture


def test_tasks_of_a_drawing_never_lie_on_one_another() -> None:
    for journey in JOURNEYS:
        root = ET.fromstring(svg(journey))
        corners = [
            (each.get("x"), each.get("y"))
            for each in root.iter("{http://www.w3.org/2000/svg}rect")
            if "task" in (each.get("class") or "")
        ]
        assert len(set(corners)) == len(corners)


def test_a_simulation_runs_the_journey_to_its_end() -> None:
    answers = Answers(
        facts={"check-home": Facts(steps_at_door=3), "assess-care": Facts(care_visits_a_day=2)},
        takes={"fit-ramp": parse_due("3 working days")},
    )

    case, happened = simulate(discharge(), WORLD, START, WHEELCHAIR, answers)

    raised = [entry.task for entry in happened if entry.kind is EntryKind.TASK_RAISED]
    assert case.status is CaseStatus.FINISHED
    assert set(raised) == {task.name for task in discharge().tasks}
    assert not [entry for entry in happened if entry.kind is EntryKind.DEADLINE_EXPIRED]
    assert [entry.at for entry in happened] == sorted(entry.at for entry in happened)


def test_a_simulation_shows_a_task_that_would_be_late() -> None:
    answers = Answers(facts={"check-home": Facts(steps_at_door=3)}, takes={"fit-ramp": parse_due("15 working days")})

    _, happened = simulate(discharge(), WORLD, START, WHEELCHAIR, answers)

    assert [entry.task for entry in happened if entry.kind is EntryKind.DEADLINE_EXPIRED] == ["fit-ramp"]


def test_a_simulation_of_a_refusal_that_closes_the_case_undoes_what_was_begun() -> None:
    case, happened = simulate(discharge(), WORLD, START, WHEELCHAIR, Answers(refused=frozenset({"assess-care"})))

    assert case.status is CaseStatus.CLOSED
    assert case.undoing == ()
    assert "check-home" in [entry.task for entry in happened if entry.kind is EntryKind.TASK_WITHDRAWN]


def test_a_simulation_ends_where_the_years_end() -> None:
    tasks = "".join(
        f"  t{n}: {{department: housing, work: adaptation, asks: Do, due: 120 months{f', after: t{n - 1}' if n else ''}}}\n"
        for n in range(30)
    )
    text = "journey: a\nversion: 1\ntitle: A\nowner: B\nstarts: {request: r}\nrequires: {uprn: Where}\ntasks:\n" + tasks
    journey = parse(text, "a.v1.yaml")
    slow = Answers(takes={f"t{n}": parse_due("120 months") for n in range(30)})

    case, happened = simulate(journey, World(Journeys((journey,)), CALENDAR, "/simulation"), START, Facts(), slow)

    assert case.status is CaseStatus.OPEN
    assert 2100 < max(entry.at.year for entry in happened) < 2120


def test_the_same_simulation_twice_is_the_same() -> None:
    one = simulate(discharge(), WORLD, START, WHEELCHAIR, Answers())
    two = simulate(
        discharge(), World(Journeys((discharge(),)), CALENDAR, source="/simulation"), START, WHEELCHAIR, Answers()
    )

    assert one == two


def test_a_drawing_in_mermaid_survives_tasks_and_titles_that_mean_something_there() -> None:
    text = (
        "journey: a\nversion: 1\ntitle: 'A #1 \"test\" of <b>'\nowner: B\nstarts: {request: r}\nrequires: {steps_at_door: Steps}\n"
        "tasks:\n  start: {department: housing, work: trip, asks: Do}\n"
        "  housing: {department: housing, work: trip, asks: Do}\n"
        "  end: {department: housing, work: trip, asks: Do, after: [start, housing], when: steps_at_door < 3}\n"
    )

    drawn = mermaid(parse(text, "a.v1.yaml"))

    assert 'start(["A #35;1 #34;test#34; of #60;b#62;"])' in drawn
    assert "  start --> task_start\n" in drawn
    assert 'task_housing -->|"steps_at_door #60; 3"| task_end\n' in drawn
