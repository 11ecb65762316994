"""The hub's two tables in the housing database, written in the same transaction as the works order: what makes class A exact.

`council_hub_effects` remembers every instruction and what became of it; its primary key is what keeps an instruction from being applied
twice, even while an earlier transaction of unknown outcome is still open. `council_hub_numbers` gives out works order numbers from a
range of the hub's own, so that nobody counts MAX + 1. README.md has the same tables as DDL for a DBA who makes them by hand.
"""

from collections.abc import Collection, Mapping

from sqlalchemy import (
    CHAR,
    Column,
    Connection,
    DateTime,
    Integer,
    MetaData,
    String,
    Table,
    func,
    insert,
    inspect,
    select,
    update,
)

from connectors.sdk.contract import Receipt
from schemas.tasks import TaskStatus

metadata = MetaData()

effects = Table(
    "council_hub_effects",
    metadata,
    Column("effect_key", CHAR(32), primary_key=True),
    Column("wo_ref", String(10)),
    Column("status", String(12), nullable=False),
    Column("reason", String(200)),
    Column("applied_at", DateTime, nullable=False, server_default=func.current_timestamp()),
)

numbers = Table(
    "council_hub_numbers",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("last_number", Integer, nullable=False),
)

_WORKS_ORDER = "works-order"


def missing(connection: Connection) -> list[str]:
    """The tables that are not there yet."""
    return sorted(set(metadata.tables) - set(inspect(connection).get_table_names()))


def make(connection: Connection) -> None:
    """Make the tables that are missing; needs the right to."""
    metadata.create_all(connection)


def receipts_of(connection: Connection, effect_keys: Collection[str]) -> dict[str, Receipt]:
    """What became of instructions, by effect key; those that were never applied are left out."""
    rows = connection.execute(
        select(effects.c.effect_key, effects.c.status, effects.c.wo_ref, effects.c.reason).where(
            effects.c.effect_key.in_(effect_keys)
        )
    )
    return {
        row.effect_key: Receipt(status=TaskStatus(row.status), reference=row.wo_ref, reason=row.reason) for row in rows
    }


def remember(connection: Connection, receipts: Mapping[str, Receipt]) -> None:
    """Write what became of instructions, by effect key.

    Raises:
        sqlalchemy.exc.IntegrityError: another transaction has written one of them.
    """
    if receipts:
        connection.execute(
            insert(effects),
            [
                {"effect_key": key, "status": receipt.status, "wo_ref": receipt.reference, "reason": receipt.reason}
                for key, receipt in receipts.items()
            ],
        )


def next_numbers(connection: Connection, first: int, step: int, how_many: int) -> range:
    """The next works order numbers; their row stays locked until the transaction ends, so no two are alike.

    Args:
        connection: in the transaction that writes the works orders.
        first: the range begins here.
        step: 1, or more to leap over numbers that somebody else has used.
        how_many: as many as there are orders.
    """
    ours, leap = numbers.c.name == _WORKS_ORDER, step + how_many - 1
    moved = connection.execute(update(numbers).where(ours).values(last_number=numbers.c.last_number + leap))
    if moved.rowcount == 0:
        connection.execute(insert(numbers).values(name=_WORKS_ORDER, last_number=first + leap - 1))
    last = int(connection.execute(select(numbers.c.last_number).where(ours)).scalar_one())
    return range(last - how_many + 1, last + 1)
