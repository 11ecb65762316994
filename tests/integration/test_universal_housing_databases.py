"""Universal Housing on real databases, PostgreSQL and SQLite, as two councils have it."""

import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, Engine, Row, create_engine, event, func, insert, select, text, update

from connectors.sdk.contract import Batch, Checkpoint, Effect, Fact, Progress
from connectors.sdk.errors import ConfigurationError, RetryLater, TranslationError
from connectors.sdk.manifest import manifest_of
from connectors.sdk.rehearsal import Running, change_of, raise_task, withdrawal_of
from connectors.sdk.settings import load_settings
from connectors.sdk.simulation import BackOffice
from connectors.sdk.specimens import CITIZENS
from connectors.universal_housing import ledger
from connectors.universal_housing.connector import Settings, UniversalHousing
from connectors.universal_housing.simulated.councils import ASHMERE, Council
from connectors.universal_housing.simulator import UniversalHousingSimulator
from schemas.facts import Facts
from schemas.housing import TenancyEnded
from schemas.tasks import TaskRaised, TaskStatus, Work

MANIFEST = manifest_of(UniversalHousing)
EXAMPLES = Path(__file__).parents[2] / "deploy" / "connectors"
AT_ONCE = BackOffice(accept_s=0, work_s=0, reject_share=0, stall_share=0)
HOUSEHOLDS = tuple(
    CITIZENS[0].model_copy(
        update={
            "property_ref": f"{number:08d}",
            "uprn": str(99_000_000_000 + number),
            "tenancy_ref": f"{number:06d}/01",
            "steps_at_door": number % 9,
        }
    )
    for number in range(1, 61)
)


class Housing:
    """One council's database with the connector's settings for it, and its tables for looking into it."""

    def __init__(self, folder: Path, url: str, council: Council) -> None:
        self.url, self.council = url, council
        self.simulator = UniversalHousingSimulator(folder, AT_ONCE, url=url, council=council)
        self.simulator.seed(HOUSEHOLDS)
        self.orders = self.simulator.tables["rmworder"]
        self.homes = self.simulator.tables["property"]
        self.engine = create_engine(url)
        self.opened: list[UniversalHousing] = []

    def settings(self, **changed: Any) -> Settings:
        name = "universal_housing.ashmere" if self.council is ASHMERE else "universal_housing"
        example = tomllib.loads((EXAMPLES / f"{name}.example.toml").read_text(encoding="utf-8"))
        table = example["connectors"]["universal_housing"] | {"url": self.url, "since": date(2026, 1, 1)} | changed
        del table["password"]
        return load_settings(Settings, table, name)

    def connector(self, **changed: Any) -> UniversalHousing:
        connector = UniversalHousing(self.settings(**changed))
        self.opened.append(connector)
        return connector

    def run(self, work: Callable[[Connection], Any]) -> Any:
        with self.engine.begin() as connection:
            return work(connection)

    def close(self) -> None:
        for connector in self.opened:
            connector.close()
        self.engine.dispose()

    def order(self, reference: str | None) -> Row[Any]:
        row: Row[Any] = self.run(
            lambda c: c.execute(select(self.orders).where(self.orders.c.wo_ref == reference)).one()
        )
        return row

    def orders_of_ours(self) -> int:
        journal = self.simulator.tables["rmworder_journal"]
        ours = select(func.count()).where(journal.c.op == "insert", journal.c.hub_ref != "")
        return int(self.run(lambda c: c.scalar(ours)))

    def put(self, reference: str, stamp: datetime) -> None:
        """An order as staff make one, changed at a moment of our choosing."""
        row = {
            "wo_ref": reference,
            "prop_ref": HOUSEHOLDS[0].property_ref,
            "wo_status": self.council.raised,
            self.council.order_type: tuple(self.council.types)[-1],
            "dtstamp": stamp,
        }
        self.run(lambda c: c.execute(insert(self.orders).values(row)))


@pytest.fixture(params=["first-council-on-postgresql", "ashmere-on-sqlite"])
def housing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Housing]:
    """Each council on one of the databases; the conformance suite has both councils on SQLite."""
    if request.param == "ashmere-on-sqlite":
        made = Housing(tmp_path / "simulator", f"sqlite:///{tmp_path / 'uhlive.db'}", ASHMERE)
    else:
        made = Housing(tmp_path / "simulator", request.getfixturevalue("postgres_url"), Council())
    yield made
    made.close()


