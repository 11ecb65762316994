"""The Faust app and its agent, which hands every round to the rule. Thin on purpose.

Nothing may leave the agent but a cancellation: Faust would acknowledge what was not applied. So whatever else happens ends the process.
"""

import ssl
from pathlib import Path
from typing import cast

import faust

from hub.routing.brokers import ask_those_given, note_admission
from hub.routing.deadlines import DeadlineTimer
from hub.routing.ending import ends_process
from hub.routing.records import Fetch
from hub.routing.round import Rounds
from hub.routing.transport import RoundSchema, Transport
from hub.settings import HubSettings, KafkaSettings

_REQUEST_TIMEOUT_S = 60.0


def make_app(settings: HubSettings, bootstrap: str) -> faust.App:
    """The Faust app of a worker, connected to nothing yet.

    Args:
        settings: of the hub.
        bootstrap: host:port, comma-separated.
    """
    worker = settings.worker
    session = worker.session_timeout_s
    # Faust makes folders in it, which stay empty: there are no tables.
    scratch = settings.path(Path(".hub") / "faust")
    scratch.mkdir(parents=True, exist_ok=True)
    ask_those_given()
    note_admission()
    app = faust.App(
        worker.group,
        broker=[f"kafka://{address}" for address in bootstrap.split(",")],
        broker_credentials=credentials(settings.kafka),
        datadir=str(scratch),
        topic_partitions=settings.kafka.partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        # A restart within the session time-out keeps its partitions, and the others never notice.
        consumer_group_instance_id=worker.name,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=4 << 20,
        # A static member that started before its topic existed would otherwise keep nothing for five minutes.
        consumer_metadata_max_age_ms=5000,
        broker_session_timeout=session,
        broker_heartbeat_interval=min(3.0, session / 5),
        broker_rebalance_timeout=max(10.0, session),
        broker_request_timeout=max(_REQUEST_TIMEOUT_S, session),
        broker_commit_interval=1.0,
        broker_max_poll_records=5000,
        stream_buffer_maxsize=16,
        producer_linger=0.0,
        producer_max_batch_size=256 << 10,
        producer_max_request_size=1_000_000,
        producer_request_timeout=120.0,
        web_enabled=False,
    )
    app.transport = Transport(app.conf.broker_consumer, app)
    app.producer_transport = Transport(app.conf.broker_producer, app)
    return app


def credentials(kafka: KafkaSettings) -> faust.types.auth.CredentialsT | ssl.SSLContext | None:
    """How Faust is told to reach and trust the brokers; None on a laptop."""
    if kafka.security_protocol == "PLAINTEXT":
        return None
    context = ssl.create_default_context(cafile=str(kafka.ca_file) if kafka.ca_file else None)
    if kafka.security_protocol == "SSL":
        return context
    return faust.SASLCredentials(
        username=kafka.username,
        password=kafka.password.get_secret_value() if kafka.password else None,
        mechanism=kafka.sasl_mechanism,
        ssl_context=context,
    )


def attach(app: faust.App, rounds: Rounds, timer: DeadlineTimer) -> None:
    """Give the app its work: rounds of the topic, and the deadlines.

    Args:
        app: from `make_app`, not started.
        rounds: the rule.
        timer: the hub's clock.
    """
    cast("Transport", app.transport).reader = rounds
    schema = RoundSchema(key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

    def is_stopping() -> bool:
        return bool(app.should_stop)

    @app.agent(app.topic(rounds.topic, schema=schema), name="rounds")
    async def apply(fetches: faust.StreamT[Fetch]) -> None:
        async for fetch in fetches:
            try:
                with ends_process("A round failed", unless=is_stopping):
                    await rounds.run(fetch)
            finally:
                if not fetch.done.done():
                    fetch.done.set_result(None)

    @app.task  # type: ignore[untyped-decorator]  # Faust's own annotation of it is not complete
    async def expire_deadlines() -> None:
        with ends_process("Deadlines cannot be published", unless=is_stopping):
            await timer.run()
