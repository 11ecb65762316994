"""The contestants of the comparison."""

from pathlib import Path

import pytest

from tests.bench.roster import command, load


def test_the_hub_is_the_first_of_them() -> None:
    assert load()[0].name == "hub"


def test_those_that_are_named_come_in_that_order() -> None:
    assert [each.name for each in load(["prototype", "hub"])] == ["prototype", "hub"]


def test_one_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(SystemExit, match=r"There is no contestant 'hubb'. There are: hub, "):
        load(["hubb"])


def test_a_command_line_is_told_where_everything_is(tmp_path: Path) -> None:
    (prototype,) = load(["prototype"])

    line = command(prototype, ["{here}/run.py", "--in={work}"], tmp_path, tmp_path / "work", None)

    assert line == [f"{prototype.here}/run.py", f"--in={tmp_path}/work"]
