"""What is compared: what each department was asked, what its system's books say, and what people are told."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.oracle.legacy import (
    CHANGED,
    RAISED,
    WITHDRAWN,
    Legacy,
    housing,
    social_care,
    transport,
    wants_by,
    wants_on,
)


@dataclass(frozen=True)
class System:
    """One department's legacy system.

    Attributes:
        folder: where it is.
        read: reads its books.
        wants: by or on when an instruction is to be done, as its books show it.
        content: it takes a change of what it has closed for made, and says so.
    """

    folder: str
    read: Callable[[Path], Legacy]
    wants: Callable[[Mapping[str, Any]], str]
    content: bool = False


SYSTEMS = {
    "housing": System("universal_housing", housing, wants_by),
    "social-care": System("social_care_soap", social_care, wants_by, content=True),
    "transport": System("transport_files", transport, wants_on),
}
KINDS = {"task.raised.v1": RAISED, "task.changed.v1": CHANGED, "task.withdrawn.v1": WITHDRAWN}
Cases = Mapping[str, Mapping[str, Any]]
"""Every case by its reference, as the API shows it."""


@dataclass(frozen=True)
class Instruction:
    """One instruction to a department.

    Attributes:
        kind: raised, changed or withdrawn.
        key: its effect key.
        about: case and task.
        work: effect key of the raising that it is about; its own for a raising.
        wanted: as the department's system `wants` it.
    """

    kind: str
    key: str
    about: tuple[str, str]
    work: str
    wanted: str = ""

    def __str__(self) -> str:
        return f"{self.about[1]} of {self.about[0]} ({self.kind}, {self.key})"


@dataclass
class Department:
    """What one department was asked, what its system did, and what its connector said of it.

    Attributes:
        instructions: by effect key, in the order in which they were given.
        latest: effect key of the last raising of each task, by case and task.
        said: statuses given in answer to an instruction, by its effect key.
        legacy: the system's own books.
    """

    name: str
    legacy: Legacy
    instructions: dict[str, Instruction] = field(default_factory=dict)
    latest: dict[tuple[str, str], str] = field(default_factory=dict)
    said: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def hear(self, event: Mapping[str, Any]) -> None:
        """Take in one event of its topic; one that was sent again changes nothing."""
        key, kind = UUID(event["id"]).hex, KINDS[event["type"]]
        about = (event["partitionkey"], event["data"]["task"])
        if key in self.instructions:
            return
        if kind == RAISED:
            self.latest[about] = key
        wanted = SYSTEMS[self.name].wants(event["data"])
        self.instructions[key] = Instruction(kind, key, about, self.latest.get(about, key), wanted)

    def hear_answer(self, event: Mapping[str, Any]) -> None:
        """Take in one status that its connector reported."""
        if event["data"]["department"] == self.name and event.get("causationid"):
            self.said[UUID(event["causationid"]).hex].add(event["data"]["status"])

    def of(self, kind: str) -> list[Instruction]:
        """Its instructions of a kind."""
        return [each for each in self.instructions.values() if each.kind == kind]

    def done(self, instruction: Instruction) -> int:
        """How often the system carried out, or itself refused, an instruction; where it names only the work, all of its kind together."""
        key = instruction.work if self.legacy.by_work else instruction.key
        return self.legacy.done[instruction.kind, key] + self.legacy.refused[key]


@dataclass
class Evidence:
    """All that is compared.

    Attributes:
        pages: text of every case's page, by its reference.
    """

    departments: list[Department]
    cases: Cases
    pages: Mapping[str, str]

    def task_of(self, about: tuple[str, str]) -> Mapping[str, Any] | None:
        """A task as the API shows it."""
        reference, name = about
        return next((task for task in self.cases.get(reference, {}).get("tasks", ()) if task["task"] == name), None)

    def turned_away(self, department: Department) -> set[str]:
        """Raisings that the hub says were refused before anything was written: rejected, and without a number there."""
        return {
            key
            for about, key in department.latest.items()
            if (task := self.task_of(about)) and task["state"] == "rejected" and task["reference"] is None
        }
