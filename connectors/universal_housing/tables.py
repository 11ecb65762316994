"""Which of Universal Housing's tables and columns are read and written: settings, and the queries made of them.

The names on the left are the hub's and the same everywhere; the columns on the right are a council's own. Nothing but the columns
named here is ever selected.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    DateTime,
    Inspector,
    Select,
    String,
    and_,
    column,
    literal_column,
    null,
    or_,
    select,
    table,
)
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.sql import TableClause
from sqlalchemy.types import NullType, TypeEngine

from connectors.sdk.errors import ConfigurationError
from connectors.sdk.settings import SettingsSection, nearest

_NOT_COLUMNS = frozenset({"table", "where", "constants", "status_type"})
_MOMENTS = frozenset({"created", "due", "completed", "stamp", "start", "end"})
_WORDS = frozenset({"order", "property_ref", "tenancy_ref", "hub_ref"})
"""References: a column of numbers has lost their leading zeros."""


class TableSettings(SettingsSection):
    """One table: its name and its columns under the hub's names. A column that a council lacks is left empty."""

    table: str
    """Its name, with its schema where it needs one: dbo.rmworder."""
    where: str = ""
    """Which of its rows count, as an SQL condition: level_code IN ('2')."""
    constants: Mapping[str, str] = {}
    """Columns that every row the hub writes fills alike: column to value."""

    @cached_property
    def columns(self) -> Mapping[str, str]:
        """Column by the hub's name, those the council has; `constants` by their path in the settings."""
        names = (name for name in type(self).model_fields if name not in _NOT_COLUMNS)
        mapped = {name: found for name in names if (found := getattr(self, name))}
        return mapped | {f"constants.{real}": real for real in self.constants}

    @cached_property
    def clause(self) -> TableClause:
        """The table as SQL names it."""
        schema, _, name = self.table.rpartition(".")
        columns = (column(real, DateTime() if ours in _MOMENTS else None) for ours, real in self.columns.items())
        return table(name, *columns, schema=schema or None)

    def __getitem__(self, name: str) -> ColumnElement[Any]:
        """A column by the hub's name; NULL where the council has none."""
        real = self.columns.get(name)
        return null() if real is None else self.clause.c[real]

    def counted(self) -> ColumnElement[bool]:
        """The condition on its rows."""
        return literal_column(f"({self.where or '1 = 1'})")

    def check(self, inspector: Inspector, setting: str) -> tuple[str, ...]:
        """See whether table and columns are there, and hold what they must. The answer is every column that the table has.

        Args:
            inspector: of the database.
            setting: name of this section, for the error.

        Raises:
            ConfigurationError: one is missing, or of another type; names the setting and the nearest name there is.
        """
        schema, _, name = self.table.rpartition(".")
        try:
            types = {
                found["name"].lower(): found["type"] for found in inspector.get_columns(name, schema=schema or None)
            }
        except NoSuchTableError:
            known = inspector.get_table_names(schema=schema or None)
            raise ConfigurationError(
                f"The database has no table {self.table}. Set {setting}.table; {nearest(name, known)}"
            ) from None
        there = sorted(types)
        for ours, real in self.columns.items():
            if real.lower() not in there:
                raise ConfigurationError(
                    f"Table {self.table} has no column {real}. Set {setting}.{ours}; {nearest(real, there)}"
                )
            kind, must = types[real.lower()], _must_hold(ours)
            if must is not None and not isinstance(kind, (*must[1], NullType)):
                raise ConfigurationError(
                    f"Column {self.table}.{real} holds {kind} and must hold {must[0]}. Set {setting}.{ours} to one that does, "
                    "or ask the supplier why it has changed."
                )
        return tuple(there)

    def values(self, given: Mapping[str, object]) -> dict[str, object]:
        """Values by the hub's names as values by column, for an INSERT or UPDATE; those the council has no column for are left out."""
        return {self.columns[name]: value for name, value in given.items() if name in self.columns}


class PropertyTable(TableSettings):
    """Homes and land."""

    table: str = "property"
    property_ref: str = "prop_ref"
    uprn: str = "u_llpg_ref"
    """Council-custom: u_llpg_ref here, u_nlpguprn there."""
    steps: str = "u_external_steps"
    """Steps at the front door."""
    keysafe: str = "u_keysafe"
    """Whether there is a keysafe."""


class OrdersTable(TableSettings):
    """Works orders."""

    table: str = "rmworder"
    order: str = "wo_ref"
    property_ref: str = "prop_ref"
    type: str = "rep_type"
    priority: str = "u_priority"
    status: str = "wo_status"
    created: str = "created"
    due: str = "date_due"
    completed: str = "completed"
    stamp: str = "dtstamp"
    """When the row last changed; every writer must set it."""
    reason: str = "change_reason"
    outcome: str = "insp_outcome"
    description: str = "u_short_desc"
    hub_ref: str = "u_hub_ref"
    """Custom column CHAR(32) for the hub's reference."""
    constants: Mapping[str, str] = {"user_code": "HUB"}


class TenanciesTable(TableSettings):
    """Tenancy agreements."""

    table: str = "tenagree"
    tenancy_ref: str = "tag_ref"
    property_ref: str = "prop_ref"
    start: str = "cot"
    end: str = "eot"
    tenure: str = "tenure"
    stamp: str = "dtstamp"


class LookupTable(TableSettings):
    """The system's own code lists; asked once, by `check`, whether every status has a meaning."""

    table: str = "lookup"
    type: str = "lu_type"
    code: str = "lu_ref"
    status_type: str = "ZWS"
    """Type of the list of works order statuses; empty: do not ask."""


def _must_hold(ours: str) -> tuple[str, tuple[type[TypeEngine[Any]], ...]] | None:
    """What a column must hold, in words and as SQLAlchemy's types; None where a quirk reads whatever it is."""
    if ours in _MOMENTS:
        return "a date with a time", (Date, DateTime)
    return ("text", (String,)) if ours in _WORDS else None


def page(
    rows: TableSettings,
    key: str,
    homes: PropertyTable,
    names: Mapping[str, tuple[str, ...]],
    place: tuple[datetime, str],
) -> Select[Any]:
    """Rows behind a place, with what their property says of them, in the order in which they changed.

    Args:
        rows: the table that is polled; has `stamp` and `property_ref`.
        key: the hub's name of its key; tells rows of one stamp apart.
        homes: the properties, of which a row may have none.
        names: what to select, by the hub's names: "own" columns and those of the "home".
        place: stamp and key of the last row that was read.
    """
    wanted = [rows[name].label(name) for name in names["own"]] + [homes[name].label(name) for name in names["home"]]
    joined = rows.clause.outerjoin(homes.clause, homes["property_ref"] == rows["property_ref"])
    stamp, last = place
    behind = or_(rows["stamp"] > stamp, and_(rows["stamp"] == stamp, rows[key] > last))
    return select(*wanted).select_from(joined).where(behind, rows.counted()).order_by(rows["stamp"], rows[key])
