"""What the conformance suite tries a connector with: a simulator that runs, fixtures, example settings, invented instructions."""

import inspect
import time
import tomllib
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Signal
from threading import Thread
from typing import Any, ClassVar
from uuid import UUID, uuid5

from connectors.sdk.contract import Connector, Effect, EffectClass, LegacyRecord, Progress
from connectors.sdk.errors import TranslationError
from connectors.sdk.manifest import Manifest, manifest_of
from connectors.sdk.records import decode_record
from connectors.sdk.settings import RUNNER_KEYS, ConnectorSettings, load_settings
from connectors.sdk.simulation import BackOffice, Simulator
from connectors.sdk.specimens import CITIZENS, facts_for
from schemas.facts import Facts
from schemas.references import case_reference
from schemas.tasks import Task, TaskChanged, TaskRaised, TaskWithdrawal, TaskWithdrawn, Work

BEGINS_AT = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
SOURCE = "/E06000999/conformance"


class Running:
    """A simulator that answers, in a thread of its own."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.receipts: dict[str, Any] = {}
        """What was answered, by effect key: the ledger of a runner, for a system of class D."""
        self._stop, self._ready = Signal(), Signal()
        self._thread = Thread(target=self._serve, name="simulator", daemon=True)
        self._failure: BaseException | None = None

    def _serve(self) -> None:
        try:
            self.simulator.serve(self._ready.set, self._stop)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            self._failure = error
            self._ready.set()

    def start(self, within_s: float = 30) -> None:
        """Serve, and return once it answers."""
        self._thread.start()
        if not self._ready.wait(within_s) or self._failure is not None:
            raise RuntimeError(f"The simulator did not answer within {within_s:g} s.") from self._failure

    def stop(self, within_s: float = 15) -> None:
        """Stop serving. Doing it twice is fine."""
        self._stop.set()
        self._thread.join(within_s)
        if self._thread.is_alive():
            raise RuntimeError(f"The simulator did not stop within {within_s:g} s.")


class Rehearsal:
    """What the checks share: a simulated system that runs, the connector on it, work put in and read back."""

    connector: ClassVar[type[Connector[Any]]]
    simulator: ClassVar[type[Simulator]]
    fixture_settings: ClassVar[Mapping[str, Any] | None] = None
    """Settings by which fixtures are translated; the example settings where left out."""
    settle_within_s: ClassVar[float] = 30.0
    """How long the simulated back office may take until nothing moves any more."""

    @abstractmethod
    def effects_written(self, simulator: Any) -> int:
        """How many instructions have been written into the simulated system, by its own journal."""

    def take_away(self, running: Running) -> None:
        """Make the legacy system unreachable. Stopping the simulator does, unless it is a file."""
        running.stop()

    @contextmanager
    def running(self, folder: Path, office: BackOffice) -> Iterator[Running]:
        """The simulator, seeded with the invented citizens and answering."""
        simulator = self.simulator(folder / "simulator", office)
        simulator.seed(CITIZENS)
        running = Running(simulator)
        running.start()
        try:
            yield running
        finally:
            running.stop()

    @contextmanager
    def connected(self, running: Running, *, timeout_s: float = 5) -> Iterator[Any]:
        """The connector, on the simulator."""
        table = {**running.simulator.connector_settings(), "timeout_s": timeout_s}
        connector = self.connector(self.settings_from(table))
        try:
            yield connector
        finally:
            connector.close()

    def settings_from(self, table: Mapping[str, Any]) -> ConnectorSettings:
        """The connector's settings from its table, the runner's own keys left out."""
        wanted = {key: value for key, value in table.items() if key not in RUNNER_KEYS}
        return load_settings(self.connector.settings_type, wanted, f"[connectors.{folder_of(self.connector).name}]")

    def translator(self) -> Any:
        """The connector, to translate fixtures with; it reaches nothing."""
        table = example_settings(self.connector) if self.fixture_settings is None else self.fixture_settings
        return self.connector(self.settings_from(table))

    def manifest(self) -> Manifest:
        """The connector's manifest."""
        return manifest_of(self.connector)

    def apply_once(self, running: Running, effect: Effect) -> Any:
        """Apply as the runner does, with a new connection each time, as after a crash.

        Class B is asked first whether it is there already; class D is never asked to do again what it has answered.
        """
        effect_class = self.manifest().effect_class
        if effect_class is EffectClass.D and effect.key in running.receipts:
            return running.receipts[effect.key]
        with self.connected(running) as connector:
            if effect_class is EffectClass.B:
                found = connector.find(effect)
                if found is not None:
                    return found
            receipt = connector.apply(effect)
        running.receipts[effect.key] = receipt
        return receipt

    def read_settled(self, running: Running) -> dict[str, list[Any]]:
        """Everything there is to read, once every kind of work was put in and has ended, and two readings in a row were alike."""
        under_way: dict[str, str | None] = {}
        for place, work in enumerate(self.manifest().tasks):
            effect = raise_task(work, self.manifest(), place)
            receipt = self.apply_once(running, effect)
            if not receipt.status.ended:
                under_way[effect.key] = receipt.reference
        before: Any = None
        deadline = time.monotonic() + self.settle_within_s
        while time.monotonic() < deadline:
            with self.connected(running) as connector:
                batches = {dataset: list(connector.read(dataset, None)) for dataset in self.manifest().reads}
                ended = _ended(connector, batches)
            now = {
                dataset: [record.position for batch in read for record in batch.records]
                for dataset, read in batches.items()
            }
            # Two readings alike may both have come before the back office's first step.
            at_rest = all(key in ended or reference in ended for key, reference in under_way.items())
            if now == before and all(now.values()) and at_rest:
                return batches
            before = now
        raise AssertionError(
            "Read again and again, it never gave the same positions twice in a row, or a dataset stayed empty, or no record said "
            "that the work put in had ended."
        )


