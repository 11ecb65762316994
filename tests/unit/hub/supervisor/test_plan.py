from pathlib import Path

import pytest

from hub.errors import ConfigurationError
from hub.settings import HubSettings, load
from hub.supervisor.plan import Listener, obstacles, plan

FILE = """
[council]
name = "Thornmere Borough Council"
code = "E07000999"
key = "0123456789abcdef"

[connectors.housing_south]
connector = "universal_housing"
health_port = 18611

[connectors.social_care_soap]
"""


def _settings(folder: Path, more: str = "") -> HubSettings:
    file = folder / "hub.toml"
    file.write_text(FILE + more)
    return load(file)


def test_every_process_of_the_file_is_planned_and_the_broker_stops_last(tmp_path: Path) -> None:
    found = plan(_settings(tmp_path))

    assert [service.name for service in found.services] == [
        "broker",
        "worker",
        "web",
        "housing_south",
        "social_care_soap",
    ]
    assert max(found.services, key=lambda service: service.stops).name == "broker"


def test_a_connector_is_run_by_the_name_of_its_table(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    housing = next(service for service in plan(settings).services if service.name == "housing_south")

    assert list(housing.command())[-3:] == ["connector", "run", "housing_south"]
    assert str(settings.file) in housing.command()


def test_with_a_kafka_elsewhere_no_broker_is_run(tmp_path: Path) -> None:
    found = plan(_settings(tmp_path, '[kafka]\nbootstrap = "kafka.example:9092"'))

    assert "broker" not in {service.name for service in found.services}
    assert all(not step.needs for step in found.steps)


def test_three_nodes_are_three_processes(tmp_path: Path) -> None:
    found = plan(_settings(tmp_path, "[broker]\nnodes = 3"))

    assert [service.name for service in found.services][:3] == ["broker-1", "broker-2", "broker-3"]


def test_a_web_without_a_port_of_its_own_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"web\.port is 0.*Give it a number of its own"):
        plan(_settings(tmp_path, "[web]\nport = 0"))


def test_a_taken_port_is_told_with_the_setting_to_change() -> None:
    listeners = [Listener("web.port", "127.0.0.1", 8600)]

    found = obstacles(listeners, free=lambda *_: False)

    assert found == ["Port 8600 is taken by another program. Change web.port, or end that program."]


def test_two_processes_on_one_port_are_told_apart() -> None:
    listeners = [Listener("web.port", "127.0.0.1", 8600), Listener("worker.health_port", "127.0.0.1", 8600)]

    found = obstacles(listeners, free=lambda *_: True)

    assert found == ["worker.health_port and web.port are both 8600. Change one of them."]
