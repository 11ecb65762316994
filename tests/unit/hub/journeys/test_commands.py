"""`hub journey`, as a service manager meets it: whatever is typed is answered with what, where and what next."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from hub.__main__ import main
from hub.journeys.load import SHIPPED

OWN = (SHIPPED / "fly-tipping.v1.yaml").read_text(encoding="utf-8")
OWN = OWN.replace("journey: fly-tipping", "journey: own-one").replace("fly-tipping-reported", "own-reported")
SETTINGS = """[council]
name = "Thornmere"
code = "E07000999"
key = "0123456789abcdef"
[journeys]
folder = "own"
"""


class Answer(NamedTuple):
    """What a command came to; line ends and runs of blanks are one blank."""

    code: int
    out: str
    err: str


Ask = Callable[..., Answer]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Ask:
    """Runs `hub journey` in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HUB_SETTINGS", raising=False)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["hub", "journey", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return Answer(int(ended.value.code or 0), " ".join(out.split()), " ".join(err.split()))

    return run


def test_every_journey_is_checked_and_one_of_them_drawn(ask: Ask, tmp_path: Path) -> None:
    checked, text = ask("check"), ask("draw", "fly-tipping")
    drawn = ask("draw", "fly-tipping", "--svg", "picture.svg")

    assert "fly-tipping version 1: 3 tasks, 3 departments: good" in checked.out
    assert text.out.startswith("flowchart LR")
    assert drawn == (0, "Drawn: picture.svg", "")
    assert (tmp_path / "picture.svg").read_text(encoding="utf-8").startswith("<svg")


def test_a_simulation_tells_what_would_happen_and_what_a_real_request_must_say_besides(ask: Ask) -> None:
    told = ask("simulate", "fly-tipping", "--start", "2026-11-03 09:00", "--fact", "land_owner=housing")

    assert told.code == 0
    assert "Housing finished" in told.out
    assert "A real request must also say: uprn, waste_size." in told.out


def test_a_simulation_tells_every_day_from_the_row_that_speaks_of_it(ask: Ask) -> None:
    facts = ("--fact", "discharge_date=2026-12-22", "--fact", "mobility=walks")
    told = ask("simulate", "hospital-discharge", "--start", "2026-12-22 15:00", *facts)

    assert "tomorrow, Monday 21 December" not in told.out
    assert "Due Monday 21 December" in told.out


@pytest.mark.parametrize("command", ["draw", "check", "simulate"])
def test_a_misspelt_name_is_answered_with_the_nearest_and_the_list(ask: Ask, command: str) -> None:
    there = "here are: change-of-address, fly-tipping, hospital-discharge. A file of your own is named in full"

    assert ask(command, "hospital-dischage") == (
        78,
        "",
        f'hub: no journey "hospital-dischage"; did you mean "hospital-discharge"? T{there}: my-journey.v1.yaml.',
    )
    for word in ("*", "**", "[", ".", "", "x" * 5000):
        assert f"; t{there}" in ask(command, word).err


