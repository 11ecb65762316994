"""The oracle goes red: each thing it looks for is done to the books, the API or a page of a made-up council, and it says so.

The books are written here with the columns that the oracle reads; that they are those of the simulated systems is what
`tests/integration/test_demo.py` shows, where the oracle must find as much as was asked.
"""

import json
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest

from tests.oracle.evidence import SYSTEMS, Department, Evidence
from tests.oracle.legacy import CHANGED, HOUSING, RAISED, SOCIAL_CARE, TRANSPORT, WITHDRAWN
from tests.oracle.verdict import judge

FIRST, LATER = "2026-11-05", "2026-11-09"
TYPES = {RAISED: "task.raised.v1", CHANGED: "task.changed.v1", WITHDRAWN: "task.withdrawn.v1"}


def database_in(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(file, isolation_level=None)
    database.execute("pragma synchronous = off")
    database.execute("pragma journal_mode = memory")
    return database


class Books(ABC):
    """A legacy system's books, which know what to write down and nothing of the hub."""

    words: dict[str, str]
    """Its codes, and the hub's words for them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.numbers: dict[str, int] = {}
        self.lines: list[tuple[str, str, dict[str, Any]]] = []

    def code(self, state: str) -> str:
        return next(code for code, word in self.words.items() if word == state)

    def number(self, work: str) -> int:
        return self.numbers.setdefault(work, len(self.numbers) + 1)

    def note(self, kind: str, work: str, key: str, state: str = "accepted") -> None:
        """Write down that an instruction was carried out."""
        self.lines.append((kind, key, self.line(kind, work, key, state)))
        self.write_journal()

    def strike(self, kind: str, key: str) -> None:
        """Take every line of an instruction out of the journal."""
        self.lines = [line for line in self.lines if line[:2] != (kind, key)]
        self.write_journal()

    def shown(self, work: str) -> str:
        """The number under which people ask for it."""
        return f"{self.number(work)}"

    @abstractmethod
    def line(self, kind: str, work: str, key: str, state: str) -> dict[str, Any]: ...

    @abstractmethod
    def write_journal(self) -> None: ...

    @abstractmethod
    def put(self, work: str, state: str, day: str) -> None:
        """The work as it stands."""


class HousingBooks(Books):
    words = HOUSING

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        with closing(self.database()) as database:
            database.execute("create table rmworder (wo_ref primary key, wo_status, u_hub_ref, date_due)")
            database.execute("create table rmworder_journal (id integer primary key, op, wo_ref, hub_ref, status)")

    def database(self) -> sqlite3.Connection:
        return database_in(self.folder / "universal_housing.db")

    def stands(self, work: str) -> str:
        return next(
            (self.words[line["status"]] for *_, line in reversed(self.lines) if line["hub_ref"] == work), "asked"
        )

    def line(self, kind: str, work: str, key: str, state: str) -> dict[str, Any]:
        status = {RAISED: "asked", CHANGED: self.stands(work), WITHDRAWN: "cancelled"}.get(kind, state)
        op = "insert" if kind == RAISED else "update"
        return {"op": op, "wo_ref": self.shown(work), "hub_ref": work, "status": self.code(status)}

    def write_journal(self) -> None:
        with closing(self.database()) as database:
            database.execute("delete from rmworder_journal")
            database.executemany(
                "insert into rmworder_journal (op, wo_ref, hub_ref, status) values (:op, :wo_ref, :hub_ref, :status)",
                [line for _, _, line in self.lines],
            )

    def put(self, work: str, state: str, day: str) -> None:
        if self.stands(work) != state:
            self.note("moved", work, work, state)
        with closing(self.database()) as database:
            database.execute(
                "insert or replace into rmworder values (?, ?, ?, ?)",
                (f"{self.shown(work):10}", self.code(state), f"{work:32}", f"{day} 17:00:00.000000"),
            )


class SocialCareBooks(Books):
    words = SOCIAL_CARE

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        with closing(database_in(folder / "casebrook.db")) as database:
            database.execute("create table referral (number primary key, status, external_reference, required_by)")
        self.write_journal()

    def shown(self, work: str) -> str:
        return f"R{self.number(work):07d}"

    def line(self, kind: str, work: str, key: str, state: str) -> dict[str, Any]:
        did = {RAISED: "create", CHANGED: "amend", WITHDRAWN: "cancel"}[kind]
        return {"did": did, "referral": self.shown(work), "external_reference": key}

    def write_journal(self) -> None:
        text = "".join(json.dumps(line) + "\n" for _, _, line in self.lines)
        (self.folder / "journal.ndjson").write_text(text)

    def put(self, work: str, state: str, day: str) -> None:
        with closing(database_in(self.folder / "casebrook.db")) as database:
            database.execute(
                "insert or replace into referral values (?, ?, ?, ?)",
                (self.number(work), self.code(state), work, f"{day} 17:00:00"),
            )


class TransportBooks(Books):
    words = TRANSPORT

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for place in ("archive", "inbound/rejected"):
            (folder / "files" / place).mkdir(parents=True)
        with closing(database_in(folder / "depot.sqlite")) as database:
            database.execute("create table bookings (number primary key, your_ref, case_ref, status, trip_date)")
        self.write_journal()

    def shown(self, work: str) -> str:
        return f"TB{self.number(work):06}"

    def file(self, key: str, second: int = 0) -> Path:
        return self.folder / "files/archive" / f"BK_2026110309000{second}0001_{key}.dat"

    def line(self, kind: str, work: str, key: str, state: str) -> dict[str, Any]:
        action = {RAISED: "NEW", CHANGED: "AMEND", WITHDRAWN: "CANCEL"}[kind]
        self.file(key).write_text(action)
        return {"file": self.file(key).name, "effect_key": key, "kind": action, "outcome": "applied"}

    def write_journal(self) -> None:
        text = "".join(json.dumps(line) + "\n" for _, _, line in self.lines)
        (self.folder / "journal.ndjson").write_text(text)

    def put(self, work: str, state: str, day: str) -> None:
        year, month, date = day.split("-")
        assert month == "11"
        with closing(database_in(self.folder / "depot.sqlite")) as database:
            database.execute(
                "insert or replace into bookings values (?, ?, 'a case', ?, ?)",
                (self.shown(work), work, self.code(state), f"{date}-Nov-{year}"),
            )


BOOKS: dict[str, type[Books]] = {
    "housing": HousingBooks,
    "social-care": SocialCareBooks,
    "transport": TransportBooks,
}


class Council:
    """Three legacy systems, what the hub asked of them and heard, and what it shows people. As it is made, all agree."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.books = {name: kind(folder / SYSTEMS[name].folder) for name, kind in BOOKS.items()}
        self.events: dict[str, list[dict[str, Any]]] = {name: [] for name in BOOKS}
        self.answers: list[dict[str, Any]] = []
        self.cases: dict[str, dict[str, Any]] = {}
        self.pages: dict[str, str] = {}
        for name in BOOKS:
            self._live(name)

    def _live(self, name: str) -> None:
        """One task of each course that a task can take."""
        done = self.raised(name, "done", FIRST, "completed")
        moved = self.raised(name, "moved", LATER, "in-progress")
        self.asks(name, CHANGED, "moved", LATER)
        self.books[name].note(CHANGED, moved, self.key(name, CHANGED, "moved"))
        self.books[name].put(moved, "in-progress", LATER)
        ended = self.raised(name, "called-off", FIRST, "cancelled")
        self.asks(name, WITHDRAWN, "called-off", says="cancelled")
        self.books[name].note(WITHDRAWN, ended, self.key(name, WITHDRAWN, "called-off"))
        self.books[name].put(ended, "cancelled", FIRST)
        self.asks(name, RAISED, "turned-away", FIRST, says="rejected")
        self.show(name, "turned-away", "rejected", None)
        if name == "housing":  # it says when a change comes too late, and a withdrawal
            self.asks(name, CHANGED, "done", LATER, says="completed")
            self.asks(name, WITHDRAWN, "done", says="completed")
        else:
            self.books[name].put(done, "completed", FIRST)

    def key(self, name: str, kind: str, task: str) -> str:
        return uuid5(NAMESPACE_URL, f"{name}|{kind}|{task}").hex

    def raised(self, name: str, task: str, day: str, state: str) -> str:
        """A task that was raised, accepted, and stands so to the hub; its books are as they were when it was accepted."""
        key = self.key(name, RAISED, task)
        self.asks(name, RAISED, task, FIRST)
        self.books[name].note(RAISED, key, key)
        self.books[name].put(key, "completed" if state == "completed" else "accepted", FIRST)
        self.show(name, task, state, self.books[name].shown(key))
        return key

    def asks(self, name: str, kind: str, task: str, day: str = FIRST, says: str = "accepted") -> None:
        """The hub asks something, and is answered."""
        data = {"task": task, "due": f"{day}T17:00:00Z", "facts": {"discharge_date": day}}
        identity = str(UUID(hex=self.key(name, kind, task)))
        self.events[name].append({"id": identity, "type": TYPES[kind], "partitionkey": f"case of {name}", "data": data})
        self.answers.append({"causationid": identity, "data": {"department": name, "status": says}})

    def show(self, name: str, task: str, state: str, reference: str | None) -> None:
        """What the API and the page say of a task."""
        case = self.cases.setdefault(f"case of {name}", {"tasks": []})
        case["tasks"].append({"task": task, "department": name, "state": state, "reference": reference})
        self.pages[f"case of {name}"] = self.pages.get(f"case of {name}", "") + f" {reference}"

    def task(self, name: str, task: str) -> dict[str, Any]:
        found: dict[str, Any] = next(each for each in self.cases[f"case of {name}"]["tasks"] if each["task"] == task)
        return found

    def problems(self) -> list[str]:
        departments = []
        for name, system in SYSTEMS.items():
            department = Department(name, system.read(self.folder / system.folder))
            for event in [*self.events[name], *self.events[name]]:  # as after a crash: the same ids again
                department.hear(event)
            for event in self.answers:
                department.hear_answer(event)
            departments.append(department)
        found: list[str] = judge(Evidence(departments, self.cases, self.pages))["problems"]
        return found


@pytest.fixture
def council(tmp_path: Path) -> Council:
    return Council(tmp_path)


def test_where_all_agree_the_oracle_has_nothing_to_say(council: Council) -> None:
    assert council.problems() == []


Doctor = Callable[[Council, str], object]


def stroke(kind: str, task: str) -> Doctor:
    return lambda council, name: council.books[name].strike(kind, council.key(name, kind, task))


def repeat(kind: str, task: str) -> Doctor:
    return lambda council, name: council.books[name].note(
        kind, council.key(name, RAISED, task), council.key(name, kind, task)
    )


def stands(task: str, state: str, day: str) -> Doctor:
    return lambda council, name: council.books[name].put(council.key(name, RAISED, task), state, day)


def shows(name_of_task: str, **parts: object) -> Doctor:
    return lambda council, name: council.task(name, name_of_task).update(parts)


def both(*doctors: Doctor) -> Doctor:
    return lambda council, name: [doctor(council, name) for doctor in doctors]


def hushed(kind: str, task: str) -> Doctor:
    def doctor(council: Council, name: str) -> None:
        identity = str(UUID(hex=council.key(name, kind, task)))
        council.answers = [answer for answer in council.answers if answer["causationid"] != identity]

    return doctor


def forgotten(kind: str, task: str) -> Doctor:
    def doctor(council: Council, name: str) -> None:
        identity = str(UUID(hex=council.key(name, kind, task)))
        council.events[name] = [event for event in council.events[name] if event["id"] != identity]

    return doctor


@pytest.mark.parametrize("name", BOOKS)
@pytest.mark.parametrize(
    ("doctor", "problem"),
    [
        pytest.param(stroke(RAISED, "moved"), "was applied 0 times", id="a task never written"),
        pytest.param(repeat(RAISED, "done"), "was applied 2 times", id="a task written twice"),
        pytest.param(
            repeat(RAISED, "turned-away"),
            "was turned away, and was applied 1 times",
            id="a task written that was refused",
        ),
        pytest.param(forgotten(RAISED, "done"), "was raised, but nobody asked for it", id="a task nobody asked for"),
        pytest.param(
            both(stroke(CHANGED, "moved"), stands("moved", "in-progress", FIRST)),
            "is said to be made 1 times, and was made 0 times",
            id="a change never made",
        ),
        pytest.param(
            stands("moved", "in-progress", FIRST),
            "and its books say",
            id="a change made with what was asked before",
        ),
        pytest.param(
            repeat(CHANGED, "moved"), "is said to be made 1 times, and was made 2 times", id="a change made twice"
        ),
        pytest.param(
            forgotten(CHANGED, "moved"), "was changed, but nobody asked for it", id="a change nobody asked for"
        ),
        pytest.param(hushed(CHANGED, "moved"), "nobody has said what became of moved", id="a change without an answer"),
        pytest.param(
            both(stroke(WITHDRAWN, "called-off"), stands("called-off", "in-progress", FIRST)),
            "was withdrawn, and is in-progress there",
            id="a withdrawal that never happened",
        ),
        pytest.param(
            both(stroke(WITHDRAWN, "called-off"), stands("called-off", "completed", FIRST)),
            "was carried out 0 times; it is completed there, and said to be ['cancelled']",
            id="a withdrawal that never happened and work that was done",
        ),
        pytest.param(repeat(WITHDRAWN, "called-off"), "was carried out 2 times", id="a withdrawal carried out twice"),
        pytest.param(
            forgotten(WITHDRAWN, "called-off"),
            "was withdrawn, but nobody asked for it",
            id="a withdrawal nobody asked for",
        ),
        pytest.param(
            both(forgotten(RAISED, "done"), forgotten(CHANGED, "done"), forgotten(WITHDRAWN, "done")),
            "which no case shows",
            id="work that no case shows",
        ),
        pytest.param(
            both(*(forgotten(kind, "done") for kind in TYPES)), "but was never asked for", id="a number of nothing"
        ),
        pytest.param(shows("done", task="another"), "is not in the API", id="a task the API does not show"),
        pytest.param(
            shows("done", state="in-progress"), "is in-progress to the hub and completed there", id="another state"
        ),
        pytest.param(shows("done", reference="4711"), "is known to the hub as 4711", id="another number"),
        pytest.param(
            lambda council, name: council.pages.update({f"case of {name}": "Nothing to see."}),
            "the page of case of",
            id="a page that does not say so",
        ),
        pytest.param(
            lambda council, name: council.events[name].clear(),
            "which proves nothing",
            id="a department asked for nothing",
        ),
    ],
)
def test_the_oracle_notices(name: str, doctor: Doctor, problem: str, council: Council) -> None:
    doctor(council, name)

    assert [
        found for found in council.problems() if found.startswith((f"{name}:", "a department")) and problem in found
    ]


def test_the_oracle_notices_a_referral_that_its_journal_does_not_know(council: Council) -> None:
    council.books["social-care"].strike(RAISED, council.key("social-care", RAISED, "done"))

    assert "social-care: holds R0000001, which its journal does not know" in council.problems()


def test_the_oracle_notices_a_works_order_that_ended_and_went_on(council: Council) -> None:
    council.books["housing"].put(council.key("housing", RAISED, "done"), "in-progress", FIRST)

    assert "housing: order 1 was completed and became in-progress" in council.problems()


def test_the_oracle_notices_a_change_made_that_was_said_to_come_too_late(council: Council) -> None:
    key = council.key("housing", RAISED, "done")
    council.books["housing"].note(CHANGED, key, key, "completed")

    assert [problem for problem in council.problems() if "said to be made 0 times, and was made 1 times" in problem]


def test_the_oracle_notices_files_that_are_one_too_many_or_one_too_few(council: Council) -> None:
    depot = council.books["transport"]
    assert isinstance(depot, TransportBooks)
    twice, gone, strange = (
        council.key("transport", RAISED, "done"),
        council.key("transport", CHANGED, "moved"),
        "f" * 32,
    )
    depot.file(twice, second=1).write_text("another content")
    depot.file(gone).unlink()
    depot.file(strange).write_text("NEW")

    assert council.problems() == [
        f"transport: its journal has {gone}, but no file of it was kept",
        f"transport: kept a file of {strange}, which its journal does not know",
        f"transport: kept 2 files of {twice}",
    ]


def test_the_oracle_notices_a_file_that_came_a_second_time_under_its_name(council: Council) -> None:
    depot, key = council.books["transport"], council.key("transport", RAISED, "done")
    depot.lines.append((RAISED, key, depot.lines[0][2] | {"outcome": "duplicate"}))
    depot.write_journal()

    assert council.problems() == [f"transport: was sent BK_202611030900000001_{key}.dat again"]
