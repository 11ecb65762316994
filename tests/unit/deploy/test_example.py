import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from hub.settings import ConnectorProcess, HubSettings, load

EXAMPLE = Path(__file__).parents[3] / "deploy" / "hub.example.toml"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> HubSettings:
    monkeypatch.setenv("HUB_COUNCIL_KEY", "0123456789abcdef")
    return load(EXAMPLE)


def test_the_example_shows_the_defaults(example: HubSettings) -> None:
    assert example == HubSettings(council=example.council, file=example.file)


@pytest.mark.parametrize("name", sorted(set(HubSettings.model_fields) - {"file", "connectors"}))
def test_the_example_shows_every_setting_and_says_what_it_is(name: str) -> None:
    text = EXAMPLE.read_text()
    section = HubSettings.model_fields[name].annotation
    assert isinstance(section, type)

    for setting in _settings(section):
        assert re.search(rf"^(# )?{setting} = ", text, re.MULTILINE), f"[{name}] {setting} is not in {EXAMPLE.name}"


def test_the_example_shows_what_a_connector_s_table_may_hold() -> None:
    text = EXAMPLE.read_text()

    for setting in set(ConnectorProcess.model_fields) - {"settings"}:
        assert f"# {setting} = " in text


def _settings(section: type) -> Iterator[str]:
    """Names of the plain settings of a section; a section inside it has a table of its own."""
    assert issubclass(section, BaseModel)
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _settings(field.annotation)
        else:
            yield name