@pytest.fixture
def housing_on_postgres(postgres_url: str, tmp_path: Path) -> Iterator[Housing]:
    made = Housing(tmp_path / "simulator", postgres_url, Council())
    yield made
    made.close()


def an_effect(place: int = 0, work: Work = Work.HOME_CHECK, **facts: Any) -> Effect:
    """An instruction for the home of one of the households, or with other facts."""
    effect = raise_task(work, MANIFEST, 0)
    assert isinstance(effect.instruction, TaskRaised)
    told = Facts(**facts) if facts else Facts(uprn=HOUSEHOLDS[place].uprn)
    data = effect.instruction.data.model_copy(update={"facts": told})
    return Effect(
        key=f"{place:030x}aa", case=effect.case, instruction=effect.instruction.model_copy(update={"data": data})
    )


def keys(batches: Iterator[Batch]) -> list[str]:
    return [record.key for batch in batches for record in batch.records]


def end_of(batches: Iterator[Batch]) -> Checkpoint:
    return list(batches)[-1].checkpoint


def test_a_works_order_stands_in_the_councils_own_columns_with_its_ledger_row(housing: Housing) -> None:
    effect = an_effect()

    receipt = housing.connector().apply(effect)

    row = housing.order(receipt.reference)._mapping
    council = housing.council
    assert receipt.status is TaskStatus.ACCEPTED
    assert (row["wo_ref"], row["wo_status"]) == ("90000000  ", council.raised)
    assert row[council.hub_ref] == effect.key
    assert row[council.order_type].strip() == council.home_check
    assert row["prop_ref"] == "00000001    "
    assert row["date_due"] == datetime(2026, 11, 20, 17, 0)  # noqa: DTZ001 - the legacy clock has no zone
    assert row["u_short_desc"].strip() == f"{effect.case} Is it fit to return to?"
    assert row["user_code"] == "HUB"
    assert housing.run(lambda c: ledger.receipts_of(c, [effect.key])) == {effect.key: receipt}


def a_mixed_round(housing: Housing) -> list[Effect]:
    """Two to raise, one of them by its tenancy; one refused; one changed and one withdrawn; one that was applied before."""
    connector, before = housing.connector(), [an_effect(place) for place in (10, 11, 12)]
    first, second, _ = [connector.apply(effect).reference for effect in before]
    changes = [
        Effect(key="c" * 32, case=before[0].case, instruction=change_of(before[0]), earlier=first),
        Effect(key="d" * 32, case=before[1].case, instruction=withdrawal_of(before[1]), earlier=second),
    ]
    by_tenancy = an_effect(2, tenancy_ref=HOUSEHOLDS[7].tenancy_ref)
    return [an_effect(1), *changes, by_tenancy, an_effect(3, uprn="99000999999"), before[2]]


def test_a_round_is_written_in_one_transaction_as_each_of_it_would_be_by_itself(housing: Housing) -> None:
    effects = a_mixed_round(housing)
    connector, transactions = housing.connector(), list[str]()
    connector.check()
    event.listen(connector._engine, "commit", lambda _: transactions.append("commit"))

    receipts = connector.apply_together(effects)

    assert transactions == ["commit"]
    statuses = ["accepted", "accepted", "cancelled", "accepted", "rejected", "accepted"]
    assert [str(receipt.status) for receipt in receipts] == statuses
    raised = [receipts[0].reference, receipts[3].reference]
    assert raised == ["90000003", "90000004"]
    assert [str(housing.order(order).prop_ref).strip() for order in raised] == ["00000002", "00000008"]
    written = housing.orders_of_ours()
    assert list(connector.apply_together(effects)) == [connector.apply(effect) for effect in effects] == list(receipts)
    assert housing.orders_of_ours() == written == 5


def test_of_a_round_with_one_that_has_no_code_nothing_is_written(housing: Housing) -> None:
    effects = a_mixed_round(housing)
    written = housing.orders_of_ours()

    with pytest.raises(TranslationError):
        housing.connector().apply_together([*effects, an_effect(5, Work.TRIP)])

    assert housing.orders_of_ours() == written
    assert housing.run(lambda c: set(ledger.receipts_of(c, [each.key for each in effects]))) == {effects[-1].key}


