"""All settings of a hub: one TOML file, one frozen object, passed in. Nothing else reads the environment or a file.

Looked for in this order: `--settings FILE`, the variable HUB_SETTINGS, `hub.toml` in the working folder. A secret may stand in the file as
`{ env = "NAME" }` or `{ file = "PATH" }`, so that the file itself can be shared. Relative paths count from the settings file's folder.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)

from connectors.sdk.settings import RUNNER_KEYS, problems
from hub.errors import ConfigurationError
from schemas.identifiers import CouncilCode
from schemas.tasks import Work

DEFAULT_FILE = Path("hub.toml")
OWN_PROCESSES = frozenset({"web", "worker", "broker", "broker-1", "broker-2", "broker-3"})
"""What the hub's own processes are called: in the log, on the screen, and in the names of their files."""
_ADDRESS = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")


def no_two_nodes(nodes: int) -> int:
    """A number of nodes that a broker may have.

    Raises:
        ValueError: any but one and three.
    """
    if nodes not in {1, 3}:
        two = "Two are no safer than one: when either is away, neither goes on. " if nodes == 2 else ""
        raise ValueError(f"A broker has 1 node or 3. {two}Say 1, or 3 to try what a cluster does.")
    return nodes


def addresses(text: str) -> str:
    """The addresses of a Kafka, as clients take them: host:port, comma-separated.

    Raises:
        ValueError: one of them is none.
    """
    listed = [part.strip() for part in text.split(",")]
    for number, part in enumerate(listed, 1):
        found = _ADDRESS.fullmatch(part)
        if not found or not 1 <= int(found["port"]) <= 65535:
            raise ValueError(
                f"address {number} of {len(listed)} is not host:port, such as kafka-1:9092; several stand in one text, comma-separated."
            )
    return ",".join(listed)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class CouncilSettings(_Section):
    """Whose hub it is."""

    name: str
    """Name of the council, for pages."""
    code: CouncilCode
    """GSS code; also tells the nation, whose bank holidays count."""
    key: SecretStr = Field(min_length=16)
    """Secret from which record ids are computed; keep it for ever."""


class KafkaSettings(_Section):
    """Where Kafka is. Leave `bootstrap` out and the hub runs one of its own (`hub broker`)."""

    bootstrap: Annotated[str, AfterValidator(addresses)] | None = None
    """host:port, comma-separated, of an existing cluster."""
    partitions: Annotated[int, Field(ge=1, le=1000)] = 12
    """Partitions of every hub topic, for ever."""
    replication: Annotated[int, Field(ge=1, le=9)] = 1
    """Copies of every partition; 3 in production."""
    security_protocol: Annotated[str, Field(pattern="^(PLAINTEXT|SSL|SASL_SSL)$")] = "PLAINTEXT"
    """PLAINTEXT on a laptop; SSL or SASL_SSL elsewhere."""
    sasl_mechanism: Annotated[str, Field(pattern="^(PLAIN|SCRAM-SHA-256|SCRAM-SHA-512)$")] = "SCRAM-SHA-512"
    """Only with SASL_SSL."""
    username: str | None = None
    """Principal of this process."""
    password: SecretStr | None = None
    """Its password."""
    ca_file: Path | None = None
    """Certificate of the authority that signed the brokers' certificates; the system's where left out."""


class BrokerSettings(_Section):
    """The local broker, where `kafka.bootstrap` is left out."""

    folder: Path = Path(".hub/broker")
    """Its logs, data and ports."""
    nodes: Annotated[int, AfterValidator(no_two_nodes)] = 1
    """1, or 3 to try what a cluster does."""


class MemorySettings(_Section):
    """Where a process remembers: SQLite on one machine, PostgreSQL beyond it."""

    url: str = "sqlite:///.hub/worker.db"
    """SQLAlchemy URL: sqlite:///file.db or postgresql+psycopg://user@host/name."""


