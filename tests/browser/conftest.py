"""The web process over an invented council's memory, and a real browser to look at it with.

Cases are made by the product's own `step`, from events as departments would send them; Kafka is not there: pages must not need it.
"""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import Engine, create_engine, insert

from hub.journeys.check import parse
from hub.journeys.clocks import calendar_for
from hub.journeys.load import SHIPPED, load_files
from hub.journeys.model import Journeys
from hub.memory import tables
from hub.routing.case import Case
from hub.routing.entry import Entry
from hub.routing.share import row_of
from hub.routing.step import World, step
from schemas.effects import EffectUncertain, UncertainEffect
from schemas.envelope import Event, Message
from schemas.facts import Facts
from schemas.references import case_reference
from schemas.requests import Amendment, Request, RequestAmended, RequestReceived, RequestWithdrawn, Withdrawal
from schemas.tasks import DeadlineExpired, ExpiredDeadline, StatusChange, TaskStatusChanged

COUNCIL = "E06000999"
CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
OWN_JOURNEY = """
journey: decide
version: 1
title: A journey that asks a person
owner: Head of Testing
starts: {request: decide-asked}
requires:
  uprn: Which home is it (UPRN)?
tasks:
  check-home:
    department: housing
    work: home-check
    asks: Is the home fit?
    due: 2 working days
  bring-home:
    department: transport
    work: trip
    asks: Bring the person home
    after: [check-home]
    due: 3 working days
"""
"""None of the journeys that come with the hub leaves a refusal to a person; a council's own may."""

WORLD = World(
    Journeys((*load_files(sorted(SHIPPED.glob("*.yaml"))), parse(OWN_JOURNEY, "decide.v1.yaml"))),
    calendar_for("england-and-wales", {"england-and-wales": []}),
    "/x/worker",
)


@dataclass
class Story:
    """One case told as events, each so many hours before the present."""

    name: str
    request: str
    facts: dict[str, Any]
    now: datetime
    hours_ago: float
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reference = case_reference(self._at(self.hours_ago), self.name)
        self.add(RequestReceived, Request(request=self.request, facts=Facts.model_validate(self.facts)), self.hours_ago)

    def _at(self, hours_ago: float) -> datetime:
        return self.now - timedelta(hours=hours_ago)

    def add(self, kind: type[Event], data: Message, hours_ago: float) -> "Story":
        """One more event."""
        at = self._at(hours_ago)
        event = kind.model_validate(
            {
                "id": uuid4(),
                "source": "/test",
                "type": kind.model_fields["type"].default,
                "time": at,
                "correlationid": self.reference,
                "partitionkey": self.reference,
                "council": COUNCIL,
                "effectiveat": at,
                "channel": "phone",
                "data": data,
            }
        )
        self.events.append(event)
        return self

    def says(self, task: str, department: str, status: str, hours_ago: float, **more: Any) -> "Story":
        """A department's word on a task."""
        change = StatusChange.model_validate({"task": task, "department": department, "status": status, **more})
        return self.add(TaskStatusChanged, change, hours_ago)

    def doubts(self, task: str, department: str, hours_ago: float, **more: Any) -> "Story":
        """A connector's word that nobody knows what became of an instruction."""
        evidence = "The form of 91 bytes was sent to /bookings, and no answer came: ConnectionResetError."
        said = {
            "task": task,
            "department": department,
            "connector": "taxi_firm",
            "effect": uuid4(),
            "evidence": evidence,
        }
        doubt = UncertainEffect.model_validate(said | {"sent_at": self._at(hours_ago), "means": "completed"} | more)
        return self.add(EffectUncertain, doubt, hours_ago)

    def tell(self, engine: Engine) -> Case:
        """Run it through the step and store what the worker would."""
        case: Case | None = None
        entries: list[Entry] = []
        for event in self.events:
            decision = step(case, event, WORLD)
            case, entries = decision.case, [*entries, *decision.entries]
        assert case is not None
        with engine.begin() as connection:
            connection.execute(insert(tables.cases), row_of(case)._asdict())
            connection.execute(
                insert(tables.timeline),
                [{"reference": case.reference, "body": entry.write()} for entry in entries],
            )
        return case


