"""Writes the contestants' lock files anew.

    python -m tests.bench.lock [CONTESTANT...]

What the product's own code stands on has the product's own version in all of them, whatever a library would have: they are to be compared
in what they do around the same `step`.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from hub.broker.jars import relock

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "contestants"
COMMAND = "python -m tests.bench.lock"
THE_PRODUCTS = (
    "aiokafka",
    "msgspec",
    "psycopg",
    "psycopg-binary",
    "pydantic",
    "pydantic-core",
    "pyyaml",
    "sqlalchemy",
)


def main(names: list[str]) -> None:
    """Lock those named, or all."""
    for here in sorted(FOLDER.iterdir()):
        if names and here.name not in names:
            continue
        if (here / "requirements.in").is_file():
            lock_python(here)
        if (here / "jars.in").is_file():
            roots = (here / "jars.in").read_text(encoding="utf-8").split()
            header = f"# Maven coordinate and SHA-256 of each jar. Made by `{COMMAND}` from jars.in.\n"
            (here / "jars.lock").write_text(relock(roots, header), encoding="utf-8")


def lock_python(here: Path) -> None:
    """Lock a Python contestant.

    Raises:
        subprocess.CalledProcessError: there is no set of versions that fits, and uv has said why.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as overrides:
        overrides.write("\n".join(f"{name}=={version}" for name, version in product_versions().items()))
        overrides.flush()
        subprocess.run(
            [
                str(Path(sys.executable).parent / "uv"),
                *("pip", "compile", "requirements.in", "--output-file", "requirements.lock", "--quiet"),
                *("--override", overrides.name, "--generate-hashes", "--universal", "--python-version", "3.11"),
                *("--no-annotate", "--no-emit-index-url", "--custom-compile-command", COMMAND),
            ],
            cwd=here,
            check=True,
        )


def product_versions() -> dict[str, str]:
    """The versions that the product's own lock has of these."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return {name: version for name, version in versions(text).items() if name in THE_PRODUCTS}


def versions(lock: str) -> dict[str, str]:
    """What a lock file pins."""
    return dict(re.findall(r"^([a-z0-9.-]+)==([^ ;\n]+)", lock, re.MULTILINE))


if __name__ == "__main__":
    main(sys.argv[1:])
