"""Tables and triggers of the simulated database: names, types, defaults and oddities as LBHackney-IT published them.

Of the hundreds of columns those stand here that the connector uses, that tempt it (special categories, free text) or that a writer
must reckon with. `rmworder_journal` and `simulator_truth` are the simulator's own.
"""

from collections.abc import Mapping

from sqlalchemy import (
    CHAR,
    Boolean,
    Column,
    DateTime,
    Engine,
    Index,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    event,
    false,
    text,
)
from sqlalchemy.engine.interfaces import DBAPIConnection

from connectors.universal_housing.simulated.councils import Council

_JOURNAL_SQLITE = """
CREATE TRIGGER IF NOT EXISTS rmworder_{when} AFTER {event} ON rmworder BEGIN
  INSERT INTO rmworder_journal (at, op, wo_ref, hub_ref, status) VALUES
  (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), '{op}', rtrim(NEW.wo_ref), rtrim(NEW.{hub_ref}), rtrim(NEW.wo_status));
END"""

_PADDING_SQLITE = """
CREATE TRIGGER IF NOT EXISTS {table}_padded AFTER INSERT ON {table} BEGIN
  UPDATE {table} SET {padded} WHERE rowid = NEW.rowid;
END"""

_JOURNAL_POSTGRESQL = """
CREATE OR REPLACE FUNCTION rmworder_journalled() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO rmworder_journal (at, op, wo_ref, hub_ref, status) VALUES
  (to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), lower(TG_OP),
   rtrim(NEW.wo_ref), rtrim(NEW.{hub_ref}), rtrim(NEW.wo_status));
  RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER rmworder_journalled AFTER INSERT OR UPDATE OF wo_status, date_due ON rmworder
  FOR EACH ROW EXECUTE FUNCTION rmworder_journalled()"""


