"""The worker's tables. Times are whole milliseconds since 1970 UTC: the same on every database, and cheap on the hot path.

Deadlines alone are kept to the microsecond: the case knows its deadline by that very moment.
"""

from sqlalchemy import BigInteger, Column, Engine, Index, Integer, MetaData, Table, Text, text

from hub.database import make_tables

SETTING = "worker.memory.url"
"""Where the settings file says which database."""

metadata = MetaData()

progress = Table(
    "progress",
    metadata,
    Column("app", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("next_offset", BigInteger, nullable=False),
)

cases = Table(
    "cases",
    metadata,
    Column("reference", Text, primary_key=True),
    # NULL until its request is heard.
    Column("journey", Text),
    Column("status", Text, nullable=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    # The earliest open deadline; NULL when nothing is due.
    Column("due_ms", BigInteger),
    # Departments that have a task in hand, comma-separated, sorted.
    Column("waiting_on", Text, nullable=False),
    # How many instructions may or may not have reached a department, and since when the oldest; NULL where none.
    Column("uncertain", Integer, nullable=False, server_default=text("0")),
    Column("uncertain_ms", BigInteger),
    # The whole case as JSON, as hub.routing.case.Case writes it.
    Column("body", Text, nullable=False),
)
Index("cases_by_status", cases.c.status, cases.c.due_ms)
# Few cases among millions: they are listed, and counted for every scrape, without a look at any other.
IN_DOUBT = text("uncertain > 0")
"""The rows of their index; written out in every query that is to use it, for with a parameter it would not be used."""
Index("cases_uncertain", cases.c.uncertain_ms, sqlite_where=IN_DOUBT, postgresql_where=IN_DOUBT)

timeline = Table(
    "timeline",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("reference", Text, nullable=False),
    # One entry as JSON, as hub.routing.entry.Entry writes it.
    Column("body", Text, nullable=False),
)
Index("timeline_by_case", timeline.c.reference)

deadlines = Table(
    "deadlines",
    metadata,
    Column("reference", Text, primary_key=True),
    Column("task", Text, primary_key=True),
    Column("due_us", BigInteger, nullable=False),
    # Partition of `case-events` that the case lives in: its worker publishes the deadline.
    Column("part", Integer, nullable=False),
    # Set once `deadline-expired` is acknowledged by Kafka; a repeat would be ignored by its id anyway.
    Column("published", Integer, nullable=False, server_default=text("0")),
)
Index("deadlines_by_due", deadlines.c.published, deadlines.c.due_us)

# Records of `case-events` that lie among the dead letters: the later ones of their case wait there too. Nearly always empty.
parked = Table(
    "parked",
    metadata,
    Column("reference", Text, primary_key=True),
    # Where the record first stood in its partition; the order in which they are to be applied.
    Column("first_offset", BigInteger, primary_key=True),
    # When the record was sent.
    Column("since_ms", BigInteger, nullable=False),
)

# How many records were set aside lately, as the rate counts them (hub.dead_letters.rate); it is limited over a restart too.
set_aside = Table(
    "set_aside",
    metadata,
    Column("app", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("at_ms", BigInteger, primary_key=True),
    Column("number", Integer, nullable=False),
)


def create(engine: Engine) -> None:
    """Make what is missing.

    Raises:
        RestartMe: the database does not answer.
        ConfigurationError: it does not let us make tables.
    """
    make_tables(engine, metadata, SETTING)
