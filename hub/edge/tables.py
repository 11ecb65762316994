"""The tables of a connector's memory. Every one begins with the connector's name, so several connectors may share one PostgreSQL.

Times are milliseconds since 1970 UTC, as in the worker's memory.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text

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
    Column("ended_ms", BigInteger),
)

# A ledger only grows; what is unfinished is asked for with every batch.
_UNFINISHED = effects.c.state == "intent"
Index("effects_unfinished", effects.c.connector, sqlite_where=_UNFINISHED, postgresql_where=_UNFINISHED)

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

# How many records were set aside lately; the rate is limited over a restart too.
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
