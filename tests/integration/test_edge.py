"""A connector's process on a real Kafka: tasks in, statuses out, facts out, and every way it can be interrupted."""

import getpass
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Signal
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner
from kafka import KafkaAdminClient, OffsetAndMetadata, TopicPartition
from kafka.admin import OffsetSpec

from connectors.sdk.rehearsal import Running
from connectors.sdk.simulation import BackOffice
from hub import topics
from hub.__main__ import hub
from hub.edge.choice import choose
from hub.edge.kafka import Receiver, Sender, read_all
from hub.edge.messages import Outgoing
from hub.edge.process import ConnectorThreads
from hub.errors import EXIT_RESTART, ConfigurationError
from hub.settings import HubSettings, KafkaSettings, load
from schemas.envelope import Department, Event, output_id
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
from schemas.topics import CASE_EVENTS, FACTS, TASKS

SITE = Path(__file__).parents[1] / "kit" / "site"
HOUSING_TASKS = TASKS[Department.HOUSING]
COMPLETED = TaskStatus.COMPLETED
NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
QUIET, BUSY = BackOffice(accept_s=1e9), BackOffice(accept_s=0, work_s=0, reject_share=0, stall_share=0)


@pytest.fixture(scope="module", autouse=True)
def site() -> Iterator[None]:
    """The register's connector is installed."""
    sys.path.insert(0, str(SITE))
    yield
    sys.path.remove(str(SITE))


@pytest.fixture(scope="module")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Kafka of this module's own: its topics are the hub's, and nobody else's records are on them."""
    from hub.broker import nodes  # noqa: PLC0415 - as in tests/conftest.py

    folder = tmp_path_factory.mktemp("edge-kafka") / "broker"
    where = nodes.start(folder).bootstrap
    topics.apply(KafkaSettings(partitions=2), where)
    # The first group of a new cluster waits until Kafka has made the topic of its offsets.
    first = Receiver(KafkaSettings(), where, "first", "first", [HOUSING_TASKS.name])
    eventually(lambda: first.poll(1, 1) or first.assigned())
    first.close()
    yield where
    nodes.reset(folder)


class Site:
    """One council's register, its connector and what the hub hears of it."""

    def __init__(self, folder: Path, bootstrap: str, simulator: Any, memory: str) -> None:
        self.folder, self.bootstrap, self.simulator = folder, bootstrap, simulator
        self.name = f"register_{uuid4().hex[:8]}"
        self.memory, self.troubles = memory, folder / "troubles"
        self.troubles.mkdir()
        self.write_settings()
        self.sender = Sender(KafkaSettings(partitions=2), bootstrap, "test")
        self._begin_now()

    def _begin_now(self) -> None:
        """The new connector does not take up what earlier tests asked for."""
        parts = [TopicPartition(HOUSING_TASKS.name, number) for number in range(2)]
        with KafkaAdminClient(bootstrap_servers=self.bootstrap) as admin:
            ends = admin.list_partition_offsets(dict.fromkeys(parts, OffsetSpec.LATEST))
            offsets = {part: OffsetAndMetadata(ends[part].offset, "", -1) for part in parts}
            admin.alter_group_offsets(f"connector-{self.name}", offsets)

    def write_settings(self, more: str = "") -> None:
        reached = {**self.simulator.connector_settings(), "troubles": str(self.troubles)}
        lines = [f"{key} = {json.dumps(value)}" for key, value in reached.items()]
        self.settings_file.write_text(
            f'[council]\nname = "Nettlebourne"\ncode = "E06000999"\nkey = "not-a-real-council-key"\n'
            f'[kafka]\nbootstrap = "{self.bootstrap}"\npartitions = 2\n'
            f'[connectors.{self.name}]\nconnector = "paper_register"\nmemory = {{ url = "{self.memory}" }}\n'
            + "\n".join(lines)
            + f"\n{more}",
            encoding="utf-8",
        )

    @property
    def settings_file(self) -> Path:
        return self.folder / "hub.toml"

    def settings(self) -> HubSettings:
        return load(self.settings_file)

    @contextmanager
    def connector(self) -> Iterator[ConnectorThreads]:
        """The connector's threads, in this process."""
        stop = Signal()
        threads = ConnectorThreads(self.settings(), choose(self.settings(), self.name), stop)
        runner = Thread(target=threads.run)
        runner.start()
        try:
            yield threads
        finally:
            stop.set()
            runner.join(20)
            assert not runner.is_alive()

    def start(self) -> subprocess.Popen[bytes]:
        """The connector as a process of its own."""
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "hub", "--settings", str(self.settings_file), "connector", "run", self.name],
                env={**os.environ, "PYTHONPATH": str(SITE)},
                cwd=Path(__file__).parents[2],
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def ask(self, *events: Event) -> None:
        self.sender.send([Outgoing(HOUSING_TASKS.name, e.partitionkey.encode(), e.encode()) for e in events])

    def statuses(self, case: str) -> list[TaskStatusChanged]:
        records = read_all(KafkaSettings(), self.bootstrap, [CASE_EVENTS.name])
        return [TaskStatusChanged.model_validate_json(r.value or b"") for r in records if r.key == case.encode()]

    def reported(self, instruction: Event) -> TaskStatusChanged | None:
        """What the connector said of an instruction itself, whatever its reading of the register says besides."""
        report = output_id(instruction.id, "receipt")
        return next((said for said in self.statuses(instruction.partitionkey) if said.id == report), None)

    def entries(self) -> int:
        return int(self.simulator.entries())

    def entered(self) -> list[str]:
        """Our references, in the order in which they were entered."""
        with self.simulator.open() as books:
            return [ref for (ref,) in books.execute("SELECT hub_ref FROM journal ORDER BY rowid")]

    def hub(self, *arguments: str) -> str:
        """What a command of the hub prints."""
        found = CliRunner().invoke(hub, ["--settings", str(self.settings_file), *arguments], catch_exceptions=False)
        assert found.exit_code == 0, found.output
        return found.output


