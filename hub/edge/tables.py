"""The tables of a connector's memory. Every one begins with the connector's name, so several connectors may share one PostgreSQL.

Times are milliseconds since 1970 UTC, as in the worker's memory.
"""

from sqlalchemy import BigInteger, Column, Engine, Index, Integer, MetaData, Table, Text, text
from sqlalchemy.dialects import postgresql, sqlite

metadata = MetaData()


def upsert(engine: Engine, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that may say what is to be done where the row is there already; the databases agree, and SQLAlchemy has one for each."""
    return sqlite.insert(table) if engine.dialect.name == "sqlite" else postgresql.insert(table)


checkpoints = Table(
    "checkpoints",
    metadata,
    Column("connector", Text, primary_key=True),
    Column("dataset", Text, primary_key=True),
    Column("body", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

effects = Table(
    "effects",
    metadata,
    Column("connector", Text, primary_key=True),
    # The id of the instruction's event, 32 hexadecimal characters.
    Column("effect_key", Text, primary_key=True),
    Column("case_ref", Text, nullable=False, index=True),
    Column("task", Text, nullable=False),
    # Which raising of the task, and which instruction about it: as the instruction has them.
    Column("raising", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    # What the receipt said; NULL until there is one.
    Column("status", Text),
    Column("reference", Text),
    Column("reason", Text),
    # Where the instruction stood, for people.
    Column("topic", Text, nullable=False),
    Column("part", Integer, nullable=False),
    Column("place", BigInteger, nullable=False),
    Column("began_ms", BigInteger, nullable=False),
    # Class D: when it left, since when nobody knows whether it arrived, and what happened then; nothing personal.
    Column("sent_ms", BigInteger),
    Column("unknown_ms", BigInteger),
    Column("evidence", Text),
    Column("ended_ms", BigInteger),
    # Number of the process that took it in hand last; NULL where that was before processes had numbers.
    Column("fence", BigInteger),
)

# How many processes have applied instructions so far: each takes the next number, and what it has in hand carries it.
fences = Table(
    "fences",
    metadata,
    Column("connector", Text, primary_key=True),
    Column("last", BigInteger, nullable=False),
)

# A ledger only grows; what is unfinished or unknown is asked for with every batch. Text and no parameters, as an index wants it.
UNDER_WAY = text("state IN ('intent', 'sent', 'unknown')")
"""The rows of its index; in every query that is to use it."""
Index("effects_under_way", effects.c.connector, sqlite_where=UNDER_WAY, postgresql_where=UNDER_WAY)

links = Table(
    "links",
    metadata,
    Column("connector", Text, primary_key=True),
    Column("legacy_key", Text, primary_key=True),
    Column("effect_key", Text, nullable=False),
)

# Records of its tasks' topic that lie among the dead letters, and for which later instructions of their case wait. Nearly always empty.
parked = Table(
    "parked_instructions",
    metadata,
    Column("connector", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("case_ref", Text, primary_key=True),
    # Where the record first stood: the order in which they are to be applied.
    Column("first_offset", BigInteger, primary_key=True),
    Column("since_ms", BigInteger, nullable=False),
)

# How many records were set aside lately, as the rate counts them (hub.dead_letters.rate); it is limited over a restart too.
set_aside = Table(
    "set_aside_lately",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("connector", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
)

held = Table(
    "held",
    metadata,
    Column("connector", Text, primary_key=True),
    # The id of its dead letter's record: two readings of one version of a record are one.
    Column("record_id", Text, primary_key=True),
    Column("dataset", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
)

feeds = Table(
    "feeds",
    metadata,
    Column("connector", Text, primary_key=True),
    Column("dataset", Text, primary_key=True),
    # Since when anybody listens, and when it last had something new; NULL where it never had.
    Column("watched_ms", BigInteger, nullable=False),
    Column("spoke_ms", BigInteger),
)

feed_days = Table(
    "feed_days",
    metadata,
    Column("connector", Text, primary_key=True),
    Column("dataset", Text, primary_key=True),
    # As 2026-11-03, on the clock in Britain.
    Column("day", Text, primary_key=True),
    Column("records", BigInteger, nullable=False),
)

extracts = Table(
    "extracts",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("connector", Text, nullable=False),
    Column("dataset", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("as_of_ms", BigInteger, nullable=False),
    # As in hub.edge.extracts.Phase.
    Column("phase", Text, nullable=False),
    # 1 for the first that was taken over, and one more for each: what tells two appearances of the same content apart.
    Column("ordinal", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("unreadable", BigInteger, nullable=False),
    # Where its connector looks on once it is safe.
    Column("checkpoint", Text, nullable=False),
    # Of one that is held: why.
    Column("why", Text, nullable=False),
)
Index("extracts_by_dataset", extracts.c.connector, extracts.c.dataset)

extract_rows = Table(
    "extract_rows",
    metadata,
    Column("extract", BigInteger, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("hash", Text, nullable=False),
    # What its connector wants to know once it is deleted; nothing else of a row is kept.
    Column("keeps", Text, nullable=False),
    sqlite_with_rowid=False,
)

extract_news = Table(
    "extract_news",
    metadata,
    Column("extract", BigInteger, primary_key=True),
    # As in connectors.sdk.Change.
    Column("change", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("hash", Text, nullable=False),
    Column("body", Text, nullable=False),
    sqlite_with_rowid=False,
)
