import tomllib
from pathlib import Path

import pytest

from hub.demo.council import citizens
from hub.demo.site import make, toml_table
from hub.errors import ConfigurationError
from hub.settings import load

PEOPLE = citizens(3, seed=1)


def test_the_folder_holds_settings_that_the_hub_can_load(tmp_path: Path) -> None:
    site = make(tmp_path / "demo", ["universal_housing"], PEOPLE)
    site.write_settings({"universal_housing": {"url": "sqlite:///x.db", "poll_every_s": 0.5}})

    settings = load(site.settings_file)

    assert settings.web.port == site.web_port
    assert settings.connectors["universal_housing"].settings == {"url": "sqlite:///x.db", "poll_every_s": 0.5}
    assert len(site.citizens_file.read_text().splitlines()) == 3


def test_the_last_demo_makes_way_for_the_next(tmp_path: Path) -> None:
    first = make(tmp_path / "demo", [], PEOPLE)
    (first.folder / "left-over").write_text("x")

    second = make(tmp_path / "demo", [], PEOPLE)

    assert not (second.folder / "left-over").exists()
    assert second.key != first.key


def test_a_folder_of_somebody_else_is_never_deleted(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("ten years of work")

    with pytest.raises(ConfigurationError, match="was not made by `hub demo`"):
        make(tmp_path, [], PEOPLE)

    assert (tmp_path / "thesis.txt").exists()


def test_settings_are_toml_whatever_a_legacy_system_needs() -> None:
    table = {
        "url": 'a "quoted" \\ path',
        "port": 22,
        "share": 0.5,
        "on": True,
        "names": ["ä", "b"],
        "codes": {"HCK x": "check"},
    }

    assert tomllib.loads(toml_table("connectors.one", table)) == {"connectors": {"one": table}}