class WorkerSettings(_Section):
    """The worker that routes cases."""

    name: str = "worker-1"
    """Stable name of this worker; its static membership in the Kafka group."""
    group: str = "hub"
    """Kafka consumer group, and the name under which progress is kept."""
    memory: MemorySettings = MemorySettings()
    """Cases, deadlines, timeline, progress."""
    health_port: Annotated[int, Field(ge=0, le=65535)] = 8601
    """Port of /livez, /readyz and /metrics on `health_host`."""
    health_host: str = "127.0.0.1"
    """Address to listen on."""
    round_ms: Annotated[int, Field(ge=0, le=1000)] = 20
    """Least time between the starts of two rounds, milliseconds."""
    session_timeout_s: Annotated[float, Field(ge=6, le=300)] = 10.0
    """After how long without a heartbeat the group gives this worker's partitions away."""
    stuck_after_s: Annotated[float, Field(ge=10, le=3600)] = 120.0
    """Records wait and nothing is applied for so long: the watchdog ends the process."""
    stop_within_s: Annotated[float, Field(ge=1, le=300)] = 15.0
    """A stop that takes longer ends the process with exit 75."""
    deadlines_every_s: Annotated[float, Field(gt=0, le=60)] = 1.0
    """How often the timer looks for deadlines that passed."""


class WebSettings(_Section):
    """The web process."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8600
    """Port of pages and API."""
    outbox_limit: Annotated[int, Field(ge=1)] = 100_000
    """Most accepted acts that may wait for Kafka, about 2 KB each; beyond it senders get 503 until Kafka is back."""
    memory: MemorySettings = MemorySettings(url="sqlite:///.hub/web.db")
    """The outbox of accepted requests."""


class ConnectorProcess(_Section):
    """One connector: what the runner needs; everything else in its table goes to the connector's own settings."""

    connector: str
    """Name of the entry point; the table's own name unless given."""
    memory: MemorySettings
    """Checkpoints, effect ledger and links of this connector."""
    health_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """Port of /livez, /readyz and /metrics; 0 picks a free one."""
    tasks: tuple[Work, ...] | None = None
    """Kinds of work it takes; all that the connector can, where left out. No kind of work is two tables'."""
    tasks_since: AwareDatetime | None = None
    """A connector that has never taken a task begins with those from then on; with the first that is kept, where left out. For a new
    system in the place of an old one that has done the earlier tasks."""
    reads: Mapping[str, Mapping[str, Any]] = {}
    """How often and how much its datasets say here, where that is not what the connector's manifest expects."""
    beats_every_s: Annotated[float, Field(ge=0.5, le=60)] = 15.0
    """How often it says on `hub-heartbeats` how its feeds are; what changes is said at once."""
    settings: Mapping[str, Any] = {}
    """The connector's own settings, unread."""


class DeadLetterSettings(_Section):
    """Records that are set aside."""

    at_most_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    """By one process. Past it the process stops before the next such record until the minute is over, and then tries one a minute until
    none has died for a minute; those that only wait for an earlier one of their case are not counted."""


class JourneySettings(_Section):
    """Where journeys and bank holidays are kept."""

    folder: Path | None = None
    """A folder of journey files of the council's own, beside those that come with the hub; same name and version: the council's wins."""
    holidays: Path | None = None
    """A file of bank holidays in the format of hub/journeys/bank-holidays.json, instead of the one that comes with the hub."""
    closures: frozenset[date] = frozenset()
    """Days on which the council is closed though no bank holiday says so."""


class LogSettings(_Section):
    """Logs."""

    level: Annotated[str, Field(pattern="^(DEBUG|INFO|WARNING|ERROR)$")] = "INFO"
    """Least level written."""