def _discharge(now: datetime, name: str, hours_ago: float, days_ahead: int = 7) -> Story:
    facts = {
        "person_name": "Edna Invented",
        "nhs_number": "9990000018",
        "uprn": "100023336956",
        "mobility": "wheelchair",
        "discharge_date": (now + timedelta(days=days_ahead)).date().isoformat(),
    }
    return Story(name, "discharge-notified", facts, now, hours_ago)


def stories(now: datetime) -> dict[str, Story]:
    """Every way a case can stand, each once, by a name for it."""
    in_hand = (
        _discharge(now, "in-hand", 170)
        .says("check-home", "housing", "accepted", 168, reference="00012340")
        .says("assess-care", "social-care", "accepted", 166, reference="R-4471")
        .says("check-home", "housing", "completed", 150, answers={"steps_at_door": 4, "keysafe_present": True})
        .says("fit-ramp", "housing", "accepted", 146, reference="00012345")
        .says("assess-care", "social-care", "completed", 120, answers={"care_visits_a_day": 2})
        .says("book-transport", "transport", "accepted", 110, reference="T-88213")
        .says("fit-ramp", "housing", "in-progress", 96)
        .says("book-transport", "transport", "completed", 60, answers={"pickup_time": "10:30"})
    )
    overdue = _discharge(now, "overdue", 100, days_ahead=3).says(
        "check-home", "housing", "accepted", 97, reference="00012351"
    )
    overdue.add(DeadlineExpired, ExpiredDeadline(task="check-home", due=_due(overdue, "check-home")), 40)
    finished = (
        Story(
            "finished",
            "fly-tipping-reported",
            {"uprn": "100023336957", "waste_size": "tipper-lorry", "land_owner": "housing"},
            now,
            6,
        )
        .says("clear-estate", "housing", "accepted", 5.5, reference="00012399")
        .says("clear-estate", "housing", "in-progress", 4)
        .says("clear-estate", "housing", "completed", 3, answers={"evidence_found": False})
        .says("collect-load", "transport", "accepted", 2.5, reference="T-90001")
        .says("collect-load", "transport", "completed", 1)
    )
    closed = _discharge(now, "closed", 300).says(
        "assess-care", "social-care", "rejected", 290, reason="The person lives in another council's area"
    )
    closed.says("check-home", "housing", "cancelled", 280, withdrawal=True)
    withdrawn = _discharge(now, "withdrawn", 200).add(RequestWithdrawn, Withdrawal(), 190)
    withdrawn.says("check-home", "housing", "cancelled", 188, withdrawal=True)
    withdrawn.says("assess-care", "social-care", "cancelled", 186, withdrawal=True)
    undoing = _discharge(now, "undoing", 90).says("check-home", "housing", "accepted", 80, reference="00012377")
    undoing.add(RequestWithdrawn, Withdrawal(), 2)
    refused = _discharge(now, "change-refused", 120).says(
        "check-home", "housing", "accepted", 110, reference="00012388"
    )
    refused.says("check-home", "housing", "completed", 100, answers={"steps_at_door": 4})
    refused.says("fit-ramp", "housing", "accepted", 90, reference="00012389")
    refused.add(RequestAmended, _moved(now, 9), 80)
    refused.says(
        "fit-ramp", "housing", "rejected", 70, revision=1, reason="The works order is already with a contractor"
    )
    unstopped = _discharge(now, "not-stopped", 120).says("check-home", "housing", "accepted", 110, reference="00012390")
    unstopped.add(RequestWithdrawn, Withdrawal(), 50)
    unstopped.says(
        "check-home", "housing", "rejected", 40, revision=1, withdrawal=True, reason="The inspector is on the way"
    )
    unstopped.says("assess-care", "social-care", "cancelled", 30, revision=1, withdrawal=True)
    again = _discharge(now, "asked-again", 120).says(
        "check-home", "housing", "completed", 110, answers={"steps_at_door": 4}
    )
    again.says("fit-ramp", "housing", "accepted", 100, reference="00012391")
    again.add(RequestAmended, Amendment(facts=Facts.model_validate({"mobility": "walks"})), 80)
    again.says("fit-ramp", "housing", "cancelled", 70, revision=1, withdrawal=True)
    again.add(RequestAmended, Amendment(facts=Facts.model_validate({"mobility": "wheelchair"})), 60)
    again.says("fit-ramp", "housing", "accepted", 50, raising=2, reference="00012392")
    fresh = _discharge(now, "fresh", 0.05)
    unknown = _discharge(now, "unknown", 50).says(
        "check-home", "housing", "completed", 40, answers={"steps_at_door": 0}
    )
    unknown.says("assess-care", "social-care", "completed", 30, answers={"care_visits_a_day": 2})
    unknown.doubts("book-transport", "transport", 29.9)
    unstoppable = _discharge(now, "unknown-withdrawal", 90).says(
        "check-home", "housing", "accepted", 80, reference="00012399"
    )
    unstoppable.says("assess-care", "social-care", "rejected", 60, reason="The person lives in another council's area")
    unstoppable.doubts("check-home", "housing", 59.9, revision=1, withdrawal=True, means="cancelled")
    needs_decision = Story("needs-decision", "decide-asked", {"uprn": "100023336956"}, now, 30)
    needs_decision.says("check-home", "housing", "rejected", 20, reason="Nobody was at home three times")
    return {
        "in-hand": in_hand,
        "overdue": overdue,
        "finished": finished,
        "closed": closed,
        "withdrawn": withdrawn,
        "undoing": undoing,
        "change-refused": refused,
        "not-stopped": unstopped,
        "asked-again": again,
        "fresh": fresh,
        "needs-decision": needs_decision,
        "unknown": unknown,
        "unknown-withdrawal": unstoppable,
    }


