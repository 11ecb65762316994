"""Writes one instruction as a works order, inside the transaction that `connector.py` opens and commits."""

from sqlalchemy import Connection, func, insert, select, update

from connectors.sdk.contract import Effect, LegacyRecord, Receipt
from connectors.universal_housing import ledger, mapping
from connectors.universal_housing.mapping import Meanings, OrderStatus
from connectors.universal_housing.tables import OrdersTable, PropertyTable, TenanciesTable
from schemas.tasks import Task, TaskChanged, TaskRaised, TaskStatus

_UPRN_WIDTH = 16
"""Widest UPRN column seen; a UPRN may be zero-filled to any width up to it."""


class WorksOrdersSettings(Meanings):
    """Where works orders are written."""

    property: PropertyTable = PropertyTable()
    """Homes and land."""
    works_orders: OrdersTable = OrdersTable()
    """Works orders, read and written."""
    tenancies: TenanciesTable = TenanciesTable()
    """Tenancy agreements."""
    first_works_order: int = 90_000_000
    """First works order number of the range that is the hub's own; eight digits."""


def write(connection: Connection, effect: Effect, settings: WorksOrdersSettings, step: int) -> Receipt:
    """Write an instruction, and say what became of it.

    Args:
        connection: in a transaction.
        effect: what to write.
        settings: tables and codes.
        step: leap in works order numbers; more than 1 after one was found in use.

    Raises:
        UnmappedCode: there is no code for this kind of work.
        sqlalchemy.exc.IntegrityError: the number is in use.
    """
    instruction = effect.instruction
    if isinstance(instruction, TaskRaised):
        return _raise(connection, effect, instruction.data, settings, step)
    if isinstance(instruction, TaskChanged):
        changed = mapping.what_may_change(instruction.data, effect.case, settings)
        return _amend(connection, effect, changed, TaskStatus.ACCEPTED, settings)
    cancelled: dict[str, object] = {
        "status": settings.status.code(OrderStatus.CANCELLED),
        "reason": settings.reason.code(mapping.WITHDRAWN),
    }
    return _amend(connection, effect, cancelled, TaskStatus.CANCELLED, settings)


def _raise(connection: Connection, effect: Effect, task: Task, settings: WorksOrdersSettings, step: int) -> Receipt:
    wanted = mapping.works_order_for(task, effect.case, settings)
    found = _place(connection, task, settings)
    if isinstance(found, Receipt):
        return found
    number, now = f"{ledger.next_number(connection, settings.first_works_order, step):08d}", settings.now()
    wanted |= {"order": number, "property_ref": found, "hub_ref": effect.key, "completed": mapping.NO_DATE}
    wanted |= {"status": settings.status.code(OrderStatus.RAISED), "created": now, "stamp": now}
    orders = settings.works_orders
    connection.execute(insert(orders.clause).values({**orders.values(wanted), **orders.constants}))
    return Receipt(status=TaskStatus.ACCEPTED, reference=number)


def _place(connection: Connection, task: Task, settings: WorksOrdersSettings) -> str | Receipt:
    """The reference of the property the work is at, or the refusal because there is not exactly one."""
    homes, tenancies = settings.property, settings.tenancies
    uprn, tenancy = mapping.uprn_of(task), task.facts.tenancy_ref
    if task.facts.protected_address:
        return _refused("the address is protected: order this work by hand")
    if uprn is not None:
        written = [uprn.zfill(width) for width in range(len(uprn), _UPRN_WIDTH + 1)]
        query = select(homes["property_ref"]).where(func.trim(homes["uprn"]).in_(written), homes.counted())
        what = "property with that UPRN"
    elif tenancy is not None:
        query = select(tenancies["property_ref"]).where(tenancies["tenancy_ref"] == tenancy)
        what = "tenancy with that reference"
    else:
        return _refused("neither UPRN nor tenancy reference was given")
    found = connection.scalars(query.limit(2)).all()
    if len(found) != 1:
        return _refused(f"{'more than one' if found else 'no'} {what}")
    return str(found[0]).strip()


def _amend(
    connection: Connection, effect: Effect, changed: dict[str, object], done: TaskStatus, settings: WorksOrdersSettings
) -> Receipt:
    """Change an order that is still open; of one that is not, say how it ended."""
    orders, status = settings.works_orders, settings.status
    withdrawn = done is TaskStatus.CANCELLED
    if effect.earlier is None:
        return Receipt(status=done) if withdrawn else _refused("there is no works order to change")
    this = orders["order"] == effect.earlier
    still_open = [code for code, meaning in status.codes.items() if not meaning.ended]
    amended = connection.execute(
        update(orders.clause)
        .where(this, orders["status"].in_(still_open))
        .values(orders.values(changed | {"stamp": settings.now()}))
    )
    if amended.rowcount:
        return Receipt(status=done, reference=effect.earlier)
    row = connection.execute(select(orders["status"].label("status")).where(this)).one_or_none()
    if row is None:
        return Receipt(status=done) if withdrawn else _refused("the works order is no longer there")
    order = LegacyRecord(dataset="works-orders", key=effect.earlier, position="", values={"status": row.status})
    stands = status.meaning(order, "status")
    if stands is None or not stands.ended:
        return _refused("the works order is at a status that the hub does not follow")
    return Receipt(status=TaskStatus(stands), reference=effect.earlier)


def _refused(reason: str) -> Receipt:
    return Receipt(status=TaskStatus.REJECTED, reason=reason)
