from pathlib import Path
from typing import Any

import pytest

from connectors.sdk import (
    ConfigurationError,
    ConnectorSettings,
    LegacyRecord,
    SourceConnector,
    load_manifest,
    manifest_of,
)

GOOD = """
name = "card_index"
title = "Card index"
department = "housing"
product = "Cards"
versions_tried = ["the drawer"]
owner = "The tests"
surface = "database"
classification = "personal"
events = ["housing.tenancy-ended.v1"]
tasks = ["home-check"]
effect_class = "A"
[reads.cards]
title = "Cards"
speaks_every_s = 60
"""


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("owner =", "ovner =", 'ovner: no such setting; did you mean "owner"?'),
        ('effect_class = "A"', "", "tasks and effect_class come together"),
        (
            "housing.tenancy-ended.v1",
            "housing.tenancy-lost.v1",
            "events that housing does not say: housing.tenancy-lost.v1",
        ),
        ('"home-check"', '"home-chek"', "tasks.0: Input should be 'home-check'"),
        ("[reads.cards]", "[reads.Cards]", "lower-case words joined by hyphens"),
        ("speaks_every_s = 60", "", "reads.cards.speaks_every_s: missing: How often it should have something new"),
        (
            "speaks_every_s = 60",
            'speaks_every_s = 60\nspeaks = "office hours"',
            "reads.cards.speaks: hours read like: always",
        ),
        ("[reads.cards]", "[reads.tasks]", "no dataset is called tasks"),
        (
            "speaks_every_s = 60",
            "speaks_every_s = 60\nheld_beyond = 2",
            "reads.cards.held_beyond: Input should be less",
        ),
        ('name = "card_index"', "name = ", "not TOML"),
    ],
)
def test_a_manifest_that_cannot_be_used_says_why(tmp_path: Path, old: str, new: str, reason: str) -> None:
    file = tmp_path / "manifest.toml"
    file.write_text(GOOD.replace(old, new), encoding="utf-8")

    with pytest.raises(ConfigurationError) as caught:
        load_manifest(file)

    assert str(file) in str(caught.value)
    assert reason in str(caught.value)


def test_a_connector_that_neither_reads_nor_writes_is_none(tmp_path: Path) -> None:
    file = tmp_path / "manifest.toml"
    text = GOOD.partition("[reads")[0].replace('tasks = ["home-check"]\neffect_class = "A"', "")
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="it neither reads nor takes tasks"):
        load_manifest(file)


def test_a_folder_without_a_manifest_says_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"a connector's folder holds a manifest\.toml"):
        load_manifest(tmp_path / "manifest.toml")


class Cards(SourceConnector[ConnectorSettings]):
    """Neither reads changes nor full extracts."""

    def check(self) -> None:
        """It is always there."""

    def translate(self, record: LegacyRecord) -> Any:
        return ()


@pytest.mark.parametrize(
    ("delivers", "said"),
    [
        ("", "cards delivers changes, but Cards has no method read"),
        ('delivers = "full extracts"\n', "cards delivers full extracts, but Cards has no method extract"),
    ],
)
def test_a_connector_has_the_method_that_its_datasets_want(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, delivers: str, said: str
) -> None:
    text = GOOD.replace('tasks = ["home-check"]\neffect_class = "A"\n', "")
    (tmp_path / "manifest.toml").write_text(text + delivers, encoding="utf-8")
    monkeypatch.setattr("inspect.getfile", lambda _: str(tmp_path / "connector.py"))

    with pytest.raises(ConfigurationError, match=said):
        manifest_of(Cards)