def _moved(now: datetime, days_ahead: int) -> Amendment:
    day = (now + timedelta(days=days_ahead)).date().isoformat()
    return Amendment(facts=Facts.model_validate({"discharge_date": day}))


def _due(story: Story, task: str) -> datetime:
    case = step(None, story.events[0], WORLD).case
    due = next(view.due for view in case.tasks if view.name == task)
    assert due is not None
    return due


@dataclass(frozen=True)
class Web:
    """A running web process and the references of the stories it knows."""

    url: str
    cases: dict[str, str]


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """`hub web` over a memory in which every story was told."""
    folder = tmp_path_factory.mktemp("web")
    with running(folder) as found:
        yield found


@contextmanager
def running(folder: Path, more: str = "") -> Iterator[Web]:
    """`hub web` in a folder, for as long as the `with` lasts; `more` stands in its settings file too."""
    engine = create_engine(f"sqlite:///{folder / 'worker.db'}")
    tables.create(engine)
    now = datetime.now(UTC)
    told = {name: story.tell(engine).reference for name, story in stories(now).items()}
    for number in range(30):
        _discharge(now, f"more-{number}", 5 + number).tell(engine)
    engine.dispose()
    (folder / "journeys").mkdir()
    (folder / "journeys" / "decide.v1.yaml").write_text(OWN_JOURNEY, encoding="utf-8")
    port = _free_port()
    settings = folder / "hub.toml"
    settings.write_text(
        f'[council]\nname = "Inventshire Council"\ncode = "{COUNCIL}"\nkey = "0123456789abcdef0123"\n'
        f'[worker]\nmemory.url = "sqlite:///worker.db"\n[web]\nport = {port}\nmemory.url = "sqlite:///web.db"\n'
        '[journeys]\nfolder = "journeys"\n'
        "[connectors.universal_housing]\n[connectors.social_care_soap]\n[connectors.transport_files]\n"
        f"{more}",
        encoding="utf-8",
    )
    log = folder / "web.log"
    command = [sys.executable, "-m", "hub", "--settings", str(settings), "web"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            url = f"http://127.0.0.1:{port}"
            answers(url, process, log)
            yield Web(url, told)
        finally:
            process.terminate()
            process.wait(20)


def answers(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until the web answers."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(f"{url}/livez").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(log.read_text())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def chromium() -> str:
    """Where Chromium is.

    Raises:
        AssertionError: it is not installed; says how to.
    """
    names: Sequence[str] = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if (path := shutil.which(name))), None)
    assert found, "Browser tests need Chromium: apt-get install -y chromium"
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        yield started
        started.close()