def _ended(connector: Any, batches: Mapping[str, list[Any]]) -> set[str | None]:
    """Effect keys and legacy references of the work that has ended, as the records say."""
    found: set[str | None] = set()
    for record in (record for read in batches.values() for batch in read for record in batch.records):
        with suppress(TranslationError):
            for said in connector.translate(record):
                if isinstance(said, Progress) and said.status.ended:
                    found |= {said.effect_key, said.legacy_key}
    return found - {None}


def exemptions(connector: type[Connector[Any]]) -> dict[str, str]:
    """The checks that a connector's quality.toml leaves out, with the reason for each; none where it has no such file."""
    file = folder_of(connector) / "quality.toml"
    if not file.exists():
        return {}
    table = tomllib.loads(file.read_text(encoding="utf-8")).get("exempt", {})
    return {str(check): str(reason) for check, reason in table.items()}


def folder_of(connector: type[Connector[Any]]) -> Path:
    """The folder that a connector's class stands in."""
    return Path(inspect.getfile(connector)).parent


def example_settings(connector: type[Connector[Any]]) -> dict[str, Any]:
    """The connector's table of its example settings; a secret that is kept elsewhere is given a stand-in."""
    folder = folder_of(connector)
    places = [folder.parents[1] / "deploy" / "connectors" / f"{folder.name}.example.toml", folder / "example.toml"]
    file = next((place for place in places if place.is_file()), None)
    assert file is not None, f"no example settings: looked for {' and '.join(map(str, places))}"
    table = tomllib.loads(file.read_text(encoding="utf-8"))["connectors"][folder.name]
    return {
        key: "kept-elsewhere" if isinstance(value, dict) and set(value) in ({"env"}, {"file"}) else value
        for key, value in table.items()
    }


def stories_of(connector: type[Connector[Any]]) -> dict[Path, LegacyRecord]:
    """Every fixture's record, by the path of its story without endings."""
    files = sorted((folder_of(connector) / "fixtures").glob("*.record.json"))
    return {file.with_name(file.name.removesuffix(".record.json")): decode_record(file.read_bytes()) for file in files}


def _envelope(manifest: Manifest, name: str, work: Work) -> dict[str, Any]:
    case = case_reference(BEGINS_AT, f"conformance|{work}")
    return {
        "id": uuid5(UUID(int=0), f"{manifest.name}|{work}|{name}"),
        "source": SOURCE,
        "correlationid": case,
        "partitionkey": case,
        "council": "E06000999",
        "time": BEGINS_AT,
        "effectiveat": BEGINS_AT,
    }


def raise_task(work: Work, manifest: Manifest, place: int = 0, facts: Facts | None = None) -> Effect:
    """An instruction to do a kind of work for one of the invented citizens, or with other facts; the same one for the same."""
    name = "raised" if facts is None else f"raised with {facts.model_dump_json()}"
    facts = facts_for(CITIZENS[place % len(CITIZENS)]) if facts is None else facts
    task = Task(
        task=str(work),
        department=manifest.department,
        work=work,
        asks="Is it fit to return to?",
        due=datetime(2026, 11, 20, 17, 0, tzinfo=UTC),
        facts=facts,
    )
    event = TaskRaised(data=task, **_envelope(manifest, name, work))
    return Effect(key=event.id.hex, case=event.partitionkey, instruction=event)


def change_of(raised: Effect) -> TaskChanged:
    """The same task, due four days later."""
    assert isinstance(raised.instruction, TaskRaised)
    moved = raised.instruction.data.model_copy(update={"due": datetime(2026, 11, 24, 17, 0, tzinfo=UTC)})
    return TaskChanged.following(raised.instruction, "changed", source=SOURCE, data=moved)


def withdrawal_of(raised: Effect) -> TaskWithdrawn:
    """The same task, not wanted any more."""
    assert isinstance(raised.instruction, TaskRaised)
    task = raised.instruction.data
    withdrawal = TaskWithdrawal(
        task=task.task, department=task.department, work=task.work, undo="Cancel what was ordered"
    )
    return TaskWithdrawn.following(raised.instruction, "withdrawn", source=SOURCE, data=withdrawal)
