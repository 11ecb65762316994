"""Writes instructions as works orders, inside the transaction that `connector.py` opens and commits."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, func, insert, select, update

from connectors.sdk.contract import Effect, LegacyRecord, Receipt
from connectors.universal_housing import ledger, mapping
from connectors.universal_housing.mapping import Meanings, OrderStatus
from connectors.universal_housing.tables import OrdersTable, PropertyTable, TenanciesTable
from schemas.tasks import Task, TaskChanged, TaskRaised, TaskStatus

_UPRN_WIDTH = 16
"""Widest UPRN column seen; a UPRN may be zero-filled to any width up to it."""
_UPRNS_AT_ONCE = 50
"""Looked for by one query: each is written in a dozen ways, and SQL Server takes 2,100 parameters."""


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


def write(
    connection: Connection, effects: Sequence[Effect], settings: WorksOrdersSettings, step: int
) -> dict[str, Receipt]:
    """Write instructions, and say what became of each, by effect key.

    Args:
        connection: in a transaction.
        effects: what to write, each about another works order.
        settings: tables and codes.
        step: leap in works order numbers; more than 1 after one was found in use.

    Raises:
        UnmappedCode: there is no code for this kind of work.
        sqlalchemy.exc.IntegrityError: a number is in use.
    """
    raised = [(effect, said.data) for effect in effects if isinstance(said := effect.instruction, TaskRaised)]
    receipts = _raise(connection, raised, settings, step)
    for effect in effects:
        if not isinstance(effect.instruction, TaskRaised):
            receipts[effect.key] = _change(connection, effect, settings)
    return receipts


def _raise(
    connection: Connection, raised: Sequence[tuple[Effect, Task]], settings: WorksOrdersSettings, step: int
) -> dict[str, Receipt]:
    orders, now = settings.works_orders, settings.now()
    wanted = [mapping.works_order_for(task, effect.case, settings) for effect, task in raised]
    places = _places(connection, [task for _, task in raised], settings)
    how_many = sum(isinstance(place, str) for place in places)
    numbers = iter(ledger.next_numbers(connection, settings.first_works_order, step, how_many) if how_many else ())
    receipts, rows = {}, []
    for (effect, _), order, place in zip(raised, wanted, places, strict=True):
        if isinstance(place, Receipt):
            receipts[effect.key] = place
            continue
        number = f"{next(numbers):08d}"
        order |= {"order": number, "property_ref": place, "hub_ref": effect.key, "completed": mapping.NO_DATE}
        order |= {"status": settings.status.code(OrderStatus.RAISED), "created": now, "stamp": now}
        rows.append({**orders.values(order), **orders.constants})
        receipts[effect.key] = Receipt(status=TaskStatus.ACCEPTED, reference=number)
    if rows:
        connection.execute(insert(orders.clause), rows)
    return receipts


def _places(connection: Connection, tasks: Sequence[Task], settings: WorksOrdersSettings) -> list[str | Receipt]:
    """The reference of the property that each work is at, or the refusal because there is not exactly one."""
    open_tasks = [task for task in tasks if not task.facts.protected_address]
    uprns = {uprn for task in open_tasks if (uprn := mapping.uprn_of(task)) is not None}
    homes = _homes(connection, sorted(uprns), settings.property)
    return [_place(connection, task, homes, settings.tenancies) for task in tasks]


def _place(
    connection: Connection, task: Task, homes: Mapping[str, Sequence[str]], tenancies: TenanciesTable
) -> str | Receipt:
    uprn, tenancy = mapping.uprn_of(task), task.facts.tenancy_ref
    if task.facts.protected_address:
        return _refused("the address is protected: order this work by hand")
    if uprn is not None:
        found, what = homes.get(uprn, ()), "property with that UPRN"
    elif tenancy is not None:
        query = select(tenancies["property_ref"]).where(tenancies["tenancy_ref"] == tenancy).limit(2)
        found, what = connection.scalars(query).all(), "tenancy with that reference"
    else:
        return _refused("neither UPRN nor tenancy reference was given")
    if len(found) != 1:
        return _refused(f"{'more than one' if found else 'no'} {what}")
    return str(found[0]).strip()


def _homes(connection: Connection, uprns: Sequence[str], homes: PropertyTable) -> Mapping[str, list[str]]:
    """The references of the properties with each UPRN, which may be zero-filled to any width."""
    found: dict[str, list[str]] = defaultdict(list)
    uprn = func.trim(homes["uprn"])
    for begin in range(0, len(uprns), _UPRNS_AT_ONCE):
        some = uprns[begin : begin + _UPRNS_AT_ONCE]
        written = {each.zfill(width): each for each in some for width in range(len(each), _UPRN_WIDTH + 1)}
        query = select(homes["property_ref"], uprn).where(uprn.in_(written), homes.counted())
        for place, as_written in connection.execute(query):
            found[written[as_written]].append(place)
    return found


def _change(connection: Connection, effect: Effect, settings: WorksOrdersSettings) -> Receipt:
    instruction = effect.instruction
    if isinstance(instruction, TaskChanged):
        changed = mapping.what_may_change(instruction.data, effect.case, settings)
        return _amend(connection, effect, changed, TaskStatus.ACCEPTED, settings)
    cancelled: dict[str, object] = {
        "status": settings.status.code(OrderStatus.CANCELLED),
        "reason": settings.reason.code(mapping.WITHDRAWN),
    }
    return _amend(connection, effect, cancelled, TaskStatus.CANCELLED, settings)


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