@pytest.fixture
def make_site(tmp_path: Path, bootstrap: str) -> Iterator[Callable[..., Site]]:
    from paper_register.simulator import PaperRegisterSimulator  # noqa: PLC0415 - installed by `site`

    made: list[tuple[Running, Site]] = []

    def make(office: BackOffice, memory: str = "") -> Site:
        simulator = PaperRegisterSimulator(tmp_path / "register", office)
        simulator.seed([])
        running = Running(simulator)
        running.start()
        made.append((running, Site(tmp_path, bootstrap, simulator, memory or f"sqlite:///{tmp_path}/edge.db")))
        return made[-1][1]

    yield make
    for running, site in made:
        site.sender.close()
        running.stop()


def raised(work: Work = Work.HOME_CHECK, task: str = "check-home", case: str | None = None) -> TaskRaised:
    case = case or case_reference(NOW, uuid4().hex)
    return TaskRaised(
        id=uuid4(),
        source="/E06000999/worker",
        correlationid=case,
        partitionkey=case,
        council="E06000999",
        time=NOW,
        effectiveat=NOW,
        data=Task(task=task, department=Department.HOUSING, work=work, asks="Is it fit to return to?"),
    )


def changed(event: TaskRaised) -> TaskChanged:
    return TaskChanged.following(event, "changed", source="/E06000999/worker", data=event.data)


def withdrawn(event: TaskRaised) -> TaskWithdrawn:
    data = TaskWithdrawal(task=event.data.task, department=Department.HOUSING, work=event.data.work, undo="Cancel it")
    return TaskWithdrawn.following(event, "withdrawn", source="/E06000999/worker", data=data)


