"""Faults of the hub's clock: deadlines that pass at the worst moment, many at once, and clocks that are wrong."""

import json
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub.memory import tables
from tests.faults.conftest import eventually
from tests.faults.oracles import dump, orders_of, statuses_of
from tests.faults.test_worker import judged
from tests.sites.worker import Site, Tipping, WorkerProcess

Start = Callable[..., WorkerProcess]
MONDAY, TUESDAY = (datetime(2025, 3, day, 9, 0, tzinfo=UTC) for day in (3, 4))


class Clock:
    """A clock that stands until it is moved, and that workers look at."""

    def __init__(self, file: Path, at: datetime) -> None:
        self.file = file
        self.show(microseconds(at))

    def show(self, at_us: int) -> None:
        """Move it."""
        new = self.file.with_suffix(".new")
        new.write_text(str(at_us))
        new.replace(self.file)

    @property
    def told(self) -> dict[str, str]:
        """What a worker's environment says of it."""
        return {"HUB_CLOCK": str(self.file)}


def microseconds(moment: datetime) -> int:
    """Since 1970, exactly."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def ask_and_apply(site: Site, requests: Iterable[Tipping]) -> None:
    """Requests alone, each with a deadline of its first task."""
    for request in requests:
        site.send(request.reported())
    site.sent()
    site.applies_everything()


def due(site: Site) -> dict[str, int]:
    """When each case is due, microseconds since 1970."""
    return {row.reference: row.due_us for row in site.rows(tables.deadlines)}


def expired(site: Site) -> dict[str, set[tuple[str, int, int]]]:
    """What was raised for each case: id, when it was due, and when it was raised."""
    found: dict[str, set[tuple[str, int, int]]] = {}
    for record in dump(site.kafka, "case-events", site.begin["case-events"]):
        event = json.loads(record.value or b"null")
        if event["type"] == "case.deadline-expired.v1":
            moments = (microseconds(datetime.fromisoformat(at)) for at in (event["data"]["due"], event["time"]))
            found.setdefault(event["partitionkey"], set()).add((event["id"], *moments))
    return found


@pytest.mark.fault(
    "T25",
    "the clock stands a microsecond before a deadline, then at it; the worker is stopped before another, and starts exactly at it",
    invariants="I9",
    oracle="O2 O4",
    twins=("deadlines-come-early",),
)
def test_a_deadline_is_raised_exactly_when_it_has_passed(site: Site, start: Start, seen: Callable[[str], None]) -> None:
    clock, first, second = Clock(site.folder / "clock", MONDAY), Tipping(MONDAY), Tipping(TUESDAY)
    before = Tipping(MONDAY - timedelta(days=7))
    worker = start(site, **clock.told)
    ask_and_apply(site, [first, second])
    dues = due(site)

    clock.show(dues[first.reference] - 1)
    ask_and_apply(site, [before])  # its deadline is long past: once it is raised, the others have been looked at
    eventually(lambda: before.reference in expired(site))
    at_the_last_moment = set(expired(site))
    clock.show(dues[first.reference])
    eventually(lambda: first.reference in expired(site))
    site.applies_everything()
    assert worker.stop() == 0
    at_the_first = set(expired(site))
    clock.show(dues[second.reference])
    start(site, **clock.told)
    eventually(lambda: second.reference in expired(site))
    site.applies_everything()

    assert at_the_last_moment == {before.reference}
    assert at_the_first == {before.reference, first.reference}
    raised = expired(site)
    assert {case: len(events) for case, events in raised.items()} == dict.fromkeys(raised, 1)
    for request in (first, second):
        ((_, due_us, raised_us),) = raised[request.reference]
        assert due_us == raised_us == dues[request.reference]
    verdict = judged(site)
    assert not verdict, str(verdict)
    seen("2 deadlines raised at their microsecond, one of them at a start; none before")


@pytest.mark.fault(
    "T25",
    "deadlines pass while a second worker joins, and again while the first is killed",
    invariants="I9",
    oracle="O2 O4",
    twins=("deadlines-are-drawn", "deadlines-come-early"),
)
def test_deadlines_that_pass_while_partitions_move_are_raised_once(
    tmp_path: Path, kafka: str, postgres_url: str, start: Start, seen: Callable[[str], None]
) -> None:
    with closing(Site(tmp_path, kafka, postgres_url)) as site:
        clock = Clock(site.folder / "clock", MONDAY)
        early, late = [Tipping(MONDAY) for _ in range(20)], [Tipping(TUESDAY) for _ in range(20)]
        one = start(site, settings=site.settings_of("one", session_timeout_s=6), **clock.told)
        ask_and_apply(site, [*early, *late])
        dues = due(site)

        two = start(site, settings=site.settings_of("two", session_timeout_s=6), **clock.told)
        two.says("worker starting")
        clock.show(max(dues[each.reference] for each in early))
        eventually(lambda: expired(site).keys() >= {each.reference for each in early})
        by_then = set(expired(site))
        two.says("worker ready")
        one.kill()
        clock.show(max(dues[each.reference] for each in late))
        eventually(lambda: expired(site).keys() >= {each.reference for each in late})
        site.applies_everything()

        raised = expired(site)
        assert by_then == {each.reference for each in early}
        assert {case: len({id_ for id_, *_ in events}) for case, events in raised.items()} == dict.fromkeys(dues, 1)
        assert all(raised_us >= dues[case] for case, events in raised.items() for _, _, raised_us in events)
        verdict = judged(site)
        assert not verdict, str(verdict)
        seen(f"{len(raised)} deadlines, {len(raised)} ids, none early")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.fault(
    "T26",
    "50,000 deadlines pass in the same minute, while other requests come in",
    invariants="I9 I4",
    oracle="O2 O4",
    twins=("deadlines-are-drawn",),
)
def test_fifty_thousand_deadlines_of_one_minute_are_each_raised_once(
    site: Site, start: Start, seen: Callable[[str], None]
) -> None:
    clock, number = Clock(site.folder / "clock", MONDAY), 50_000
    requests = [Tipping(MONDAY) for _ in range(number)]
    start(site, **clock.told)
    for request in requests:
        site.send(request.reported())
    site.sent()
    site.applies_everything(600)
    dues = due(site)

    clock.show(max(dues.values()))
    others = [Tipping() for _ in range(200)]
    for request in others:
        site.send(*request.story())
    site.sent()
    eventually(lambda: all(statuses_of(site.database).get(each.reference) == "finished" for each in others), 600)
    waiting = sum(not row.published for row in site.rows(tables.deadlines))
    eventually(lambda: not site.rows(tables.deadlines), 600)
    site.applies_everything(600)

    raised = expired(site)
    assert {case: len({id_ for id_, *_ in events}) for case, events in raised.items()} == dict.fromkeys(dues, 1)
    verdict = judged(site)
    assert not verdict, str(verdict)
    seen(f"{len(raised)} deadlines, each once; {len(others)} other requests finished while {waiting} still waited")


SHIFTS = {"an hour ahead": 3_600, "an hour behind": -3_600, "ten years ahead": 315_576_000, "five minutes ahead": 300}


@pytest.mark.long
@pytest.mark.fault(
    "T48",
    "workers whose clocks are an hour ahead, an hour behind, ten years and five minutes ahead, one after the other on one PostgreSQL",
    invariants="I2 I3 I4 I9",
    oracle="O2 O4",
    twins=("the-workers-clock-decides",),
)
def test_a_worker_whose_clock_is_wrong_raises_nothing_early(
    tmp_path: Path, kafka: str, postgres_url: str, start: Start, seen: Callable[[str], None]
) -> None:
    with closing(Site(tmp_path, kafka, postgres_url)) as site:
        past, present = [], []
        for shift_s in SHIFTS.values():
            worker = start(site, HUB_CLOCK_SHIFT_S=str(shift_s))
            past.append(Tipping(MONDAY))
            present += [Tipping() for _ in range(5)]
            for request in present[-4:]:
                site.send(*request.story())
            ask_and_apply(site, [past[-1], present[-5]])
            # Once what is long past is raised, all the others have been looked at too.
            eventually(lambda: past[-1].reference in expired(site))
            site.applies_everything()
            assert worker.stop() == 0

        assert expired(site).keys() == {each.reference for each in past}
        verdict = judged(site)
        assert not verdict, str(verdict)
        assert (
            len(
                orders_of(
                    dump(site.kafka, "case-updates", site.begin["case-updates"]),
                    {each.reference for each in present[1:5]},
                )
            )
            == 1
        )
        seen(f"{', '.join(SHIFTS)}: {len(past)} deadlines raised, of {len(past) + len(present)} requests none early")
