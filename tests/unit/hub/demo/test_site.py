import socket
import tomllib
from pathlib import Path

import pytest

from hub.broker.cluster import choose_ports, is_free
from hub.demo.council import citizens
from hub.demo.site import make, toml_table, usual_port
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


def test_while_one_demo_runs_no_other_takes_its_port_though_its_web_has_just_been_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (port,) = choose_ports(1, range(12_000, 20_000), is_free)
    monkeypatch.setattr("hub.demo.site.WEB_PORT", port)

    with usual_port() as first, usual_port() as second:
        assert is_free(port)  # nobody listens there just now
        assert (first, second) == (port, None)
    with usual_port() as later:
        assert later == port


def test_a_port_on_which_another_program_listens_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setattr("hub.demo.site.WEB_PORT", other.getsockname()[1])
        with usual_port() as port:
            assert port is None


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