def eventually(look: Callable[[], Any], within_s: float = 40) -> Any:
    """The first true answer."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := look():
            return found
    pytest.fail(f"Not within {within_s:g} s.")


def test_a_task_is_entered_reported_and_its_progress_comes_back(
    make_site: Callable[..., Site], database_url: str
) -> None:
    register, event = make_site(BUSY, database_url), raised()

    with register.connector():
        register.ask(event)
        said = eventually(
            lambda: {item.data.status: item for item in register.statuses(event.partitionkey)}.get(COMPLETED)
        )
        by_id = {item.id: item for item in register.statuses(event.partitionkey)}
    receipt = by_id[output_id(event.id, "receipt")]

    assert receipt.data.status == "accepted"
    assert receipt.data.reference == said.data.reference == "1"
    assert receipt.causationid == said.causationid == event.id
    assert receipt.correlationid == said.correlationid == event.partitionkey
    assert register.entries() == 1


def test_the_same_instruction_again_is_reported_again_and_not_applied(make_site: Callable[..., Site]) -> None:
    register, event = make_site(QUIET), raised()

    with register.connector():
        register.ask(event, event)
        said = eventually(lambda: len(found := register.statuses(event.partitionkey)) == 3 and found)

    receipts = [item for item in said if item.source == said[0].source and item.time == said[0].time]
    assert len({item.id for item in receipts}) == 1
    assert register.entries() == 1


@pytest.mark.parametrize("trouble", ["killed-before-write", "killed-after-write"])
def test_a_connector_that_is_killed_finishes_what_it_had_in_hand_once(
    make_site: Callable[..., Site], trouble: str
) -> None:
    register, event = make_site(QUIET), raised()
    (register.troubles / trouble).touch()
    register.ask(event)

    killed = register.start()
    assert killed.wait(60) == -signal.SIGKILL
    with register.connector():
        eventually(lambda: register.statuses(event.partitionkey))

    assert register.entries() == 1


def test_a_write_of_unknown_outcome_is_looked_up_and_not_repeated(make_site: Callable[..., Site]) -> None:
    register, event = make_site(QUIET), raised()
    (register.troubles / "unknown-after-write").touch()

    with register.connector():
        register.ask(event)
        eventually(lambda: register.statuses(event.partitionkey))

    assert register.entries() == 1


def test_a_process_that_is_told_to_stop_exits_0(make_site: Callable[..., Site]) -> None:
    register, event = make_site(QUIET), raised()
    register.ask(event)

    process = register.start()
    eventually(lambda: register.statuses(event.partitionkey))
    process.send_signal(signal.SIGTERM)

    assert process.wait(20) == 0
    lines = [json.loads(line) for line in (register.folder / "log").read_text().splitlines()]
    assert any(line["event"] == "task applied" and line["outcome"] == "accepted" for line in lines)


def test_tasks_wait_in_order_while_the_legacy_system_is_away_and_the_process_says_since_when(
    make_site: Callable[..., Site],
) -> None:
    register, case = make_site(QUIET), case_reference(NOW, uuid4().hex)
    events = [raised(task=task, case=case) for task in ("check-home", "check-stairs", "check-bath")]
    away = register.troubles / "away"
    away.touch()

    with register.connector() as threads:
        register.ask(*events)
        reason = eventually(lambda: unready(threads.health_port, "tasks away since"))
        away.unlink()
        eventually(lambda: all(register.reported(event) for event in events))
        eventually(lambda: ready(threads.health_port))

    assert "The register is away." in reason
    assert register.entered() == [event.id.hex for event in events]


def test_what_cannot_be_understood_is_set_aside_and_the_rest_flows(make_site: Callable[..., Site]) -> None:
    register, event = make_site(QUIET), raised()
    case = case_reference(NOW, uuid4().hex).encode()

    with register.connector():
        register.sender.send([Outgoing(HOUSING_TASKS.name, case, b"{not json")])
        register.ask(event)
        eventually(lambda: register.statuses(event.partitionkey))
        letters = eventually(lambda: letters_of(register, "not-json"))

    assert letters[0]["reason"] == "housing-tasks: the record is not JSON in UTF-8."
    assert "9 bytes that are not JSON" in register.hub("dead-letters", "show", letters[0]["id"])
    assert "{not json" in register.hub("dead-letters", "show", letters[0]["id"], "--reveal", "--why", "To see it")
    (trace,) = (record.value or b"" for record in read_all(KafkaSettings(), register.bootstrap, ["audit"]))
    told = json.loads(trace)["data"]
    assert (told["letter"], told["by"], told["why"]) == (letters[0]["id"], getpass.getuser(), "To see it")
    assert b"{not json" not in trace


def test_an_instruction_without_a_code_goes_in_once_its_code_is_mapped_and_it_is_replayed(
    make_site: Callable[..., Site],
) -> None:
    register, event = make_site(QUIET), raised(Work.ADAPTATION)
    register.write_settings(f'[connectors.{register.name}.kind.ignored]\nAD = "not ours"\n')

    with register.connector():
        register.ask(event)
        letter = eventually(lambda: letters_of(register, "unmapped-code"))[0]
    assert "has no code for adaptation; it has codes for home-check" in letter["reason"]
    register.write_settings()
    register.hub("dead-letters", "replay", letter["id"])
    with register.connector():
        said = eventually(lambda: register.statuses(event.partitionkey))

    assert said[0].data.status == "accepted"
    assert letters_of(register, "unmapped-code") == []


def test_a_withdrawal_of_what_never_went_in_is_settled_without_the_legacy_system(
    make_site: Callable[..., Site],
) -> None:
    register, event = make_site(QUIET), raised(Work.ADAPTATION)
    register.write_settings(f'[connectors.{register.name}.kind.ignored]\nAD = "not ours"\n')

    with register.connector():
        register.ask(event, withdrawn(event))
        said = eventually(lambda: register.statuses(event.partitionkey))

    assert (said[0].data.status, said[0].data.withdrawal) == ("cancelled", True)
    assert register.entries() == 0


@pytest.mark.parametrize("trouble", ["unknown-after-write", "failed-after-write"])
def test_what_was_written_and_then_set_aside_is_found_when_it_is_replayed_and_then_withdrawn(
    make_site: Callable[..., Site], trouble: str
) -> None:
    register, event = make_site(QUIET), raised()
    withdrawal = withdrawn(event)
    for name in (trouble, "blind"):
        (register.troubles / name).touch()

    with register.connector() as threads:
        register.ask(event, withdrawal)
        written = eventually(lambda: letters_of(register, "not-translatable"))[0]
        waiting = eventually(lambda: letters_of(register, "waits-for-earlier"))[0]
        (register.troubles / "blind").unlink()
        register.hub("dead-letters", "replay", written["id"])
        receipt = eventually(lambda: register.reported(event))
        assert register.entered() == [event.id.hex]
        register.hub("dead-letters", "replay", waiting["id"])
        cancelled = eventually(lambda: register.reported(withdrawal))
        eventually(lambda: "hub_connector_unfinished_effects 0.0" in metrics(threads.health_port))

    assert "may have been written" in written["reason"]
    assert receipt.data.status == "accepted"
    assert (cancelled.data.status, cancelled.data.withdrawal, cancelled.data.reason) == ("cancelled", True, None)
    assert register.entered() == [event.id.hex, withdrawal.id.hex]
    assert letters_of(register, "waits-for-earlier") == []


def test_a_task_and_its_change_that_were_set_aside_go_in_when_they_are_mended_and_replayed(
    make_site: Callable[..., Site],
) -> None:
    register, event = make_site(QUIET), raised(Work.ADAPTATION)
    change = changed(event)
    register.write_settings(f'[connectors.{register.name}.kind.ignored]\nAD = "not ours"\n')

    with register.connector():
        register.ask(event, change)
        letters = [eventually(lambda: letters_of(register, "unmapped-code"))[0]]
        letters += [eventually(lambda: letters_of(register, "waits-for-earlier"))[0]]
    register.write_settings()
    register.hub("dead-letters", "replay", *(letter["id"] for letter in letters))
    with register.connector():
        eventually(lambda: register.reported(event) and register.reported(change))

    assert register.entered() == [event.id.hex, change.id.hex]
    assert letters_of(register, "unmapped-code") == letters_of(register, "waits-for-earlier") == []


def test_the_largest_record_of_a_topic_finds_room_among_its_dead_letters(make_site: Callable[..., Site]) -> None:
    register, event = make_site(QUIET), raised()
    case = case_reference(NOW, uuid4().hex).encode()

    with register.connector():
        register.sender.send([Outgoing(HOUSING_TASKS.name, case, os.urandom(1_048_400))])
        register.ask(event)
        eventually(lambda: register.statuses(event.partitionkey))
        (letter,) = eventually(lambda: letters_of(register, "not-json"))

    assert "1048400 bytes that are not JSON" in register.hub("dead-letters", "show", letter["id"])


def test_a_replayed_record_that_says_nonsense_of_its_attempts_is_set_aside_all_the_same(
    make_site: Callable[..., Site],
) -> None:
    register = make_site(QUIET)
    case = case_reference(NOW, uuid4().hex).encode()

    with register.connector():
        register.sender.send([Outgoing(HOUSING_TASKS.name, case, b"{", (("attempt", b"often"),))])
        letters = eventually(lambda: letters_of(register, "not-json"))

    assert letters[0]["tried"] == 1


def test_what_is_read_while_a_member_only_shows_that_it_lives_is_read_again(
    bootstrap: str, make_site: Callable[..., Site]
) -> None:
    register, event = make_site(QUIET), raised()
    group = f"stay-{uuid4().hex}"
    receiver = Receiver(KafkaSettings(), bootstrap, group, group, [HOUSING_TASKS.name])
    eventually(lambda: not receiver.poll(1, 500) and receiver.assigned())
    receiver._consumer.pause = lambda *_: None  # as for a partition that is assigned within the very poll
    polled: list[Any] = []
    poll = receiver._consumer.poll

    def overheard(**given: Any) -> Any:
        polled.append(poll(**given))
        return polled[-1]

    receiver._consumer.poll = overheard
    register.ask(event)

    def read_in_passing() -> bool:
        receiver.stay()
        return any(polled)

    eventually(read_in_passing)
    found = eventually(lambda: receiver.poll(0.5, 500))

    assert [record.key for record in found] == [event.partitionkey.encode()]
    receiver.close()


def test_a_legacy_record_of_an_unmapped_status_is_said_once_its_status_is_mapped(
    make_site: Callable[..., Site],
) -> None:
    register = make_site(QUIET)
    with register.simulator.open() as books:
        books.execute("INSERT INTO jobs VALUES (7001, 'HC', 'Q7', '03/11/2026 09:00:00', NULL, 1)")
        books.execute("INSERT INTO jobs VALUES (7002, 'HC', 'DONE', '03/11/2026 09:00:00', NULL, 2)")

    with register.connector():
        eventually(lambda: facts_of(register, "7002"))
        letter = eventually(lambda: letters_of(register, "unmapped-code"))[0]
    assert 'the status code "Q7" is not in table status' in letter["reason"]
    assert facts_of(register, "7001") == []
    assert "restart it" in register.hub("dead-letters", "replay", letter["id"])
    register.write_settings(f'[connectors.{register.name}.status.codes]\nQ7 = "in-progress"\n')
    with register.connector():
        said = eventually(lambda: facts_of(register, "7001"))

    assert said[0]["data"]["status"] == "in-progress"
    eventually(lambda: letters_of(register, "unmapped-code") == [])
    assert len(facts_of(register, "7002")) == 1


def test_a_connector_refuses_to_start_without_its_topics(make_site: Callable[..., Site]) -> None:
    register = make_site(QUIET)
    register.settings_file.write_text(register.settings_file.read_text().replace("partitions = 2", "partitions = 3"))

    with pytest.raises(ConfigurationError, match=r"housing-tasks has 2 partitions, kafka\.partitions says 3"):
        ConnectorThreads(register.settings(), choose(register.settings(), register.name), Signal())


def test_a_connector_whose_memory_is_away_asks_to_be_started_again_and_works_once_it_is_there(
    make_site: Callable[..., Site],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    register, event = make_site(QUIET), raised()
    there, register.memory = register.memory, f"postgresql+psycopg://hub:a-secret@127.0.0.1:{port}/hub"
    register.write_settings()
    register.ask(event)

    assert register.start().wait(60) == EXIT_RESTART
    told = (register.folder / "log").read_text()
    register.memory = there
    register.write_settings()
    with register.connector():
        eventually(lambda: register.reported(event))

    assert (
        f"hub: connectors.{register.name}.memory.url: postgresql+psycopg://hub:***@127.0.0.1:{port}/hub does not answer"
        in told
    )
    assert not {"Traceback", "a-secret"} & set(re.findall(r"[\w-]+", told))


def letters_of(register: Site, code: str) -> list[dict[str, Any]]:
    # The connector's own log lines come before, for it runs in this process.
    letters = json.loads(register.hub("dead-letters", "list", "--json", "--code", code).splitlines()[-1])
    return [letter for letter in letters if letter["by"] == register.name]


def facts_of(register: Site, subject: str) -> list[dict[str, Any]]:
    records = read_all(KafkaSettings(), register.bootstrap, [FACTS[Department.HOUSING].name])
    return [json.loads(r.value or b"") for r in records if r.key == subject.encode()]


def metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


def unready(port: int, words: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
            return ""
    except urllib.error.HTTPError as error:
        reason: str = json.loads(error.read())["reason"]
        return reason if words in reason else ""


def ready(port: int) -> bool:
    return unready(port, "") == ""
