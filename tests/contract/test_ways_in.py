"""The ways in that the READMEs give lead somewhere: every file is there, and in it what to look for."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READMES = [ROOT / "README.md", *sorted((ROOT / "connectors").rglob("README.md")), ROOT / "deploy/README.md"]
CONNECTORS = [readme for readme in READMES if readme.parent.parent.name == "connectors"]
SIX = re.findall(r"^\| \d \| \[[^]]+\]\(([^)]+)\) \| ([^|]+) \|", READMES[0].read_text(encoding="utf-8"), re.MULTILINE)
"""File and names of each step of the README's way through one request."""


def named(readme: Path) -> str:
    return str(readme.relative_to(ROOT))


def defines(file: Path, name: str) -> bool:
    """Whether a Python file has such a function, or a journey such a section."""
    return re.search(rf"^( *(async )?def {name}\(|{name}:)", file.read_text(encoding="utf-8"), re.MULTILINE) is not None


def names_in(text: str) -> list[str]:
    return re.findall(r"`([a-z_]+)`", text)


@pytest.mark.parametrize("readme", READMES, ids=named)
def test_every_file_a_readme_links_to_is_there(readme: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", readme.read_text(encoding="utf-8"))

    assert not [link for link in links if not (readme.parent / link).exists()]


def test_one_request_is_followed_through_six_files() -> None:
    assert len(SIX) == 6


@pytest.mark.parametrize(("path", "names"), SIX, ids=[path for path, _ in SIX])
def test_what_to_look_for_in_each_of_the_six_is_there(path: str, names: str) -> None:
    assert names_in(names)
    assert not [name for name in names_in(names) if not defines(ROOT / path, name)]


@pytest.mark.parametrize("readme", CONNECTORS, ids=named)
def test_a_connector_says_first_what_to_read_in_which_order(readme: Path) -> None:
    opening = readme.read_text(encoding="utf-8").split("\n## ")[0]
    order = re.findall(r"^(\d)\. `([a-z_]+\.py)` \(\d minutes\)(.*)$", opening, re.MULTILINE)

    assert [number for number, _, _ in order] == ["1", "2", "3"]
    for _, file, about in order:
        assert not [name for name in names_in(about) if not defines(readme.parent / file, name)]
