"""Fetches what `jars.lock` names and compiles the contestant, with a compiler that is a jar too: no Maven and no JDK is asked for.

python build.py FOLDER
"""

import subprocess
import sys
from pathlib import Path

from hub.broker import jars
from hub.broker.java import choose

HERE = Path(__file__).parent


def main(build: Path) -> None:
    """Make the folders `libs` and `classes` in the one that is given.

    Raises:
        subprocess.CalledProcessError: it does not compile; the compiler has said why.
    """
    locked = jars.parse((HERE / "jars.lock").read_text(encoding="utf-8"))
    libs = jars.install(build / "libs", locked)
    sources = [str(source) for source in sorted(HERE.glob("*.java"))]
    (compiler,) = (jar.file for jar in locked if jar.artifact == "ecj")
    subprocess.run(
        [
            str(choose().java.executable),
            "-jar",
            str(libs / compiler),
            *("-source", "17", "-target", "17", "-warn:none", "-d", str(build / "classes"), "-cp"),
            ":".join(str(libs / jar.file) for jar in locked),
            *sources,
        ],
        check=True,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