def test_of_a_round_that_runs_into_a_number_somebody_has_used_nothing_is_written_and_each_by_itself_leaps_over_it(
    housing: Housing,
) -> None:
    housing.put("90000001", datetime(2026, 11, 3, 10, 0, 0))  # noqa: DTZ001 - the legacy clock has no zone
    effects = [an_effect(place) for place in range(3)]

    with pytest.raises(RetryLater):
        housing.connector().apply_together(effects)
    assert housing.orders_of_ours() == 0

    assert all(housing.connector().apply(effect).status is TaskStatus.ACCEPTED for effect in effects)
    assert housing.orders_of_ours() == 3


def test_more_homes_than_one_query_takes_are_found(housing: Housing) -> None:
    receipts = housing.connector().apply_together([an_effect(place) for place in range(60)])

    assert {receipt.status for receipt in receipts} == {TaskStatus.ACCEPTED}
    places = {str(housing.order(receipt.reference).prop_ref).strip() for receipt in receipts}
    assert places == {each.property_ref for each in HOUSEHOLDS}


def test_every_order_goes_its_way_once_while_the_back_office_works(housing: Housing) -> None:
    connector = housing.connector()
    before = connector.read("works-orders", None)
    assert keys(before) == []
    office = Running(housing.simulator)
    office.start()

    receipts = {place: connector.apply(an_effect(place)) for place in range(50)}
    ended: dict[str | None, Progress] = {}
    checkpoint: Checkpoint | None = None
    while len(ended) < len(receipts):
        for batch in connector.read("works-orders", checkpoint):
            checkpoint = batch.checkpoint
            for record in batch.records:
                said = [item for item in connector.translate(record) if isinstance(item, Progress)]
                ended |= {item.reference: item for item in said if item.status.ended}
    office.stop()

    assert housing.orders_of_ours() == len(receipts)
    for place, receipt in receipts.items():
        progress = ended[receipt.reference]
        assert progress.status is TaskStatus.COMPLETED
        assert progress.effect_key == an_effect(place).key
        assert progress.answers == Facts(steps_at_door=HOUSEHOLDS[place].steps_at_door, keysafe_present=False)


def test_only_columns_that_the_settings_name_are_ever_selected(housing: Housing) -> None:
    statements: list[str] = []
    event.listen(Engine, "before_cursor_execute", lambda *seen: statements.append(seen[2].lower()))
    connector = housing.connector()

    connector.check()
    statements = [statement for statement in statements if "rmworder" in statement or "tenagree" in statement]
    keys(connector.read("works-orders", None))
    keys(connector.read("tenancies", None))
    connector.apply(an_effect())

    assert statements
    for tempting in ("*", "member", "ethnic", "hiv_positive", "surname", "cancelnote", "forwardaddress", "cur_bal"):
        assert not [statement for statement in statements if f"{tempting}" in statement.split("where")[0]]


def test_a_row_that_becomes_visible_late_is_read_once(housing: Housing) -> None:
    connector = housing.connector()
    housing.put("00000701", datetime(2026, 11, 3, 10, 0, 0))  # noqa: DTZ001 - the legacy clock has no zone
    checkpoint = end_of(connector.read("works-orders", None))

    housing.put("00000702", datetime(2026, 11, 3, 9, 57, 0))  # noqa: DTZ001 - as above
    late = list(connector.read("works-orders", checkpoint))

    assert keys(iter(late)) == ["00000702"]
    assert keys(connector.read("works-orders", late[-1].checkpoint)) == []


def test_rows_of_one_stamp_are_read_once_each_from_any_checkpoint(housing: Housing) -> None:
    references = [f"{number:08d}" for number in range(800, 830)]
    for reference in references:
        housing.put(reference, datetime(2026, 11, 3, 10, 0, 0))  # noqa: DTZ001 - the legacy clock has no zone
    connector = housing.connector(page_rows=7)

    batches = list(connector.read("works-orders", None))

    assert keys(iter(batches)) == references
    for place, batch in enumerate(batches, start=1):
        assert keys(connector.read("works-orders", batch.checkpoint)) == references[place * 7 :]


