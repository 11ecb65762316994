"""The tables of a connector's memory. Every one begins with the connector's name, so several connectors may share one PostgreSQL.

Times are milliseconds since 1970 UTC, as in the worker's memory.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text, text

metadata = MetaData()

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