def tables_of(council: Council, *, sqlite: bool) -> Mapping[str, Table]:
    """The tables of one council's database, by name, in the order in which they are filled."""
    metadata = MetaData()

    def char(name: str, width: int, *, key: bool = False) -> Column[str]:
        # On SQLite, RTRIM compares without regard to trailing blanks, which is what CHAR does elsewhere.
        kind = CHAR(width, collation="RTRIM") if sqlite else CHAR(width)
        return Column(name, kind, primary_key=key, nullable=False, server_default=text("' '"))

    def moment(name: str) -> Column[object]:
        return Column(name, DateTime, nullable=False, server_default=text("'1900-01-01 00:00:00.000000'"))

    def bit(name: str) -> Column[bool]:
        return Column(name, Boolean, nullable=False, server_default=false())

    def number(name: str) -> Column[int]:
        return Column(name, Integer)

    tables = [
        Table("tenure", metadata, char("ten_type", 3, key=True), char("ten_desc", 15)),
        Table("lookup", metadata, char("lu_type", 3, key=True), char("lu_ref", 3, key=True), char("lu_desc", 60)),
        Table(
            "property",
            metadata,
            char("prop_ref", 12, key=True),
            char("level_code", 1),
            char("major_ref", 12),
            char("post_code", 10),
            char("short_address", 200),
            char("address1", 255),
            char("house_ref", 10),
            bit("letable"),
            bit("sheltered"),
            Column("no_single_beds", Integer, nullable=False, server_default=text("0")),
            Column("comments", Text),
            char("u_estate", 16),
            char("u_northing", 12),
            char(council.uprn, 16),
            number(council.steps),
            char(council.keysafe, 1),
            moment("dtstamp"),
        ),
        Table(
            "tenagree",
            metadata,
            char("tag_ref", 11, key=True),
            char("prop_ref", 12),
            char("house_ref", 10),
            char("tag_desc", 200),
            moment("cot"),
            moment("eot"),
            char("tenure", 3),
            bit("active"),
            bit("present"),
            bit("terminated"),
            Column("cur_bal", Numeric(9, 2)),
            char("u_saff_rentacc", 20),
            char("reason_term", 3),
            Column("forwardaddress", Text),
            moment("dtstamp"),
        ),
        Table(
            "member",
            metadata,
            char("house_ref", 10, key=True),
            Column("person_no", Numeric(2, 0), primary_key=True),
            char("title", 10),
            char("forename", 24),
            char("surname", 20),
            char("ni_no", 12),
            moment("dob"),
            bit("oap"),
            bit("responsible"),
            bit("at_risk"),
            number("member_sid"),
            char("bank_acc_type", 3),
            # Special categories and worse, beside the name: what a SELECT * would carry off.
            char("ethnic_origin", 3),
            Column("hiv_positive", String(3)),
            Column("crim_rec", String(3)),
            Column("sex_orient", String(3)),
            Column("religion_belief", String(3)),
            Column("pregnant", Boolean),
        ),
        Table("contacts", metadata, Column("con_key", Integer, primary_key=True), char("tag_ref", 11)),
        Table(
            "CCContactLink",
            metadata,
            Column("ContactNo", Integer, primary_key=True),
            Column("LinkType", String(40), nullable=False),
            char("Key1", 20),
            char("Key2", 10),
            Column("MODTYPE", String(1), nullable=False),
        ),
        Table(
            "CCPhone",
            metadata,
            Column("PhoneID", Integer, primary_key=True),
            Column("ContactNo", Integer, nullable=False),
            Column("PhoneNo", String(20), nullable=False),
            Column("PhoneType", String(1)),
            Column("modType", String(1), nullable=False),
        ),
        Table(
            "CCEmailAddress",
            metadata,
            Column("EmailID", Integer, primary_key=True),
            Column("ContactNo", Integer, nullable=False),
            Column("Email", String(50), nullable=False),
            Column("Defualt", String(5), nullable=False),
        ),
        Table(
            "rmworder",
            metadata,
            char("wo_ref", 10, key=True),
            char("rq_ref", 8),
            char("prop_ref", 12),
            char("sup_ref", 12),
            char("rep_type", 3),
            char("rep_class", 3),
            char("wo_status", 3),
            char("user_code", 3),
            moment("created"),
            moment("issued"),
            moment("date_due"),
            moment("attend_date"),
            moment("completed"),
            moment("cancelled_date"),
            char("change_reason", 3),
            char("insp_reason", 3),
            char("insp_outcome", 3),
            Column("cancelnote", Text),
            Column("h_comments", Text),
            Column("est_cost", Numeric(14, 2), nullable=False, server_default=text("0")),
            char("u_priority", 3),
            char("u_short_desc", 80),
            char(council.hub_ref, 32),
            moment("dtstamp"),
        ),
        Table(
            "rmworder_journal",
            metadata,
            Column("id", Integer, primary_key=True, autoincrement=True),
            Column("at", String(30), nullable=False),
            Column("op", String(6), nullable=False),
            Column("wo_ref", String(10), nullable=False),
            Column("hub_ref", String(32), nullable=False),
            Column("status", String(3), nullable=False),
        ),
        Table(
            "simulator_truth",
            metadata,
            char("prop_ref", 12, key=True),
            Column("steps", Integer, nullable=False),
            Column("keysafe", Boolean, nullable=False),
        ),
    ]
    orders, agreements = metadata.tables["rmworder"], metadata.tables["tenagree"]
    Index("rmworder_dtstamp", orders.c.dtstamp)
    Index("rmworder_wo_status", orders.c.wo_status)
    Index("tenagree_dtstamp", agreements.c.dtstamp)
    return {table.name: table for table in tables}


def make(engine: Engine, tables: Mapping[str, Table], council: Council) -> None:
    """Make tables and triggers that are missing; on SQLite, readers and writers then do not wait for each other."""
    orders = tables["rmworder"]
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _settle(connection: DBAPIConnection, _: object) -> None:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")

    with engine.begin() as connection:
        orders.metadata.create_all(connection)
        if engine.dialect.name == "sqlite":
            for when, what, op in (("made", "INSERT", "insert"), ("moved", "UPDATE OF wo_status, date_due", "update")):
                connection.execute(text(_JOURNAL_SQLITE.format(when=when, event=what, op=op, hub_ref=council.hub_ref)))
            connection.execute(text(_padding(orders)))
        else:
            connection.execute(text(_JOURNAL_POSTGRESQL.format(hub_ref=council.hub_ref)))


def _padding(table: Table) -> str:
    """The trigger that pads what was written, as CHAR does by itself elsewhere; the status, which the journal watches, is never shorter."""
    widths = {
        column.name: column.type.length
        for column in table.columns
        if isinstance(column.type, CHAR) and column.name != "wo_status"
    }
    padded = ", ".join(f"{name} = substr(NEW.{name} || '{' ' * (w or 0)}', 1, {w})" for name, w in widths.items())
    return _PADDING_SQLITE.format(table=table.name, padded=padded)
