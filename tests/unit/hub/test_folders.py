"""A folder that cannot be used is told in one sentence by every command that needs one: what, where, what next."""

import os
import sys
from pathlib import Path

import pytest

from hub.__main__ import main


def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, folder: Path) -> str:
    words = {"demo": ["demo", "--folder", str(folder)], "broker": ["broker", "--folder", str(folder), "start"]}
    monkeypatch.setattr(sys, "argv", ["hub", *words[command]])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 78
    assert len(said.splitlines()) == 1
    return said


@pytest.mark.parametrize("command", ["demo", "broker"])
def test_a_folder_that_cannot_be_made_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str
) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "in"

    said = told(monkeypatch, capsys, command, folder)

    assert f"the folder {folder} cannot be made (Not a directory). Name another, or let this user write there." in said


@pytest.mark.parametrize("command", ["demo", "broker"])
def test_a_folder_that_cannot_be_written_to_is_told_and_left_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str
) -> None:
    # Root may write everywhere but on a read-only disk, which a test cannot mount.
    monkeypatch.setattr(os, "access", lambda _, mode: not mode & os.W_OK)

    said = told(monkeypatch, capsys, command, tmp_path)

    assert f"the folder {tmp_path} cannot be written to" in said
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_place_of_the_brokers_folder_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "hub.toml"
    file.touch()

    assert f"the folder {file} cannot be made (File exists)" in told(monkeypatch, capsys, "broker", file)
