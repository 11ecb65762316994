from pathlib import Path

import pytest

from hub.edge import registry
from hub.errors import ConfigurationError
from schemas.envelope import Department


@pytest.fixture
def offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of somebody's with entry points that lead nowhere good."""
    metadata = tmp_path / "bad_apples-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: bad-apples\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[council_hub.connectors]\nno_module = bad_apples.nowhere:Thing\nno_connector = pathlib:Path\n"
        "universal_housing = bad_apples.other:Thing\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return metadata


def test_ours_are_found_like_anybody_elses() -> None:
    connector, manifest = registry.connector_named("transport_files")
    assert (connector.__name__, manifest.department) == ("TransportFiles", Department.TRANSPORT)
    assert registry.simulator_named("transport_files").__name__ == "TransportSimulator"


def test_a_name_that_nobody_offers_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match='did you mean "social_care_soap"'):
        registry.connector_named("social_care_soup")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no_module", "no_module of bad-apples cannot be imported from bad_apples.nowhere:Thing"),
        ("no_connector", "Entry point no_connector of bad-apples is no connector"),
        ("universal_housing", '"universal_housing" is offered twice'),
    ],
)
def test_a_package_that_offers_something_else_is_named(offered: Path, name: str, reason: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        registry.connector_named(name)
    assert reason in str(caught.value)


def test_a_manifest_is_read_without_its_connector() -> None:
    for name in registry.names():
        assert registry.manifest_named(name) == registry.connector_named(name)[1]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no_module", "no_module of bad-apples cannot be imported from bad_apples.nowhere:Thing"),
        ("no_connector", "a connector's folder holds a manifest.toml"),
    ],
)
def test_a_manifest_that_is_not_there_is_told(offered: Path, name: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        registry.manifest_named(name)
