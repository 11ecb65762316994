"""Every contestant of the bench stands in a folder that says all of itself, so that its row of the table can be judged and made again."""

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from hub.broker.jars import parse
from hub.journeys.load import SHIPPED, load_file
from tests.bench.lock import product_versions, versions

FOLDER = Path(__file__).parents[1] / "bench" / "contestants"
FOLDERS = sorted(file.parent for file in FOLDER.glob("*/contestant.toml"))
WITH_PYTHON = [folder for folder in FOLDERS if (folder / "requirements.in").is_file()]
WITH_JARS = [folder for folder in FOLDERS if (folder / "jars.in").is_file()]
SAID = {"name": str, "title": str, "language": str, "library": str, "keeps": str, "promise": str, "command": list}


def manifest(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "contestant.toml").read_text(encoding="utf-8"))


def named(folder: Path) -> str:
    return folder.name


@pytest.mark.parametrize("folder", FOLDERS, ids=named)
def test_a_contestant_says_all_of_itself(folder: Path) -> None:
    said = manifest(folder)

    assert said["name"] == folder.name
    assert {key: type(said.get(key)) for key in SAID} == SAID


@pytest.mark.parametrize("folder", FOLDERS, ids=named)
def test_the_commands_of_a_contestant_name_files_that_are_there(folder: Path) -> None:
    said = manifest(folder)

    words = [*said["command"], *said.get("prepare", [])]

    assert not [word for word in words if "{here}" in word and not Path(word.replace("{here}", str(folder))).is_file()]


@pytest.mark.parametrize("folder", [*WITH_PYTHON, *WITH_JARS], ids=named)
def test_a_contestant_tells_its_reader_how_it_is_tuned_and_what_it_promises(folder: Path) -> None:
    told = ast.get_docstring(ast.parse((folder / "run.py").read_text(encoding="utf-8"))) or ""

    assert "Tuned:" in told
    assert "Promises " in told


@pytest.mark.parametrize("folder", WITH_PYTHON, ids=named)
def test_a_lock_pins_what_a_contestant_asks_for_with_checksums_and_without_addresses(folder: Path) -> None:
    lock = (folder / "requirements.lock").read_text(encoding="utf-8")

    pinned = versions(lock)

    assert wanted(folder / "requirements.in") <= pinned.keys()
    assert lock.count("--hash=sha256:") >= len(pinned)
    assert not re.search(r"https?:|--index|--find-links|--extra-index", lock)


@pytest.mark.parametrize("folder", WITH_PYTHON, ids=named)
def test_every_python_contestant_decides_with_the_products_own_versions(folder: Path) -> None:
    pinned = versions((folder / "requirements.lock").read_text(encoding="utf-8"))

    theirs = {name: version for name, version in pinned.items() if name in product_versions()}

    assert "pydantic" in theirs
    assert theirs == {name: version for name, version in product_versions().items() if name in theirs}


@pytest.mark.parametrize("folder", WITH_PYTHON, ids=named)
def test_a_contestant_names_the_version_it_is_locked_at(folder: Path) -> None:
    pinned = versions((folder / "requirements.lock").read_text(encoding="utf-8"))

    said = re.findall(r"([a-z-]+) ([0-9][0-9.]*)", manifest(folder)["library"])

    assert said
    assert {name: pinned[name] for name, _ in said} == dict(said)


@pytest.mark.parametrize("folder", WITH_JARS, ids=named)
def test_a_lock_of_jars_holds_every_root_at_the_version_that_is_asked_for(folder: Path) -> None:
    locked = {f"{jar.group}:{jar.artifact}:{jar.version}" for jar in parse((folder / "jars.lock").read_text("utf-8"))}

    assert locked.issuperset((folder / "jars.in").read_text("utf-8").split())


def test_the_port_to_java_has_the_tasks_of_the_journey() -> None:
    port = (FOLDER / "kafka_streams" / "Journey.java").read_text(encoding="utf-8")
    journey = load_file(SHIPPED / "hospital-discharge.v1.yaml")

    plans = []
    for plan in re.findall(r"new Plan\((.*?)\)\)", port, re.DOTALL):
        words, after, facts, gives = (re.findall(r'"([^"]*)"', part) for part in plan.split("List.of"))
        plans.append((*words, set(after), set(facts), set(gives)))

    assert plans == [
        (
            *(task.name, task.department, task.work, task.asks),
            set(task.after),
            set(task.when.facts if task.when else ()),
            set(task.gives),
        )
        for task in journey.tasks
    ]


def wanted(requirements: Path) -> set[str]:
    """Names of what a file of requirements asks for, with those of the files that it takes in."""
    names = set()
    for line in requirements.read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            names |= wanted(requirements.parent / line.removeprefix("-r "))
        elif line and not line.startswith("#"):
            names.add(re.split(r"[\[=<>]", line)[0].lower())
    return names
