"""The hub's two tables in the housing database, written in the same transaction as the works order: what makes class A exact.

`council_hub_effects` remembers every instruction and what became of it; its primary key is what keeps an instruction from being applied
twice, even while an earlier transaction of unknown outcome is still open. `council_hub_numbers` gives out works order numbers from a
range of the hub's own, so that nobody counts MAX + 1. README.md has the same tables as DDL for a DBA who makes them by hand.
"""

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


def receipt_of(connection: Connection, effect_key: str) -> Receipt | None:
    """What became of an instruction, or None where it was never applied."""
    row = connection.execute(
        select(effects.c.status, effects.c.wo_ref, effects.c.reason).where(effects.c.effect_key == effect_key)
    ).one_or_none()
    return row and Receipt(status=TaskStatus(row.status), reference=row.wo_ref, reason=row.reason)


def remember(connection: Connection, effect_key: str, receipt: Receipt) -> None:
    """Write what became of an instruction.

    Raises:
        sqlalchemy.exc.IntegrityError: another transaction has written it.
    """
    connection.execute(
        insert(effects).values(
            effect_key=effect_key, status=receipt.status, wo_ref=receipt.reference, reason=receipt.reason
        )
    )


def next_number(connection: Connection, first: int, step: int) -> int:
    """The next works order number; its row stays locked until the transaction ends, so no two are alike.

    Args:
        connection: in the transaction that writes the works order.
        first: the range begins here.
        step: 1, or more to leap over numbers that somebody else has used.
    """
    ours = numbers.c.name == _WORKS_ORDER
    moved = connection.execute(update(numbers).where(ours).values(last_number=numbers.c.last_number + step))
    if moved.rowcount == 0:
        connection.execute(insert(numbers).values(name=_WORKS_ORDER, last_number=first + step - 1))
    return int(connection.execute(select(numbers.c.last_number).where(ours)).scalar_one())
