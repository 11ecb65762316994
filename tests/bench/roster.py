"""The contestants: a folder each, with an environment of its own where it has a lock file."""

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "contestants"


class Variant(BaseModel):
    """A contestant measured in one way of several."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    promise: str = ""
    environment: Mapping[str, str] = {}


class Manifest(BaseModel):
    """What stands in a contestant.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    """Of its folder."""
    title: str
    """As people read it."""
    language: str
    library: str
    """With its version."""
    keeps: str
    """What state it keeps, and where."""
    promise: str
    """What it promises when it is killed."""
    command: tuple[str, ...]
    """{python}, {work}, {here}, {settings} and {build} stand for what they are in a run."""
    prepare: tuple[str, ...] = ()
    """Run once, before the first run."""
    slow: bool = False
    """Whether it is stopped after the first fifth of the story."""
    store: str = ""
    """sqlite or postgresql, where it keeps its state in SQL."""
    job: str = "story"
    """bare: it has events of its own."""
    latency: bool = True
    """Whether its latency at a steady rate is measured, too."""
    variants: Mapping[str, Variant] = {}


@dataclass(frozen=True)
class Contestant:
    """One that runs.

    Attributes:
        name: its folder's, or its folder's and its variant's.
        manifest: what it says of itself.
        title, promise, environment: of the variant, if it is one.
        checkout: whose product it imports.
    """

    name: str
    manifest: Manifest
    title: str
    promise: str
    environment: Mapping[str, str]
    checkout: Path = ROOT

    @property
    def here(self) -> Path:
        """Its folder."""
        return FOLDER / self.manifest.name


def load(only: Iterable[str] = ()) -> list[Contestant]:
    """The contestants with these names, in this order; all of them where none is named. A folder's name stands for all its variants.

    Raises:
        SystemExit: one is not there.
    """
    found = {each.name: each for manifest in map(_manifest, _folders()) for each in _variants(manifest)}
    if not (wanted := list(only)):
        return list(found.values())
    chosen = []
    for name in wanted:
        those = [each for each in found.values() if name in {each.name, each.manifest.name}]
        if not those:
            sys.exit(f"There is no contestant {name!r}. There are: {', '.join(found)}.")
        chosen += those
    return chosen


def _folders() -> list[Path]:
    # The hub first: it is what the others are compared with.
    return sorted(
        (file.parent for file in FOLDER.glob("*/contestant.toml")), key=lambda here: (here.name != "hub", here)
    )


def _manifest(here: Path) -> Manifest:
    manifest = Manifest.model_validate(tomllib.loads((here / "contestant.toml").read_text(encoding="utf-8")))
    assert manifest.name == here.name, f"{here} says that it is {manifest.name}"
    return manifest


def _variants(manifest: Manifest) -> list[Contestant]:
    if not manifest.variants:
        return [Contestant(manifest.name, manifest, manifest.title, manifest.promise, {})]
    return [
        Contestant(f"{manifest.name}-{name}", manifest, each.title, each.promise or manifest.promise, each.environment)
        for name, each in manifest.variants.items()
    ]


def prepare(contestant: Contestant, environments: Path) -> Path:
    """Make a contestant's environment, unless it is there; its folder.

    Raises:
        subprocess.CalledProcessError: it cannot be made, and the last lines on the terminal say why.
    """
    build = environments / contestant.manifest.name
    files = [file for file in sorted(contestant.here.rglob("*")) if file.is_file() and file.suffix != ".pyc"]
    # What only a run reads may change without its environment being made again.
    stamped = [file for file in files if file.name == "requirements.lock" or contestant.manifest.prepare]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in stamped)).hexdigest()
    stamp = build / "made-from"
    if stamp.is_file() and stamp.read_text(encoding="ascii") == digest:
        return build
    shutil.rmtree(build, ignore_errors=True)
    build.mkdir(parents=True)
    lock = contestant.here / "requirements.lock"
    if lock.is_file():
        uv = str(Path(sys.executable).parent / "uv")
        _run(
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(build / "venv")], contestant.here, build
        )
        python = str(build / "venv" / "bin" / "python")
        _run(
            [uv, "pip", "sync", "--quiet", "--compile-bytecode", "--python", python, str(lock)], contestant.here, build
        )
    if contestant.manifest.prepare:
        _run(command(contestant, contestant.manifest.prepare, build), contestant.here, build)
    stamp.write_text(digest, encoding="ascii")
    return build


def command(
    contestant: Contestant, words: Iterable[str], build: Path, work: Path | None = None, settings: Path | None = None
) -> list[str]:
    """A command line of a contestant, as it is run."""
    own = build / "venv" / "bin" / "python"
    stands_for = {
        "{python}": str(own if own.exists() else sys.executable),
        "{here}": str(contestant.here),
        "{build}": str(build),
        "{work}": str(work),
        "{settings}": str(settings),
    }
    found = []
    for word in words:
        said = word
        for name, value in stands_for.items():
            said = said.replace(name, value)
        found.append(said)
    return found


def _run(line: list[str], here: Path, build: Path) -> None:
    environment = {**os.environ, "BENCH_BUILD": str(build), "PYTHONPATH": str(ROOT)}
    subprocess.run(line, cwd=here, env=environment, check=True)