def test_a_row_of_the_second_half_of_the_repeated_hour_is_not_skipped(housing: Housing) -> None:
    connector = housing.connector()
    housing.put("00000703", datetime(2026, 10, 25, 1, 58, 0))  # noqa: DTZ001 - the legacy clock has no zone
    checkpoint = end_of(connector.read("works-orders", None))

    housing.put("00000704", datetime(2026, 10, 25, 1, 4, 0))  # noqa: DTZ001 - an hour and six minutes later

    assert keys(connector.read("works-orders", checkpoint)) == ["00000704"]


def test_a_row_stamped_years_ahead_does_not_silence_the_feed(housing: Housing) -> None:
    connector = housing.connector()
    housing.put("00000705", datetime(2079, 6, 6))  # noqa: DTZ001 - the legacy clock has no zone
    checkpoint = end_of(connector.read("works-orders", None))

    receipt = connector.apply(an_effect())

    assert keys(connector.read("works-orders", checkpoint)) == [receipt.reference]


def test_a_status_changed_twice_within_a_second_is_read_twice(housing: Housing) -> None:
    connector = housing.connector()
    stamp = datetime(2026, 11, 3, 10, 0, 0)  # noqa: DTZ001 - the legacy clock has no zone
    housing.put("00000706", stamp)
    first = list(connector.read("works-orders", None))

    this = update(housing.orders).where(housing.orders.c.wo_ref == "00000706")
    housing.run(lambda c: c.execute(this.values(wo_status=housing.council.accepted)))
    second = list(connector.read("works-orders", first[-1].checkpoint))

    assert keys(iter(second)) == ["00000706"]
    assert second[0].records[0].position != first[0].records[0].position


def test_a_tenancy_that_ends_is_said_once_more(housing: Housing) -> None:
    connector = housing.connector(since=date(1900, 1, 1))
    batches = list(connector.read("tenancies", None))
    agreements = housing.simulator.tables["tenagree"]
    this = update(agreements).where(agreements.c.tag_ref == HOUSEHOLDS[4].tenancy_ref)

    ended_on = datetime(2026, 11, 1)  # noqa: DTZ001 - the legacy clock has no zone
    housing.run(lambda c: c.execute(this.values(eot=ended_on, dtstamp=ended_on, tenure="SEC")))
    again = list(connector.read("tenancies", batches[-1].checkpoint))

    assert len(keys(iter(batches))) == len(HOUSEHOLDS)
    assert [said.event for said in connector.translate(again[0].records[0]) if isinstance(said, Fact)] == [TenancyEnded]


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"uprn": "404"}, "no property with that UPRN"),
        ({"tenancy_ref": "999999/09"}, "no tenancy with that reference"),
        ({"mobility": "walks"}, "neither UPRN nor tenancy reference was given"),
        (
            {"protected_address": True, "tenancy_ref": "000001/01"},
            "the address is protected: order this work by hand",
        ),
    ],
)
def test_work_without_exactly_one_property_is_refused_with_the_reason(
    housing: Housing, facts: dict[str, Any], reason: str
) -> None:
    connector = housing.connector()

    receipt = connector.apply(an_effect(**facts))

    assert (receipt.status, receipt.reason, receipt.reference) == (TaskStatus.REJECTED, reason, None)
    assert connector.apply(an_effect(**facts)) == receipt
    assert housing.orders_of_ours() == 0


def test_a_home_is_found_by_its_tenancy(housing: Housing) -> None:
    receipt = housing.connector().apply(an_effect(tenancy_ref=HOUSEHOLDS[7].tenancy_ref))

    assert housing.order(receipt.reference).prop_ref.strip() == HOUSEHOLDS[7].property_ref


def test_a_uprn_that_two_properties_carry_is_refused(housing: Housing) -> None:
    uprn = housing.homes.c[housing.council.uprn]
    second = update(housing.homes).where(housing.homes.c.prop_ref == "00000002")
    housing.run(lambda c: c.execute(second.values({uprn: HOUSEHOLDS[0].uprn.ljust(16)})))

    receipt = housing.connector().apply(an_effect())

    assert receipt.reason == "more than one property with that UPRN"