class HubSettings(_Section):
    """The whole file. Every process gets the whole object and uses its part."""

    council: CouncilSettings
    kafka: KafkaSettings = KafkaSettings()
    broker: BrokerSettings = BrokerSettings()
    worker: WorkerSettings = WorkerSettings()
    web: WebSettings = WebSettings()
    dead_letters: DeadLetterSettings = DeadLetterSettings()
    journeys: JourneySettings = JourneySettings()
    logs: LogSettings = LogSettings()
    connectors: Mapping[str, ConnectorProcess] = {}
    file: Path = Field(default=DEFAULT_FILE, exclude=True)
    """The file these settings came from; set by `load`."""

    @field_validator("connectors")
    @classmethod
    def _are_not_called_as_the_hubs_own(cls, tables: Mapping[str, ConnectorProcess]) -> Mapping[str, ConnectorProcess]:
        taken = sorted(OWN_PROCESSES.intersection(tables))
        if taken:
            raise ValueError(
                f"[connectors.{taken[0]}] is called as the hub's own process is. Give the table another name, and say with "
                "`connector` which connector it is."
            )
        return tables

    def path(self, relative: Path) -> Path:
        """A path of the settings, counted from the settings file's folder."""
        return self.file.parent / relative

    def database_url(self, memory: MemorySettings) -> str:
        """A memory's URL with a relative SQLite file counted from the settings file's folder."""
        prefix = "sqlite:///"
        if not memory.url.startswith(prefix):
            return memory.url
        return prefix + str(self.path(Path(memory.url.removeprefix(prefix))).absolute())


def load(file: Path | None = None) -> HubSettings:
    """The settings, checked whole.

    Raises:
        ConfigurationError: no file (every place that was looked in is listed), not TOML (line and column), or wrong keys or values
            (every one of them, with the nearest valid word for a key that is unknown).
    """
    found = _find(file)
    try:
        raw = tomllib.loads(found.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{found}: not TOML: {error}.") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{found}: not UTF-8 text. Save it as UTF-8.") from error
    raw = _resolve(raw, found)
    connectors = raw.get("connectors", {})
    if isinstance(connectors, dict):
        raw["connectors"] = {name: _split(name, table) for name, table in connectors.items()}
    try:
        return HubSettings.model_validate(raw | {"file": found})
    except ValidationError as error:
        raise ConfigurationError(problems(str(found), HubSettings, error)) from None


def load_if_any(file: Path | None = None) -> HubSettings | None:
    """As `load`, for commands that also work without settings: None where no file is named and none stands here.

    Raises:
        ConfigurationError: as `load`, when a file is named or stands here.
    """
    if file is None and "HUB_SETTINGS" not in os.environ and not DEFAULT_FILE.is_file():
        return None
    return load(file)


def _find(file: Path | None) -> Path:
    named = os.environ.get("HUB_SETTINGS")
    candidates = [file] if file else [Path(named)] if named else [DEFAULT_FILE]
    for candidate in candidates:
        if candidate.is_file():
            return candidate.absolute()
    tried = ", ".join(str(candidate.absolute()) for candidate in candidates)
    raise ConfigurationError(
        f"No settings file. Looked for {tried}. Name one with --settings FILE or HUB_SETTINGS; deploy/hub.example.toml is a start."
    )


def _resolve(value: Any, file: Path, place: str = "") -> Any:
    """Secrets by reference: {env = "NAME"} and {file = "PATH"} become what they point to."""
    if isinstance(value, list):
        return [_resolve(item, file, place) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"env"}:
        name = str(value["env"])
        if name not in os.environ:
            raise ConfigurationError(f"{file}: {place} wants the environment variable {name}, which is not set.")
        return os.environ[name]
    if set(value) == {"file"} and place:
        secret = file.parent / str(value["file"])
        if not secret.is_file():
            raise ConfigurationError(f"{file}: {place} wants the file {secret}, which does not exist.")
        return secret.read_text(encoding="utf-8").strip()
    return {key: _resolve(item, file, f"{place}.{key}" if place else key) for key, item in value.items()}


def _split(name: str, table: Any) -> Any:
    """A connector's table: the runner's own keys, and the rest untouched for the connector."""
    if not isinstance(table, dict):
        return table
    runner = {key: item for key, item in table.items() if key in RUNNER_KEYS}
    runner.setdefault("connector", name)
    runner.setdefault("memory", {"url": f"sqlite:///.hub/{name}.db"})
    return runner | {"settings": {key: item for key, item in table.items() if key not in RUNNER_KEYS}}
