"""Every connector's folder looks alike, so that whoever has read one can read them all."""

import re
import tomllib
from pathlib import Path

import click
import pytest

from connectors.sdk import load_manifest
from hub.__main__ import hub

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(file.parent for file in (ROOT / "connectors").glob("*/connector.py"))
READMES = [ROOT / "README.md", *sorted(ROOT.glob("*/README.md")), *sorted((ROOT / "connectors").glob("*/README.md"))]
ENTRY_POINTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]


@pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS])
@pytest.mark.parametrize(
    "part", ["manifest.toml", "connector.py", "mapping.py", "simulator.py", "README.md", "fixtures"]
)
def test_a_connectors_folder_holds_its_parts(folder: Path, part: str) -> None:
    assert (folder / part).exists()


@pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS])
def test_a_connector_has_its_example_settings_and_its_conformance_tests(folder: Path) -> None:
    assert (ROOT / "deploy" / "connectors" / f"{folder.name}.example.toml").is_file()
    tests = (ROOT / "tests" / "contract" / f"test_{folder.name}.py").read_text(encoding="utf-8")
    assert "ConnectorConformance" in tests


@pytest.mark.parametrize("readme", READMES, ids=[str(readme.relative_to(ROOT)) for readme in READMES])
def test_every_command_that_a_readme_names_is_there(readme: Path) -> None:
    for name, second in re.findall(r"(?:`|bin/)hub ([a-z-]+)(?: ([a-z-]+))?", readme.read_text(encoding="utf-8")):
        command = hub.get_command(click.Context(hub), name)
        assert command is not None, f"hub {name}"
        if isinstance(command, click.Group):
            assert second in command.commands, f"hub {name} {second}"


def test_every_folder_is_an_entry_point_of_connectors_and_of_simulators() -> None:
    names = [folder.name for folder in FOLDERS]
    assert names == sorted(ENTRY_POINTS["council_hub.connectors"]) == sorted(ENTRY_POINTS["council_hub.simulators"])
    for name, target in ENTRY_POINTS["council_hub.connectors"].items():
        assert target.startswith(f"connectors.{name}.connector:")


def test_no_kind_of_work_is_taken_by_two_of_our_connectors() -> None:
    manifests = [load_manifest(folder / "manifest.toml") for folder in FOLDERS]
    taken = [(manifest.department, work) for manifest in manifests for work in manifest.tasks]
    assert len(taken) == len(set(taken))


@pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS])
def test_what_knows_meaning_touches_nothing(folder: Path) -> None:
    mapping = (folder / "mapping.py").read_text(encoding="utf-8")
    for reach in ("sqlalchemy", "asyncssh", "zeep", "socket", "urllib", "open("):
        assert reach not in mapping
