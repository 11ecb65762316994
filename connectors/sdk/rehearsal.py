"""What the conformance suite tries a connector with: a simulator that runs, fixtures, example settings, invented instructions."""

import inspect
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Signal
from threading import Thread
from typing import Any
from uuid import UUID, uuid5

from connectors.sdk.contract import Connector, Effect, LegacyRecord
from connectors.sdk.manifest import Manifest
from connectors.sdk.records import decode_record
from connectors.sdk.simulation import Simulator
from connectors.sdk.specimens import CITIZENS, facts_for
from schemas.references import case_reference
from schemas.tasks import Task, TaskChanged, TaskRaised, TaskWithdrawal, TaskWithdrawn, Work

BEGINS_AT = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
SOURCE = "/E06000999/conformance"


class Running:
    """A simulator that answers, in a thread of its own."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
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


def raise_task(work: Work, manifest: Manifest, place: int) -> Effect:
    """An instruction to do a kind of work for one of the invented citizens; the same one for the same work."""
    task = Task(
        task=str(work),
        department=manifest.department,
        work=work,
        asks="Is it fit to return to?",
        due=datetime(2026, 11, 20, 17, 0, tzinfo=UTC),
        facts=facts_for(CITIZENS[place % len(CITIZENS)]),
    )
    event = TaskRaised(data=task, **_envelope(manifest, "raised", work))
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