def test_a_councils_own_journeys_are_known_by_name_and_the_newest_version_is_meant(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "hub.toml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "own").mkdir()
    for version in (2, 10):
        own = OWN.replace("version: 1", f"version: {version}").replace("Fly-tipping on", f"Version {version} on")
        (tmp_path / "own" / f"own-one.v{version}.yaml").write_text(own, encoding="utf-8")

    assert "Version 10 on housing land" in ask("draw", "own-one").out
    assert 'did you mean "own-one"? There are: change-of-address' in ask("draw", "own-oen").err
    assert "own-one version 2: 3 tasks, 3 departments: good" in ask("check").out


def test_a_file_with_another_ending_is_not_passed_over(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "hub.toml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "own-one.v1.yml").write_text(OWN, encoding="utf-8")

    checked = ask("check")

    assert checked.code == 78
    assert "own-one.v1.yml:1: this is own-one version 1: call the file own-one.v1.yaml." in checked.err


def test_settings_that_cannot_be_used_are_told_and_journeys_that_come_with_the_hub_still_known(
    ask: Ask, tmp_path: Path
) -> None:
    (tmp_path / "hub.toml").write_text("x", encoding="utf-8")

    drawn = ask("draw", "fly-tipping")

    assert drawn.code == 0
    assert drawn.err.startswith("Only the journeys that come with the hub are known here.")
    assert "hub.toml: not TOML" in drawn.err


def test_the_mistakes_of_all_files_are_told_at_once(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "own-one.v1.yaml").write_text(
        OWN.replace("lgsl: 587", "lgsl: abc").replace('"housing"', '"hosing"'), encoding="utf-8"
    )
    (tmp_path / "empty.v1.yaml").touch()

    checked = ask("check", "own-one.v1.yaml", "empty.v1.yaml", "nowhere.yaml", "fly-tipping")

    assert checked.code == 78
    for said in (
        "own-one.v1.yaml:5: lgsl is a code of the Local Government Service List",
        'own-one.v1.yaml:24: no land_owner "hosing"; did you mean "housing"?',
        "empty.v1.yaml:1: a journey is a list of `key: value` lines",
        "nowhere.yaml: there is no such file.",
    ):
        assert said in checked.err


def test_a_picture_that_cannot_be_written_is_told_with_the_reason(ask: Ask) -> None:
    drawn = ask("draw", "fly-tipping", "--svg", "nowhere/picture.svg")

    assert drawn.code == 78
    assert "nowhere/picture.svg: cannot be written: No such file or directory. Name a file in a folder" in drawn.err


def test_a_title_is_shown_as_it_is_written(ask: Ask, tmp_path: Path) -> None:
    title = "[bold]Own[/x] one [red]"
    (tmp_path / "own-one.v1.yaml").write_text(
        OWN.replace("Fly-tipping on housing land", f'"{title}"'), encoding="utf-8"
    )

    assert f"{title}, from" in ask("simulate", "./own-one.v1.yaml").out


def test_a_terminal_that_lacks_a_letter_shows_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "own-one.v1.yaml"
    file.write_text(OWN.replace("Fly-tipping on", "Müll on"), encoding="utf-8")

    told = subprocess.run(
        [sys.executable, "-m", "hub", "journey", "simulate", str(file)],
        env=os.environ | {"PYTHONIOENCODING": "ascii", "COLUMNS": "200"},
        capture_output=True,
        check=False,
    )

    assert told.returncode == 0
    assert b"M?ll on housing land" in told.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--start", "tomorrow"], "'tomorrow' is no time. It reads like \"2026-11-03 09:00\"."),
        (["--start", "9999-12-31"], "the year lies outside 1900 to 2099"),
        (["--start", "0001-01-01 09:00"], "the year lies outside 1900 to 2099"),
        (["--takes", "clear-estate=long"], "reads like: 24 hours"),
        (["--takes", "clear-estate=99999999 working days"], "ten years at most, which is 2500 working days"),
        (["--takes", "clear-estate=on move_date"], "is no length of time: 3 working days"),
        (["--takes", "clear-estate"], "'clear-estate' reads like name=value."),
        (["--takes", "clear-state=1 day"], "no task of fly-tipping 'clear-state'; did you mean 'clear-estate'?"),
        (["--refuses", "clear-state"], "no task of fly-tipping 'clear-state'; did you mean 'clear-estate'?"),
        (["--answer", "clear-estate=3"], "'clear-estate=3' reads like check-home.steps_at_door=3."),
        (["--answer", "clear-state.evidence_found=true"], "no task of fly-tipping 'clear-state'; did you mean"),
        (
            ["--answer", "clear-estate.evidence=true"],
            "no answer of clear-estate 'evidence'; did you mean 'evidence_found'?",
        ),
        (
            ["--answer", "collect-load.evidence_found=true"],
            "no answer of collect-load 'evidence_found'; there is none.",
        ),
        (["--answer", "clear-estate.evidence_found=maybe"], "evidence_found: The answer is yes or no: true or false."),
        (
            ["--fact", "waste_sice=car-boot"],
            "no fact in a request of fly-tipping 'waste_sice'; did you mean 'waste_size'?",
        ),
        (
            ["--fact", "mobility=walks"],
            "no fact in a request of fly-tipping 'mobility'; there are: hazardous, land_owner",
        ),
        (["--fact", "waste_size=huge"], "waste_size: This should be 'single-item', 'car-boot'"),
    ],
)
def test_what_a_simulation_cannot_use_is_refused_with_the_nearest_that_it_can(
    ask: Ask, words: list[str], said: str
) -> None:
    told = ask("simulate", "fly-tipping", *words)

    assert told.code == 2
    assert said in told.err


def test_a_day_that_nobody_can_count_from_is_refused_in_a_simulation_too(ask: Ask) -> None:
    told = ask("simulate", "hospital-discharge", "--fact", "discharge_date=9999-12-31")

    assert told.code == 2
    assert "discharge_date: The year lies outside 1900 to 2099. Check what was typed." in told.err


@pytest.mark.parametrize("day", ["1900-01-01", "2099-12-31"])
def test_a_simulation_runs_from_the_first_day_to_the_last_that_a_fact_may_have(ask: Ask, day: str) -> None:
    facts = ["--fact", f"discharge_date={day}", "--fact", "mobility=walks"]

    for start in ("1900-01-01", "2026-11-03 09:00", "2099-12-31 23:59"):
        told = ask("simulate", "hospital-discharge", "--start", start, *facts)
        assert told.code == 0
        assert "Transport" in told.out


def test_a_place_on_the_map_is_told_as_two_numbers(ask: Ask) -> None:
    told = ask("simulate", "fly-tipping", "--fact", "location=533912,184321", "--fact", "land_owner=housing")

    assert "It was told: location." in told.out
