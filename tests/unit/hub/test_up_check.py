"""`hub up --check` calls in order only what can run."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.__main__ import main
from hub.broker.cluster import choose_ports, is_free

Check = Callable[[str], tuple[int, str, str]]


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Check:
    """Checks a settings file that holds this besides what every one must; exit code, answer and complaint."""
    worker, web = choose_ports(2, range(12_000, 20_000), is_free)

    def run(more: str) -> tuple[int, str, str]:
        file = tmp_path / "hub.toml"
        file.write_text(
            f'council = {{ name = "Thornmere", code = "E07000999", key = "0123456789abcdef" }}\n'
            f"worker.health_port = {worker}\nweb.port = {web}\n{more}",
            encoding="utf-8",
        )
        monkeypatch.setattr(sys, "argv", ["hub", "--settings", str(file), "up", "--check"])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        return code, *capsys.readouterr()

    return run


def test_settings_that_can_run_are_in_order(check: Check) -> None:
    code, out, _ = check('journeys.folder = "."\n')

    assert code == 0
    assert "is in order" in " ".join(out.split())


def test_all_that_cannot_run_is_named_at_once(check: Check) -> None:
    code, _, said = check(
        'worker.memory.url = "nonsense"\nweb.memory.url = "postgres://x"\njourneys.folder = "nowhere"\n'
        '[connectors.universal_housing]\nurl = "sqlite:///x.db"\nmemory = { url = "mysql://x" }\n'
    )

    assert code == 78
    assert "worker.memory.url is no URL of a database." in said
    assert "web.memory.url begins with 'postgres'." in said
    assert "connectors.universal_housing.memory.url begins with 'mysql'." in said
    assert "/nowhere, which is no folder." in said


def test_a_faulty_journey_of_the_councils_own_is_named_with_its_line(check: Check, tmp_path: Path) -> None:
    (tmp_path / "own-one.v1.yaml").write_text("journey: own-one\ncolour: red\n", encoding="utf-8")

    code, _, said = check('journeys.folder = "."\n')

    assert code == 78
    assert "own-one.v1.yaml:2: " in said