def test_a_changed_task_moves_the_target_date_and_a_withdrawn_one_cancels_the_order(housing: Housing) -> None:
    connector, raised = housing.connector(), an_effect()
    reference = connector.apply(raised).reference

    changed = Effect(key="b" * 32, case=raised.case, instruction=change_of(raised), earlier=reference)
    assert connector.apply(changed).status is TaskStatus.ACCEPTED
    assert housing.order(reference).date_due == datetime(2026, 11, 24, 17, 0)  # noqa: DTZ001 - the legacy clock has no zone

    withdrawn = Effect(key="c" * 32, case=raised.case, instruction=withdrawal_of(raised), earlier=reference)
    assert connector.apply(withdrawn).status is TaskStatus.CANCELLED
    assert housing.order(reference).wo_status == housing.council.cancelled


def test_of_an_order_that_has_ended_a_change_and_a_withdrawal_say_how(housing: Housing) -> None:
    connector, raised = housing.connector(), an_effect()
    reference = connector.apply(raised).reference
    housing.run(lambda c: c.execute(update(housing.orders).values(wo_status=housing.council.completed)))

    for key, instruction in (("b" * 32, change_of(raised)), ("c" * 32, withdrawal_of(raised))):
        receipt = connector.apply(Effect(key=key, case=raised.case, instruction=instruction, earlier=reference))
        assert (receipt.status, receipt.reference) == (TaskStatus.COMPLETED, reference)
    assert housing.order(reference).wo_status == housing.council.completed


def test_withdrawing_what_was_never_ordered_leaves_nothing_to_do(housing: Housing) -> None:
    raised = an_effect()

    receipt = housing.connector().apply(Effect(key="d" * 32, case=raised.case, instruction=withdrawal_of(raised)))

    assert (receipt.status, receipt.reference) == (TaskStatus.CANCELLED, None)


def test_a_number_that_somebody_else_has_used_is_leapt_over(housing: Housing) -> None:
    for number in range(90_000_000, 90_000_005):
        housing.put(str(number), datetime(2026, 11, 3))  # noqa: DTZ001 - the legacy clock has no zone

    receipts = [housing.connector().apply(an_effect(place)) for place in range(3)]

    assert len({receipt.reference for receipt in receipts}) == 3
    assert all(receipt.reference is not None and receipt.reference > "90000004" for receipt in receipts)


