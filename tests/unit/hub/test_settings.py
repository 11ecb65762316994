"""One settings file, checked whole; every error says where, what, and the nearest valid word."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from hub.cli.broker import command as broker
from hub.errors import ConfigurationError
from hub.settings import OWN_PROCESSES, load
from hub.supervisor.plan import plan

GOOD = """
[council]
name = "Thornmere Borough Council"
code = "E07000999"
key = "0123456789abcdef"

[connectors.universal_housing]
url = "sqlite:///housing.db"
health_port = 8611

[connectors.second_housing]
connector = "universal_housing"
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "hub.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_file_is_read_with_the_connectors_own_settings_left_to_it(tmp_path: Path) -> None:
    settings = load(written(tmp_path, GOOD))
    housing = settings.connectors["universal_housing"]

    assert settings.council.code == "E07000999"
    assert housing.connector == "universal_housing"
    assert housing.health_port == 8611
    assert dict(housing.settings) == {"url": "sqlite:///housing.db"}
    assert settings.connectors["second_housing"].connector == "universal_housing"


def test_relative_paths_count_from_the_settings_file(tmp_path: Path) -> None:
    settings = load(written(tmp_path, GOOD))

    assert settings.database_url(settings.worker.memory) == f"sqlite:///{tmp_path}/.hub/worker.db"
    assert settings.path(settings.broker.folder) == tmp_path / ".hub/broker"


def test_a_file_that_is_not_there_is_answered_with_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HUB_SETTINGS", raising=False)

    with pytest.raises(ConfigurationError, match=r"Looked for .*/hub\.toml\. Name one with --settings"):
        load()
    with pytest.raises(ConfigurationError, match=r"Looked for .*/other\.toml"):
        load(Path("other.toml"))


def test_the_file_may_be_named_by_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_SETTINGS", str(written(tmp_path, GOOD)))

    assert load().council.name == "Thornmere Borough Council"


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ("name =", "nmae =", 'council.nmae: no such setting; did you mean "name"?'),
        ("[council]", "[counsil]", 'counsil: no such setting; did you mean "council"?'),
        ('code = "E07000999"', 'code = "Thornmere"', "council.code: The council code is a letter and 8 digits"),
        ('key = "0123456789abcdef"', 'key = "short"', "council.key: Value should have at least 16"),
        ("health_port = 8611", "health_port = 99999", "connectors.universal_housing.health_port:"),
        ("[council]", "[council", "not TOML"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, wrong: str, right: str, said: str) -> None:
    assert wrong in GOOD

    with pytest.raises(ConfigurationError) as refusal:
        load(written(tmp_path, GOOD.replace(wrong, right)))

    assert said in str(refusal.value)
    assert "short" not in str(refusal.value)


@pytest.mark.parametrize("name", sorted(OWN_PROCESSES))
def test_a_connector_is_not_called_as_one_of_the_hubs_own_processes(tmp_path: Path, name: str) -> None:
    called = GOOD.replace("[connectors.universal_housing]", f"[connectors.{name}]")

    with pytest.raises(ConfigurationError, match=rf"\[connectors\.{name}\] is called as the hub's own process is"):
        load(written(tmp_path, called))


def test_every_process_of_the_hubs_own_has_a_name_that_no_connector_may_have(tmp_path: Path) -> None:
    settings = load(written(tmp_path, GOOD + "[broker]\nnodes = 3\n"))
    alone = settings.model_copy(update={"broker": settings.broker.model_copy(update={"nodes": 1})})

    planned = {service.name for each in (settings, alone) for service in plan(each).services}

    assert planned - set(settings.connectors) == OWN_PROCESSES


def test_secrets_come_from_the_environment_or_a_file_and_are_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNCIL_KEY", "from the environment")
    (tmp_path / "key.txt").write_text("from a file, with a line end\n", encoding="utf-8")
    by_name = GOOD.replace('key = "0123456789abcdef"', 'key = { env = "COUNCIL_KEY" }')
    by_file = GOOD.replace('key = "0123456789abcdef"', 'key = { file = "key.txt" }')

    assert load(written(tmp_path, by_name)).council.key.get_secret_value() == "from the environment"
    settings = load(written(tmp_path, by_file))
    assert settings.council.key.get_secret_value() == "from a file, with a line end"
    assert "from a file" not in repr(settings)


def test_a_secret_that_is_not_there_is_named_by_where_it_was_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COUNCIL_KEY", raising=False)

    with pytest.raises(
        ConfigurationError, match=r"council\.key wants the environment variable COUNCIL_KEY, which is not set"
    ):
        load(written(tmp_path, GOOD.replace('key = "0123456789abcdef"', 'key = { env = "COUNCIL_KEY" }')))
    with pytest.raises(ConfigurationError, match=r"council\.key wants the file .*nowhere\.txt, which does not exist"):
        load(written(tmp_path, GOOD.replace('key = "0123456789abcdef"', 'key = { file = "nowhere.txt" }')))


@pytest.mark.parametrize("nodes", [0, 2, 4])
def test_a_broker_of_two_nodes_is_refused_with_the_reason(tmp_path: Path, nodes: int) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        load(written(tmp_path, f"{GOOD}\n[broker]\nnodes = {nodes}\n"))

    assert "broker.nodes: A broker has 1 node or 3." in str(refusal.value)
    assert ("Two are no safer than one" in str(refusal.value)) is (nodes == 2)


def test_a_broker_of_two_nodes_is_refused_on_the_command_line_too() -> None:
    answer = CliRunner().invoke(broker, ["start", "--nodes", "2"])

    assert answer.exit_code == 2
    assert "Two are no safer than one" in answer.output


@pytest.mark.parametrize(
    "address", ["a:b:c", "kafka", "kafka:", ":9092", "kafka:0", "kafka:65536", "k:1,", "", "SSL://k:9092"]
)
def test_an_address_of_kafka_that_is_none_is_refused_with_its_place(tmp_path: Path, address: str) -> None:
    with pytest.raises(ConfigurationError, match=r"kafka\.bootstrap: address \d of \d is not host:port"):
        load(written(tmp_path, f'{GOOD}\n[kafka]\nbootstrap = "{address}"\n'))


def test_addresses_of_kafka_may_have_blanks_between_them(tmp_path: Path) -> None:
    settings = load(written(tmp_path, f'{GOOD}\n[kafka]\nbootstrap = "kafka-1:9092, [::1]:9093"\n'))

    assert settings.kafka.bootstrap == "kafka-1:9092,[::1]:9093"
