"""Kafka's jars: fetched by jgo from the Maven repository, checked against `jars.lock`, kept in the Python environment.

The lock lists every jar with its SHA-256, so a fetch asks for all files at once and resolves nothing; resolving is done
by `relock` alone. After the first fetch nothing here needs a network.
"""

import hashlib
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from hub.errors import ConfigurationError

KAFKA_VERSION = "4.3.0"
LOG4J_VERSION = "2.25.3"
ROOTS = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    # Named beside kafka_2.13 because jgo otherwise settles on an older client, for which some dependency asks.
    f"org.apache.kafka:kafka-clients:{KAFKA_VERSION}",
    f"org.apache.logging.log4j:log4j-core:{LOG4J_VERSION}",
    f"org.apache.logging.log4j:log4j-slf4j-impl:{LOG4J_VERSION}",
)
LOCK = "jars.lock"
LOCK_HEADER = f"""\
# The jars of Apache Kafka {KAFKA_VERSION}: Maven coordinate and SHA-256 of each.
# Made by `make lock`; hub/broker/jars.py says from what.
"""
_PARALLEL = 16


@dataclass(frozen=True, order=True)
class Jar:
    """One file of the lock."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        """Its name in a folder of jars."""
        return f"{self.artifact}-{self.version}.jar"


def home() -> Path:
    """Where the Python environment keeps its Kafka; goes when the environment goes."""
    return Path(sys.prefix) / "share" / "council-hub" / f"kafka-{KAFKA_VERSION}"


def parse(text: str) -> tuple[Jar, ...]:
    """The jars of a lock file's text, one `group:artifact:version sha256:hex` to a line."""
    jars = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            coordinate, checksum = line.split(" sha256:")
            group, artifact, version = coordinate.split(":")
            jars.append(Jar(group, artifact, version, checksum))
    return tuple(jars)


def render(jars: Iterable[Jar], header: str = LOCK_HEADER) -> str:
    """The lock file's text: what `parse` reads, sorted."""
    return header + "".join(f"{j.group}:{j.artifact}:{j.version} sha256:{j.sha256}\n" for j in sorted(jars))


def locked() -> tuple[Jar, ...]:
    """The jars that this version of the hub runs."""
    return parse(files("hub.broker").joinpath(LOCK).read_text(encoding="utf-8"))


def missing(folder: Path, jars: Iterable[Jar]) -> list[Jar]:
    """The jars that `folder` does not hold.

    Raises:
        ConfigurationError: a jar is there but is not the one of the lock.
    """
    absent = []
    for jar in jars:
        path = folder / jar.file
        if path.is_file():
            _check(path, jar)
        else:
            absent.append(jar)
    return absent


def install(folder: Path | None = None, jars: Iterable[Jar] | None = None) -> Path:
    """The folder with every jar of a lock, those fetched that are not there yet; safe to interrupt and to repeat.

    Args:
        folder: where they are to be; the environment's own where left out.
        jars: which; those that this version of the hub runs where left out.

    Raises:
        ConfigurationError: the repository does not answer, or hands out a jar with another checksum (it is not kept).
    """
    libs = folder or home() / "libs"
    absent = missing(libs, locked() if jars is None else jars)
    if absent:
        libs.mkdir(parents=True, exist_ok=True)
        # In the same file system, so that a jar appears under its name whole and checked, or not at all.
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=libs.parent) as repository:
            for jar, path in _fetched(absent, Path(repository)):
                _check(path, jar)
                path.replace(libs / jar.file)
    return libs


def relock(roots: Iterable[str] = ROOTS, header: str = LOCK_HEADER) -> str:
    """A new lock from roots: resolves what they need today, fetches all of it and writes down the checksums."""
    import jgo  # noqa: PLC0415 - 0.3 s that a start of the broker need not pay

    found = [Jar(a.groupId, a.artifactId, a.version, "") for a in jgo.resolve("+".join(roots))]
    with tempfile.TemporaryDirectory() as repository:
        return render(
            (
                Jar(jar.group, jar.artifact, jar.version, _sha256(path))
                for jar, path in _fetched(found, Path(repository))
            ),
            header,
        )


def _fetched(jars: list[Jar], repository: Path) -> list[tuple[Jar, Path]]:
    """Each jar with the file it was downloaded to."""
    from jgo.config import GlobalSettings  # noqa: PLC0415 - as in relock
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415 - as in relock
    from jgo.maven import MavenContext  # noqa: PLC0415 - as in relock

    # A council behind a mirror names it in jgo's own settings file, [repositories] central = URL.
    remotes = {"central": MAVEN_CENTRAL_URL} | GlobalSettings.load().repositories
    maven = MavenContext(repo_cache=repository, local_repos=[], remote_repos=remotes, timeout=60)

    def fetch(jar: Jar) -> Path:
        return maven.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()

    try:
        with ThreadPoolExecutor(_PARALLEL) as pool:
            return list(zip(jars, pool.map(fetch, jars), strict=True))
    except (OSError, RuntimeError) as error:
        raise ConfigurationError(
            f"Kafka's jars could not be fetched from {', '.join(remotes.values())}: {error}. Is the network there? "
            "A mirror is named in ~/.config/jgo.conf as [repositories] central = URL; or point KAFKA_HOME at an "
            "unpacked Apache Kafka."
        ) from error


def _check(path: Path, jar: Jar) -> None:
    if (actual := _sha256(path)) != jar.sha256:
        raise ConfigurationError(
            f"{path} is not the {jar.group}:{jar.artifact}:{jar.version} of hub/broker/{LOCK}: SHA-256 {actual} "
            f"instead of {jar.sha256}. Somebody changed the file or the repository. Delete it and run `hub broker install`; "
            "if it comes back the same, do not run it, and ask whoever keeps the repository."
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