def test_the_same_instruction_from_many_sides_at_once_is_written_once(housing: Housing) -> None:
    housing.connector().check()

    def apply(place: int) -> Any:
        connector = UniversalHousing(housing.settings())
        try:
            return connector.apply(an_effect(place // 4))
        finally:
            connector.close()

    with ThreadPoolExecutor(8) as sides:
        receipts = list(sides.map(apply, range(32)))

    assert housing.orders_of_ours() == 8
    assert len({receipt.reference for receipt in receipts}) == 8


@pytest.mark.parametrize("committed", [True, False])
def test_after_a_commit_of_unknown_outcome_the_ledger_says_whether_it_took_place(
    housing_on_postgres: Housing, committed: bool
) -> None:
    housing, effect = housing_on_postgres, an_effect()
    connector = housing.connector()
    connector.check()
    killed: list[int] = []

    @event.listens_for(connector._engine, "commit")
    def _lose_the_answer(connection: Connection) -> None:
        if killed:
            return
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
        assert pid is not None
        killed.append(pid)
        if committed:
            connection.connection.commit()
        housing.run(lambda other: other.execute(text(f"SELECT pg_terminate_backend({pid}, 5000)")))

    if committed:
        receipt = connector.apply(effect)
    else:
        with pytest.raises(RetryLater):
            connector.apply(effect)
        assert housing.orders_of_ours() == 0
        receipt = connector.apply(effect)

    assert killed
    assert receipt.status is TaskStatus.ACCEPTED
    assert housing.orders_of_ours() == 1


def test_a_wrong_password_and_a_server_that_is_away_are_told_apart(housing_on_postgres: Housing, postgres: Any) -> None:
    housing = housing_on_postgres
    rules = Path(postgres.pgdata, "pg_hba.conf")
    before = rules.read_text()
    housing.run(lambda c: c.execute(text("CREATE ROLE locked_user LOGIN PASSWORD 'right'")))
    try:
        rules.write_text(f"local all locked_user scram-sha-256\n{before}")
        housing.run(lambda c: c.execute(text("SELECT pg_reload_conf()")))
        url = housing.url.replace("postgres:@", "locked_user@")

        with pytest.raises(ConfigurationError, match="Check the user in url, and password"):
            UniversalHousing(Settings(url=url, password=SecretStr("wrong"))).check()
        with pytest.raises(RetryLater):
            UniversalHousing(Settings(url="postgresql+psycopg://nobody@127.0.0.1:1/none")).check()
    finally:
        rules.write_text(before)
        housing.run(lambda c: c.execute(text("SELECT pg_reload_conf()")))
        housing.run(lambda c: c.execute(text("DROP ROLE locked_user")))


def test_a_user_who_may_not_make_the_ledger_is_told_to_ask_a_dba(housing_on_postgres: Housing) -> None:
    housing = housing_on_postgres
    housing.run(lambda c: c.execute(text("CREATE ROLE reader_only LOGIN")))
    try:
        housing.run(lambda c: c.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader_only")))
        connector = UniversalHousing(Settings(url=housing.url.replace("postgres:@", "reader_only@")))

        with pytest.raises(ConfigurationError, match="Have a DBA run the DDL in connectors/universal_housing/README"):
            connector.check()
        connector.close()
    finally:
        housing.run(lambda c: c.execute(text("DROP OWNED BY reader_only")))
        housing.run(lambda c: c.execute(text("DROP ROLE reader_only")))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"property": {"uprn": "u_llpg_rf"}}, 'Set property.uprn; did you mean "u_'),
        ({"works_orders": {"table": "rmworders"}}, 'Set works_orders.table; did you mean "rmworder"?'),
        ({"status": {"codes": {}, "ignored": {}}, "lookup": {"status_type": "ZRT"}}, "statuses without a meaning"),
    ],
)
def test_check_names_the_setting_that_does_not_fit_the_database(
    housing: Housing, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        housing.connector(**changed).check()

    assert message in str(caught.value)


def test_a_password_in_the_url_is_refused() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(Settings, {"url": "postgresql+psycopg://uh:open-sesame@db/uhlive"}, "hub.toml")

    assert "give it as password" in str(caught.value)
    assert "open-sesame" not in str(caught.value)


def test_a_driver_that_is_not_installed_is_named() -> None:
    with pytest.raises(ConfigurationError, match="driver nosuchdatabase, which is not installed"):
        UniversalHousing(Settings(url="nosuchdatabase://uh-live/uhlive"))


_OFFICE = """
import sys
from pathlib import Path
from threading import Event
from connectors.sdk.simulation import BackOffice
from connectors.universal_housing.simulator import UniversalHousingSimulator

office = BackOffice(accept_s=0, work_s=float(sys.argv[2]), reject_share=0, stall_share=0)
UniversalHousingSimulator(Path(sys.argv[1]), office).serve(lambda: print("ready", flush=True), Event())
"""


def test_a_back_office_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    simulator = UniversalHousingSimulator(tmp_path / "simulator", AT_ONCE)
    simulator.seed(HOUSEHOLDS)
    connector = UniversalHousing(Settings(**simulator.connector_settings()))
    receipt = connector.apply(an_effect())
    journal = simulator.tables["rmworder_journal"]

    def journalled(until: str, work_s: str) -> list[str]:
        command = [sys.executable, "-c", _OFFICE, str(simulator.folder), work_s]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as office:
            seen: list[str] = []
            while until not in seen:
                with simulator.open() as engine, engine.connect() as connection:
                    rows = connection.execute(select(journal.c.status, journal.c.hub_ref).order_by(journal.c.id))
                    seen = [row.status for row in rows if row.hub_ref]
            office.kill()
        return seen

    assert journalled(until="200", work_s="3600") == ["100", "200"]
    assert journalled(until="500", work_s="0") == ["100", "200", "400", "500"]
    assert receipt.reference == "90000000"
    connector.close()


def test_moments_are_written_on_the_legacy_clock_in_summer_too(housing: Housing) -> None:
    effect = an_effect()
    assert isinstance(effect.instruction, TaskRaised)
    due = effect.instruction.data.model_copy(update={"due": datetime(2026, 7, 1, 16, 0, tzinfo=UTC)})
    summer = Effect(key=effect.key, case=effect.case, instruction=effect.instruction.model_copy(update={"data": due}))

    receipt = housing.connector().apply(summer)

    assert housing.order(receipt.reference).date_due == datetime(2026, 7, 1, 17, 0)  # noqa: DTZ001 - the legacy clock has no zone
